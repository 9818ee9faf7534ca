"""Runs through thousands of failed jobs: how they end, and what is kept of them. The queue's part is in the contract
tests, the whole in test_console_side."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from tests.waiting import until_async
from wmcore.backends.records import Chunk, Filter
from wmcore.errors import NotFound, QueueDown, Refused
from wmcore.manager import bulk
from wmcore.manager.bulk import BulkRuns, Run


def runs_of(chunks: Callable[[str | None], Chunk]) -> tuple[BulkRuns, list[str]]:
    """`chunks`: what the queue does from a cursor on."""

    async def thread(call: Callable[..., Any], *arguments: Any) -> Any:
        return call(*arguments)

    queue = SimpleNamespace(failed_chunk=lambda action, which, cursor, limit: chunks(cursor))
    said: list[str] = []
    side: Any = SimpleNamespace(thread=thread, queue=queue, failed_changed=lambda: None)
    return BulkRuns(side, said.append), said


def start(runs: BulkRuns, action: str = "retry") -> Run:
    return runs.start(action, Filter(), 100, False, "ops")


async def test_a_run_counts_and_keeps_the_first_reasons() -> None:
    def chunks(cursor: str | None) -> Chunk:
        number = int(cursor or 0)
        refused = [(f"0-{number}-{place}", "taken") for place in range(15)]
        return Chunk(85, refused, None if number == 2 else str(number + 1))

    runs, said = runs_of(chunks)
    run = start(runs)
    await until_async(lambda: run.state.ended)
    assert (run.state, run.done, run.refused, len(run.reasons)) == ("done", 255, 45, 20)
    assert run.ended_at is not None
    assert said[-1] == "run 1 done: 255 failed jobs retried, 45 refused"


@pytest.mark.parametrize("error", [QueueDown("database q: gone"), ZeroDivisionError("gone")])
async def test_a_run_that_fails_says_why_and_makes_room_for_another(error: Exception) -> None:
    def chunks(cursor: str | None) -> Chunk:
        if cursor is None:
            return Chunk(100, [], "1")
        raise error

    runs, _ = runs_of(chunks)
    run = start(runs)
    with pytest.raises(Refused, match="already, by ops"):
        start(runs)
    assert start(runs, "delete").action == "delete"
    await until_async(lambda: run.state.ended)
    assert (run.state, run.done) == ("failed", 100)
    assert "gone" in (run.error or "")
    assert start(runs).id == "3"
    await runs.close()


async def test_stopping_and_forgetting(monkeypatch: pytest.MonkeyPatch) -> None:
    runs, _ = runs_of(lambda cursor: Chunk(1, [], "on"))
    run = start(runs)
    assert runs.stop(run.id).state == "stopping"
    await runs.close()
    assert (run.state, runs.stop(run.id).state) == ("stopped", "stopped")
    monkeypatch.setattr(bulk, "KEPT_SECONDS", -1.0)
    assert runs.runs == []
    with pytest.raises(NotFound):
        runs.stop(run.id)
