"""A child on real gearmands, where Gearman has rules of its own."""

import hashlib
import select
import signal
import socket
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Thread

import pytest

from tests.contract.rig import GRAB_FOR, A, B, Rig, make_config
from tests.servers import Gearmand
from tests.waiting import until
from wmcore import GearmanAsyncClient, GearmanSyncClient, Job
from wmcore.backends.base import ChildQueue
from wmcore.backends.gearman import packets
from wmcore.backends.gearman.child import GearmanChild
from wmcore.backends.gearman.connection import CONNECT_SECONDS
from wmcore.backends.gearman.talk import Talk
from wmcore.backends.records import Claimed
from wmcore.errors import QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy

MakeRig = Callable[..., Rig]


@pytest.fixture
def make_rig(tmp_path: Path) -> Iterator[MakeRig]:
    made: list[Rig] = []

    def make(*servers: Gearmand) -> Rig:
        addresses = tuple(server.address for server in servers)
        made.append(Rig(make_config(tmp_path, (), type="Gearman", job_servers=addresses), "gearman", servers[0]))
        return made[-1]

    yield make
    for rig in made:
        rig.close()


def claim(child: ChildQueue, *classes: int) -> Claimed:
    (job,) = until(lambda: _jobs(child, classes or (0,)), 10, "a job")
    assert child.start(job)
    return job


def _jobs(child: ChildQueue, classes: Sequence[int]) -> Sequence[Claimed]:
    try:
        return child.turn(classes, GRAB_FOR).jobs
    except QueueDown:  # it comes back
        return ()


def connected(child: ChildQueue, *servers: Gearmand) -> None:
    until(lambda: not child.turn((0,), GRAB_FOR).jobs and all(server.jobs(A)[2] for server in servers))


def insert(server: Gearmand, name: str, *args: object, **options: object) -> None:
    with GearmanAsyncClient(server.address) as client:
        client.insert_many(name, args, **options)


def test_never_two_jobs_at_once(make_rig: MakeRig, gearmand: Gearmand, second_gearmand: Gearmand) -> None:
    child = make_rig(gearmand, second_gearmand).child()
    connected(child, gearmand, second_gearmand)
    for server in (gearmand, second_gearmand):
        insert(server, A, *range(10))
    databases = []
    for _ in range(20):
        job = claim(child)
        databases.append(job.database)
        # What was completed is known there a moment later than what was given out is here.
        until(lambda: sum(server.jobs(A)[1] for server in (gearmand, second_gearmand)) == 1)
        child.complete(job)
    assert sorted(databases[:10]) == [0] * 5 + [1] * 5, "the servers take turns"
    child.turn((), GRAB_FOR)
    assert [server.jobs(A)[:2] for server in (gearmand, second_gearmand)] == [(0, 0), (0, 0)]


def test_a_job_that_outlived_its_server_is_late(make_rig: MakeRig, gearmand: Gearmand) -> None:
    child = make_rig(gearmand).child()
    insert(gearmand, A, 1)
    job = claim(child)
    gearmand.stop()
    gearmand.start()
    child.complete(job)
    assert child.turn((), GRAB_FOR).late == {job.id}
    assert child.settled
    insert(gearmand, A, 2)
    job = claim(child)
    gearmand.stop()
    assert child.fail(job, Failure("too late"), RetryPolicy(max_retries=5)) is Outcome.LATE
    gearmand.start()


def test_what_somebody_else_has_had_is_late(make_rig: MakeRig, gearmand: Gearmand) -> None:
    """The server tells it: it does not know the job any more. Here because it was told what `Source` never says while
    a job runs."""
    child = make_rig(gearmand).child()
    assert isinstance(child, GearmanChild)
    insert(gearmand, A, 1)
    job = claim(child)
    child._sources[0].connection.send(packets.RESET)
    child.complete(job)
    assert child.turn((0,), GRAB_FOR).late == {job.id}


def test_whoever_leaves_gives_back_what_comes_too_late(make_rig: MakeRig, gearmand: Gearmand) -> None:
    rig = make_rig(gearmand)
    child = rig.child()
    connected(child, gearmand)
    insert(gearmand, A, 1)
    gearmand.signal(signal.SIGSTOP)
    try:
        child.turn((0,), GRAB_FOR)
        assert not child.settled, "a GRAB is on its way"
        child.turn((), GRAB_FOR)
        assert child.settled
    finally:
        gearmand.signal(signal.SIGCONT)
    assert Job(claim(rig.child(1))).arg == 1


def test_a_frozen_server_is_left_alone(make_rig: MakeRig, gearmand: Gearmand, second_gearmand: Gearmand) -> None:
    child = make_rig(gearmand, second_gearmand).child()
    assert isinstance(child, GearmanChild)
    connected(child, gearmand, second_gearmand)
    second_gearmand.signal(signal.SIGSTOP)
    try:
        until(lambda: not child.turn((0,), GRAB_FOR).jobs and any(source.asking for source in child._sources))
        assert 1 < child.patience() < CONNECT_SECONDS, "it sleeps until the answer comes, or will not come"
        for number in range(5):
            insert(gearmand, A, number)
            job = claim(child)
            assert Job(job).arg == number
            child.complete(job)
    finally:
        second_gearmand.signal(signal.SIGCONT)
    insert(second_gearmand, A, "thawed")
    assert Job(claim(child)).arg == "thawed"


