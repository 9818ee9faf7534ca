"""What a claim costs with 1,000,000 ready and 1,000,000 delayed jobs: `python -m tests.bench.million`.

A turn of a child's own queue object (acknowledge a batch, claim the next) there and on a queue of 1,000, by turns; both
after --init-db. QUICK: 100,000 and 100,000.
"""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.bench.common import Bench, Row, alone, percentile, ratio
from tests.bench.filling import fill
from tests.contract.rig import GRAB_FOR, NAMES, A, Rig, make_config
from wmcore.config.dsn import parse_database

SMALL = 1000
SIZES = (1, 100)


class Queue:
    """One database, kept nearly full; one child after another claims in it."""

    def __init__(self, dsn: str, kind: str, folder: str, ready: int, delayed: int) -> None:
        self.rig = Rig(make_config(Path(folder), [parse_database({"dsn": dsn})]), kind.lower())
        self._dsn, self._full, self._left = dsn, ready, ready
        fill(dsn, A, ready, delayed, priorities=True)

    def be_born(self, *, prioritize: bool) -> None:
        self._child = self.rig.child(prioritize=prioritize)
        self.turn(1)  # connects

    def leave(self) -> None:
        self._child.turn((), GRAB_FOR)

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
def queue(bench: Bench, kind: str, ready: int, delayed: int) -> Iterator[Queue]:
    with bench.database(kind) as dsn, TemporaryDirectory(prefix="wmbench-") as folder:
        made = Queue(dsn, kind, folder, ready, delayed)
        try:
            yield made
        finally:
            made.rig.close()


def compared(bench: Bench, kind: str, large: int) -> Iterator[Row]:
    with ExitStack() as stack:
        pair = [stack.enter_context(queue(bench, kind, *size)) for size in ((SMALL, 0), (large, large))]
        for prioritize in (False, True):
            for each in pair:
                each.be_born(prioritize=prioritize)
            for most in SIZES:
                took = [[each.turn(most) for each in pair] for _ in range(30 if bench.quick else 200)]
                few, many = zip(*took, strict=True)
                halves = percentile(few, 0.5), percentile(many, 0.5)
                word = "priority" if prioritize else "time"
                yield kind, word, most, *halves, ratio(halves[1], halves[0]), percentile(many, 0.95)
            for each in pair:
                each.leave()


def run(bench: Bench) -> None:
    large = 100_000 if bench.quick else 1_000_000
    rows = [row for kind in bench.kinds for row in compared(bench, kind, large)]
    title = f"A turn on {SMALL} ready jobs, and on {large} ready and {large} delayed ones, ms"
    bench.table(title, ("database", "order by", "jobs", "few p50", "many p50", "ratio", "many p95"), rows)


if __name__ == "__main__":
    alone(run)
