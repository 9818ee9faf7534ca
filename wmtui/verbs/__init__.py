"""The one-shot verbs: a module per subject, a request and its printing per verb. What prints is pure."""
