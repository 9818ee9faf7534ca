"""The manager's questions: is there work, how much stands in the queue, which jobs."""

import time

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, B, C, Rig
from wmcore.model import QueueFigures


def test_nothing(rig: Rig) -> None:
    due = rig.manager().ask(0, [0, 1, 2], 100)
    assert (due.ready, due.next_in) == ({}, None)


def test_ready_jobs_are_counted_per_class_up_to_a_limit(rig: Rig) -> None:
    client = rig.client()
    client.insert_many(A, range(30))
    client.insert_many(B, range(5))
    client.insert_many(C, range(3))
    assert rig.manager().ask(0, [0, 1], 20).ready == {0: 20, 1: 5}


def test_jobs_in_hand_are_not_due(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    rig.claim(rig.child())
    assert rig.manager().ask(0, [0], 20).ready == {0: 1}


def test_when_the_next_job_falls_due(rig: Rig) -> None:
    client = rig.client()
    for delay in (300, 50, 900):
        client.insert(A, delay, run_after=time.time() + delay)
    due = rig.manager().ask(0, [0, 1], 20)
    assert due.ready == {}
    assert due.next_in is not None
    assert 46 < due.next_in < 51


def test_floor_holds_for_questions_too(make_rig: MakeRig) -> None:
    rig = make_rig(floor=5)
    client = rig.client()
    client.insert(A, 1)
    client.insert(A, 2, priority=5)
    assert rig.manager().ask(0, [0], 20).ready == {0: 1}


def test_a_change_is_seen(rig: Rig) -> None:
    manager = rig.manager()
    manager.changed(0)
    assert manager.changed(0) is (rig.kind != "sqlite")
    rig.client().insert(A, 1)
    assert manager.changed(0)
    rig.claim(rig.child())
    assert manager.changed(0)


def test_figures(rig: Rig) -> None:
    client, now = rig.client(), time.time()
    client.insert_many(A, range(3))
    client.insert(A, 9, run_after=now + 1000)
    rig.claim(rig.child())
    figures = rig.manager().figures(0)
    assert (figures[0].ready, figures[0].delayed, figures[0].running) == (2, 1, 1)
    oldest = figures[0].oldest_ms
    assert oldest is not None
    assert 0 <= oldest < 60_000
    assert figures[1] == figures[2] == QueueFigures()


def test_the_oldest_counts_from_when_it_could_be_claimed(rig: Rig) -> None:
    rig.client().insert(A, 1)
    rig.sql("UPDATE job SET run_after = run_after - 5, insert_time = insert_time - 1000")
    oldest = rig.manager().figures(0)[0].oldest_ms
    assert oldest is not None
    assert 4_000 <= oldest < 60_000


def test_the_oldest_is_one_that_can_be_claimed(make_rig: MakeRig) -> None:
    """Not one below the floor; and one whose lease ran out only since then."""
    rig = make_rig(floor=5)
    client = rig.client()
    old = time.time() - 5000
    client.insert(A, 1, run_after=old, priority=1)
    client.insert(A, 2, run_after=old, priority=9, grabbed_until=time.time() - 10)
    rig.sql("UPDATE job SET insert_time = run_after")
    figures = rig.manager().figures(0)[0]
    assert (figures.ready, figures.running) == (1, 0)
    assert figures.oldest_ms is not None
    assert 8_000 < figures.oldest_ms < 60_000
