"""Gearman: no-op jobs of one child beside pygearman's worker, pick-up, stopping, coming back:
`python -m tests.bench.gearman`.

Both workers draw 100-byte jobs from fresh gearmands in turn, so that a busy machine is busy for both; CPU is the
worker's own. Our child also writes a log line, an event and its slot for each job.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

from tests.bench.common import Bench, Row, alone, median, percentile, rate, ratio
from tests.bench.daemons import NOOP, STAMPED, all_idle, completed, daemon, stamps
from tests.bench.peer_scripts.counting import EVERY
from tests.bench.pickup import cpu_seconds, one_at_a_time
from tests.integration.daemon import Daemon, alive
from tests.servers import Gearmand
from tests.waiting import until
from wmcore import GearmanAsyncClient

PEER = Path(__file__).parent / "peer_scripts" / "with_pygearman.py"
JOBS = 40_000
Measured = tuple[float, float]
"""Jobs/s, and CPU microseconds a job."""


@contextmanager
def gearmand() -> Iterator[Gearmand]:
    server = Gearmand()
    try:
        server.start()
        yield server
    finally:
        server.close()


@contextmanager
def ours(server: Gearmand, children: int, *workers: str) -> Iterator[Daemon]:
    options = {"job_servers": [server.address]}
    with daemon("", workers, "-c", str(children), "-w", "1000000", type="Gearman", worker_options=options) as running:
        yield running


def fill(server: Gearmand, function: str, jobs: int) -> None:
    with GearmanAsyncClient(server.address) as client:
        for start in range(0, jobs, 1000):
            client.insert_many(function, [b"x" * 100] * min(1000, jobs - start))


def child_of_ours(jobs: int, seconds: float) -> Measured:
    with gearmand() as server:
        fill(server, NOOP, jobs)
        with ours(server, 1, NOOP) as running:
            count = completed(running, 1)
            (child,) = until(lambda: running.status().children)
            return _measured(count, jobs, seconds, child.pid)


def pygearman(jobs: int, seconds: float) -> Measured:
    with gearmand() as server, tempfile.NamedTemporaryFile() as counts:
        fill(server, NOOP, jobs)
        worker = subprocess.Popen([sys.executable, PEER, server.address, NOOP, counts.name])
        try:
            return _measured(lambda: Path(counts.name).stat().st_size * EVERY, jobs, seconds, worker.pid)
        finally:
            worker.kill()
            worker.wait()


def _measured(count, jobs: int, seconds: float, pid: int) -> Measured:  # type: ignore[no-untyped-def]
    until(count, 60, "the first job")
    before, cpu = count(), cpu_seconds([pid])
    figure = rate(count, jobs, seconds)
    return figure, (cpu_seconds([pid]) - cpu) / max(1, count() - before) * 1e6


def throughput(bench: Bench) -> None:
    jobs, seconds = (JOBS // 4, 2) if bench.quick else (JOBS, 6)
    measured: dict[str, list[Measured]] = {"wmcore, one child": [], "pygearman's worker": []}
    for _ in range(2 if bench.quick else 7):
        for found, case in zip(measured.values(), (child_of_ours, pygearman), strict=True):
            found.append(case(jobs, seconds))
    theirs = [figure for figure, _ in measured["pygearman's worker"]]
    rows: list[Row] = []
    for name, found in measured.items():
        figures = [figure for figure, _ in found]
        share = ratio(median(figures), median(theirs))
        cpu = median([us for _, us in found])
        rows.append((name, len(figures), median(figures), min(figures), max(figures), cpu, share))
    columns = ("worker", "runs", "jobs/s", "least", "most", "CPU, us/job", "of pygearman")
    bench.table("Gearman: no-op jobs", columns, rows)


def pick_up(bench: Bench) -> Iterator[Row]:
    for children in (1, 4):
        with gearmand() as server, ours(server, children, STAMPED) as running:
            all_idle(running, children)
            waits = one_at_a_time(running, 12 if bench.quick else 200)
            yield "idle pick-up", children, percentile(waits, 0.5), percentile(waits, 0.95), max(waits), len(waits)


def stopping(bench: Bench) -> Iterator[Row]:
    """SIGTERM to one of four idle children, until it is gone: its successor takes its place."""
    took = []
    with gearmand() as server, ours(server, 4, STAMPED) as running:
        for _ in range(5 if bench.quick else 40):
            all_idle(running, 4)
            until(lambda: server.jobs(STAMPED)[2] == 4)
            victim = running.status().children[0].pid
            begun = time.monotonic()
            os.kill(victim, signal.SIGTERM)
            until(lambda victim=victim: not alive(victim))
            took.append((time.monotonic() - begun) * 1000)
            until(lambda victim=victim: victim not in [child.pid for child in running.status().children])
            until(lambda: len(running.status().children) == 4)
    yield "stop of an idle child", 4, percentile(took, 0.5), percentile(took, 0.95), max(took), len(took)


def coming_back(bench: Bench) -> Iterator[Row]:
    """gearmand started again, until all of eight children are there."""
    took = []
    with gearmand() as server, ours(server, 8, STAMPED) as running:
        for _ in range(1 if bench.quick else 5):
            all_idle(running, 8)
            until(lambda: server.jobs(STAMPED)[2] == 8)
            server.stop()
            time.sleep(3)
            begun = time.monotonic()
            server.start()
            until(lambda: server.jobs(STAMPED)[2] == 8)
            took.append((time.monotonic() - begun) * 1000)
    yield "back after gearmand's start", 8, percentile(took, 0.5), percentile(took, 0.95), max(took), len(took)


def frozen(bench: Bench) -> Iterator[Row]:
    """One of two servers stops answering: the longest pause between two jobs of the other, then the daemon's stop."""
    pauses, stops = [], []
    for _ in range(1 if bench.quick else 3):
        with gearmand() as first, gearmand() as second:
            options = {"job_servers": [first.address, second.address]}
            told = {"type": "Gearman", "worker_options": options}
            with daemon("", [STAMPED], "-c", "1", "-w", "1000000", **told) as running:  # type: ignore[arg-type]
                all_idle(running, 1)
                with GearmanAsyncClient(first.address) as client, GearmanAsyncClient(second.address) as other:
                    client.insert_many(STAMPED, [{"n": n, "ms": 10} for n in range(400)])
                    other.insert_many(STAMPED, [{"n": n, "ms": 10} for n in range(400)])
                    until(lambda: len(stamps(running, STAMPED)) > 20)
                    second.signal(signal.SIGSTOP)
                    until(lambda: len(stamps(running, STAMPED)) > 300, 30)
                found = stamps(running, STAMPED)
                pauses.append(max(b.start - a.end for a, b in pairwise(found)) * 1000)
                begun = time.monotonic()
                running.stop()
                stops.append((time.monotonic() - begun) * 1000)
                second.signal(signal.SIGCONT)
    yield "longest pause, other server frozen", 1, median(pauses), percentile(pauses, 0.95), max(pauses), len(pauses)
    yield "stop of the daemon, server frozen", 1, median(stops), percentile(stops, 0.95), max(stops), len(stops)


def run(bench: Bench) -> None:
    throughput(bench)
    rows: Sequence[Row] = [row for part in (pick_up, stopping, coming_back, frozen) for row in part(bench)]
    bench.table("Gearman: ms", ("what", "children", "p50", "p95", "max", "times"), rows)


if __name__ == "__main__":
    alone(run)
