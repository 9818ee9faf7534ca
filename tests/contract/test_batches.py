"""Many jobs in one claim: what becomes of each, whoever dies, takes long or is told to leave."""

import time
from collections.abc import Sequence

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.proxy import proxied
from tests.contract.rig import GRAB_FOR, ONCE, A, B, Rig
from tests.waiting import until
from wmcore.backends.base import ChildQueue, Progress, SlowBatch
from wmcore.backends.records import Claimed
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.rows import among
from wmcore.errors import QueueDown
from wmcore.model import Failure, Outcome

BOUND_MS = 1.0
"""Soon over."""


def batch(child: ChildQueue, most: int = 5, classes: Sequence[int] = (0,)) -> Sequence[Claimed]:
    return child.turn(classes, GRAB_FOR, [most] * 3).jobs


def run(child: ChildQueue, *jobs: Claimed) -> None:
    for job in jobs:
        assert child.start(job)
        child.complete(job)


def slow(rig: Rig, slot: int = 0, progress: Progress | None = None) -> SlowBatch:
    """The batch in `slot` as the manager sees it: when the bound has passed, till then the child need not look."""
    until(lambda: time.monotonic_ns() > (rig.board.held_since(slot) or 0) + 2 * BOUND_MS * 1e6, 10, "the bound to pass")
    place = rig.place(slot)
    return SlowBatch(
        slot, rig.owners[slot], place.database, place.seq, 0, lambda: progress or rig.board.progress(slot)
    )  # fmt: skip


def free(rig: Rig) -> list[int]:
    return [number for number, grabbed in rig.jobs() if grabbed == 0]


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    rig = make_rig(batch_ms=BOUND_MS)
    rig.client().insert_many(A, range(8))
    return rig


def test_as_many_as_asked_for_in_the_order_of_the_queue(rig: Rig) -> None:
    child = rig.child()
    jobs = batch(child)
    assert [job.raw for job in jobs] == [b"0", b"1", b"2", b"3", b"4"]
    assert len({job.claimed_at for job in jobs}) >= 1
    assert len(free(rig)) == 3
    assert rig.board.progress(0) == Progress(5, 0, 0)


def test_one_class_at_a_time(rig: Rig) -> None:
    rig.client().insert_many(B, range(2))
    child = rig.child()
    assert [job.funcname for job in batch(child, 9, (1, 0))] == [B, B]


