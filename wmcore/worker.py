"""What programmers write against: `Worker` and `Job`.

    class Thumbnail(Worker):
        max_retries = 3
        retry_delay = 20

        def work(self, job):
            make_thumbnail(job.arg["path"])
"""

import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from wmcore.backends.arguments import decode, encode
from wmcore.backends.base import Claimed, NewJob
from wmcore.model import Failure


class Worker:
    """A class of jobs. One instance lives in each child and runs its jobs one after another.

    Each of the attributes may be a method instead: `max_retries(self, job)`, `retry_delay(self, failures)`, the others
    without arguments. All times are seconds.
    """

    max_retries: Any = 0
    """Attempts after the first that failed."""
    retry_delay: Any = 0
    """Seconds from a failure to the next attempt; as a method it gets the number of failures so far."""
    grab_for: Any = 3600
    """How long a claimed job is ours; after that another host may take it."""
    keep_exit_status_for: Any = 0
    """How long TheSchwartz' `exitstatus` row of a finished job is kept; 0: none is written."""
    timeout: Any = None
    """A job that runs longer is killed with its child, which counts as a failed attempt."""
    soft_timeout: Any = None
    """After this, `wmcore.errors.SoftTimeout` is raised inside `work`."""
    explicit: ClassVar[bool] = False
    """TheSchwartz' rule: a job that returns without `completed()` or another outcome has failed."""
    funcname: ClassVar[str | None] = None
    """The queue name, where it is not the dotted path of the configuration."""

    def work(self, job: "Job") -> Any:
        """Do the job. A normal return completes it, an exception fails it."""
        raise NotImplementedError(f"{type(self).__qualname__} has no method work(self, job)")


@dataclass(frozen=True, slots=True)
class Completed:
    result: Any = None


@dataclass(frozen=True, slots=True)
class Failed:
    failure: Failure
    permanent: bool = False


@dataclass(frozen=True, slots=True)
class Declined:
    run_after: float | None = None


@dataclass(frozen=True, slots=True)
class Replaced:
    jobs: tuple[NewJob, ...]


Verdict = Completed | Failed | Declined | Replaced


class Job:
    """A job in the hands of `Worker.work`. The first outcome that is given counts, later ones are ignored; it is
    written to the queue when `work` returns."""

    def __init__(self, claimed: Claimed, failures: Any = None) -> None:
        self._claimed = claimed
        self._failures = failures  # a function: asked only by those who want to know
        self._arg: Any = _UNREAD
        self.verdict: Verdict | None = None

    @classmethod
    def new(
        cls,
        funcname: str,
        arg: Any = None,
        *,
        run_after: float | None = None,
        priority: int | None = None,
        uniqkey: str | None = None,
        coalesce: str | None = None,
    ) -> NewJob:
        """A job to hand to `replace_with`. `run_after`: Unix seconds."""
        return NewJob(funcname, encode(arg), run_after, priority, uniqkey, coalesce)

    @property
    def arg(self) -> Any:
        """The argument, decoded; bytes as they are where they are not JSON."""
        if self._arg is _UNREAD:
            self._arg = decode(self._claimed.raw)
        return self._arg

    @property
    def raw(self) -> bytes:
        """The argument as it stands in the queue."""
        return self._claimed.raw

    @property
    def id(self) -> str:
        return self._claimed.id

    @property
    def handle(self) -> str:
        return self._claimed.id

    @property
    def funcname(self) -> str:
        return self._claimed.funcname

    @property
    def insert_time(self) -> float:
        """Unix seconds."""
        return self._claimed.insert_time

    @property
    def run_after(self) -> float:
        """Unix seconds."""
        return self._claimed.run_after

    @property
    def priority(self) -> int | None:
        return self._claimed.priority

    @property
    def uniqkey(self) -> str | None:
        return self._claimed.uniqkey

    @property
    def coalesce(self) -> str | None:
        return self._claimed.coalesce

    @property
    def failures(self) -> int:
        """Attempts that have failed so far (a question to the queue, asked once)."""
        if callable(self._failures):
            self._failures = self._failures()
        return int(self._failures or 0)

    def completed(self) -> None:
        """The job is done."""
        self._settle(Completed())

    def failed(self, message: object, exit_status: int = 1) -> None:
        """This attempt failed; the class's `max_retries` decides whether there is another."""
        self._settle(Failed(Failure(str(message), _where(), exit_status)))

    def permanent_failure(self, message: object, exit_status: int = 1) -> None:
        """The job failed and is not tried again."""
        self._settle(Failed(Failure(str(message), _where(), exit_status), permanent=True))

    def declined(self, run_after: float | None = None) -> None:
        """Not now: the job goes back without counting as an attempt, due at `run_after` (Unix seconds; None: now)."""
        self._settle(Declined(run_after))

    def replace_with(self, *jobs: NewJob) -> None:
        """Complete this job and insert `jobs` (see `Job.new`) in one transaction."""
        for job in jobs:
            if not isinstance(job, NewJob):
                raise TypeError(f"replace_with() takes jobs made by Job.new(...), not {type(job).__name__}")
        self._settle(Replaced(jobs))

    def progress(self, n: int, total: int) -> None:
        """Tell a waiting client how far the job is. TheSchwartz has nobody who waits: nothing happens there."""

    def raised(self, error: BaseException) -> None:
        """`work` ended with `error`: a failure, unless it had given another outcome before."""
        self._settle(Failed(failure_of(error)))

    def returned(self, result: Any, explicit: bool) -> None:
        """`work` returned."""
        if explicit:
            self._settle(Failed(Failure("work() returned without an outcome (completed(), failed(), ...)")))
        self._settle(Completed(result))

    def _settle(self, verdict: Verdict) -> None:
        if self.verdict is None:
            self.verdict = verdict


_UNREAD = object()
_PACKAGE = str(Path(__file__).parent) + "/"


def failure_of(error: BaseException) -> Failure:
    """An exception as it is kept: "KeyError: 'user_id'" and its traceback."""
    told = traceback.TracebackException.from_exception(error)
    told.stack = _without_ours(told.stack)
    said = str(error)
    name = type(error).__qualname__
    return Failure(f"{name}: {said}" if said else name, "".join(told.format()))


def _where() -> str:
    """The stack of the caller of failed()."""
    return "".join(_without_ours(traceback.extract_stack()).format())


def _without_ours(stack: traceback.StackSummary) -> traceback.StackSummary:
    """A worker's author looks for his own frames: those of this package say nothing about his mistake."""
    return traceback.StackSummary.from_list([frame for frame in stack if not frame.filename.startswith(_PACKAGE)])
