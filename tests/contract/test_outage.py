"""A server that goes away and comes back, connections that are broken off, locks that somebody holds."""

import threading
import time

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, Rig
from wmcore.errors import QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy


def test_a_child_goes_on_when_the_server_is_back(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2, 3])
    child = rig.child()
    first = rig.claim(child)
    with rig.unreachable():
        child.complete(first)
        if rig.server is not None:  # a file that is open stays reachable
            for _ in range(2):
                with pytest.raises(QueueDown):
                    child.turn((0,), GRAB_FOR)
    second = rig.claim(child)
    assert child.fail(second, Failure("no"), RetryPolicy(max_retries=1)) is Outcome.RETRIED
    assert sorted(jobid for jobid, _ in rig.jobs()) == [second.number, second.number + 1]


def test_a_failure_can_be_written_when_the_server_is_back(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    if rig.server is not None:
        with rig.unreachable(), pytest.raises(QueueDown):
            child.fail(job, Failure("no"), RetryPolicy(max_retries=1))
    assert child.fail(job, Failure("no"), RetryPolicy(max_retries=1)) is Outcome.RETRIED
    assert rig.count("error") == 1


def test_connections_that_went_stale_are_no_outage(make_rig: MakeRig) -> None:
    """The server closed what nobody had used for long: no user has to hear of it."""
    rig = make_rig(batch_ms=1)  # "long" is longer than that
    client, child, manager = rig.client(), rig.child(), rig.manager()
    client.insert(A, 1)
    job = rig.claim(child)
    manager.figures(0)
    rig.kill_connections()
    assert client.insert(A, 2)
    child.complete(job)
    assert child.turn((0,), GRAB_FOR).jobs
    assert manager.ask(0, [0], 10).ready == {}
    assert manager.figures(0)[0].running == 1


def test_an_error_names_the_server_and_never_the_password(rig: Rig) -> None:
    with rig.unreachable():
        with pytest.raises(QueueDown) as caught:
            rig.child().turn((0,), GRAB_FOR)
        assert rig.config.databases[0].name in str(caught.value)
        assert "geheim" not in str(caught.value)
        with pytest.raises(QueueDown) as caught:
            rig.manager()
        assert "geheim" not in str(caught.value)


def test_a_lock_that_somebody_holds_is_waited_for(rig: Rig) -> None:
    """Busy is waiting, never a failed job."""
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    job = rig.claim(child)
    ready = threading.Event()

    def hold() -> None:
        with rig.holding(f"UPDATE job SET priority = 1 WHERE jobid = {job.number}"):
            ready.set()
            time.sleep(0.5)

    holder = threading.Thread(target=hold)
    holder.start()
    ready.wait()
    assert child.fail(job, Failure("no"), RetryPolicy(max_retries=1)) is Outcome.RETRIED
    holder.join()
    assert not rig.sql("SELECT 1 FROM job WHERE jobid = :id AND grabbed_until > 0", {"id": job.number})
