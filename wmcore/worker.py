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
from wmcore.backends.base import JobQueue, News
from wmcore.backends.records import Claimed, NewJob
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


class JobFacts:
    """What is known of a job, whoever looks at it."""

    def __init__(self, claimed: Claimed) -> None:
        self._claimed = claimed
        self._arg: Any = _UNREAD

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.id} {self.funcname}>"

    @property
    def arg(self) -> Any:
        """The argument, decoded (JSON, or what Perl froze with Storable); else the bytes as they are. Raises
        `wmcore.errors.BadArgument` where it is a broken Storable."""
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
        """As the client got it when it inserted the job."""
        return self._claimed.handle

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


class Job(JobFacts):
    """A job in the hands of `Worker.work`. The first outcome that is given counts, later ones are ignored; it is
    written to the queue when `work` returns."""

    def __init__(self, claimed: Claimed, queue: JobQueue | None = None, first: "Job | None" = None) -> None:
        """`queue`: None where the job runs in place. `first`: the job that took this one along."""
        super().__init__(claimed)
        self._queue = queue
        self._first = first or self
        self._explicit = False
        self._failures: int | None = None
        self.verdict: Verdict | None = None
        self.companions: list[Job] = []

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
        serializer: str = "json",
    ) -> NewJob:
        """A job to hand to `replace_with`. `run_after`: Unix seconds; `serializer`: "json", or "storable" for a worker
        in Perl."""
        return NewJob(funcname, encode(arg, serializer), run_after, priority, uniqkey, coalesce)

    @property
    def claimed(self) -> Claimed:
        """As the queue's code knows it."""
        return self._claimed

    @property
    def failures(self) -> int:
        """Attempts that have failed so far (a question to the queue, asked once)."""
        if self._failures is None:
            self._failures = 0 if self._queue is None else self._queue.failures(self._claimed)
        return self._failures

    def failure_log(self) -> list[str]:
        """The messages of the attempts that have failed so far, oldest first (a question to the queue)."""
        return [] if self._queue is None else self._queue.failure_log(self._claimed)

    def coalescing(self, value: str | None = None, *, prefix: bool = False, limit: int = 50) -> "list[Job]":
        """More jobs of this class to do together with this one: those that are due and have the coalescing value
        `value` (this job's own where None is given), or with `prefix` one that begins with it.

        At most `limit` of them, possibly none; ask again for more (on a database without wm_ tables there are no more
        than 20 in all). They are this child's from now on. Each may be given an outcome of its own; without one it is
        completed when this job is, and otherwise goes back to the queue with no attempt counted.
        """
        wanted = self.coalesce if value is None else value
        if self._queue is None or wanted is None or limit < 1:
            return []
        first = self._first
        found = self._queue.coalesce(first._claimed, str(wanted), limit, prefix=prefix)
        jobs = [Job(claimed, self._queue, first) for claimed in found]
        first.companions += jobs
        return jobs

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
        self._tell(News.STATUS, str(int(n)).encode(), str(int(total)).encode())

    def data(self, part: str | bytes) -> None:
        """Give a waiting client a part of the result (Gearman's WORK_DATA)."""
        self._tell(News.DATA, part.encode() if isinstance(part, str) else bytes(part))

    def warning(self, text: str | bytes) -> None:
        """Warn a waiting client (Gearman's WORK_WARNING)."""
        self._tell(News.WARNING, text.encode() if isinstance(text, str) else bytes(text))

    def _tell(self, news: News, *words: bytes) -> None:
        if self._queue is not None:
            self._queue.tell(self._claimed, news, *words)

    def raised(self, error: BaseException) -> None:
        """`work` ended with `error`: a failure, unless it had given another outcome before."""
        self._settle(Failed(failure_of(error)))

    def returned(self, result: Any, explicit: bool) -> None:
        """`work` returned."""
        self._explicit = explicit
        if self.verdict is None:
            self.verdict = _NOTHING_SAID if explicit else _DONE if result is None else Completed(result)
        elif isinstance(self.verdict, Completed):  # said before the result was known
            self.verdict = Completed(result)

    def settle_companions(self, done: bool) -> "list[Job]":
        """When this job's end is written: those that were given no outcome get theirs. `done`: it was completed."""
        for job in self.companions:
            job._settle((_NOTHING_SAID if self._explicit else Completed()) if done else Declined())
        return self.companions

    def _settle(self, verdict: Verdict) -> None:
        if self.verdict is None:
            self.verdict = verdict


_UNREAD = object()
_DONE = Completed()
_NOTHING_SAID = Failed(Failure("work() returned without an outcome (completed(), failed(), ...)"))
_OURS = (str(Path(__file__).parent) + "/", "<frozen runpy>")  # python -m wmcore.loader


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
    return traceback.StackSummary.from_list([frame for frame in stack if not frame.filename.startswith(_OURS)])
