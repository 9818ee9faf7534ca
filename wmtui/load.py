"""How many children of a pool what comes in keeps busy: for each class jobs per second times the seconds that one takes
(Little's law). A figure for all its classes together would be wrong wherever one of them is slow. Pure."""

import math
from dataclasses import dataclass

from wmcore.model import COUNT_LIMIT
from wmcore.protocol.messages import JobClass, Pool, Status
from wmtui.trend import Trend

MARGIN = 1.02
"""At exactly what comes in nothing would ever shrink."""
LEAST_PACE = 0.05
SMALL_JOBS, SMALL_SECONDS = 10, 5.0
"""A backlog below both is what any queue has that is at work."""


@dataclass(frozen=True, slots=True)
class Load:
    by_class: dict[str, float]  # children that it keeps busy
    waiting: float  # seconds of one child's work that are ready
    pace: float  # the share of a busy child's time that is spent within jobs; the rest goes for fetching them

    @property
    def coming(self) -> float:
        return sum(self.by_class.values()) / self.pace

    @property
    def needs(self) -> int:
        """The least number of children with which the backlog shrinks."""
        return math.floor(self.coming * MARGIN) + 1 if self.coming else 0

    def clears_in(self, children: int) -> float | None:
        """Seconds; None: it does not."""
        spare = children - self.coming
        return self.waiting / self.pace / spare if children >= self.needs and spare > 0 else None

    @property
    def heaviest(self) -> tuple[str, int] | None:
        """The class that needs more than half of them, and how many; None where there is none, or no other class."""
        total = sum(self.by_class.values())
        if total <= 0 or sum(each > 0 for each in self.by_class.values()) < 2:
            return None
        name = max(self.by_class, key=lambda each: self.by_class[each])
        share = self.by_class[name]
        return (name, math.ceil(share / self.pace)) if share > total / 2 else None


def of_pool(status: Status, pool: Pool, settled: bool = True) -> Load | None:
    """None where not all that it takes is known. `settled`: the rates are of as many children as there are now."""
    classes = [each for each in status.classes if each.name in pool.workers and not each.paused]
    if any(each.queue.in_rate is None or (each.queue.ready or 0) >= COUNT_LIMIT for each in classes):
        return None
    alive = [each for each in classes if each.queue.in_rate or each.queue.ready]
    if not alive or any(each.process.mean is None for each in alive):
        return None
    return Load(
        {each.name: (each.queue.in_rate or 0.0) * _takes(each) for each in alive},
        sum((each.queue.ready or 0) * _takes(each) for each in alive),
        _pace(alive, pool) if settled else 1.0,
    )


def now(status: Status, pool: Pool, trend: Trend) -> Load | None:
    """As far as its classes have been measured since the last change."""
    waiting = [each.name for each in status.classes if each.name in pool.workers and each.queue.ready]
    return of_pool(status, pool, all(map(trend.settled, waiting)))


def _takes(each: JobClass) -> float:
    """Seconds."""
    return (each.process.mean or 0.0) / 1000


def _pace(classes: list[JobClass], pool: Pool) -> float:
    if pool.busy < pool.running or not pool.running:
        return 1.0
    within = sum((each.queue.out_rate or 0.0) * _takes(each) for each in classes)
    return min(1.0, max(LEAST_PACE, within / pool.running))


def is_small(each: JobClass) -> bool:
    """Is its backlog not worth a word?"""
    ready = each.queue.ready or 0
    return ready < SMALL_JOBS and ready * _takes(each) < SMALL_SECONDS
