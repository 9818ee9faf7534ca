"""Batches in a real daemon: what waits behind a slow job does not wait for long."""

from collections.abc import Callable

from tests.integration.daemon import Daemon
from tests.waiting import until


def begun(daemon: Daemon) -> dict[int, float]:
    """Job -> when it began (Unix seconds)."""
    return {int(mark.partition(":")[0]): float(mark.partition(":")[2]) for mark in daemon.marks()}


def test_jobs_behind_a_slow_one_go_to_other_children(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    """A class of which 200 quick jobs have been seen has two slow ones: nobody waits for their end."""
    daemon = make_daemon(dsn, workers=["jobs.Mixed"]).init_db().start("-c", "2", "-w", "10000")
    with daemon.client() as client:
        client.insert_many("jobs.Mixed", [{"n": n, "ms": 1} for n in range(200)])
        until(lambda: len(daemon.marks()) == 200)
        until(daemon.idle)
        client.insert_many("jobs.Mixed", [{"n": n, "ms": 8000 if n == 200 else 1} for n in range(200, 260)])
    until(lambda: len(daemon.marks()) == 260, 7, "all others to run while the slow one sleeps")
    moments = begun(daemon)
    assert max(moments.values()) - moments[200] < 6
    assert len(moments) == len(daemon.marks()) == 260
    until(daemon.idle)
    daemon.stop()
