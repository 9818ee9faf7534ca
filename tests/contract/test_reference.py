"""What TheSchwartz' own test-suite checks, and no other file here does yet.

Elsewhere: priority, floor, names that do not exist yet (`test_claim`), uniqueness (`test_client`), coalescing
(`test_coalescing`, `test_client_looking`), declined, replace_with (`test_outcomes`), dead databases (`test_databases`),
classes in turn (`integration/test_fairness`).
"""

import time

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, B, C, Rig
from wmcore.backends.records import Filter, NewJob, Wanted
from wmcore.errors import QueueDown, Refused
from wmcore.loading import Limits
from wmcore.model import Failure, Outcome, RetryPolicy
from wmcore.worker import Job, Worker


def order(rig: Rig, *classes: int, **changes: object) -> list[str]:
    """The arguments in the order in which one child gets them that asks for the classes always in this order."""
    child, seen = rig.child(**changes), []
    while jobs := child.turn(classes, GRAB_FOR).jobs:
        for job in jobs:
            child.start(job)
            child.complete(job)
            seen.append(job.raw.decode())
    return seen


# -- strict_remove_ability ---------------------------------------------------------------------------------------------


def test_strictly_the_highest_priority_of_all_classes_comes_first(make_rig: MakeRig) -> None:
    rig = make_rig(prioritize=True)
    client = rig.client()
    for name, priority in ((A, 1), (B, 9), (A, 5), (C, None), (B, 3), (A, 7)):
        client.insert(name, priority, priority=priority)
    assert order(rig, 0, 1, 2, strict_remove_ability=True) == ["9", "7", "5", "3", "1", "null"]


def test_strictly_the_oldest_of_all_classes_comes_first(rig: Rig) -> None:
    client, now = rig.client(), int(time.time())
    for name, age in ((A, 10), (B, 40), (C, 20), (A, 30)):
        client.insert(name, age, run_after=now - age)
    assert order(rig, 0, 1, 2, strict_remove_ability=True) == ["40", "30", "20", "10"]


def test_strictly_without_our_tables(make_rig: MakeRig) -> None:
    rig = make_rig(tables=False, prioritize=True)
    rig.init_bare()
    client = rig.client()
    for name, priority in ((A, 1), (B, 9), (C, 5)):
        client.insert(name, priority, priority=priority)
    assert order(rig, 0, 1, 2, strict_remove_ability=True) == ["9", "5", "1"]


# -- batch_size --------------------------------------------------------------------------------------------------------


def test_batch_size_bounds_among_how_many_the_highest_priorities_are_chosen(make_rig: MakeRig) -> None:
    """As in the reference a claim looks at so many candidates; all jobs are found all the same."""
    rig = make_rig(prioritize=True, batch_size=1)
    rig.client().insert_many(A, range(5), priority=1)
    assert sorted(order(rig, 0)) == [str(number) for number in range(5)]


# -- replace_with ------------------------------------------------------------------------------------------------------


def test_a_replacement_that_fails_in_the_middle_changes_nothing(rig: Rig) -> None:
    """The second successor is one that the database does not take."""
    bad = NewJob(B, b"3", uniqkey="\udcff" if rig.kind == "sqlite" else "u" * 300)
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    with pytest.raises(Refused):
        child.replace(job, [NewJob(B, b"2"), bad])
    ((number, grabbed_until),) = rig.jobs()
    assert number == job.number
    assert grabbed_until > 0
    assert child.replace(job, [NewJob(B, b"2")]) is Outcome.REPLACED
    assert [bytes(arg) for (arg,) in rig.sql("SELECT arg FROM job")] == [b"2"]


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_a_replacement_while_the_database_goes_down_is_made_once_it_is_back(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    with rig.unreachable(), pytest.raises(QueueDown):
        child.replace(job, [NewJob(B, b"2"), NewJob(B, b"3")])
    assert [number for number, _ in rig.jobs()] == [job.number]
    assert child.replace(job, [NewJob(B, b"2"), NewJob(B, b"3")]) is Outcome.REPLACED
    assert len(rig.jobs()) == 2


# -- retries -----------------------------------------------------------------------------------------------------------


class Grows(Worker):
    def max_retries(self, job: Job) -> int:
        return 2

    def retry_delay(self, failures: int) -> int:
        return [0, 100, 1000][failures]


def test_the_delay_grows_by_the_classs_own_rule(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child, limits = rig.child(), Limits(Grows(), {})
    for delay, outcome in ((100, Outcome.RETRIED), (1000, Outcome.RETRIED), (None, Outcome.FAILED)):
        job = rig.claim(child)
        assert child.fail(job, Failure("no"), limits.policy(Job(job, child))) is outcome
        if delay is not None:
            ((run_after,),) = rig.sql("SELECT run_after FROM job")
            assert delay - 2 <= run_after - job.claimed_at <= delay + 2
            assert not child.turn((0,), GRAB_FOR).jobs
            rig.make_due()
    assert rig.jobs() == []


# -- clocks ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("apart", [-40_000, 40_000])
@pytest.mark.parametrize("tables", [True, False], ids=["ours", "bare"])
def test_the_servers_clock_counts_whatever_ours_says(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, apart: int, tables: bool
) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() + apart)
    rig = make_rig(tables=tables)
    if not tables:
        rig.init_bare()
    client, manager = rig.client(), rig.manager()
    client.insert_many(A, range(3))
    assert manager.ask(0, (0,), 10).ready == {0: 3}
    assert (manager.figures(0)[0].ready, manager.figures(0)[0].delayed) == (3, 0)
    assert (manager.figures(0)[0].oldest_ms or 0) < 60_000
    child = rig.child()
    job = rig.claim(child)
    assert abs(job.claimed_at - right()) < 60
    assert 500 < max(grabbed for _, grabbed in rig.jobs()) - right() < 700
    assert manager.figures(0)[0].running == 1
    policy = RetryPolicy(max_retries=1, retry_delay_seconds=100)
    assert child.fail(job, Failure("no"), policy) is Outcome.RETRIED
    ((latest,),) = rig.sql("SELECT max(run_after) FROM job")
    assert 90 < latest - right() < 110
    running = rig.claim(child)
    (stored,) = [found for found in client.list_jobs(A) if found.id == running.id]
    assert stored.state == "running"
    closed = manager.close_book(rig.book(counts=False))
    assert list(closed.released) == [running.id]


def test_failed_jobs_are_dated_by_the_server(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    right = time.time
    monkeypatch.setattr(time, "time", lambda: right() - 40_000)
    rig.client().insert(A, 1)
    child = rig.child()
    child.fail(rig.claim(child), Failure("no"), RetryPolicy(keep_exit_status_seconds=50))
    (row,) = rig.manager().failed_page(Filter(), Wanted()).rows
    assert abs(row.failed_at - right()) < 60
    ((ended, after),) = rig.sql("SELECT completion_time, delete_after FROM exitstatus")
    assert abs(ended - right()) < 60
    assert after == ended + 50
