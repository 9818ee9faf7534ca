"""A connection that breaks in the COMMIT: whether it happened or not, nothing is done twice and nothing is lost."""

from collections.abc import Callable, Iterator

import pytest

from tests.contract.proxy import Proxy, proxied
from tests.contract.rig import GRAB_FOR, ONCE, A, B, Rig
from wmcore.backends.base import ChildQueue
from wmcore.backends.records import Filter, NewJob
from wmcore.errors import QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy

pytestmark = pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
"""SQLite has no network that could break."""


@pytest.fixture(params=["reply", "request"])
def lose(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def broken(either: Rig) -> Iterator[tuple[Rig, Proxy]]:
    """A rig whose children reach the database through a proxy."""
    with proxied(either) as proxy:
        yield either, proxy


def twice(proxy: Proxy, lose: str, act: Callable[[], object]) -> object:
    """`act` loses its COMMIT the first time."""
    lost, proxy.lose = proxy.lost, lose
    with pytest.raises(QueueDown):
        act()
    assert proxy.lost == lost + 1
    return act()


def next_jobs(child: ChildQueue) -> list[int]:
    return [int(job.raw) for job in child.turn((0,), GRAB_FOR).jobs]


def test_a_first_claim(broken: tuple[Rig, Proxy], lose: str) -> None:
    rig, proxy = broken
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    child.turn((0,), GRAB_FOR)  # registers, claims 1
    child.turn((), GRAB_FOR)  # and gives it back, for it was not started
    assert len([1 for _, grabbed in rig.jobs() if grabbed]) == 0
    twice(proxy, lose, lambda: child.turn((0,), GRAB_FOR))
    assert sum(1 for _, grabbed in rig.jobs() if grabbed) == 1


def test_an_acknowledgement_with_a_claim(broken: tuple[Rig, Proxy], lose: str) -> None:
    rig, proxy = broken
    rig.client().insert_many(A, [1, 2, 3])
    child = rig.child()
    job = rig.claim(child)
    child.complete(job)
    turn = twice(proxy, lose, lambda: child.turn((0,), GRAB_FOR))
    assert not turn.late  # type: ignore[attr-defined]
    done = [job.number]
    jobs = turn.jobs  # type: ignore[attr-defined]
    while jobs:
        child.start(jobs[0])
        child.complete(jobs[0])
        done.append(jobs[0].number)
        turn = child.turn((0,), GRAB_FOR)
        assert not turn.late
        jobs = turn.jobs
    while left := child.turn((0,), GRAB_FOR).jobs:  # what the lost claim held has been given back
        child.start(left[0])
        child.complete(left[0])
        done.append(left[0].number)
    assert sorted(done) == [1, 2, 3]
    assert rig.jobs() == []


def test_a_failure(broken: tuple[Rig, Proxy], lose: str) -> None:
    rig, proxy = broken
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    policy = RetryPolicy(max_retries=9)
    assert twice(proxy, lose, lambda: child.fail(job, Failure("no"), policy)) is Outcome.RETRIED
    assert rig.count("error") == 1
    assert next_jobs(child) == [1]


def test_a_last_failure(broken: tuple[Rig, Proxy], lose: str) -> None:
    rig, proxy = broken
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    assert twice(proxy, lose, lambda: child.fail(job, Failure("no"), ONCE)) is Outcome.FAILED
    assert rig.jobs() == []
    manager = rig.manager()
    assert manager.failed_count(Filter()) == 1


def test_a_replacement(broken: tuple[Rig, Proxy], lose: str) -> None:
    rig, proxy = broken
    rig.client().insert(A, 1)
    rig.client().insert(B, 0)
    child = rig.child()
    job = rig.claim(child)
    assert twice(proxy, lose, lambda: child.replace(job, [NewJob(B, b"2")])) is Outcome.REPLACED
    assert sorted(bytes(arg) for (arg,) in rig.sql("SELECT arg FROM job")) == [b"0", b"2"]


def test_the_books_after_a_doubt(broken: tuple[Rig, Proxy], lose: str) -> None:
    """The child dies before it could ask."""
    rig, proxy = broken
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    job = rig.claim(child)
    child.complete(job)
    proxy.lose = lose
    with pytest.raises(QueueDown):
        child.turn((0,), GRAB_FOR)
    rig.manager().close_book(rig.book())
    assert rig.jobs() == [(job.number + 1, 0)]
