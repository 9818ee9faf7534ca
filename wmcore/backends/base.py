"""What a queue must offer: one object in each child (`ChildQueue`), one in the manager (`ManagerQueue`).

The two never share a connection. A child's object lives in one process and one thread; the manager's is called from
the manager's threads, a method at a time per thread, and opens its own connections.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

from wmcore.backends.records import (
    Chunk,
    Claimed,
    FailedGroups,
    FailedPage,
    FailedRow,
    Filter,
    JobFilter,
    JobPage,
    NewJob,
    StoredRow,
    Wanted,
)
from wmcore.model import Failure, Outcome, QueueFigures, RetryPolicy

Ahead = Sequence[Any]
"""What a backend's `connect_ahead` has opened in a process that is to be a child; empty where it opens nothing."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn brought: the next batch, and which of the acknowledged jobs were not ours any more."""

    jobs: Sequence[Claimed] = ()
    late: frozenset[str] = frozenset()


MOST_COMPANIONS = 20
"""Jobs that a slot can note beside the one in hand."""


class Position(Protocol):
    """The child's place in its slot, as the queue's code sees it: written by the child alone, read by whoever closes
    the books when the child is gone. One 8-byte word, stored at once."""

    def claimed(self, database: int, seq: int, held: int = 0) -> None:
        """A batch of `held` jobs: after the claim's COMMIT. `started` and `finished` go back to 0."""

    def keep_whole(self) -> None:
        """Nothing of the batch in hand may be given back by anybody else."""

    def note(self, database: int, number: int, lease: int, class_index: int) -> None:
        """Without `wm_claim`: the one job that is about to be claimed, before the claim's COMMIT."""

    def companions(self, numbers: Sequence[int]) -> None:
        """Without `wm_claim`: all jobs that are about to be claimed, or are claimed, beside the noted one."""

    def started(self, count: int) -> None:
        """`count` jobs of the batch have been started."""

    def acknowledged(self, count: int) -> None:
        """`count` jobs of the batch are acknowledged, and their child tells of them."""

    def finished(self, count: int) -> None:
        """`count` jobs of the batch have been finished."""


@dataclass(frozen=True, slots=True)
class Place:
    """A slot's position as it was read from the scoreboard."""

    database: int = 0
    seq: int = 0
    started: int = 0
    finished: int = 0
    acked: int = 0  # so many of them the child itself has acknowledged
    # without wm_claim: the one job that was being claimed or run
    noted_number: int = 0
    noted_lease: int = 0
    noted_class: int = -1
    companions: tuple[int, ...] = ()


class News(Enum):
    """What may be said of a job before it ends."""

    STATUS = auto()  # two words: so much of so much is done
    DATA = auto()  # a part of the result
    WARNING = auto()


class JobQueue(Protocol):
    """What a job may ask or tell its queue while it runs. The first two may raise QueueDown."""

    def failures(self, job: Claimed) -> int:
        """Attempts at the job that have failed so far."""

    def failure_log(self, job: Claimed) -> list[str]:
        """The message of each of them, oldest first."""

    def coalesce(self, job: Claimed, value: str, limit: int, *, prefix: bool) -> Sequence[Claimed]:
        """Claim up to `limit` due jobs of the running job's class whose coalescing value is `value`, or begins with it:
        they are run with it, and ended behind it. Nothing where the queue does not answer: they keep."""

    def tell(self, job: Claimed, news: News, *words: bytes) -> None:
        """Something for whoever waits for the job. Nothing happens where nobody can."""

    def result(self, value: Any) -> Any:
        """What `work` returned, as it will be handed to `complete`. Raises TypeError or ValueError where whoever waits
        for it cannot be given such a value."""


