"""Batches in a real daemon: what waits behind a slow job does not wait for long."""

from collections.abc import Callable

from tests.integration.daemon import Daemon
from tests.waiting import until


def test_jobs_behind_a_slow_one_go_to_other_children(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    """A class of which 200 quick jobs have been seen has a slow one: nobody waits for its end."""
    daemon = make_daemon(dsn, workers=["jobs.Mixed"]).init_db().start("-c", "2", "-w", "10000")
    with daemon.client() as client:
        client.insert_many("jobs.Mixed", [{"n": n} for n in range(200)])
        until(lambda: len(daemon.marks()) == 200)
        until(daemon.idle)
        client.insert_many("jobs.Mixed", [{"n": n, "hold": n == 200} for n in range(200, 260)])
    until(lambda: len(daemon.marks()) == 260, what="all others to run while the slow one does not end")
    daemon.let_go()
    until(daemon.idle)
    assert sorted(map(int, daemon.marks())) == list(range(260))
    daemon.stop()
