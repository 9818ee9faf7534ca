"""What runs in a child: one thread that claims, runs and finishes jobs. Knows nothing of the manager but its words in
the scoreboard and the pipes that it was born with."""