class ChildQueue(JobQueue, Protocol):
    """A child's side. Every method may raise QueueDown (call again later) or Fenced (leave)."""

    def turn(self, classes: Sequence[int], grab_for: Sequence[int], most: Sequence[int] | None = None) -> Turn:
        """Acknowledge what is finished, give back what was not started, and claim the next batch: jobs of the first of
        `classes` (indexes, in the order of preference) that has due work; of class index i, `grab_for[i]` is the lease
        in seconds and `most[i]` the number of jobs (None: one). No classes: claim nothing. May be called again after
        QueueDown: nothing is acknowledged or claimed twice."""

    def start(self, job: Claimed) -> bool:
        """The job is about to run. False: it may not, it was given back meanwhile, because a job before it took too
        long."""

    def complete(self, job: Claimed, keep_exit_status_seconds: int = 0, result: Any = None) -> None:
        """The job is done; that is written with the next turn."""

    def fail(self, job: Claimed, failure: Failure, policy: RetryPolicy) -> Outcome:
        """Count a failed attempt, at once: RETRIED, FAILED (now in the failed list) or LATE."""

    def decline(self, job: Claimed, run_after: float | None) -> Outcome:
        """Give the job back without counting an attempt: DECLINED or LATE."""

    def replace(self, job: Claimed, jobs: Sequence[NewJob], keep_exit_status_seconds: int = 0) -> Outcome:
        """Complete the job and insert its successors in one transaction: REPLACED or LATE. Raises Refused for one that
        the queue does not take: nothing is done then."""

    def late_before(self) -> frozenset[str]:
        """Which of the jobs that the last `fail`, `decline` or `replace` acknowledged beside its own were not ours any
        more."""

    @property
    def settled(self) -> bool:
        """Nothing is held, nothing unacknowledged, no COMMIT in doubt: whoever leaves now leaves no books open."""

    def descriptors(self) -> Sequence[tuple[int, int]]:
        """What an idle child polls beside its own: descriptors and events. When one is ready, `turn` wants calling."""

    def patience(self) -> float:
        """Seconds after which `turn` wants to be called at the latest, whatever happens; may be infinite."""

    def close(self) -> None:
        """Close the connections. What is unacknowledged stays for whoever closes the books."""


