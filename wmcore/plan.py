"""What to do next: wanted compared with actual, on every tick; pure (`now` is an argument, seconds of a steady clock).

Level-triggered: nothing is remembered between two calls but what the arguments say, so a lost message costs one tick.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

BACK_OFF_FIRST = 0.25
BACK_OFF_MOST = 60.0
BACK_OFF_KILLED = 1.0
"""The most for children that somebody else killed (an operator, the kernel short of memory): not their own mistake, so
it will not last; and once a second does no harm."""
TERM_PATIENCE = 5.0
"""Seconds after which a child that was told to finish, and is not in a job, is told again by SIGTERM."""


@dataclass(frozen=True, slots=True)
class ChildFact:
    """A living child as the planner sees it."""

    slot: int
    pid: int
    busy: bool
    leaving: bool  # told to finish
    deadline: float | None = None  # its job's hard limit
    timeout_ms: int = 0


@dataclass(frozen=True, slots=True)
class PoolFact:
    """A pool's wish and its children."""

    index: int
    wanted: int  # already 0 while it drains
    not_before: float  # back-off: no fork before this
    children: Sequence[ChildFact]


@dataclass(frozen=True, slots=True)
class Fork:
    pool: int
    slot: int


@dataclass(frozen=True, slots=True)
class Finish:
    slot: int
    pid: int


@dataclass(frozen=True, slots=True)
class TimeOut:
    slot: int
    pid: int
    timeout_ms: int


Action = Fork | Finish | TimeOut


def decide(pools: Iterable[PoolFact], used_slots: Iterable[int], now: float) -> list[Action]:
    """The actions that bring the pools nearer to what is wanted.

    `used_slots`: slots that may not be given to a new child (a living child, or one whose exit is not yet booked).
    Never more than `wanted` children run jobs: a leaving child keeps its place until it is gone.
    """
    taken = set(used_slots)
    actions: list[Action] = []
    for pool in pools:
        actions += [
            TimeOut(child.slot, child.pid, child.timeout_ms)
            for child in pool.children
            if child.deadline is not None and now > child.deadline
        ]
        actions += _retire(pool)
        if now >= pool.not_before:
            for _ in range(pool.wanted - len(pool.children)):
                slot = _lowest_free(taken)
                taken.add(slot)
                actions.append(Fork(pool.index, slot))
    return actions


def _retire(pool: PoolFact) -> list[Action]:
    """Too many: idle children go first, then those of the highest slots."""
    staying = [child for child in pool.children if not child.leaving]
    spare = len(staying) - pool.wanted
    if spare <= 0:
        return []
    staying.sort(key=lambda child: (child.busy, -child.slot))
    return [Finish(child.slot, child.pid) for child in staying[:spare]]


def _lowest_free(taken: set[int]) -> int:
    slot = 0
    while slot in taken:
        slot += 1
    return slot


def back_off(strikes: int) -> float:
    """Seconds to wait before the next fork when `strikes` children in a row died before they did anything."""
    return min(BACK_OFF_MOST, BACK_OFF_FIRST * 2 ** (strikes - 1)) if strikes > 0 else 0.0
