"""Runs one job and says how it ended. The only place where user code is called."""

import os
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any

from wmcore.backends.base import JobQueue, News
from wmcore.backends.records import Claimed
from wmcore.errors import QueueDown, SoftTimeout
from wmcore.loading import Limits, LoadedClass
from wmcore.model import Failure, RetryPolicy
from wmcore.worker import Failed, Job, Worker, failure_of

NO_POLICY = RetryPolicy()
_forked: list[bool] = []
"""Something in it: this process is not the child, but one that a job forked."""
os.register_at_fork(after_in_child=lambda: _forked.append(True))


class Runner:
    """One class's instance in this child, with its limits."""

    def __init__(self, loaded: LoadedClass, patient: bool) -> None:
        """`patient`: no timeouts (somebody may sit at a debugger's prompt)."""
        self.name = loaded.name
        self._worker: Worker = loaded.kind()
        self._patient = patient
        self.limits = Limits(self._worker, loaded.limits)
        self.grab_for = self.limits.grab_for()
        _forked.clear()  # this child was forked itself

    def timeout(self) -> float | None:
        return None if self._patient else self.limits.timeout()

    @property
    def has_one_policy(self) -> bool:
        """Is it the same for all jobs at this moment?"""
        return self.limits.answers_for_all("max_retries", "retry_delay", "keep_exit_status_for")

    def policy(self, job: Job) -> RetryPolicy:
        """What the class says about a failure of this job. User code may stand behind it: where that fails, the job is
        not tried again, and the reason is on standard error. Raises QueueDown."""
        try:
            return self.limits.policy(job)
        except QueueDown:  # asked for the failures so far: not the class's mistake
            raise
        except Exception as error:
            print(f"{self.name}: max_retries or retry_delay failed: {failure_of(error).message}", file=sys.stderr)
            return NO_POLICY

    def run(self, claimed: Claimed, queue: "Undisturbed") -> Job:
        """Call `work`: the job has a verdict then; those that it took along get theirs when its end is written.
        KeyboardInterrupt passes through where somebody sits at the terminal: he wants to leave."""
        job = Job(claimed, queue)
        try:
            soft = None if self._patient else self.limits.soft_timeout()
            if soft is None:
                result = self._worker.work(job)
            else:
                with _soft_limit(soft, self.name):
                    result = self._worker.work(job)
            job.returned(queue.result(result), self._worker.explicit)
        except BaseException as error:  # SystemExit too: a job must not end its child
            if self._patient and isinstance(error, KeyboardInterrupt):
                raise
            job.raised(error)
        if _forked:  # a process that the job forked came back here: the job is its parent's to end
            os._exit(1)
        if self._patient:  # pdb leaves a handler behind that would open its prompt again, between two jobs
            signal.signal(signal.SIGINT, signal.default_int_handler)
        return job


class Undisturbed:
    """What a job asks of its queue, with a soft timeout, an alarm of the job's own and Ctrl-C held back meanwhile: an
    exception in the middle of a statement would leave it open whether jobs were claimed."""

    def __init__(self, queue: JobQueue) -> None:
        self._queue = queue

    def failures(self, job: Claimed) -> int:
        with _held_back():
            return self._queue.failures(job)

    def failure_log(self, job: Claimed) -> list[str]:
        with _held_back():
            return self._queue.failure_log(job)

    def coalesce(self, job: Claimed, value: str, limit: int, *, prefix: bool) -> Sequence[Claimed]:
        with _held_back():
            return self._queue.coalesce(job, value, limit, prefix=prefix)

    def tell(self, job: Claimed, news: News, *words: bytes) -> None:
        with _held_back():
            self._queue.tell(job, news, *words)

    def result(self, value: Any) -> Any:
        return self._queue.result(value)


@contextmanager
def _held_back() -> Iterator[None]:
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM, signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _soft_limit(seconds: float, name: str) -> Iterator[None]:
    def ring(number: int, frame: FrameType | None) -> None:
        raise SoftTimeout(f"soft timeout of {name} after {seconds:g} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def describe(failed: Failed, name: str, job: str, attempt_follows: bool, now: float) -> str:
    """A failed attempt for the errorlogfile: when, what, why, where."""
    failure: Failure = failed.failure
    what = "will be tried again" if attempt_follows else "failed finally"
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))
    text = f"{stamp} {name} job {job} {what}: {failure.message}\n"
    return text + "".join(f"    {line}\n" for line in failure.traceback.rstrip().splitlines())
