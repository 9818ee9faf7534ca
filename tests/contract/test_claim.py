"""Which jobs a child gets, in which order, and what becomes of those that it completed."""

import time

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, B, Rig
from wmcore.backends.theschwartz import init_db


def take_all(rig: Rig, classes: tuple[int, ...] = (0,), **changes: object) -> list[int]:
    """The numbers in the arguments, in the order in which one child claims and completes them."""
    child, order = rig.child(**changes), []
    while jobs := child.turn(classes, GRAB_FOR).jobs:
        for job in jobs:
            child.start(job)
            child.complete(job)
            order.append(int(job.raw))
    child.close()
    return order


def test_an_empty_queue_gives_nothing_and_writes_nothing(rig: Rig) -> None:
    child = rig.child()
    assert not child.turn((0, 1), GRAB_FOR).jobs
    assert rig.count("wm_claim") == 0


def test_a_job_comes_as_it_was_inserted(rig: Rig) -> None:
    before = time.time()
    handle = rig.client().insert(A, {"foo": "ä"}, uniqkey="u", coalesce="c", priority=3)
    job = rig.claim(rig.child())
    assert handle is not None
    assert handle.endswith(f"-{job.number}")
    assert (job.funcname, job.class_index, job.raw) == (A, 0, '{"foo":"ä"}'.encode())
    assert (job.uniqkey, job.coalesce, job.priority) == ("u", "c", 3)
    assert before - 2 < job.insert_time <= job.claimed_at < time.time() + 2
    assert job.id == f"0-{job.number}"


def test_insert_time_has_a_fraction(rig: Rig) -> None:
    rig.client().insert_many(A, range(5))
    child = rig.child()
    times = []
    for _ in range(5):
        job = rig.claim(child)
        times.append(job.insert_time)
        child.complete(job)
    assert any(moment % 1 for moment in times)


def test_perls_jobs_have_whole_insert_times(rig: Rig) -> None:
    rig.client().insert(A, 1)
    rig.sql("UPDATE job SET wm_insert_time = NULL, insert_time = 1000000000")
    assert rig.claim(rig.child()).insert_time == 1_000_000_000


def test_oldest_run_after_first(rig: Rig) -> None:
    client, now = rig.client(), time.time()
    for number, age in enumerate((5, 300, 70)):
        client.insert(A, number, run_after=now - age)
    assert take_all(rig) == [1, 2, 0]


def test_not_before_run_after(rig: Rig) -> None:
    rig.client().insert(A, 1, run_after=time.time() + 1000)
    assert not rig.child().turn((0,), GRAB_FOR).jobs


def test_not_while_grabbed(rig: Rig) -> None:
    rig.client().insert(A, 1, grabbed_until=time.time() + 1000)
    assert not rig.child().turn((0,), GRAB_FOR).jobs


def test_an_expired_lease_is_free(rig: Rig) -> None:
    rig.client().insert(A, 1, grabbed_until=time.time() - 10)
    assert rig.child().turn((0,), GRAB_FOR).jobs


def test_classes_in_the_order_asked(rig: Rig) -> None:
    client = rig.client()
    client.insert(A, 1, run_after=time.time() - 100)
    client.insert(B, 2)
    assert rig.claim(rig.child(), 1, 0).funcname == B
    assert rig.claim(rig.child(1), 1, 0).funcname == A


def test_a_class_is_found_when_its_first_job_comes(rig: Rig) -> None:
    child = rig.child()
    assert not child.turn((2, 0), GRAB_FOR).jobs
    rig.client().insert(A, 1)
    assert child.turn((2, 0), GRAB_FOR).jobs


def test_prioritize_counts_no_priority_as_zero(rig: Rig) -> None:
    client = rig.client()
    for number, priority in enumerate((None, 0, 10, 5, None)):
        client.insert(A, number, priority=priority, run_after=1000 - number)
    assert take_all(rig, prioritize=True) == [2, 3, 4, 1, 0]


def test_floor(rig: Rig) -> None:
    client = rig.client()
    for number, priority in enumerate((None, 4, 5, 6)):
        client.insert(A, number, priority=priority)
    assert sorted(take_all(rig, floor=5)) == [2, 3]


def test_lease_is_the_servers_time_and_grab_for(rig: Rig) -> None:
    rig.client().insert(A, 1)
    job = rig.claim(rig.child())
    ((_, grabbed_until),) = rig.jobs()
    assert abs(grabbed_until - (job.claimed_at + GRAB_FOR[0])) <= 1


def test_a_completed_job_goes_with_the_next_turn(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    first = rig.claim(child)
    child.complete(first)
    assert len(rig.jobs()) == 2
    second = rig.claim(child)
    assert [jobid for jobid, _ in rig.jobs()] == [second.number]
    child.complete(second)
    assert not child.turn((), GRAB_FOR).jobs
    assert rig.jobs() == []
    assert rig.count("exitstatus") == 0


def test_exit_status_is_kept_where_asked(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    child.complete(rig.claim(child), keep_exit_status_seconds=100)
    child.turn((), GRAB_FOR)
    ((status, kept),) = rig.sql("SELECT status, delete_after - completion_time FROM exitstatus")
    assert (status, kept) == (0, 100)


def test_a_prefix_stands_before_every_table(make_rig: MakeRig) -> None:
    rig = make_rig(prefix="Px_")
    rig.client().insert_many(A, range(3))
    assert sorted(take_all(rig)) == [0, 1, 2]
    assert rig.count("wm_claim") == 1
    assert init_db(rig.config, dry_run=True) == []


def test_the_slots_position_follows(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    (job,) = child.turn((0,), GRAB_FOR).jobs
    first = rig.place()
    assert (first.started, first.finished) == (0, 0)
    child.start(job)
    assert (rig.place().started, rig.place().finished) == (1, 0)
    child.complete(job)
    assert (rig.place().started, rig.place().finished) == (1, 1)
    child.turn((0,), GRAB_FOR)
    assert (rig.place().seq, rig.place().started, rig.place().finished) == (first.seq + 1, 0, 0)
