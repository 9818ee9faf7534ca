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
            client.insert("jobs.Together", {"n": number, "hold": True}, coalesce="all")
    daemon.start("-c", "1")
    until(lambda: daemon.rows("SELECT count(*) FROM job WHERE grabbed_until > 0")[0][0] == 12)
    (child,) = daemon.status().children
    os.kill(child.pid, signal.SIGKILL)
    daemon.let_go()
    until(lambda: daemon.counts("jobs.Together").completed == 12)
    until(daemon.idle)
    assert numbers(daemon) == {str(number): 1 for number in range(12)}
    assert daemon.counts("jobs.Together").retried == 1, "only the one that was at work"
    daemon.stop()


def test_what_is_taken_along_waits_for_the_first_ones_written_end(
    make_daemon: Callable[..., Daemon], dsn: str
) -> None:
    """A successor that the database refuses: the first job has failed, the others have done nothing and go back."""
    daemon = make_daemon(dsn, workers=["jobs.Refused"]).init_db()
    with daemon.client() as client:
        for number in range(3):
            client.insert("jobs.Refused", {"n": number}, coalesce="c")
    daemon.start("-c", "1")
    until(lambda: daemon.counts("jobs.Refused").completed == 3)
    assert daemon.marks()[0].endswith(":2")
    assert len(daemon.marks()) > 1, "those that were taken along did not end with a job that failed"
    daemon.stop()


@pytest.mark.parametrize("kind", ["postgresql"])
def test_a_soft_timeout_while_jobs_are_taken_along(
    make_daemon: Callable[..., Daemon], kind: str, request: pytest.FixtureRequest
) -> None:
    """It comes when they are ours for sure: none stays grabbed."""
    dsn = request.getfixturevalue(kind).new_database()
    daemon = make_daemon(dsn, workers=["jobs.Soft2"]).init_db()
    daemon.execute(
        [
            "CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(2); RETURN NULL; END $$",
            # The COMMIT of a claim with companions takes its time.
            "CREATE CONSTRAINT TRIGGER slow AFTER UPDATE ON wm_claim DEFERRABLE INITIALLY DEFERRED FOR EACH ROW "
            "WHEN (NEW.ids LIKE '%,%' AND OLD.seq = NEW.seq) EXECUTE FUNCTION slow()",
        ]
    )
    with daemon.client() as client:
        for number in range(4):
            client.insert("jobs.Soft2", {"n": number}, coalesce="c")
    daemon.start("-c", "1")
    until(lambda: "stopped" in daemon.marks())
    daemon.execute(["DROP TRIGGER slow ON wm_claim"])
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0, 30)
    daemon.stop()