@dataclass(frozen=True, slots=True)
class Book:
    """What is known of a child that is gone, enough to close its books in the queue; on disk until that is done."""

    slot: int
    owner: str  # the token of that life
    place: Place
    counts: bool  # is the running job's end a failed attempt, or is the job given back?
    failure: Failure
    policy: RetryPolicy
    pid: int = 0
    open_databases: tuple[int, ...] = ()  # still to do; empty: all
    job: str = ""  # the id of the job that was running


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch has come, as its slot shows it at this moment."""

    held: int  # jobs in it; 0: it may not be cut
    started: int
    finished: int


@dataclass(frozen=True, slots=True)
class SlowBatch:
    """A batch that was claimed longer ago than it should have taken."""

    slot: int
    owner: str
    database: int
    seq: int
    keep_exit_status_seconds: int
    progress: Callable[[], Progress]  # to be asked under the lock of its row


@dataclass(frozen=True, slots=True)
class Closed:
    """What closing a book did."""

    completed: Sequence[tuple[int, str]] = ()  # (class index, job id): finished, but not yet acknowledged
    attempts: Sequence[tuple[int, str, Outcome]] = ()  # the running job
    released: Sequence[str] = ()
    remaining: tuple[int, ...] = ()  # databases that did not answer: try these again


@dataclass(frozen=True, slots=True)
class Due:
    """An answer to "is there work?", for one database."""

    ready: dict[int, int] = field(default_factory=dict)  # class index -> claimable jobs, bounded
    next_in: float | None = None  # seconds until the next job can be claimed


class ManagerQueue(Protocol):
    """The manager's side. Methods with `database` speak with that one and raise QueueDown where it does not answer."""

    word: str
    """What each of `databases` is called: "database", "job server"."""

    failed_apart: bool
    """Does the failed list stand elsewhere, so that it can be read while none of them answers?"""

    @property
    def databases(self) -> Sequence[str]:
        """A name for each database, without its password; Gearman's are its job servers."""

    def probe(self, database: int) -> list[str]:
        """Does it answer, are the tables there? Returns notices for the operator ("no wm_ tables: ..."), raises
        QueueDown or SchemaMissing."""

    def ask(self, database: int, classes: Sequence[int], limit: int) -> Due:
        """How many jobs of these classes can be claimed now (counted up to `limit` each), and when the next falls due.
        `next_in` is also that of the next lease that runs out, as far as it is cheap to know. Cheap: called up to ten
        times a second."""

    def changed(self, database: int) -> bool:
        """Cheaper than `ask`, where the database has such a thing: may anything have changed since the last call?"""

    def ear(self, database: int) -> int | None:
        """A descriptor that can be read when somebody says that he inserted jobs, until `changed` takes it in. None:
        nobody would be heard. Of one thread at a time, like `changed`."""

    def figures(self, database: int) -> dict[int, QueueFigures]:
        """Per class index; counts bounded by COUNT_LIMIT."""

    def trim(self, batch: SlowBatch) -> list[str]:
        """Give back what is not started of a batch that takes long, and acknowledge what is finished. Returns the ids
        of the jobs that were given back. Raises QueueDown."""

    def close_book(self, book: Book) -> Closed:
        """Close the books of a dead child in `book.open_databases` (or all). Never raises QueueDown: what did not
        answer is in `Closed.remaining`."""

    def release_strays(self, database: int, known: Collection[str]) -> list[str]:
        """At the start: release every claim that stands under this daemon's name and whose owner is not in `known`
        (open books, children of the former life that are still at work). Returns the job ids."""

    def jobs(self, which: JobFilter, wanted: Wanted) -> JobPage:
        """Jobs in the queue, database by database; of one class as they fall due, else by number. Bounded."""

    def failed_count(self, which: Filter) -> int:
        """Bounded by COUNT_LIMIT."""

    def failed_total(self, which: Filter, most: int) -> tuple[int, bool]:
        """Up to `most`, before thousands of them are changed; and whether these are all. May take seconds."""

    def failed_page(self, which: Filter, wanted: Wanted) -> FailedPage:
        """By time of failure. Bounded: what a search does not reach is behind the cursor."""

    def failed_groups(self, which: Filter, limit: int) -> FailedGroups:
        """By fingerprint, the group with the newest record first. Bounded."""

    def failed_chunk(self, action: str, which: Filter, cursor: str | None, limit: int) -> Chunk:
        """`retry` or `delete` the next `limit` of them, newest first, in a transaction for each database. What was
        retried before is refused."""

    def failed_open(self) -> Mapping[int, int]:
        """By class index, how many failed jobs nobody has retried, bounded by COUNT_LIMIT; empty where the tables of an
        earlier version would have to be gone through for it."""

    def failed_get(self, failed_id: str) -> FailedRow:
        """With all attempts; raises NotFound."""

    def failed_some(self, failed_ids: Sequence[str]) -> list[FailedRow]:
        """Those of these records that are there, as a page has them: with what became of their retries."""

    def failed_retry(self, failed_id: str) -> str:
        """Insert the job anew (attempts 0) and note it on the record; returns the new job's id. Raises NotFound, or
        Refused (its uniqkey is taken, or it was retried already and that job still waits)."""

    def failed_delete(self, failed_id: str) -> None:
        """Raises NotFound."""

    def clean(self, failed_keep_days: float) -> None:
        """Forget old failed records, errors and exit statuses."""

    def close(self) -> None: ...


class ClientQueue(Protocol):
    """A client's side. Every method may raise QueueDown; those with a handle NotFound, where it is of another queue."""

    def insert(self, jobs: Sequence[NewJob], connection: Any = None) -> list[str | None]:
        """Handles in the order of `jobs`; None where the uniqkey was taken. All in one database and transaction: that
        of `connection`, where an application hands its own."""

    def lookup(self, handle: str) -> StoredRow | None: ...

    def exit_status(self, handle: str) -> int | None: ...

    def failure_log(self, handle: str) -> list[str]: ...

    def list_jobs(
        self, funcnames: Sequence[str], run_after: float | None, grabbed_until: float | None, coalesce: str | None,
        prefix: bool, limit: int,
    ) -> list[StoredRow]:  # fmt: skip
        """By number; `run_after` and `grabbed_until`: the latest."""

    def take_coalescing(self, funcname: str, value: str, grab_for: int, *, prefix: bool) -> StoredRow | None:
        """A due job with this coalescing value becomes ours for `grab_for` seconds."""

    def complete(self, held: StoredRow, keep_exit_status_seconds: int) -> bool:
        """This and the next three end a job that was taken; False: it is not ours any more."""

    def fail(self, held: StoredRow, failure: Failure, policy: RetryPolicy) -> bool: ...

    def decline(self, held: StoredRow, run_after: float | None) -> bool: ...

    def replace(self, held: StoredRow, jobs: Sequence[NewJob]) -> bool: ...

    def close(self) -> None: ...
