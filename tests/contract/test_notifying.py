"""PostgreSQL: who inserts says so, and the asker hears it."""

import select
from collections.abc import Callable, Iterator
from dataclasses import replace

import psycopg
import pytest
from sqlalchemy import create_engine, make_url
from sqlalchemy.pool import NullPool

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, B, Rig, make_config
from tests.waiting import until
from wmcore import TheSchwartzClient
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import Filter, NewJob, Wanted
from wmcore.backends.theschwartz import init_db
from wmcore.backends.theschwartz.notifying import POLL_SECONDS
from wmcore.config.dsn import parse_database
from wmcore.model import Failure, RetryPolicy

pytestmark = pytest.mark.parametrize("make_rig", ["postgresql"], indirect=True)


class Listener:
    """Past our own code: what is said on the channel of a job table."""

    def __init__(self, rig: Rig, table: str = "job") -> None:
        url = make_url(rig.config.databases[0].url).set(drivername="postgresql")
        self._connection = psycopg.connect(url.render_as_string(hide_password=False), autocommit=True)
        found = self._connection.execute("SELECT 'wm_job_' || to_regclass(%s)::oid", [table]).fetchone()
        assert found is not None
        self._connection.execute(f'LISTEN "{found[0]}"')

    def heard(self) -> int:
        """Words since the last time. What was committed before is there with the answer to a question."""
        self._connection.execute("SELECT 1")
        return len(list(self._connection.notifies(timeout=0)))

    def close(self) -> None:
        self._connection.close()


@pytest.fixture
def listen() -> Iterator[Callable[..., Listener]]:
    made: list[Listener] = []

    def make(rig: Rig, table: str = "job") -> Listener:
        made.append(Listener(rig, table))
        return made[-1]

    yield make
    for each in made:
        each.close()


def silent(rig: Rig) -> TheSchwartzClient:
    return TheSchwartzClient([replace(entry, notify=False) for entry in rig.config.databases])


def perl_inserts(rig: Rig, table: str = "job") -> None:
    """As a client would that knows nothing of this."""
    rig.sql(
        f"INSERT INTO {table} (funcid, arg, insert_time, run_after, grabbed_until) "
        f"SELECT funcid, '', 1, 1, 0 FROM {table.replace('job', 'funcmap')}"
    )


def ready(manager: ManagerQueue) -> dict[int, int]:
    return manager.ask(0, [0, 1, 2], 100).ready


# -- who says it ------------------------------------------------------------------------------------------------------


def test_a_client_says_it_once_a_statement(make_rig: MakeRig, listen: Callable[..., Listener]) -> None:
    rig = make_rig()
    listener, client = listen(rig), rig.client()
    client.insert(A, 1)
    assert listener.heard() == 1
    client.insert_many(A, range(1000))
    assert listener.heard() == 1


def test_a_key_that_is_taken_says_nothing(make_rig: MakeRig, listen: Callable[..., Listener]) -> None:
    rig = make_rig()
    client = rig.client()
    client.insert(A, 1, uniqkey="k")
    listener = listen(rig)
    assert client.insert(A, 1, uniqkey="k") is None
    assert listener.heard() == 0


def test_a_client_may_be_told_not_to(make_rig: MakeRig, listen: Callable[..., Listener]) -> None:
    rig = make_rig()
    listener = listen(rig)
    with silent(rig) as client:
        client.insert(A, 1)
    assert listener.heard() == 0
    assert rig.count("job") == 1


def test_inside_an_applications_transaction_it_is_said_by_the_commit(
    make_rig: MakeRig, listen: Callable[..., Listener]
) -> None:
    rig = make_rig()
    listener, client = listen(rig), rig.client()
    with create_engine(make_url(rig.config.databases[0].url), poolclass=NullPool).connect() as application:
        client.insert(A, 1, connection=application)
        assert listener.heard() == 0
        application.rollback()
        assert listener.heard() == 0
        client.insert(A, 1, connection=application)
        application.commit()
        assert listener.heard() == 1


def test_a_retry_from_the_failed_list_and_a_successor_say_it(
    make_rig: MakeRig, listen: Callable[..., Listener]
) -> None:
    rig = make_rig()
    rig.client().insert_many(A, [1, 2])
    child, manager = rig.child(), rig.manager()
    listener = listen(rig)
    child.fail(rig.claim(child), Failure("no luck"), RetryPolicy())
    child.complete(rig.claim(child))
    child.turn((), (600, 600, 600))
    assert listener.heard() == 0, "what children do with claimed jobs is nobody's business"
    (failed,) = manager.failed_page(Filter(), Wanted(None, 10)).rows
    manager.failed_retry(failed.id)
    assert listener.heard() == 1
    child.replace(rig.claim(child), [NewJob(B, b"1")])
    assert listener.heard() == 1


