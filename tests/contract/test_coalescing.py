"""Jobs that belong together are found from inside a worker, and come to no harm with their child."""

from collections.abc import Sequence

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.proxy import proxied
from tests.contract.rig import GRAB_FOR, ONCE, A, B, Rig
from wmcore.backends.base import MOST_COMPANIONS, ChildQueue
from wmcore.backends.records import Claimed
from wmcore.model import Failure, Outcome


@pytest.fixture
def rig(either: Rig) -> Rig:
    return either


def insert(rig: Rig, *values: str | None, name: str = A) -> None:
    """A job for each coalescing value, which is its argument too."""
    client = rig.client()
    for value in values:
        client.insert(name, value, coalesce=value)


def more(child: ChildQueue, job: Claimed, value: str, limit: int = 50, *, prefix: bool = False) -> Sequence[Claimed]:
    return child.coalesce(job, value, limit, prefix=prefix)


def free(rig: Rig) -> int:
    return sum(1 for _, grabbed in rig.jobs() if grabbed == 0)


def test_those_of_the_same_value_and_class_come_along(rig: Rig) -> None:
    insert(rig, "foo", "bar", "foo", None, "food", "foo")
    insert(rig, "foo", name=B)
    child = rig.child()
    job = rig.claim(child)
    companions = more(child, job, "foo")
    assert [each.coalesce for each in companions] == ["foo", "foo"]
    assert job.number not in [each.number for each in companions]
    assert free(rig) == 4
    assert not more(child, job, "foo")
    child.complete(job)
    for each in companions:
        child.start(each)
        child.complete(each)
    child.turn((), GRAB_FOR)
    assert len(rig.jobs()) == 4


def test_the_turn_that_was_answered_stays_as_it_was(rig: Rig) -> None:
    """A child goes through its jobs: the companions must not turn up there too."""
    insert(rig, "c", "c")
    child = rig.child()
    jobs = child.turn((0,), GRAB_FOR).jobs
    child.start(jobs[0])
    assert len(more(child, jobs[0], "c")) == 1
    assert len(jobs) == 1


def test_a_prefix_finds_what_begins_with_it(rig: Rig) -> None:
    insert(rig, "x", "a1", "a2", "b1", "a%", "_1")
    child = rig.child()
    job = rig.claim(child)
    assert [each.coalesce for each in more(child, job, "a%", prefix=True)] == ["a%"], "no wildcards"
    assert [each.coalesce for each in more(child, job, "_", prefix=True)] == ["_1"]
    assert [each.coalesce for each in more(child, job, "a", prefix=True)] == ["a1", "a2"]


def test_no_more_than_asked_for(rig: Rig) -> None:
    insert(rig, *["c"] * 6)
    child = rig.child()
    job = rig.claim(child)
    assert len(more(child, job, "c", 2)) == 2
    assert len(more(child, job, "c", 2)) == 2
    assert free(rig) == 1


def test_not_what_is_delayed_or_somebody_elses(rig: Rig) -> None:
    insert(rig, "c", "c", "c")
    child, other = rig.child(0), rig.child(1)
    job = rig.claim(child)
    theirs = rig.claim(other)
    rig.sql("UPDATE job SET run_after = run_after + 1000 WHERE grabbed_until = 0")
    assert not more(child, job, "c")
    assert theirs.number != job.number


def test_each_has_an_end_of_its_own(rig: Rig) -> None:
    insert(rig, "c", "c", "c", "c")
    child = rig.child()
    job = rig.claim(child)
    done, failed, declined = more(child, job, "c")
    child.complete(job)
    child.start(done)
    child.complete(done)
    child.start(failed)
    assert child.fail(failed, Failure("no"), ONCE) is Outcome.FAILED
    child.start(declined)
    assert child.decline(declined, None) is Outcome.DECLINED
    assert rig.jobs() == [(declined.number, 0)]
    assert rig.claim(child).number == declined.number


def test_a_child_that_dies_before_their_end_gives_them_back(rig: Rig) -> None:
    insert(rig, "c", "c", "c")
    child = rig.child()
    job = rig.claim(child)
    companions = more(child, job, "c")
    closed = rig.manager().close_book(rig.book())
    assert list(closed.attempts) == [(0, job.id, Outcome.FAILED)]
    assert sorted(closed.released) == sorted(each.id for each in companions)
    assert rig.jobs() == [(each.number, 0) for each in companions]


