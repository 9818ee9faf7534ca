"""Whole runs on each database: every job exactly once, whatever is replaced, stopped or doubled meanwhile."""

import signal
import time
from collections import Counter
from collections.abc import Callable

import pytest

from tests.integration.daemon import Daemon
from tests.waiting import until

JOBS = 1000


def numbers(daemon: Daemon) -> Counter[str]:
    return Counter(daemon.marks())


def test_every_job_runs_exactly_once_while_children_are_replaced(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    daemon = make_daemon(dsn).init_db().start("-c", "8", "-w", "50")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": n % 20} for n in range(JOBS)])
    until(lambda: daemon.counts("jobs.Quick").completed == JOBS, 100)
    assert numbers(daemon) == {str(n): 1 for n in range(JOBS)}
    until(lambda: len(daemon.ended()) >= JOBS, what="a line for each, written when its end is committed")
    assert daemon.rows("SELECT count(*) FROM job")[0][0] == 0
    started = daemon.log().count("started with PID")
    assert started > 8, "children are replaced after 50 jobs"
    assert sorted(daemon.ended()) == sorted(set(daemon.ended()))
    assert len(daemon.ended()) == JOBS
    until(lambda: len(daemon.status().children) == 8)
    daemon.stop()


def test_term_in_the_middle_loses_nothing(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    daemon = make_daemon(dsn).init_db().start("-c", "8")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 10} for n in range(JOBS)])
    until(lambda: len(daemon.marks()) > 100)
    daemon.stop(signal.SIGTERM)
    done = numbers(daemon)
    left = daemon.rows("SELECT count(*) FROM job")[0][0]
    assert 0 < left < JOBS
    assert daemon.rows("SELECT count(*) FROM job WHERE grabbed_until > 0")[0][0] == 0, "none is left grabbed"
    assert len(done) + left == JOBS
    daemon.start("-c", "8")
    until(lambda: len(numbers(daemon)) == JOBS, 100)
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0)
    assert set(numbers(daemon).values()) == {1}
    daemon.stop()


def test_two_daemons_share_a_queue_and_a_machine(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    one = make_daemon(dsn, "one").init_db()
    two = make_daemon(dsn, "two")
    for daemon in (one, two):
        daemon.start("-c", "4")
    with one.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 5} for n in range(JOBS)])
    until(lambda: len(one.marks()) + len(two.marks()) >= JOBS, 100)
    assert numbers(one) + numbers(two) == {str(n): 1 for n in range(JOBS)}
    assert min(len(one.marks()), len(two.marks())) > JOBS / 10
    until(lambda: one.rows("SELECT count(*) FROM job")[0][0] == 0)
    one.stop()
    assert two.answers()
    two.stop()


def test_a_job_that_fails_is_retried_and_then_kept(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    daemon = make_daemon(dsn).init_db().start("-c", "2")
    with daemon.client() as client:
        client.insert("jobs.Fails", {"n": 42}, uniqkey="one")
        until(lambda: daemon.status().failed.count == 1, 30)
        assert len(daemon.ended("failed")) == 4
        counts = daemon.counts("jobs.Fails")
        assert (counts.failed, counts.retried, counts.completed) == (1, 3, 0)
        assert (counts.lately.failed, counts.lately.completed) == (1, 0)
        until(lambda: daemon.counts("jobs.Fails").lately.failed_at is not None)
        shown = daemon.wmtui("failed", "show", "0-1").stdout
        assert shown.count("ValueError: no luck with 42") >= 4
        assert "jobs.py" in shown, "the traceback names the file"
        assert daemon.wmtui("failed", "retry", "0-1").returncode == 0
        again = daemon.wmtui("failed", "retry", "0-1")
        assert again.returncode == 1
        assert "0-1" in again.stderr + again.stdout
        until(lambda: daemon.counts("jobs.Fails").failed == 2, 30)
        until(lambda: daemon.status().failed.count == 1)  # the one that was retried is not open any more
        assert daemon.wmtui("failed", "delete", "0-1", "0-2", "--yes").returncode == 0
        until(lambda: daemon.status().failed.count == 0)
    assert "about to fail" in daemon.errors()


def test_a_job_that_was_put_off_starts_when_it_is_due(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    daemon = make_daemon(dsn).init_db().start("-c", "1")
    due = int(time.time()) + 3
    with daemon.client() as client:
        client.insert("jobs.Quick", {"n": 1}, run_after=due)
        client.insert("jobs.Quick", {"n": 2}, run_after=due + 3600)
    until(lambda: daemon.marks() == ["1"])
    late = time.time() - due
    assert late >= 0
    until(lambda: daemon.counts("jobs.Quick").completed == 1)
    lateness = until(lambda: daemon.counts("jobs.Quick").lateness.max)  # a record of its own, behind the count
    assert lateness is not None
    assert 0 < lateness <= late * 1000 + 1
    until(lambda: daemon.counts("jobs.Quick").queue.delayed == 1)
    assert daemon.marks() == ["1"]


@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_a_database_that_comes_later_is_waited_for(
    make_daemon: Callable[..., Daemon], kind: str, request: pytest.FixtureRequest
) -> None:
    server = request.getfixturevalue(kind)
    daemon = make_daemon(server.new_database()).init_db()
    server.stop()
    try:
        daemon.start("-c", "2")
        shown = until(lambda: daemon.status().backend.servers and daemon.status().backend)
        until(lambda: daemon.status().backend.servers[0].error)
        shown = daemon.status().backend
        assert not shown.ok
        assert "geheim" not in str(shown)
    finally:
        server.start()
    with daemon.client() as client:
        client.insert("jobs.Quick", {"n": 1})
    until(lambda: daemon.marks() == ["1"], 30)
    until(lambda: daemon.status().backend.ok)
    with daemon.client() as client:
        client.insert("jobs.Sleeps", {"n": 2, "s": 2})
    until(lambda: "begin-2" in daemon.marks())
    server.stop()
    until(lambda: not daemon.status().backend.ok)
    until(lambda: "end-2" in daemon.marks())
    server.start()
    until(lambda: daemon.counts("jobs.Sleeps").completed == 1, 30)
    assert daemon.marks() == ["1", "begin-2", "end-2"]
    assert "geheim" not in daemon.log() + daemon.errors()
