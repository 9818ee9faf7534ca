"""A worker that takes jobs along, in a real daemon that loses children."""

import os
import signal
from collections import Counter
from collections.abc import Callable

import pytest

from tests.contract import schemas
from tests.integration.daemon import Daemon
from tests.waiting import until


def numbers(daemon: Daemon) -> Counter[str]:
    return Counter(mark.partition(":")[0] for mark in daemon.marks())


def sizes(daemon: Daemon) -> list[int]:
    return [int(mark.partition(":")[2]) for mark in daemon.marks()]


def test_jobs_are_done_together_and_logged_each(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    daemon = make_daemon(dsn, workers=["jobs.Together"]).init_db()
    with daemon.client() as client:
        for number in range(60):
            client.insert("jobs.Together", {"n": number}, coalesce=f"host{number % 3}")
    daemon.start("-c", "2")
    until(lambda: daemon.counts("jobs.Together").completed == 60)
    until(daemon.idle)
    assert numbers(daemon) == {str(number): 1 for number in range(60)}
    assert max(sizes(daemon)) >= 15
    assert len(daemon.ended()) == len(set(daemon.ended())) == 60
    daemon.stop()


@pytest.mark.parametrize("tables", ["ours", "bare"])
def test_a_killed_child_leaves_none_of_them_behind(
    make_daemon: Callable[..., Daemon], dsn: str, tables: str, request: pytest.FixtureRequest
) -> None:
    daemon = make_daemon(dsn, workers=["jobs.Together"])
    if tables == "ours":
        daemon.init_db()
    else:
        kind = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb"}[dsn.partition(":")[0]]
        daemon.execute(schemas.of(kind))
    with daemon.client() as client:
        for number in range(12):
            client.insert("jobs.Together", {"n": number, "s": 0.5}, coalesce="all")
    daemon.start("-c", "1")
    until(lambda: daemon.rows("SELECT count(*) FROM job WHERE grabbed_until > 0")[0][0] == 12)
    (child,) = daemon.status().children
    os.kill(child.pid, signal.SIGKILL)
    until(lambda: daemon.counts("jobs.Together").completed == 12)
    until(daemon.idle)
    assert numbers(daemon) == {str(number): 1 for number in range(12)}
    assert daemon.counts("jobs.Together").retried == 1, "only the one that was at work"
    daemon.stop()