def test_a_child_that_dies_between_their_ends_ends_each_as_it_stood(rig: Rig) -> None:
    insert(rig, "c", "c", "c", "c")
    child = rig.child()
    job = rig.claim(child)
    first, second, third = more(child, job, "c")
    child.complete(job)
    child.start(first)
    child.complete(first)
    child.start(second)
    closed = rig.manager().close_book(rig.book())
    assert [job_id for _, job_id in closed.completed] == [job.id, first.id]
    assert list(closed.attempts) == [(0, second.id, Outcome.FAILED)]
    assert list(closed.released) == [third.id]
    assert rig.jobs() == [(third.number, 0)]


def test_a_child_that_dies_after_the_first_ones_failure_gives_the_others_back(rig: Rig) -> None:
    insert(rig, "c", "c", "c")
    child = rig.child()
    job = rig.claim(child)
    companions = more(child, job, "c")
    assert child.fail(job, Failure("no"), ONCE) is Outcome.FAILED
    closed = rig.manager().close_book(rig.book())
    assert (list(closed.completed), list(closed.attempts)) == ([], [])
    assert list(closed.released) == [each.id for each in companions]


def test_the_batch_after_them_is_clean(rig: Rig) -> None:
    insert(rig, "c", "c", "d", "d")
    child = rig.child()
    for value in ("c", "d"):
        job = rig.claim(child)
        (companion,) = more(child, job, value)
        child.complete(job)
        child.start(companion)
        child.complete(companion)
    assert not child.turn((0,), GRAB_FOR).jobs
    assert rig.jobs() == []
    closed = rig.manager().close_book(rig.book())
    assert (closed.completed, closed.attempts, closed.released) == ([], [], [])


def test_a_slot_without_our_tables_has_room_for_some(make_rig: MakeRig) -> None:
    rig = make_rig(tables=False)
    rig.init_bare()
    insert(rig, *["c"] * (MOST_COMPANIONS + 5))
    child = rig.child()
    job = rig.claim(child)
    companions = [*more(child, job, "c", 20), *more(child, job, "c"), *more(child, job, "c")]
    assert len(companions) == MOST_COMPANIONS
    assert free(rig) == 4
    closed = rig.manager().close_book(rig.book(counts=False))
    assert len(closed.released) == MOST_COMPANIONS + 1
    assert all(grabbed == 0 for _, grabbed in rig.jobs())


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("lose", ["reply", "request"])
def test_a_commit_in_doubt_leaves_nobody_behind(rig: Rig, lose: str) -> None:
    """The connection breaks in the COMMIT of the coalescing: the worker gets none, and none stays grabbed."""
    insert(rig, "c", "c", "c")
    with proxied(rig) as proxy:
        child = rig.child()
        job = rig.claim(child)
        proxy.lose = lose
        assert not more(child, job, "c")
        assert proxy.lost == 1
        child.complete(job)
        child.turn((), GRAB_FOR)
    assert [grabbed for _, grabbed in rig.jobs()] == [0, 0]


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_none_where_the_database_does_not_answer(rig: Rig) -> None:
    insert(rig, "c", "c")
    child = rig.child()
    job = rig.claim(child)
    with rig.unreachable():
        assert not more(child, job, "c")
    child.complete(job)
    child.turn((), GRAB_FOR)
    assert [grabbed for _, grabbed in rig.jobs()] == [0]


def test_a_prefix_tells_upper_from_lower_case_where_values_do(rig: Rig) -> None:
    insert(rig, "x", "Host-a")
    child = rig.child()
    found = more(child, rig.claim(child), "host", prefix=True)
    assert bool(found) == (rig.kind == "mariadb"), "whose columns don't"


def test_however_many_are_asked_for(rig: Rig) -> None:
    insert(rig, "c", "c", "c")
    child = rig.child()
    job = rig.claim(child)
    assert len(more(child, job, "c", 10**9)) == 2


def test_no_more_than_the_slot_can_count(make_rig: MakeRig) -> None:
    """4,095; beyond it everything that was finished ran again."""
    rig = make_rig()
    rig.client().insert_many(A, range(4200), coalesce="c")
    child = rig.child()
    job, taken = rig.claim(child), 1
    while found := more(child, job, "c", 1000):
        taken += len(found)
    assert taken == 4000
    assert free(rig) == 200


def test_a_late_first_job_is_told_when_another_ends_otherwise(rig: Rig) -> None:
    insert(rig, "c", "c")
    child = rig.child()
    job = rig.claim(child)
    (companion,) = more(child, job, "c")
    rig.sql(f"UPDATE job SET grabbed_until = grabbed_until + 7 WHERE jobid = {job.number}")
    child.complete(job)
    child.start(companion)
    assert child.fail(companion, Failure("no"), ONCE) is Outcome.FAILED
    assert child.late_before() == {job.id}
