"""What a claim costs with 1,000,000 ready and 1,000,000 delayed jobs: `python -m tests.bench.million`.

A turn of a child's own queue object (acknowledge a batch, claim the next) there and on a queue of 1,000, by turns:
after --init-db, and with the tables as Perl makes them (and our column for insert times, which the filling names). And
what the manager asks, there and where all that is due is in somebody's hands. QUICK: 100,000 and 100,000.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.bench.common import Bench, Row, alone, percentile, ratio
from tests.bench.filling import fill, settle
from tests.contract.rig import GRAB_FOR, NAMES, A, Rig, make_config
from wmcore.backends.base import ManagerQueue
from wmcore.config.dsn import parse_database

SMALL = 1000
SIZES = (1, 100)


class Queue:
    """One database, kept nearly full; one child after another claims in it."""

    def __init__(self, rig: Rig, dsn: str, ready: int, delayed: int) -> None:
        self.rig = rig
        self._dsn, self._full, self._left = dsn, ready, ready
        fill(dsn, A, ready, delayed, priorities=True)

    def be_born(self, *, prioritize: bool) -> None:
        self._child = self.rig.child(prioritize=prioritize)
        self.turn(1)  # connects

    def leave(self) -> None:
        self._child.turn((), GRAB_FOR)

    def grab_all(self) -> None:
        self.rig.sql(f"UPDATE job SET grabbed_until = 2000000000 WHERE run_after <= {int(time.time())}")
        settle(self._dsn)

    def turn(self, most: int) -> float:
        """Milliseconds for a claim of `most` jobs."""
        if self._left < self._full // 2:
            fill(self._dsn, A, self._full - self._left, priorities=True)
            self._left = self._full
        begun = time.perf_counter()
        jobs = self._child.turn((0,), GRAB_FOR, (most,) * len(NAMES)).jobs
        took = time.perf_counter() - begun
        for job in jobs:
            self._child.start(job)
            self._child.complete(job)
        self._left -= len(jobs)
        assert len(jobs) == most, f"{len(jobs)} jobs instead of {most}"
        return took * 1000


@contextmanager
def queue(bench: Bench, kind: str, bare: bool, ready: int, delayed: int) -> Iterator[Queue]:
    with bench.database(kind, empty=bare) as dsn, TemporaryDirectory(prefix="wmbench-") as folder:
        rig = Rig(make_config(Path(folder), [parse_database({"dsn": dsn})]), kind.lower())
        try:
            if bare:
                rig.init_bare()
                rig.sql("ALTER TABLE job ADD COLUMN wm_insert_time DOUBLE PRECISION")
            yield Queue(rig, dsn, ready, delayed)
        finally:
            rig.close()


def turns(bench: Bench, kind: str, bare: bool, pair: Sequence[Queue]) -> Iterator[Row]:
    for prioritize in (False, True):
        for each in pair:
            each.be_born(prioritize=prioritize)
        for most in (1,) if bare else SIZES:  # without our tables jobs come one at a time
            took = [[each.turn(most) for each in pair] for _ in range(30 if bench.quick or bare else 200)]
            few, many = zip(*took, strict=True)
            halves = percentile(few, 0.5), percentile(many, 0.5)
            words = "Perl's" if bare else "--init-db", "priority" if prioritize else "age"
            yield kind, *words, most, *halves, ratio(halves[1], halves[0]), percentile(many, 0.95)
        for each in pair:
            each.leave()


def questions(kind: str, pair: Sequence[Queue]) -> Iterator[Row]:
    for grabbed in (False, True):
        if grabbed:
            for each in pair:
                each.grab_all()
        for floor in (None, 5):
            managers = [each.rig.manager(floor=floor) for each in pair]
            for what in ("ask", "figures"):
                took = [[_asked(manager, what) for manager in managers] for _ in range(10)]
                few, many = (percentile(each, 0.5) for each in zip(*took, strict=True))
                yield kind, what, "all grabbed" if grabbed else "ready", "no" if floor is None else floor, few, many


def _asked(manager: ManagerQueue, name: str) -> float:
    begun = time.perf_counter()
    if name == "ask":
        manager.ask(0, range(len(NAMES)), 100)
    else:
        manager.figures(0)
    return (time.perf_counter() - begun) * 1000


def run(bench: Bench) -> None:
    large = 100_000 if bench.quick else 1_000_000
    claims: list[Row] = []
    asked: list[Row] = []
    for kind in bench.kinds:
        for bare in (False, True):
            with ExitStack() as stack, suppress(pytest.skip.Exception):  # Perl's schema files are not there
                pair = [stack.enter_context(queue(bench, kind, bare, *size)) for size in ((SMALL, 0), (large, large))]
                claims += turns(bench, kind, bare, pair)
                asked += [] if bare else questions(kind, pair)
    title = f"A turn on {SMALL} ready jobs, and on {large} ready and {large} delayed ones, ms"
    columns = ("database", "tables", "order by", "jobs", "few p50", "many p50", "ratio", "many p95")
    bench.table(title, columns, claims)
    title = "What the manager asks of these queues, ms"
    bench.table(title, ("database", "what", "due jobs", "floor", "few", "many"), asked)


if __name__ == "__main__":
    alone(run)
