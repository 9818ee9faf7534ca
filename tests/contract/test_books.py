"""The books of dead children: what stood in the claim row, compared with how far the slot says they came."""

import threading
from dataclasses import replace

import pytest

from tests.contract.rig import GRAB_FOR, A, Rig
from tests.waiting import until
from wmcore.backends.base import Closed, Place
from wmcore.errors import Fenced, QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy


def free(rig: Rig) -> list[int]:
    return [jobid for jobid, grabbed in rig.jobs() if grabbed == 0]


def test_a_running_job_counts_an_attempt_and_is_retried(rig: Rig) -> None:
    rig.client().insert(A, 1)
    job = rig.claim(rig.child())
    closed = rig.manager().close_book(rig.book(policy=RetryPolicy(max_retries=1)))
    assert list(closed.attempts) == [(0, job.id, Outcome.RETRIED)]
    assert free(rig) == [job.number]
    assert rig.sql("SELECT message, pid FROM wm_attempt") == [("killed by signal 9", 99)]


def test_a_running_job_without_retries_goes_to_the_failed_list(rig: Rig) -> None:
    rig.client().insert(A, {"foo": 1})
    job = rig.claim(rig.child())
    manager = rig.manager()
    closed = manager.close_book(rig.book())
    assert list(closed.attempts) == [(0, job.id, Outcome.FAILED)]
    assert rig.jobs() == []
    record = manager.failed_get("0-1")
    assert (record.raw, record.error, record.slot) == (b'{"foo":1}', "killed by signal 9", 0)


def test_a_running_job_that_was_stopped_is_given_back(rig: Rig) -> None:
    rig.client().insert(A, 1)
    job = rig.claim(rig.child())
    closed = rig.manager().close_book(rig.book(counts=False))
    assert (list(closed.released), list(closed.attempts)) == ([job.id], [])
    assert free(rig) == [job.number]
    assert rig.count("wm_attempt") == 0


