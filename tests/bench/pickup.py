"""What an idle daemon costs, and how soon it starts a job: `python -m tests.bench.pickup`.

Idle: CPU of manager, loader and children (share of one core) and statements a second, as the server counts them, of a
daemon that nobody looks at. Pick-up: from before the insert of a job to its start, one at a time into the idle daemon.
Half load: 4 children, jobs of 20 ms at random moments, 100 a second. At once: as many jobs as there are idle children,
in one insert. On PostgreSQL also without NOTIFY, and with the trigger.
"""

import os
import random
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.bench.common import Bench, Row, alone, percentile
from tests.bench.daemons import STAMPED, Stamp, all_idle, daemon, stamps
from tests.integration.daemon import Daemon
from tests.waiting import until

SETTLE_SECONDS = 12
"""What the start brought is over, and PostgreSQL has counted it."""
TICKS = os.sysconf("SC_CLK_TCK")
LOAD_CHILDREN, LOAD_MS = 4, 20
AT_ONCE, AT_ONCE_MS = 50, 500
TRIGGER, SILENT = "PostgreSQL, trigger", "PostgreSQL, no NOTIFY"
HALF_LOAD = 1_000_000
"""The number of the first job under half load."""


def ways(bench: Bench, *others: str) -> list[str]:
    """The databases, and PostgreSQL in other ways too."""
    return [way for kind in bench.kinds for way in ((kind, *others) if kind == "PostgreSQL" else (kind,))]


@contextmanager
def started(bench: Bench, way: str, children: int) -> Iterator[tuple[str, Daemon]]:
    """An idle daemon on a fresh database, whose URL comes with it. Its children stay."""
    with bench.database(kind_of(way), notify_trigger=way == TRIGGER) as dsn:
        options = {"databases": [{"dsn": dsn, "notify": way != SILENT}]}
        with daemon(dsn, [STAMPED], "-c", str(children), "-w", "100000", worker_options=options) as running:
            all_idle(running, children)
            yield dsn, running


def kind_of(way: str) -> str:
    return way.partition(",")[0]


def cpu_seconds(pids: Sequence[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def idle(bench: Bench, children: int) -> list[Row]:
    """Daemons on all databases side by side. Database, children, percent of one core, statements a second."""
    with ExitStack() as stack:
        running = {way: stack.enter_context(started(bench, way, children)) for way in ways(bench, TRIGGER)}
        time.sleep(SETTLE_SECONDS)
        pids = {way: each.processes() for way, (_, each) in running.items()}
        before = {
            way: (cpu_seconds(pids[way]), bench.statements(kind_of(way), dsn)) for way, (dsn, _) in running.items()
        }
        begun = time.monotonic()
        time.sleep(5 if bench.quick else 30)
        passed = time.monotonic() - begun
        rows = []
        for way, (cpu, asked) in before.items():
            share = (cpu_seconds(pids[way]) - cpu) / passed * 100
            after = bench.statements(kind_of(way), running[way][0])
            rows.append((way, children, share, None if asked is None or after is None else (after - asked) / passed))
        return rows


def one_at_a_time(running: Daemon, jobs: int) -> list[float]:
    """Milliseconds."""
    waits = []
    with running.client() as client:
        for number in range(-1, jobs):  # the first opens connections
            begun = time.time()
            client.insert(STAMPED, {"n": number})
            until(lambda number=number: len(stamps(running, STAMPED)) == number + 2)
            waits.append((stamps(running, STAMPED)[-1].start - begun) * 1000)
            time.sleep(0.05 + 0.013 * (number % 10))  # no step with the asker
    return waits[1:]


def half_load(running: Daemon, seconds: float) -> list[float]:
    """Milliseconds. Open loop: an insert that comes late is measured from its own beginning."""
    a_second = LOAD_CHILDREN * 1000 / LOAD_MS / 2
    begun: dict[int, float] = {}
    with running.client() as client:
        client.insert(STAMPED, {"n": -1})  # opens the connection
        start = due = time.monotonic()
        while due < start + seconds:
            due += random.expovariate(a_second)
            time.sleep(max(0.0, due - time.monotonic()))
            number = HALF_LOAD + len(begun)
            begun[number] = time.time()
            client.insert(STAMPED, {"n": number, "ms": LOAD_MS})
    until(lambda: len(loaded(running)) == len(begun), 60, "the last job")
    return [(stamp.start - begun[stamp.number]) * 1000 for stamp in loaded(running)]


def loaded(running: Daemon) -> list[Stamp]:
    return [stamp for stamp in stamps(running, STAMPED) if stamp.number >= HALF_LOAD]


def at_once(running: Daemon) -> tuple[list[float], int]:
    """Milliseconds, and how many children took part."""
    with running.client() as client:
        client.insert(STAMPED, {"n": -1, "ms": AT_ONCE_MS})  # opens the connection
        until(lambda: stamps(running, STAMPED))
        all_idle(running, AT_ONCE)
        begun = time.time()
        client.insert_many(STAMPED, [{"n": number, "ms": AT_ONCE_MS} for number in range(AT_ONCE)])
    until(lambda: len(stamps(running, STAMPED)) > AT_ONCE, 60, "the last job")
    ran = stamps(running, STAMPED)[1:]
    return [(stamp.start - begun) * 1000 for stamp in ran], len({stamp.pid for stamp in ran})


def figures(waits: Sequence[float]) -> Row:
    return percentile(waits, 0.5), percentile(waits, 0.95), max(waits), len(waits)


def pick_up(bench: Bench, way: str) -> Iterator[Row]:
    jobs, seconds = (50, 2) if bench.quick else (200, 20)
    with started(bench, way, LOAD_CHILDREN) as (_, running):
        yield way, "idle", *figures(one_at_a_time(running, jobs)), None
        yield way, "half load", *figures(half_load(running, seconds)), None
    with started(bench, way, AT_ONCE) as (_, running):
        waits, children = at_once(running)
        yield way, "at once", *figures(waits), children


def run(bench: Bench) -> None:
    costs = [row for children in ((100,) if bench.quick else (4, 100)) for row in idle(bench, children)]
    bench.table("Idle daemon", ("database", "children", "CPU, % of a core", "statements/s"), costs)
    waits = [row for way in ways(bench, TRIGGER, SILENT) for row in pick_up(bench, way)]
    columns = ("database", "daemon", "p50", "p95", "max", "jobs", "children that took them")
    bench.table("Pick-up, ms from before the insert", columns, waits)


if __name__ == "__main__":
    alone(run)
