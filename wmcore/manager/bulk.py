"""Runs through thousands of failed jobs, a chunk at a time in a thread: begun by somebody, watched by whoever looks,
carried on when they have gone. At most one of each action at a time."""

import asyncio
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from wmcore.backends.records import Filter
from wmcore.errors import NotFound, Refused, WmError
from wmcore.manager.queueside import QueueSide
from wmcore.model import BulkState

ACTIONS = {"retry": "retried", "delete": "deleted"}
AT_ONCE = 100
"""Records in a transaction."""
MOST_REASONS = 20
KEPT_SECONDS = 600.0
"""An ended run is shown for so long."""
MOST_KEPT = 10


@dataclass(slots=True)
class Run:
    """One of them."""

    id: str
    action: str
    which: Filter
    total: int
    at_least: bool
    by: str
    state: BulkState = BulkState.RUNNING
    done: int = 0
    refused: int = 0
    reasons: list[tuple[str, str]] = field(default_factory=list)  # id, why; the first ones
    error: str | None = None
    started_at: float = field(default_factory=time.time)
    ended_at: float | None = None


class BulkRuns:
    def __init__(self, queue: QueueSide, note: Callable[[str], None]) -> None:
        self._queue = queue
        self._note = note
        self._numbers = itertools.count(1)
        self._runs: list[Run] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def runs(self) -> list[Run]:
        """Newest first: those that run, and those that ended a while ago."""
        since = time.time() - KEPT_SECONDS
        kept = [run for run in self._runs if run.ended_at is None or run.ended_at > since]
        self._runs = [run for place, run in enumerate(kept) if place < MOST_KEPT or run.ended_at is None]
        return self._runs

    def refuse_second(self, action: str) -> None:
        """Raises Refused while one of the same action runs."""
        for run in self._runs:
            if run.action == action and not run.state.ended:
                raise Refused(f"failed jobs are {ACTIONS[action]} already, by {run.by} (run {run.id}): wait or stop it")

    def start(self, action: str, which: Filter, total: int, at_least: bool, by: str) -> Run:
        """Raises Refused."""
        self.refuse_second(action)
        run = Run(str(next(self._numbers)), action, which, total, at_least, by)
        self._runs.insert(0, run)
        task = asyncio.create_task(self._work(run), name=f"bulk-{run.id}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self._note(f"{total} failed jobs are being {ACTIONS[action]} for {by} (run {run.id})")
        return run

    def stop(self, run_id: str) -> Run:
        """Raises NotFound."""
        for run in self.runs:
            if run.id == run_id:
                if not run.state.ended:
                    run.state = BulkState.STOPPING
                return run
        raise NotFound(f"there is no run {run_id}; it may have ended long ago")

    async def close(self) -> None:
        """The daemon ends: each stops behind its transaction."""
        for run in self._runs:
            self.stop(run.id)
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def _work(self, run: Run) -> None:
        cursor: str | None = None
        queue = self._queue.queue
        try:
            while run.state is BulkState.RUNNING:
                chunk = await self._queue.thread(queue.failed_chunk, run.action, run.which, cursor, AT_ONCE)
                run.done += chunk.done
                run.refused += len(chunk.refused)
                run.reasons += chunk.refused[: MOST_REASONS - len(run.reasons)]
                self._queue.failed_changed()
                cursor = chunk.cursor
                if cursor is None:
                    run.state = BulkState.DONE
        except WmError as error:
            run.state, run.error = BulkState.FAILED, str(error)
        except Exception as error:  # the door: a mistake of ours must not look like a run that goes on
            run.state, run.error = BulkState.FAILED, f"{type(error).__name__}: {error}"
        if run.state is BulkState.STOPPING:
            run.state = BulkState.STOPPED
        run.ended_at = time.time()
        behind = f": {run.error}" if run.error else ""
        self._note(
            f"run {run.id} {run.state}: {run.done} failed jobs {ACTIONS[run.action]}, {run.refused} refused{behind}"
        )