@contextmanager
def black_hole() -> Iterator[str]:
    """The address of a server that takes no connection and refuses none: its queue of them is full."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        yield f"127.0.0.1:{address[1]}"
        for each in waiting:
            each.close()


def test_a_black_hole_does_not_hold_up_the_other(make_rig: MakeRig, gearmand: Gearmand) -> None:
    with black_hole() as address:
        rig = make_rig(gearmand)
        child = rig.child(job_servers=(address, gearmand.address))
        for number in range(20):
            insert(gearmand, A, number)
            job = claim(child)
            assert (job.database, Job(job).arg) == (1, number)
            child.complete(job)
        child.turn((), GRAB_FOR)


def test_a_client_learns_that_its_server_is_lost(gearmand: Gearmand, second_gearmand: Gearmand) -> None:
    with GearmanSyncClient(gearmand.address) as client:
        stopper = Thread(target=lambda: (until(lambda: gearmand.jobs(A)[0]), gearmand.stop()))
        stopper.start()
        with pytest.raises(QueueDown, match="the connection was lost while job"):
            client.insert(A, timeout=30)
        stopper.join()
    with GearmanAsyncClient([gearmand.address, second_gearmand.address]) as client:
        handles = client.insert_many(A, range(10))
        assert all(str(handle).startswith(second_gearmand.address) for handle in handles)


def test_no_spin(make_rig: MakeRig, gearmand: Gearmand) -> None:
    """gearmand 1.1 wakes a worker again and again, and has nothing for it, while it holds a job for later and one of
    low priority."""
    child = make_rig(gearmand).child()
    insert(gearmand, A, 1, run_after=time.time() + 600)
    insert(gearmand, A, 2, priority="low")
    poll, turns, until_then = select.poll(), 0, time.monotonic() + 1
    while time.monotonic() < until_then:
        child.turn((0,), GRAB_FOR)
        turns += 1
        for descriptor, events in child.descriptors():
            poll.register(descriptor, events)
        poll.poll(min(child.patience(), 0.2) * 1000)
        for descriptor, _ in child.descriptors():
            poll.unregister(descriptor)
    assert turns < 100


def test_what_a_child_does_changes_between_two_jobs_only(make_rig: MakeRig, gearmand: Gearmand) -> None:
    """Taking a function back while a job of it runs would give that job to somebody else."""
    rig = make_rig(gearmand)
    child, other = rig.child(0), rig.child(1)
    insert(gearmand, A, 1, 2)
    insert(gearmand, B, 3)
    child.complete(claim(child, 0, 1))
    second = claim(child, 1)
    assert second.funcname == B
    child.complete(second)
    last = claim(child, 0)
    assert not other.turn((0, 1), GRAB_FOR).jobs
    child.complete(last)
    assert child.turn((1,), GRAB_FOR).late == frozenset()
    assert [gearmand.jobs(name)[0] for name in (A, B)] == [0, 0]


def test_a_waiting_client_waits_on_when_its_job_is_declined(make_rig: MakeRig, gearmand: Gearmand) -> None:
    child = make_rig(gearmand).child()
    told: list[object] = []

    def wait() -> None:
        with GearmanSyncClient(gearmand.address) as client:
            told.append(client.insert(A, "x", timeout=30))

    client = Thread(target=wait)
    client.start()
    assert child.decline(claim(child), None) is Outcome.DECLINED
    child.complete(claim(child), result=b"7")
    child.turn((), GRAB_FOR)
    client.join()
    assert told == [7]


def test_large_things_go_both_ways(make_rig: MakeRig, gearmand: Gearmand) -> None:
    child = make_rig(gearmand).child()
    large = bytes(range(256)) * 40_000
    told: list[object] = []

    def wait() -> None:
        with GearmanSyncClient(gearmand.address) as client:
            told.append(client.insert(A, large, timeout=30))

    client = Thread(target=wait)
    client.start()
    job = claim(child)
    child.complete(job, result=job.raw)
    child.turn((), GRAB_FOR)
    client.join()
    assert told == [large]


def test_a_unique_id_of_64_bytes_leaves_the_payload_as_it_is(make_rig: MakeRig, gearmand: Gearmand) -> None:
    """As a SHA-256 in hexadecimal is: gearmand 1.1 takes it, and gives its last byte out as a NUL in front of the
    payload. Our own client refuses it, Perl's sends it."""
    child, talk = make_rig(gearmand).child(), Talk(gearmand.address)
    digest = hashlib.sha256().hexdigest().encode()
    for own, payload in ((digest, b'{"n": 1}'), (digest[:63], b"x\0"), (b"u" * 63, b"\0x")):
        talk.ask(packets.pack(packets.SUBMIT_JOB_BG, A.encode(), own, payload), packets.JOB_CREATED)
        job = claim(child)
        assert (job.uniqkey, job.raw) == (own[:63].decode(), payload)
        child.complete(job)
        assert child.turn((), GRAB_FOR).late == frozenset()
    talk.close()


def test_a_unique_id_that_somebody_has_made_up_in_our_form(make_rig: MakeRig, gearmand: Gearmand) -> None:
    """One with more failures than a slot can note would kill each child that gets its job."""
    child, talk = make_rig(gearmand).child(), Talk(gearmand.address)
    made_up = f"wm-{10**20}-0-0-0".encode()
    talk.ask(packets.pack(packets.SUBMIT_JOB_BG, A.encode(), made_up, b"1"), packets.JOB_CREATED)
    job = claim(child)
    assert child.failures(job) == 0
    child.complete(job)
    child.turn((), GRAB_FOR)
    talk.close()
