"""How long jobs of a class take, and so how many of them make a batch. Pure."""

from dataclasses import dataclass

AIM = 0.5
"""The part of the bound in which a batch should be done: a turn in good time is one statement, and nobody looks whether
anything was given back."""


@dataclass(frozen=True, slots=True)
class Batching:
    """What the configuration says of batches."""

    size: int  # jobs at most
    bound_seconds: float  # after which what is not started may be given back


@dataclass(slots=True)
class Pace:
    """A running average, quick to believe that jobs have become slow and slow to believe that they are quick. It begins
    with what the slot's last child left."""

    seconds: float | None = None

    def ran(self, seconds: float) -> None:
        if self.seconds is None:
            self.seconds = seconds
        else:
            self.seconds += (seconds - self.seconds) * (0.5 if seconds > self.seconds else 0.1)

    def most(self, batching: Batching) -> int:
        """Jobs of the next batch: one, where nothing is known yet."""
        if self.seconds is None:
            return 1
        return max(1, min(batching.size, int(AIM * batching.bound_seconds / max(self.seconds, 1e-6))))
