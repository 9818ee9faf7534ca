"""Thousands of failed jobs, a chunk in a transaction."""

import pytest

from tests.contract.rig import ONCE, A, B, Rig
from tests.contract.test_failed_list import fail
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import Chunk, Filter, Wanted
from wmcore.backends.theschwartz import failedchanges
from wmcore.model import Failure

ALL = Filter()


def run(manager: ManagerQueue, action: str, which: Filter = ALL, limit: int = 4) -> list[Chunk]:
    chunks = [manager.failed_chunk(action, which, None, limit)]
    while (cursor := chunks[-1].cursor) is not None:
        chunks.append(manager.failed_chunk(action, which, cursor, limit))
    return chunks


def test_retry(either: Rig) -> None:
    fail(either, 10, priority=3)
    fail(either, 2, B)
    manager = either.manager()
    chunks = run(manager, "retry", Filter(funcname=A))
    assert [chunk.done for chunk in chunks] == [4, 4, 2]
    assert not any(chunk.refused for chunk in chunks)
    assert len(either.jobs()) == 10
    jobs = {row.retried_as for row in manager.failed_page(Filter(funcname=A), Wanted()).rows}
    assert jobs == {f"0-{jobid}" for jobid, _ in either.jobs()}


def test_what_cannot_be_retried_is_refused_and_the_rest_is_done(rig: Rig) -> None:
    fail(rig, 3)
    fail(rig, 1, uniqkey="taken")
    fail(rig, 1, uniqkey="free")
    rig.client().insert(A, 5, uniqkey="taken")
    manager = rig.manager()
    manager.failed_retry("0-2")
    (chunk,) = run(manager, "retry", limit=100)
    assert chunk.done == 3
    reasons = dict(chunk.refused)
    assert set(reasons) == {"0-2", "0-4"}
    assert "already" in reasons["0-2"]
    assert "uniqkey" in reasons["0-4"]


def test_large_arguments_go_in_smaller_portions(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failedchanges, "BYTES_AT_ONCE", 3)
    fail(rig, 12)  # arguments of one and two bytes
    (chunk,) = run(rig.manager(), "retry", limit=100)
    assert (chunk.done, len(rig.jobs())) == (12, 12)


def test_what_was_retried_is_not_run_twice_by_a_second_run(rig: Rig) -> None:
    fail(rig, 3)
    manager = rig.manager()
    run(manager, "retry")
    rig.sql("DELETE FROM job")
    assert [(chunk.done, len(chunk.refused)) for chunk in run(manager, "retry")] == [(0, 3)]
    assert rig.jobs() == []


def test_what_fails_meanwhile_is_not_reached(rig: Rig) -> None:
    fail(rig, 4)
    manager = rig.manager()
    first = manager.failed_chunk("retry", ALL, None, 2)
    child = rig.child()
    child.fail(rig.claim(child), Failure("again"), ONCE)
    rest = manager.failed_chunk("retry", ALL, first.cursor, 100)
    assert (first.done, rest.done, len(rest.refused)) == (2, 2, 0)


@pytest.mark.parametrize("which", [Filter(funcname=A), Filter(error="NO")])
def test_delete(either: Rig, which: Filter) -> None:
    fail(either, 9)
    fail(either, 2, B, "other")
    manager = either.manager()
    assert sum(chunk.done for chunk in run(manager, "delete", which)) == 9
    assert manager.failed_count(ALL) == 2