def test_what_is_finished_goes_and_the_next_comes_in_one_turn(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.client().insert_many(A, range(8))
    child = rig.child()
    run(child, *batch(child))
    assert len(rig.jobs()) == 8
    assert [job.raw for job in batch(child)] == [b"5", b"6", b"7"]
    assert len(rig.jobs()) == 3


def test_what_was_not_started_is_given_back_by_the_next_turn(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.client().insert_many(A, range(5))
    child = rig.child()
    first, second, *_ = batch(child)
    run(child, first, second)
    assert not child.turn((), GRAB_FOR).jobs
    assert len(free(rig)) == len(rig.jobs()) == 3
    assert child.settled


def test_by_priority(make_rig: MakeRig) -> None:
    rig = make_rig(prioritize=True)
    client = rig.client()
    for priority in (1, 5, None, 9, 3):
        client.insert(A, priority, priority=priority)
    assert [job.priority for job in batch(rig.child(), 3)] == [9, 5, 3]


def test_late_ones_are_told_apart(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.client().insert_many(A, range(5))
    child = rig.child()
    jobs = batch(child)
    run(child, *jobs)
    rig.sql(f"UPDATE job SET grabbed_until = grabbed_until + 7 WHERE jobid = {jobs[2].number}")
    assert child.turn((), GRAB_FOR).late == {jobs[2].id}
    assert [number for number, _ in rig.jobs()] == [jobs[2].number]


def test_exit_statuses_of_some(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.client().insert_many(A, range(3))
    child = rig.child()
    for place, job in enumerate(batch(child)):
        child.start(job)
        child.complete(job, keep_exit_status_seconds=100 * place)
    child.turn((), GRAB_FOR)
    assert (rig.count("exitstatus"), rig.jobs()) == (2, [])


def test_a_failure_in_the_middle_acknowledges_what_was_before(make_rig: MakeRig) -> None:
    rig = make_rig()
    rig.client().insert_many(A, range(5))
    child = rig.child()
    first, second, third, *rest = batch(child)
    run(child, first, second)
    assert child.start(third)
    assert child.fail(third, Failure("no"), ONCE) is Outcome.FAILED
    assert [number for number, _ in rig.jobs()] == [job.number for job in rest]
    run(child, *rest)
    child.turn((), GRAB_FOR)
    assert rig.jobs() == []


@pytest.mark.parametrize("make_rig", ["sqlite"], indirect=True)
def test_a_batch_is_looked_up_and_not_searched_for(make_rig: MakeRig) -> None:
    """SQLite, left to itself, goes through all jobs of the class for it: 1,200 jobs/s instead of 50,000."""
    rig = make_rig()
    rig.client().insert_many(A, range(3))
    db = Database(rig.config.databases[0], 0)
    plan = rig.sql(f"EXPLAIN QUERY PLAN DELETE FROM job WHERE {among(db, [1, 2, 3], 1)} AND grabbed_until = 5")
    assert "INTEGER PRIMARY KEY" in str(plan)


# -- books -------------------------------------------------------------------------------------------------------------


def test_a_child_that_dies_in_the_middle(rig: Rig) -> None:
    child = rig.child()
    first, second, third, *rest = batch(child)
    run(child, first, second)
    child.start(third)
    closed = rig.manager().close_book(rig.book())
    assert list(closed.completed) == [(0, first.id), (0, second.id)]
    assert list(closed.attempts) == [(0, third.id, Outcome.FAILED)]
    assert list(closed.released) == [job.id for job in rest]


def test_a_child_that_dies_after_its_batch_was_cut(rig: Rig) -> None:
    child, manager = rig.child(), rig.manager()
    first, second, *_ = batch(child)
    run(child, first)
    child.start(second)
    manager.trim(slow(rig))
    closed = manager.close_book(rig.book())
    assert (list(closed.completed), list(closed.released)) == ([(0, first.id)], []), "its line is still to be written"
    assert list(closed.attempts) == [(0, second.id, Outcome.FAILED)]
    assert len(free(rig)) == 6


# -- cutting -----------------------------------------------------------------------------------------------------------


def test_what_waits_behind_a_slow_job_is_given_back(rig: Rig) -> None:
    child, manager = rig.child(), rig.manager()
    first, second, third, *rest = batch(child)
    run(child, first)
    child.start(second)
    assert manager.trim(slow(rig)) == [job.id for job in (third, *rest)]
    assert next(number for number, _ in rig.jobs()) == second.number, "the first one is acknowledged"
    assert len(free(rig)) == 6
    child.complete(second)
    assert not child.start(third)
    turn = child.turn((0,), GRAB_FOR, [9] * 3)
    assert turn.late == frozenset()
    assert [job.raw for job in turn.jobs] == [b"2", b"3", b"4", b"5", b"6", b"7"]
    run(child, *turn.jobs)
    child.turn((), GRAB_FOR)
    assert rig.jobs() == []


def test_a_job_that_fails_after_the_cut_ends_as_ever(rig: Rig) -> None:
    child, manager = rig.child(), rig.manager()
    first, second, *_ = batch(child)
    run(child, first)
    child.start(second)
    manager.trim(slow(rig))
    assert child.fail(second, Failure("no"), ONCE) is Outcome.FAILED
    assert len(free(rig)) == len(rig.jobs()) == 6


def test_nobody_elses_claim_is_given_back(rig: Rig) -> None:
    """Leases of one second are equal: what was cut and has another owner by now is not the first child's to release."""
    child, other, manager = rig.child(0), rig.child(1), rig.manager()
    first, *_ = batch(child)
    child.start(first)
    manager.trim(slow(rig))
    theirs = batch(other, 4)
    rig.sql(f"UPDATE job SET grabbed_until = (SELECT lease FROM wm_claim WHERE slot = 0) WHERE funcid = {funcid(rig)}")
    child.complete(first)
    assert not child.turn((), GRAB_FOR).jobs
    held = {number for number, grabbed in rig.jobs() if grabbed}
    assert {job.number for job in theirs} <= held


def funcid(rig: Rig) -> int:
    return int(rig.sql(f"SELECT funcid FROM funcmap WHERE funcname = '{A}'")[0][0])


def test_a_job_that_was_started_just_before_the_cut_is_kept(rig: Rig) -> None:
    child, manager = rig.child(), rig.manager()
    first, second, third, *_ = batch(child)
    run(child, first)
    assert child.start(second)
    child.complete(second)
    assert child.start(third)
    assert len(manager.trim(slow(rig))) == 2
    child.complete(third)
    child.turn((), GRAB_FOR)
    assert len(rig.jobs()) == len(free(rig)) == 5


def test_one_that_has_moved_on_or_has_no_rest_is_left_alone(rig: Rig) -> None:
    child, manager = rig.child(), rig.manager()
    jobs = batch(child)
    before = slow(rig)
    run(child, *jobs)
    assert manager.trim(slow(rig)) == []
    batch(child, 3)
    assert manager.trim(before) == []
    rig.owners[0] = "another"
    assert manager.trim(slow(rig)) == []


def test_what_finished_before_a_slow_last_one_is_acknowledged(rig: Rig) -> None:
    """Else it would stay claimed for as long as that one runs, its unique key taken; and run again after the lease."""
    child, manager = rig.child(), rig.manager()
    *before, last = batch(child)
    run(child, *before)
    child.start(last)
    assert rig.board.held_since(0) is not None
    assert manager.trim(slow(rig)) == []
    assert [number for number, grabbed in rig.jobs() if grabbed] == [last.number]
    child.complete(last)
    assert child.turn((), GRAB_FOR).late == frozenset()
    assert len(rig.jobs()) == len(free(rig)) == 3


def test_a_child_that_is_slow_to_start_keeps_its_first_job(rig: Rig) -> None:
    child, manager = rig.child(), rig.manager()
    first, second, *_ = batch(child)
    assert len(manager.trim(slow(rig))) == 4
    assert child.start(first)
    child.complete(first)
    assert not child.start(second)


def test_nothing_is_started_after_the_lease(rig: Rig) -> None:
    child = rig.child()
    first, second, *_ = batch(child)
    run(child, first)
    rig.sql("UPDATE wm_claim SET lease = 1")
    rig.sql("UPDATE job SET grabbed_until = 1 WHERE grabbed_until > 0")
    until(lambda: not child.start(second), 10, "the bound to pass")
    assert child.turn((), GRAB_FOR).jobs == ()


def test_jobs_that_were_taken_along_are_not_cut_off(make_rig: MakeRig) -> None:
    rig = make_rig(batch_ms=BOUND_MS)
    client = rig.client()
    client.insert_many(A, range(6), coalesce="c")
    client.insert(A, 6)
    child, manager = rig.child(), rig.manager()
    first, second, *_ = batch(child, 4)
    child.start(first)
    before = slow(rig)
    companions = child.coalesce(first, "c", 50, prefix=False)
    assert len(companions) == 5, "those behind it in its batch too"
    assert manager.trim(slow(rig)) == manager.trim(before) == []
    child.complete(first)
    run(child, *companions)
    assert not child.start(second), "it had its turn as a companion"
    child.turn((), GRAB_FOR)
    assert free(rig) == [number for number, _ in rig.jobs()]
    assert len(rig.jobs()) == 1


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
@pytest.mark.parametrize("lose", ["reply", "request"])
def test_taking_along_in_doubt(make_rig: MakeRig, lose: str) -> None:
    """Whether it happened or not: each job runs once."""
    rig = make_rig()
    rig.client().insert_many(A, range(6), coalesce="c")
    with proxied(rig) as proxy:
        child = rig.child()
        first, second, third = batch(child, 3)
        child.start(first)
        proxy.lose = lose
        assert not child.coalesce(first, "c", 2, prefix=False)
        child.complete(first)
        ran = [job for job in (second, third) if child.start(job) and child.complete(job) is None]
        more = [*batch(child, 9)]
        run(child, *more)
        child.turn((), GRAB_FOR)
    assert sorted(job.number for job in (first, *ran, *more)) == [1, 2, 3, 4, 5, 6]
    assert rig.jobs() == []


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_settling_keeps_only_the_beginning_that_is_the_same(make_rig: MakeRig) -> None:
    """Not whatever happens to stand in the same place: job 4 was given back, and ran here and elsewhere."""
    rig = make_rig()
    client = rig.client()
    for number, (after, together) in enumerate([(1, None), (30, "c"), (20, "c"), (10, None)]):
        client.insert(A, number + 1, run_after=after, coalesce=together)
    with proxied(rig) as proxy:
        child = rig.child()
        first, fourth, third = batch(child, 3)
        assert [first.number, fourth.number, third.number] == [1, 4, 3]
        child.start(first)
        proxy.lose = "reply"
        assert not child.coalesce(first, "c", 2, prefix=False)
        child.complete(first)
        assert not child.start(fourth)
        child.turn((), GRAB_FOR)
    assert free(rig) == [2, 3, 4]
    assert child.settled


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_settling_knows_what_the_manager_acknowledged(rig: Rig) -> None:
    """A job that the manager acknowledged meanwhile was called late."""
    with proxied(rig) as proxy:
        child, manager = rig.child(), rig.manager()
        first, *_ = batch(child, 3)
        run(child, first)
        proxy.lose = "request"
        with pytest.raises(QueueDown):
            child.turn((), GRAB_FOR)
        manager.trim(slow(rig))
        assert child.turn((), GRAB_FOR).late == frozenset()
    assert len(rig.jobs()) == 7
