"""Several databases are used together; one that is down is skipped, and tried again."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import make_url

from tests.contract.conftest import MakeRig
from tests.contract.proxy import proxied
from tests.contract.rig import GRAB_FOR, ONCE, A, Rig
from wmcore.backends.base import ChildQueue
from wmcore.backends.records import Claimed, Filter, Wanted
from wmcore.client import TheSchwartzClient
from wmcore.errors import Fenced, QueueDown, SchemaMissing
from wmcore.model import Failure, Outcome


@pytest.fixture
def pair(make_rig: MakeRig) -> Rig:
    return make_rig(databases=2, retry_seconds=0.0)


def into(rig: Rig, database: int, count: int = 1) -> None:
    with TheSchwartzClient([rig.config.databases[database]]) as client:
        client.insert_many(A, range(count))


def left(rig: Rig, database: int) -> int:
    return int(rig.sql("SELECT count(*) FROM job", database=database)[0][0])


def test_a_child_works_in_both(pair: Rig) -> None:
    into(pair, 0, 3)
    into(pair, 1, 3)
    child, seen = pair.child(), set()
    while jobs := child.turn((0,), GRAB_FOR).jobs:
        child.start(jobs[0])
        child.complete(jobs[0])
        seen.add(jobs[0].id)
    assert sorted(seen) == ["0-1", "0-2", "0-3", "1-1", "1-2", "1-3"]
    assert (left(pair, 0), left(pair, 1)) == (0, 0)


def test_a_full_database_starves_no_other(pair: Rig) -> None:
    into(pair, 0, 6)
    into(pair, 1, 2)
    child, seen = pair.child(), []
    for _ in range(4):
        jobs = child.turn((0,), GRAB_FOR).jobs
        child.start(jobs[0])
        child.complete(jobs[0])
        seen.append(jobs[0].database)
    assert sorted(seen) == [0, 0, 1, 1]


def test_the_books_after_a_change_of_database(pair: Rig) -> None:
    into(pair, 0)
    child = pair.child()
    first = pair.claim(child)
    child.complete(first)
    into(pair, 1)
    second = pair.claim(child)
    closed = pair.manager().close_book(pair.book(policy=ONCE))
    assert (list(closed.completed), list(closed.attempts)) == ([], [(0, second.id, Outcome.FAILED)])
    assert (left(pair, 0), left(pair, 1)) == (0, 0)


def test_clients_insert_into_either(pair: Rig) -> None:
    client = pair.client()
    for number in range(40):
        client.insert(A, number)
    assert left(pair, 0) > 0
    assert left(pair, 1) > 0


def test_failed_jobs_of_both_in_one_list(pair: Rig) -> None:
    into(pair, 0, 2)
    into(pair, 1, 2)
    child = pair.child()
    for _ in range(4):
        child.fail(pair.claim(child), Failure("no"), ONCE)
    manager, seen, cursor = pair.manager(), [], None
    while True:
        page = manager.failed_page(Filter(), Wanted(cursor, 1))
        seen, cursor = seen + [row.id for row in page.rows], page.older
        if cursor is None:
            break
    assert sorted(seen) == ["0-1", "0-2", "1-1", "1-2"]
    assert manager.failed_retry("1-2").startswith("1-")


def with_one_down(rig: Rig) -> Rig:
    """Database 1 was never there."""
    entry = rig.config.databases[1]
    if rig.kind == "sqlite":
        wrong = entry.url.replace("q1.db", "missing/q1.db")
    else:
        wrong = make_url(entry.url).set(port=1).render_as_string(hide_password=False)
    rig.config = replace(rig.config, databases=(rig.config.databases[0], replace(entry, url=wrong)))
    return rig


def test_one_down_is_skipped(pair: Rig) -> None:
    into(pair, 0, 3)
    with_one_down(pair)
    child = pair.child()
    for _ in range(3):
        child.complete(pair.claim(child))
    assert not child.turn((0,), GRAB_FOR).jobs
    assert left(pair, 0) == 0


def test_clients_skip_one_that_is_down(pair: Rig) -> None:
    client = with_one_down(pair).client()
    for number in range(10):
        assert client.insert(A, number) is not None
    assert left(pair, 0) == 10


def test_a_book_is_closed_where_it_can_be(pair: Rig) -> None:
    into(pair, 0)
    job = pair.claim(pair.child())
    book = pair.book(counts=False)
    with_one_down(pair)
    closed = pair.manager(probe=False).close_book(book)
    assert (list(closed.released), closed.remaining) == ([job.id], (1,))


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_an_end_that_cannot_be_written_is_left_to_the_manager(pair: Rig) -> None:
    """The database of the finished job is down: the child leaves, the next one works with the other."""
    into(pair, 0)
    with proxied(pair) as proxy:
        child = pair.child()
        job = pair.claim(child)
        child.complete(job)
        into(pair, 1)
        proxy.close()
        with pytest.raises(Fenced):
            child.turn((0,), GRAB_FOR)
        book = pair.book()
        assert pair.claim(pair.child()).id == "1-1"
    assert list(pair.manager().close_book(book).completed) == [(0, job.id)]
    assert left(pair, 0) == 0


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_a_claim_in_doubt_does_not_wait_while_another_database_has_work(pair: Rig) -> None:
    into(pair, 0, 9)
    into(pair, 1, 2)
    with proxied(pair) as proxy:
        child = pair.child()
        jobs = [job for _ in range(2) for job in run_one(child)]
        assert sorted(job.database for job in jobs) == [0, 1]
        proxy.lose = "reply"
        assert [job.database for job in run_one(child)] == [1]
    assert proxy.lost == 1
    assert not any(grabbed for _, grabbed in pair.jobs())


def run_one(child: ChildQueue) -> Sequence[Claimed]:
    jobs = child.turn((0,), GRAB_FOR).jobs
    for job in jobs:
        child.start(job)
        child.complete(job)
    return jobs


def test_all_down(pair: Rig) -> None:
    child = pair.child()
    with pair.unreachable():
        two = with_one_down(pair)
        for _ in range(3):
            with pytest.raises(QueueDown):
                child.turn((0,), GRAB_FOR) if pair.server else two.child(1).turn((0,), GRAB_FOR)
        with pytest.raises(QueueDown):
            two.client().insert(A, 1)


def test_tables_that_are_missing_are_named(make_rig: MakeRig) -> None:
    rig = make_rig(tables=False)
    with pytest.raises(SchemaMissing, match="--init-db"):
        rig.manager()
    with pytest.raises(SchemaMissing):
        rig.client().insert(A, 1)
    with pytest.raises(SchemaMissing):
        rig.child().turn((0,), GRAB_FOR)
    rig.init()
    rig.client().insert(A, 1)
    assert rig.manager().probe(0) == []
