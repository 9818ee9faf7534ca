"""Jobs as they are told of: claimed, inserted, waiting, failed; and which of them somebody wants to see."""

from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from wmcore.model import MEASURED, Fate


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
