"""A number of children that was chosen but not applied yet. Pure."""

from dataclasses import dataclass

from wmcore.protocol.messages import Pool

IDLE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Pending:
    pool: str
    to: int
    touched_at: float

    def expired(self, now: float) -> bool:
        return now - self.touched_at >= IDLE_SECONDS


def edit(pending: Pending | None, pool: Pool, step: int, now: float) -> Pending:
    """One step more or less; a first step on another pool starts from what that pool wants."""
    start = pending.to if pending is not None and pending.pool == pool.name else pool.wanted
    return Pending(pool.name, max(0, start + step), now)


def asks(before: int, to: int) -> bool:
    """Is this a number that nobody should set by a slip of the finger?"""
    return to == 0 or to > 2 * max(1, before)


FAR = 100
"""From so many children on, and four times as many as there are, a y is not enough."""


def is_far(before: int, to: int) -> bool:
    return to >= FAR and to > 4 * before