def test_two_queues_in_one_database_do_not_wake_each_other(
    make_rig: MakeRig, listen: Callable[..., Listener]
) -> None:
    rig = make_rig()
    url = make_url(rig.config.databases[0].url)
    rig.sql("CREATE SCHEMA other")
    in_schema = url.update_query_dict({"options": "-c search_path=other"})
    neighbours = [
        parse_database({"dsn": url.render_as_string(hide_password=False), "prefix": "second_"}),
        parse_database({"dsn": in_schema.render_as_string(hide_password=False)}),
    ]
    init_db(make_config(rig.config.state_dir, neighbours), dry_run=False, notify_trigger=True)
    ours, second, third = listen(rig), listen(rig, "second_job"), listen(rig, "other.job")
    for entry, channel in zip(neighbours, (second, third), strict=True):
        with TheSchwartzClient([entry]) as client:
            client.insert(A, 1)
        assert channel.heard() == 1
    assert ours.heard() == 0
    rig.client().insert(A, 1)
    assert [each.heard() for each in (ours, second, third)] == [1, 0, 0]


# -- who hears it -----------------------------------------------------------------------------------------------------


def proved(manager: ManagerQueue) -> None:
    """From now on, silence means that nothing came."""
    until(lambda: not manager.changed(0))


def test_without_the_trigger_it_is_heard_and_polled(make_rig: MakeRig) -> None:
    rig = make_rig()
    manager = rig.manager()
    assert manager.changed(0)
    fd = manager.ear(0)
    assert fd is not None
    assert can_be_read(fd), "our own word, by which it is known whether anything arrives"
    assert [manager.changed(0) for _ in range(3)] == [True] * 3, "Perl says nothing"
    assert not can_be_read(fd, 0)
    rig.client().insert(A, 1)
    assert can_be_read(fd)
    manager.changed(0)
    assert not can_be_read(fd, 0)


def can_be_read(fd: int, seconds: float = 10) -> bool:
    return bool(select.select([fd], [], [], seconds)[0])


def test_with_the_trigger_every_client_is_heard_and_silence_means_nothing_came(make_rig: MakeRig) -> None:
    rig = with_trigger(make_rig)
    manager = rig.manager()
    proved(manager)
    for insert in (lambda: rig.client().insert(A, 1), lambda: perl_inserts(rig)):
        proved(manager)
        insert()
        fd = manager.ear(0)
        assert fd is not None
        assert can_be_read(fd)
        assert manager.changed(0)
    assert ready(manager) == {0: 2}


def with_trigger(make_rig: MakeRig) -> Rig:
    rig = make_rig()
    init_db(rig.config, dry_run=False, notify_trigger=True)
    return rig


def test_silence_is_doubted_all_the_same(make_rig: MakeRig) -> None:
    manager = with_trigger(make_rig).manager()
    proved(manager)
    until(lambda: manager.changed(0), 5 * POLL_SECONDS)


def test_the_trigger_does_not_fire_for_what_children_do(
    make_rig: MakeRig, listen: Callable[..., Listener]
) -> None:
    rig = with_trigger(make_rig)
    rig.client().insert_many(A, range(3))
    listener, child = listen(rig), rig.child()
    child.complete(rig.claim(child))
    child.decline(rig.claim(child), None)
    child.turn((), (600, 600, 600))
    assert rig.count("job") == 2
    assert listener.heard() == 0
    rig.sql("INSERT INTO job (funcid, run_after, grabbed_until) SELECT 1, 1, 0 FROM generate_series(1, 1000)")
    assert listener.heard() == 1


def test_the_trigger_is_made_on_request_once(make_rig: MakeRig) -> None:
    rig = make_rig(prefix="shop_")
    assert init_db(rig.config, dry_run=False) == []
    planned = init_db(rig.config, dry_run=True, notify_trigger=True)
    assert planned[0].startswith("CREATE OR REPLACE FUNCTION shop_wm_job_notify()")
    assert "CREATE TRIGGER shop_wm_job_notify AFTER INSERT ON shop_job FOR EACH STATEMENT" in planned[1]
    assert init_db(rig.config, dry_run=False, notify_trigger=True) == planned
    assert init_db(rig.config, dry_run=True, notify_trigger=True) == []


def test_a_line_that_breaks_is_polled_and_opened_anew(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wmcore.backends.theschwartz.notifying.AGAIN_SECONDS", 0.0)
    rig = with_trigger(make_rig)
    manager = rig.manager()
    proved(manager)
    rig.kill_connections()
    rig.client().insert(A, 1)
    until(lambda: manager.changed(0))
    assert ready(manager) == {0: 1}
    proved(manager)
    rig.client().insert(A, 1)
    until(lambda: manager.changed(0))


def test_where_nothing_arrives_it_is_polled(make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As behind PgBouncer in transaction mode, where LISTEN does well and then another client has the connection."""
    rig = with_trigger(make_rig)
    manager = rig.manager()
    ear = manager._ears[0]  # type: ignore[attr-defined]
    listen_to = ear._db.run
    monkeypatch.setattr(ear._db, "run", lambda sql, *values: listen_to(sql.replace("LISTEN", "UNLISTEN"), *values))
    assert [manager.changed(0) for _ in range(50)] == [True] * 50
