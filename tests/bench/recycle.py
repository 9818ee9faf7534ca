"""What it costs to replace a child after its 100 jobs: `python -m tests.bench.recycle`.

One child; jobs that leave stamps, no-op ones (a life of three milliseconds, too short for a spare child to be made in)
and such as take 2 ms. Cost: from the end of a child's last job to the start of its replacement's
first; leave: to the making of the replacement's class instances (the last acknowledgement, exit, reaping, fork);
connect: from there to its first job (connection, claim). Beside it the driver alone: a process that has the driver
imported forks one child after the other, each of which connects, claims 100 rows and acknowledges them.
"""

import os
from itertools import pairwise
from mmap import mmap
from struct import Struct
from time import monotonic

from tests.bench import floor
from tests.bench.common import Bench, Row, alone, percentile, ratio
from tests.bench.daemons import STAMPED, completed, daemon, stamps
from tests.bench.filling import fill, settle
from tests.bench.throughput import ours
from tests.waiting import until
from wmcore import TheSchwartzClient

WORKS = 100
JOBS_MS = (0, 2)


def costs(bench: Bench, kind: str, job_ms: int) -> list[tuple[float, float, float]]:
    """Milliseconds: whole, leave, connect."""
    lives = 10 if bench.quick else 60
    with bench.database(kind) as dsn:
        with TheSchwartzClient(databases=[{"dsn": dsn}]) as client:
            client.insert_many(STAMPED, [{"n": n, "ms": job_ms} for n in range((lives + 2) * WORKS)])
        settle(dsn)
        with daemon(dsn, [STAMPED], "-c", "1", "-w", str(WORKS)) as running:
            until(lambda: completed(running, 1)() > lives * WORKS, 120, "enough lives")
            runs = sorted(stamps(running, STAMPED), key=lambda stamp: stamp.start)
    found = []
    for last, first in pairwise(runs):
        if last.pid != first.pid:
            whole, leave = first.start - last.end, first.made - last.end
            found.append((whole * 1000, leave * 1000, (whole - leave) * 1000))
    return found


_STAMPS = Struct("dd")


def of_driver(bench: Bench, kind: str) -> list[float]:
    """Milliseconds from the last job of a process without a framework to the first of the next."""
    lives = 10 if bench.quick else 60
    turns, shared, found = floor.DRIVERS[kind]["floor"], mmap(-1, _STAMPS.size), []
    with bench.database(kind) as dsn:
        fill(dsn, floor.NAME, (lives + 2) * floor.BATCH)
        last = None
        for _ in range(lives + 1):
            pid = os.fork()
            if pid == 0:
                one = turns(dsn)
                next(one)
                first = monotonic()
                shared[:] = _STAMPS.pack(first, monotonic())
                next(one)
                os._exit(0)
            os.waitpid(pid, 0)
            first, end = _STAMPS.unpack(shared)
            if last is not None:
                found.append((first - last) * 1000)
            last = end
    return found


def loss(bench: Bench, kind: str) -> Row:
    """Jobs/s of two children with few and with many jobs each."""
    few, many = (ours(bench, kind, 2, works) for works in (WORKS, 100_000))
    return kind, few, many, ratio(few, many)


def run(bench: Bench) -> None:
    rows = []
    for kind in bench.kinds:
        driver = percentile(of_driver(bench, kind), 0.5)
        for job_ms in JOBS_MS:
            whole, leave, connect = zip(*costs(bench, kind, job_ms), strict=True)
            p50, p95 = percentile(whole, 0.5), percentile(whole, 0.95)
            parts = percentile(leave, 0.5), percentile(connect, 0.5)
            rows.append((kind, job_ms, p50, *parts, p95, len(whole), driver, ratio(p50, driver)))
    parts_of = ("p50", "of which leave", "connect", "p95")
    columns = ("database", "jobs of ms", *parts_of, "recycles", "the driver alone", "ratio")
    bench.table(f"A recycle, ms of a child's time (-w {WORKS})", columns, rows)
    if not bench.quick:
        losses = [loss(bench, kind) for kind in bench.kinds]
        columns = ("database", f"-w {WORKS}", "-w 100000", "ratio")
        bench.table("Jobs/s with and without recycling, 2 children", columns, losses)


if __name__ == "__main__":
    alone(run)
