"""What a queue must offer: one object in each child (`ChildQueue`), one in the manager (`ManagerQueue`).

The two never share a connection. A child's object lives in one process and one thread; the manager's is called from
the manager's threads, a method at a time per thread, and opens its own connections.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Protocol

import msgspec

from wmcore.model import MEASURED, Failure, Fate, Outcome, QueueFigures, RetryPolicy


class Claimed(msgspec.Struct, frozen=True):
    """A job that this child holds."""

    id: str  # opaque: what log, status and console show
    class_index: int  # into the configuration's list of classes
    funcname: str
    raw: bytes  # the argument as it stands in the queue
    insert_time: float  # Unix seconds, with a fraction where the client left one
    run_after: float
    claimed_at: float  # Unix seconds by the *server's* clock, at the claim
    priority: int | None = None
    uniqkey: str | None = None
    coalesce: str | None = None
    number: int = 0  # the queue's own number of the job (jobid)
    database: int = 0  # index of the database that it lives in
    handle: str = ""  # as the client got it when it inserted the job
    delay_kind: str = MEASURED  # how `insert_time` is known; where it is not, it is `claimed_at`


@dataclass(frozen=True, slots=True)
class NewJob:
    """A job to insert, its argument already encoded."""

    funcname: str
    raw: bytes
    run_after: float | None = None  # Unix seconds
    priority: int | None = None
    uniqkey: str | None = None
    coalesce: str | None = None
    grabbed_until: float | None = None


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


@dataclass(frozen=True, slots=True)
class Filter:
    """Which failed jobs; all given conditions hold."""

    funcname: str | None = None
    error: str | None = None  # part of the message, without regard to case
    since: float | None = None
    until: float | None = None
    fingerprint: str | None = None  # "": those that have none
    retried: bool | None = None
    job: str | None = None  # its id, as a list, a log line or a client has it


@dataclass(frozen=True, slots=True)
class Wanted:
    """A page of a list; cursors are opaque."""

    cursor: str | None = None
    limit: int = 100
    backwards: bool = False  # from the list's other end, or what comes before the cursor
    count: bool = False  # of failed jobs: the total too


@dataclass(frozen=True, slots=True)
class FailedPage:
    """Newest first, whichever end it was asked from."""

    rows: "Sequence[FailedRow]"
    older: str | None = None  # cursors; None: there is nothing
    newer: str | None = None
    total: int | None = None
    at_least: bool = False  # `total` is where the counting stopped
    scanned: int | None = None  # the search stopped at its bound, after so many records


@dataclass(frozen=True, slots=True)
class FailedGroup:
    """Those of one fingerprint."""

    fingerprint: str
    funcname: str | None  # None: of several classes
    error: str  # normalised
    count: int
    at_least: bool
    first: float
    last: float
    newest: str
    example: str = ""  # the newest one's message


@dataclass(frozen=True, slots=True)
class FailedGroups:
    groups: Sequence[FailedGroup]
    partial: bool = False
    scanned: int | None = None  # a search looked at the newest so many


@dataclass(frozen=True, slots=True)
class Chunk:
    """What one step of a bulk run did."""

    done: int
    refused: Sequence[tuple[str, str]]  # id, reason
    cursor: str | None  # of the next step; None: that was the last


@dataclass(frozen=True, slots=True)
class AttemptRow:
    at: float
    message: str
    traceback: str = ""
    exit_status: int = 1
    host: str = ""
    slot: int | None = None
    pid: int | None = None


@dataclass(frozen=True, slots=True)
class FailedRow:
    """A finally failed job as it is kept."""

    id: str
    funcname: str
    job: str
    failed_at: float
    insert_time: float
    run_after: float
    raw: bytes
    error: str  # the last attempt's message
    attempt_count: int = 1
    priority: int | None = None
    uniqkey: str | None = None
    coalesce: str | None = None
    host: str = ""
    slot: int | None = None
    retried_as: str | None = None  # the job that a retry made
    retried_at: float | None = None  # None where that was not noted, too
    fate: Fate | None = None  # of that job; None: there was no retry, or nobody has asked
    failed_as: str | None = None  # the record of that job, where it has failed
    attempts: tuple[AttemptRow, ...] = ()  # only `failed_get` fills them in
    fingerprint: str = ""
    size: int = 0  # bytes of the whole argument: in a list, `raw` is cut


@dataclass(frozen=True, slots=True)
class JobRow:
    """A job in the queue."""

    id: str
    funcname: str
    insert_time: float
    run_after: float
    grabbed_until: float
    priority: int | None
    uniqkey: str | None
    raw: bytes  # cut
    now: float  # the server's clock when the row was read
    size: int = 0  # bytes of the whole argument

    @property
    def state(self) -> str:
        return _state(self.run_after, self.grabbed_until, self.now)


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs in the queue; all given conditions hold."""

    funcname: str | None = None
    state: str | None = None
    text: str | None = None  # part of the uniqkey or of the readable argument, without regard to case
    id: str | None = None
    uniqkey: str | None = None  # the whole of it


@dataclass(frozen=True, slots=True)
class JobPage:
    """In the order of the list, whichever end it was asked from."""

    rows: Sequence[JobRow]
    behind: str | None = None  # cursors; None: there is nothing
    before: str | None = None
    scanned: int | None = None  # the search stopped at its bound, after so many rows


@dataclass(frozen=True, slots=True)
class StoredRow:
    """A job as a client finds it, `claimed_at` being the moment of the look. Taken by that client: `grabbed_until` is
    its lease."""

    job: Claimed
    funcid: int
    grabbed_until: int

    @property
    def state(self) -> str:
        return _state(self.job.run_after, self.grabbed_until, self.job.claimed_at)


def _state(run_after: float, grabbed_until: float, now: float) -> str:
    if grabbed_until > now:
        return "running"
    return "ready" if run_after <= now else "delayed"


class ManagerQueue(Protocol):
    """The manager's side. Methods with `database` speak with that one and raise QueueDown where it does not answer."""

    word: str
    """What each of `databases` is called: "database", "job server"."""

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

    def failed_some(self, failed_ids: Sequence[str]) -> "list[FailedRow]":
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
