"""Children killed at random moments: nothing lost, nothing stuck, nothing that had finished runs again."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.integration.daemon import Daemon
from tests.waiting import until


def storm(daemon: Daemon, jobs: int, every_seconds: float, between: int = 0) -> int:
    """Kill a random child every so often until all jobs are done; returns the kills. `between`: as many jobs are done
    from one kill to the next, however slow the machine is. Without it, children that need longer for their start than
    they live get nowhere, and a loaded machine shows nothing but that."""
    chance = random.Random(1)
    kills = done_then = 0
    deadline = time.monotonic() + (1500 if every_seconds < 0.1 else 600)
    while time.monotonic() < deadline:
        status = daemon.status()
        done = sum(entry.completed for entry in status.classes)
        if done >= jobs:
            return kills
        if status.children and done >= done_then + between:
            try:
                os.kill(chance.choice(status.children).pid, signal.SIGKILL)
                kills, done_then = kills + 1, done
            except ProcessLookupError:
                pass
        time.sleep(every_seconds)
    raise AssertionError(f"not done in time: {daemon.status().classes}")


def check(daemon: Daemon, jobs: int, kills: int) -> None:
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0, 60, "the queue to be empty")
    runs = Counter(daemon.marks())
    assert set(runs) == {str(n) for n in range(jobs)}, "nothing is lost"
    again = sum(runs.values()) - jobs
    # A job marks itself as its last deed: killed between that and its acknowledgement it runs again, which nobody can
    # close (README, limits). Every other repetition would be a broken promise.
    # That gap is some 3 % of a job of 1 ms.
    assert again <= max(3, kills // 10), f"{again} jobs ran again after {kills} kills"
    assert daemon.status().failed.count == 0
    print(f"{jobs} jobs, {kills} kills, {again} ran again")


def run_storm(
    make_daemon: Callable[..., Daemon], dsn: str, jobs: int, every_seconds: float, between: int = 0
) -> None:
    workers = [{"class": "jobs.Quick", "max_retries": 1000}]
    daemon = make_daemon(dsn, workers=workers).init_db().start("-c", "4")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 1} for n in range(jobs)])
    check(daemon, jobs, storm(daemon, jobs, every_seconds, between))
    daemon.stop()


def test_a_short_storm(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    run_storm(make_daemon, dsn, 400, 0.1, between=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_long_storm(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    run_storm(make_daemon, dsn, 20_000, 0.05)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_five_thousand_jobs_with_eight_children(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    """The size that the first release promised; `test_whole` runs a fifth of it each time."""
    daemon = make_daemon(dsn).init_db().start("-c", "8", "-w", "100")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": n % 20} for n in range(5_000)])
    until(lambda: len(daemon.marks()) > 1_000, 120)
    daemon.stop(signal.SIGTERM)
    assert daemon.rows("SELECT count(*) FROM job WHERE grabbed_until > 0")[0][0] == 0
    daemon.start("-c", "8", "-w", "100")
    until(lambda: len(daemon.marks()) >= 5_000, 300)
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0)
    assert Counter(daemon.marks()) == {str(n): 1 for n in range(5_000)}
    assert daemon.log().count("started with PID") > 50
    daemon.stop()
