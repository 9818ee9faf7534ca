"""Does a class's backlog grow or shrink? Numbers of jobs go up and down by chance, so that only what is more than
chance is a motion; and after a pause, a drain or a scaling what was seen before says nothing. Pure."""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from wmcore.model import COUNT_LIMIT
from wmcore.protocol.messages import JobClass, Pool, Queue, Status

SPAN_SECONDS = 60.0
LEAST_SECONDS = 20.0
"""So long the daemon's rates look back: before that they still tell of what was."""
DEAD_SHARE = 0.05
LEAST_JOBS = 3.0
CHANCE = 2.0
"""Standard deviations of a number to which jobs are added and from which they are taken at random."""
KEPT = 0.5
"""A motion that was told is told until it has lost half of what made it one: words that flicker help nobody."""


class Motion(StrEnum):
    UNKNOWN = ""
    MEASURING = "measuring"
    GROWING = "growing"
    STEADY = "steady"
    SHRINKING = "shrinking"


Setting = tuple[object, ...]
"""What was told to a class and its pool: whatever changes it makes a new beginning."""


@dataclass(slots=True)
class _Seen:
    setting: Setting
    began: float | None  # when the setting changed; None: it was so when the console came
    at: list[float] = field(default_factory=list)  # when it was looked at
    ready: list[int] = field(default_factory=list)  # how many were ready then
    motion: Motion = Motion.UNKNOWN
    growth: float = 0.0  # jobs per second

    def forget(self, first: int) -> None:
        del self.at[:first], self.ready[:first]

    def slope(self, seconds: float) -> float:
        """Jobs per second, of so long: how the later half's middle stands above the earlier one's. Nearly as good as
        the line of least squares, and for a hundred classes each second a tenth of its cost."""
        begin = bisect_left(self.at, self.at[-1] - seconds)
        half = (len(self.at) - begin) // 2
        if not half:
            return 0.0
        at, ready, middle = self.at, self.ready, begin + half
        return (sum(ready[-half:]) - sum(ready[begin:middle])) / (sum(at[-half:]) - sum(at[begin:middle]))


class Trend:
    """How many jobs of each class were ready lately."""

    def __init__(self) -> None:
        self._seen: dict[str, _Seen] = {}
        self._now = 0.0

    def take(self, status: Status) -> None:
        if status.now <= self._now:
            self._seen = {}  # the clock was set, or another daemon answers
        self._now = status.now
        pools = {name: pool for pool in status.pools for name in pool.workers}
        self._seen = {each.name: self._with(each, pools, status.now) for each in status.classes}

    def _with(self, each: JobClass, pools: Mapping[str, Pool], now: float) -> _Seen:
        setting, before = _setting(each, pools.get(each.name)), self._seen.get(each.name)
        if before is None or before.setting != setting:
            before = _Seen(setting, None if before is None else now)
        if each.queue.ready is None or each.queue.ready >= COUNT_LIMIT:
            before.forget(len(before.at))
        else:
            before.at.append(now)
            before.ready.append(each.queue.ready)
            before.forget(bisect_left(before.at, now - SPAN_SECONDS))
        before.motion, before.growth = self._judged(before, each.queue, now)
        return before

    def _judged(self, seen: _Seen, queue: Queue, now: float) -> tuple[Motion, float]:
        if queue.in_rate is None or queue.out_rate is None or not seen.at:
            return Motion.UNKNOWN, 0.0
        span = now - seen.at[0]
        if span >= LEAST_SECONDS:
            slopes = [(seen.slope(LEAST_SECONDS), LEAST_SECONDS), (seen.slope(span), span)]
        elif seen.began is not None:
            return Motion.MEASURING, 0.0
        else:  # a console that has just come has only the daemon's word
            slopes = [(queue.in_rate - queue.out_rate, LEAST_SECONDS)]
        for growth, over in slopes:  # what is new, before that which takes a while to be seen
            word = Motion.GROWING if growth > 0 else Motion.SHRINKING
            if abs(growth) * over > _dead(queue.in_rate, queue.out_rate, over) * (KEPT if seen.motion is word else 1):
                return word, growth
        return Motion.STEADY, 0.0

    def motion(self, name: str) -> Motion:
        seen = self._seen.get(name)
        return Motion.UNKNOWN if seen is None else seen.motion

    def settled(self, name: str) -> bool:
        """Do the daemon's rates tell of the present number of children?"""
        return self.motion(name) not in (Motion.UNKNOWN, Motion.MEASURING)

    def clears_in(self, each: JobClass) -> float | None:
        """Milliseconds until none is ready, if things stay as they are; None where they do not clear."""
        seen, queue = self._seen.get(each.name), each.queue
        if queue.ready is None or seen is None:
            return None
        if queue.ready >= COUNT_LIMIT:
            return queue.clears_in  # the daemon sees how fast the oldest one's age shrinks
        return queue.ready / -seen.growth * 1000 if seen.motion is Motion.SHRINKING else None


def _setting(each: JobClass, pool: Pool | None) -> Setting:
    return (each.paused, *(() if pool is None else (pool.name, pool.wanted, pool.state)))


def _dead(in_rate: float, out_rate: float, span: float) -> float:
    """So many jobs more or less within `span` seconds are no motion."""
    return max(LEAST_JOBS, DEAD_SHARE * in_rate * span, CHANCE * math.sqrt((in_rate + out_rate) * span))