def test_a_finished_job_is_acknowledged(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    child.complete(job)
    closed = rig.manager().close_book(rig.book())
    assert list(closed.completed) == [(0, job.id)]
    assert rig.jobs() == []


def test_a_job_that_was_not_started_is_given_back(rig: Rig) -> None:
    rig.client().insert(A, 1)
    (job,) = rig.child().turn((0,), GRAB_FOR).jobs
    closed = rig.manager().close_book(rig.book())
    assert list(closed.released) == [job.id]
    assert free(rig) == [job.number]


def test_a_claim_that_the_slot_never_learnt_of_is_given_back(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    first = rig.claim(child)
    child.complete(first)
    killed_at = rig.place()
    (second,) = child.turn((0,), GRAB_FOR).jobs
    closed = rig.manager().close_book(rig.book(place=killed_at))
    assert (list(closed.completed), list(closed.attempts), list(closed.released)) == ([], [], [second.id])
    assert free(rig) == [second.number]


def test_a_failure_that_was_written_is_not_counted_twice(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    killed_at = rig.place()
    child.fail(job, Failure("no"), RetryPolicy(max_retries=5))
    closed = rig.manager().close_book(rig.book(place=killed_at, policy=RetryPolicy(max_retries=5)))
    assert (list(closed.completed), list(closed.attempts), list(closed.released)) == ([], [], [])
    assert rig.count("wm_attempt") == 1


def test_a_batch_is_divided_at_the_slots_position(rig: Rig) -> None:
    rig.client().insert_many(A, range(5))
    rig.claim(rig.child())
    rig.manager().close_book(rig.book(counts=False))
    ids = [jobid for jobid, _ in rig.jobs()]
    rig.sql("UPDATE job SET grabbed_until = 2000000000")
    rig.sql(
        "UPDATE wm_claim SET owner = 'me', seq = 7, lease = 2000000000, acked = 1, ids = :ids",
        {"ids": ",".join(map(str, ids))},
    )
    rig.sql("DELETE FROM job WHERE jobid = :id", {"id": ids[0]})
    rig.sql("UPDATE job SET grabbed_until = 2000000001 WHERE jobid = :id", {"id": ids[4]})  # stolen
    place = Place(database=0, seq=7, started=3, finished=2, acked=1)
    closed = rig.manager().close_book(rig.book(owner="me", place=place, policy=RetryPolicy(max_retries=1)))
    assert list(closed.completed) == [(0, f"0-{ids[1]}")]
    assert list(closed.attempts) == [(0, f"0-{ids[2]}", Outcome.RETRIED)]
    assert list(closed.released) == [f"0-{ids[3]}"]
    assert rig.jobs() == [(ids[2], 0), (ids[3], 0), (ids[4], 2_000_000_001)]


def test_a_stolen_job_is_left_alone(rig: Rig) -> None:
    rig.client().insert(A, 1)
    rig.claim(rig.child())
    rig.sql("UPDATE job SET grabbed_until = grabbed_until + 5")
    closed = rig.manager().close_book(rig.book())
    assert (list(closed.attempts), list(closed.released)) == ([], [])
    assert rig.count("error") == 0


def test_closing_twice_changes_nothing(rig: Rig) -> None:
    rig.client().insert(A, 1)
    rig.claim(rig.child())
    manager, book = rig.manager(), rig.book(policy=RetryPolicy(max_retries=5))
    assert manager.close_book(book).attempts
    again = manager.close_book(book)
    assert not (again.completed or again.attempts or again.released or again.remaining)
    assert rig.count("wm_attempt") == 1


def test_the_next_life_waits_until_the_books_are_closed(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    dead = rig.child()
    job = rig.claim(dead)
    book = rig.book(counts=False)
    young = rig.child()
    with pytest.raises(QueueDown, match="books"):
        young.turn((0,), GRAB_FOR)
    rig.manager().close_book(book)
    assert young.turn((0,), GRAB_FOR).jobs
    dead.complete(job)
    with pytest.raises(Fenced):
        dead.turn((0,), GRAB_FOR)


def test_a_life_that_acknowledged_everything_makes_room(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    first = rig.child()
    first.complete(rig.claim(first))
    first.turn((), GRAB_FOR)
    assert rig.child().turn((0,), GRAB_FOR).jobs


def test_strays_are_given_back_but_for_those_that_are_known(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    stray, known = rig.claim(rig.child(0)), rig.claim(rig.child(1))
    manager = rig.manager()
    assert manager.release_strays(0, {rig.owners[1]}) == [stray.id]
    assert free(rig) == [stray.number]
    assert known.number not in free(rig)


def test_a_young_child_is_no_stray(rig: Rig) -> None:
    """It may claim between the manager's look at its slots and at the database."""
    rig.client().insert(A, 1)
    manager = rig.manager()
    rig.claim(rig.child())
    assert manager.release_strays(0, set()) == []


def test_closing_waits_for_a_commit_in_flight(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    manager, book = rig.manager(), rig.book(counts=False)
    closed: list[Closed] = []
    with rig.holding("UPDATE wm_claim SET lease = lease"):
        closer = threading.Thread(target=lambda: closed.append(manager.close_book(book)))
        closer.start()
        closer.join(0.3)
        assert closer.is_alive()
        assert not closed
    until(lambda: closed, what="the books to be closed")
    assert list(closed[0].released) == [job.id]


def test_a_database_that_is_down_keeps_its_part_of_the_book(rig: Rig) -> None:
    rig.client().insert(A, 1)
    job = rig.claim(rig.child())
    book = rig.book(counts=False)
    with rig.unreachable():
        closed = rig.manager(probe=False).close_book(book)
    assert closed.remaining == (0,)
    again = rig.manager().close_book(replace(book, open_databases=closed.remaining))
    assert list(again.released) == [job.id]
