"""Jobs as a client sees them: stored in the queue, or taken by the client itself."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from wmcore.backends.records import NewJob, StoredRow
from wmcore.model import Failure, RetryPolicy
from wmcore.worker import JobFacts

if TYPE_CHECKING:
    from wmcore.backends.base import ClientQueue


class StoredJob(JobFacts):
    """A job in the queue, as it was when it was looked up."""

    def __init__(self, row: StoredRow) -> None:
        super().__init__(row.job)
        self._row = row

    @property
    def grabbed_until(self) -> int:
        """Unix seconds: somebody runs it, or will have given up by then. 0: nobody took it yet."""
        return self._row.grabbed_until

    @property
    def state(self) -> str:
        """ "ready", "delayed" or "running"."""
        return self._row.state


class JobHandle:
    """A job by the handle that `insert` returned, also when it has ended. Each method is a question to the queue, and
    may raise QueueDown, or NotFound for the handle of another database."""

    def __init__(self, text: str, queue: "Callable[[], ClientQueue]") -> None:
        self._text = text
        self._queue = queue

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<JobHandle {self._text}>"

    def job(self) -> StoredJob | None:
        """None: it has ended, or never was."""
        row = self._queue().lookup(self._text)
        return None if row is None else StoredJob(row)

    def is_pending(self) -> bool:
        """Does it wait or run?"""
        return self.job() is not None

    def exit_status(self) -> int | None:
        """0: completed; else it failed finally. None: it has not ended, or its class keeps no exit status
        (`keep_exit_status_for`), or no longer."""
        return self._queue().exit_status(self._text)

    def failures(self) -> int:
        """Attempts that have failed."""
        return len(self.failure_log())

    def failure_log(self) -> list[str]:
        """Their messages, oldest first; kept for a week."""
        return self._queue().failure_log(self._text)


class HeldJob(StoredJob):
    """A job that this client has taken: nobody else runs it before `grabbed_until`. The first outcome counts and is
    written at once; it says whether the job was still ours (False: nothing was written, its time was over and somebody
    else may have it). May raise QueueDown: then the outcome can be given again."""

    def __init__(self, row: StoredRow, queue: "Callable[[], ClientQueue]") -> None:
        super().__init__(row)
        self._queue = queue
        self._ended = False

    def completed(self, keep_exit_status_for: int = 0) -> bool:
        """The job is done. `keep_exit_status_for`: seconds."""
        return self._end(lambda queue: queue.complete(self._row, keep_exit_status_for))

    def failed(self, message: object, exit_status: int = 1, *, max_retries: int = 0, retry_delay: int = 0) -> bool:
        """The attempt failed; it is tried again, by whoever works on its class, if no more than `max_retries` failed
        before, after `retry_delay` seconds."""
        return self._fail(message, exit_status, RetryPolicy(max_retries, retry_delay))

    def permanent_failure(self, message: object, exit_status: int = 1) -> bool:
        """It failed, and is not tried again."""
        return self._fail(message, exit_status, RetryPolicy(permanent=True))

    def declined(self, run_after: float | None = None) -> bool:
        """Not now: it goes back, due at `run_after` (Unix seconds; None: now)."""
        return self._end(lambda queue: queue.decline(self._row, run_after))

    def replace_with(self, *jobs: NewJob) -> bool:
        """Complete it and insert `jobs` (`Job.new`) in one transaction."""
        return self._end(lambda queue: queue.replace(self._row, jobs))

    def _fail(self, message: object, exit_status: int, policy: RetryPolicy) -> bool:
        return self._end(lambda queue: queue.fail(self._row, Failure(str(message), "", exit_status), policy))

    def _end(self, write: "Callable[[ClientQueue], bool]") -> bool:
        """Once: whoever has the job next may have taken it in the same second, with the same lease."""
        if self._ended:
            return False
        was_ours = write(self._queue())
        self._ended = True
        return was_ours
