"""What holds on every queue, TheSchwartz on each database and Gearman: the same words, the same outcomes."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATABASES
from tests.contract.rig import GRAB_FOR, ONCE, A, B, Rig, make_config
from tests.servers import Gearmand
from tests.waiting import until
from wmcore import GearmanAsyncClient, Job, TheSchwartzClient
from wmcore.backends.base import ChildQueue, ManagerQueue
from wmcore.backends.records import Claimed, Filter, Wanted
from wmcore.errors import QueueDown, Refused
from wmcore.model import Failure, Fate, Outcome, RetryPolicy

SERVERS = DATABASES[1:]
TWICE = RetryPolicy(max_retries=1)


class Queue:
    """One queue, a child on it and a manager beside it."""

    def __init__(self, rig: Rig) -> None:
        self.rig = rig
        self.manager: ManagerQueue = rig.manager()
        self.first: ChildQueue = rig.child()
        gearman = rig.config.type == "Gearman"
        self.client: Any = (
            GearmanAsyncClient(rig.config.job_servers) if gearman else TheSchwartzClient(rig.config.databases)
        )

    def claim(self, class_index: int = 0, child: ChildQueue | None = None, slot: int = 0) -> Claimed:
        """The next job of the class, started."""
        child = child or self.first
        (job,) = until(lambda: child.turn((class_index,), GRAB_FOR).jobs, 10, "a job")
        assert child.start(job)
        self.rig.slots[slot].busy(job.class_index, job.id, time.monotonic_ns(), None)
        return job

    def acknowledge(self, child: ChildQueue | None = None) -> None:
        child = child or self.first
        assert child.turn((), GRAB_FOR).late == frozenset()
        assert child.settled

    def ready(self) -> int:
        return self.manager.figures(0)[0].ready

    def die(self, policy: RetryPolicy, *, counts: bool = True) -> tuple[Outcome, ...]:
        """The child in slot 0 is killed with its job in hand, and another takes its place."""
        self.first.close()
        book = replace(self.rig.book(policy=policy, counts=counts), job=self.rig.board.view(0).job or "")
        closed = self.manager.close_book(book)
        self.first = self.rig.child()
        return tuple(outcome for _, _, outcome in closed.attempts)


@pytest.fixture(params=[*DATABASES, "gearman"])
def queue(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Queue]:
    if request.param == "gearman":
        server: Gearmand = request.getfixturevalue("gearmand")
        rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(server.address,)), "gearman", server)
    else:
        rig = request.getfixturevalue("rig_of")(request.param)
    made = Queue(rig)
    yield made
    made.client.close()
    rig.close()


@pytest.fixture
def rig_of(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[str], Rig]:
    from wmcore.config.dsn import parse_database

    def make(kind: str) -> Rig:
        server = None if kind == "sqlite" else request.getfixturevalue(kind)
        dsn = server.new_database() if server else f"sqlite:///{tmp_path}/q.db"
        rig = Rig(make_config(tmp_path, [parse_database({"dsn": dsn})]), kind, server)
        rig.init()
        return rig

    return make


def test_a_job_comes_as_it_was_inserted_and_goes_when_it_is_done(queue: Queue) -> None:
    begun = time.time()
    handle = queue.client.insert(A, {"n": 1})
    job = queue.claim()
    assert (job.funcname, job.class_index, Job(job).arg) == (A, 0, {"n": 1})
    assert handle and (job.handle == handle or handle.endswith(f"//{job.handle}"))
    assert begun - 1 <= job.insert_time <= time.time()
    assert queue.first.failures(job) == 0
    queue.first.complete(job)
    queue.acknowledge()
    assert queue.ready() == queue.manager.figures(0)[0].running == 0


def test_bytes_are_left_alone(queue: Queue) -> None:
    raw = bytes(range(256)) * 40
    queue.client.insert(A, raw)
    job = queue.claim()
    assert (job.raw, Job(job).arg) == (raw, raw)


def test_only_the_classes_that_are_asked_for(queue: Queue) -> None:
    queue.client.insert(A, 1)
    queue.client.insert(B, 2)
    job = queue.claim(1)
    assert job.funcname == B
    queue.first.complete(job)
    job = queue.claim(0)
    assert job.funcname == A


def test_a_failed_attempt_is_tried_again(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1})
    job = queue.claim()
    assert queue.first.fail(job, Failure("first", "where"), TWICE) is Outcome.RETRIED
    again = queue.claim()
    assert (again.raw, again.insert_time) == (job.raw, pytest.approx(job.insert_time, abs=0.01))
    assert queue.first.failures(again) == 1
    assert queue.first.failure_log(again) == ["first"]
    assert queue.first.fail(again, Failure("second", "there"), TWICE) is Outcome.FAILED
    queue.acknowledge()
    (row,) = queue.manager.failed_page(Filter(), Wanted(None, 10)).rows
    record = queue.manager.failed_get(row.id)
    assert (record.funcname, record.raw, record.error, record.attempt_count) == (A, job.raw, "second", 2)
    assert [(attempt.message, attempt.traceback) for attempt in record.attempts] == [
        ("first", "where"), ("second", "there"),
    ]  # fmt: skip


def test_a_failed_job_is_run_again_by_hand(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1})
    job = queue.claim()
    assert queue.first.fail(job, Failure("no"), ONCE) is Outcome.FAILED
    (row,) = queue.manager.failed_page(Filter(), Wanted(None, 10)).rows
    assert row.job == job.id
    new = queue.manager.failed_retry(row.id)
    with pytest.raises(Refused, match="still in the queue"):
        queue.manager.failed_retry(row.id)
    again = queue.claim()
    assert (again.id, again.raw, queue.first.failures(again)) == (new, job.raw, 0)
    assert queue.manager.failed_get(row.id).retried_as == new
    queue.manager.failed_delete(row.id)
    assert queue.manager.failed_count(Filter()) == 0


def test_what_became_of_a_retry(queue: Queue) -> None:
    """Where the queue can say so little, it is not said to be done."""

    def fate_of_the_oldest() -> tuple[Fate | None, bool]:
        row = queue.manager.failed_page(Filter(retried=True), Wanted()).rows[-1]
        assert queue.manager.failed_get(row.id).fate == row.fate
        return row.fate, row.failed_as is not None

    queue.client.insert(A, 1)
    queue.first.fail(queue.claim(), Failure("no"), ONCE)
    (row,) = queue.manager.failed_page(Filter(retried=False), Wanted()).rows
    queue.manager.failed_retry(row.id)
    assert fate_of_the_oldest() == (Fate.WAITING, False)
    assert queue.manager.failed_count(Filter(retried=False)) == sum(queue.manager.failed_open().values()) == 0
    queue.first.fail(queue.claim(), Failure("no again"), ONCE)
    until(lambda: fate_of_the_oldest() == (Fate.FAILED, True))
    (row,) = queue.manager.failed_page(Filter(retried=False), Wanted()).rows
    queue.manager.failed_retry(row.id)
    queue.first.complete(queue.claim())
    queue.acknowledge()
    newest = Fate.GONE if queue.rig.config.type == "Gearman" else Fate.DONE
    until(lambda: queue.manager.failed_get(row.id).fate == newest)


def test_a_declined_job_comes_again_and_nothing_is_counted(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1})
    assert queue.first.decline(queue.claim(), None) is Outcome.DECLINED
    again = queue.claim()
    assert queue.first.failures(again) == 0


def test_nothing_comes_before_its_time(queue: Queue) -> None:
    """Not what was inserted for later, not what was put off, not what failed and is to wait."""
    due = time.time() + 1.2
    queue.client.insert(A, "inserted", run_after=due)
    queue.client.insert(A, "put off")
    assert queue.first.decline(queue.claim(), due) is Outcome.DECLINED
    queue.client.insert(A, "failed")
    begun = time.time()
    queue.first.fail(queue.claim(), Failure("no"), RetryPolicy(max_retries=1, retry_delay_seconds=1))
    failures = {}
    for _ in range(3):
        job = queue.claim()
        assert time.time() >= job.run_after >= min(int(due), int(begun) + 1)
        failures[Job(job).arg] = queue.first.failures(job)
        queue.first.complete(job)
    assert failures == {"inserted": 0, "put off": 0, "failed": 1}


def test_a_job_is_replaced_by_others(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1})
    successors = [Job.new(B, {"n": 2}), Job.new(B, {"n": 3})]
    assert queue.first.replace(queue.claim(), successors) is Outcome.REPLACED
    seen = []
    for _ in successors:
        job = queue.claim(1)
        seen.append(Job(job).arg["n"])
        queue.first.complete(job)
    assert sorted(seen) == [2, 3]
    queue.acknowledge()


def test_a_job_that_kills_its_child_is_stopped_after_its_retries(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1})
    job = queue.claim()
    assert queue.die(TWICE) == (Outcome.RETRIED,)
    again = queue.claim()
    assert (again.raw, queue.first.failures(again)) == (job.raw, 1)
    assert queue.die(TWICE) == (Outcome.FAILED,)
    until(lambda: not queue.first.turn((0,), GRAB_FOR).jobs and queue.manager.failed_count(Filter()), 10)
    (row,) = queue.manager.failed_page(Filter(), Wanted(None, 10)).rows
    assert (row.raw, row.attempt_count, row.error) == (job.raw, 2, "killed by signal 9")


def test_what_we_kill_ourselves_is_not_counted(queue: Queue) -> None:
    queue.client.insert(A)
    queue.claim()
    assert queue.die(ONCE, counts=False) == ()
    assert queue.first.failures(queue.claim()) == 0


def test_attempts_of_both_kinds_add_up(queue: Queue) -> None:
    """A failure, a death, a failure."""
    thrice = RetryPolicy(max_retries=2)
    queue.client.insert(A, {"n": 1})
    assert queue.first.fail(queue.claim(), Failure("first"), thrice) is Outcome.RETRIED
    queue.claim()
    assert queue.die(thrice) == (Outcome.RETRIED,)
    job = queue.claim()
    assert queue.first.failures(job) == 2
    assert queue.first.failure_log(job) == ["first", "killed by signal 9"]
    assert queue.first.fail(job, Failure("third"), thrice) is Outcome.FAILED
    (row,) = queue.manager.failed_page(Filter(), Wanted(None, 10)).rows
    assert (row.raw, row.attempt_count) == (job.raw, 3)


def test_a_unique_key_is_there_once(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1}, uniqkey="one")
    queue.client.insert(A, {"n": 2}, uniqkey="one")
    job = queue.claim()
    assert (job.uniqkey, Job(job).arg) == ("one", {"n": 1})
    queue.first.complete(job)
    queue.acknowledge()
    assert queue.ready() == 0


def test_a_retry_keeps_its_unique_key(queue: Queue) -> None:
    queue.client.insert(A, uniqkey="one")
    queue.first.fail(queue.claim(), Failure("no"), TWICE)
    assert queue.claim().uniqkey == "one"


def test_what_waits_is_counted(queue: Queue) -> None:
    queue.client.insert_many(A, range(3))
    assert queue.ready() == 3
    queue.claim()
    figures = queue.manager.figures(0)[0]
    assert (figures.ready, figures.running) == (2, 1)


@pytest.mark.parametrize("queue", [*SERVERS, "gearman"], indirect=True)
def test_a_queue_that_is_down_is_a_state_and_passes(queue: Queue) -> None:
    queue.client.insert(A, {"n": 1})
    queue.first.complete(queue.claim())
    queue.acknowledge()
    with queue.rig.unreachable():
        with pytest.raises(QueueDown):
            queue.manager.probe(0)
        with pytest.raises(QueueDown):
            queue.client.insert(A)
        until(lambda: is_down(queue.first))
    until(lambda: probed(queue.manager))
    until(lambda: not is_down(queue.first))
    queue.client.insert(A, {"n": 2})
    assert Job(queue.claim()).arg == {"n": 2}


def is_down(child: ChildQueue) -> bool:
    try:
        child.turn((0,), GRAB_FOR)
    except QueueDown:
        return True
    return False


def probed(manager: ManagerQueue) -> bool:
    try:
        manager.probe(0)
    except QueueDown:
        return False
    return True
