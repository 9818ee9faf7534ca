"""The idle daemon: what it is asked for, what wakes it, what does not end it."""

from collections.abc import Callable

import pytest

from tests.conftest import DATABASES
from tests.integration.daemon import Daemon
from tests.waiting import until

CHILDREN = 50


def states(daemon: Daemon) -> list[str]:
    return [child.state for child in daemon.status().children]


@pytest.fixture(params=[*DATABASES, "postgresql, trigger"])
def many(request: pytest.FixtureRequest, make_daemon: Callable[..., Daemon]) -> Daemon:
    """A daemon with many idle children, in each of the ways of asking."""
    kind, _, trigger = request.param.partition(", ")
    server = None if kind == "sqlite" else request.getfixturevalue(kind)
    daemon = make_daemon(server.new_database() if server else "")
    done = daemon.wmcore("--init-db", *(["--notify-trigger"] if trigger else []), "-f", str(daemon.conf))
    assert done.returncode == 0, done.stderr
    daemon.start("-c", str(CHILDREN))
    until(lambda: states(daemon) == ["idle"] * CHILDREN, 60)
    return daemon


def test_as_many_idle_children_are_woken_as_there_is_work(many: Daemon) -> None:
    with many.client() as client:
        client.insert_many("jobs.Sleeps", [{"n": n, "s": 20} for n in range(CHILDREN)])
        until(lambda: states(many) == ["busy"] * CHILDREN)


def test_jobs_in_many_small_inserts_wake_as_many(many: Daemon) -> None:
    with many.client() as client:
        for n in range(CHILDREN):
            client.insert("jobs.Sleeps", {"n": n, "s": 20})
        until(lambda: states(many) == ["busy"] * CHILDREN)


def test_what_goes_back_into_the_queue_is_tried_again(many: Daemon) -> None:
    with many.client() as client:
        client.insert("jobs.Fails", {"n": 1})
    until(lambda: many.counts("jobs.Fails").failed == 1, 40)
    assert many.counts("jobs.Fails").retried == 3


def test_an_error_that_is_no_outage_does_not_end_the_asking(make_daemon: Callable[..., Daemon]) -> None:
    """SQLite takes any text for a number: a row that no reader of times can read."""
    daemon = make_daemon(workers=["jobs.Quick", "jobs.Others"]).init_db().start("-c", "1")
    with daemon.client() as client:
        client.insert("jobs.Quick", {"n": 1})
        until(lambda: daemon.marks() == ["1"])
        insert = "INSERT INTO job (funcid, arg, run_after, grabbed_until) SELECT funcid, '', 'never', 0 FROM funcmap"
        daemon.execute([insert])
        notices = until(lambda: daemon.status().notices)
        assert "asking database sqlite" in notices[0]
        assert "failed and goes on: ValueError" in notices[0]
        assert "Traceback" in daemon.errors()
        assert notices[0] in daemon.log()
        daemon.execute(["DELETE FROM job WHERE run_after = 'never'"])
        client.insert("jobs.Quick", {"n": 2})
        until(lambda: daemon.marks() == ["1", "2"], 60)
