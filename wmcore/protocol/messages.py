"""The messages of the Unix socket, as types. One request type per method; `METHODS` is the whole list.

Times are Unix seconds, durations milliseconds, `rss` bytes, ids opaque strings. Fields are only ever added:
a reader ignores what it does not know, so both sides may be a version apart.
"""

from typing import Any, ClassVar

import msgspec

PROTOCOL = 1


class Message(msgspec.Struct, kw_only=True):
    """Base of everything on the wire."""


# -- status -----------------------------------------------------------------------------------------------------------


class Percentiles(Message):
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class Pool(Message):
    name: str
    wanted: int
    running: int
    busy: int
    state: str  # model.PoolState
    workers: list[str]  # queue names
    generation: int = 1
    error: str | None = None  # why children die or do not start


class Child(Message, rename={"class_name": "class"}):
    slot: int
    pid: int
    pool: str
    state: str  # model.ChildState.word
    class_name: str | None = None
    job: str | None = None
    job_since: float | None = None
    jobs_done: int = 0
    failed: int = 0
    rss: int | None = None
    started_at: float | None = None


class Queue(Message):
    ready: int | None = None  # None: not known (the queue is down)
    delayed: int | None = None
    running: int | None = None
    oldest: float | None = None  # age of the oldest claimable job, ms; None also where the queue does not tell
    workers: int | None = None  # connected and able, on all hosts, where the queue tells


class JobClass(Message):
    name: str
    completed: int = 0
    failed: int = 0
    retried: int = 0
    declined: int = 0
    late: int = 0
    rate: float = 0.0  # jobs/s over the last 10 s
    rate_history: list[int] = msgspec.field(default_factory=list)  # per second, last 60, oldest first
    delay: Percentiles = msgspec.field(default_factory=Percentiles)
    lateness: Percentiles = msgspec.field(default_factory=Percentiles)
    process: Percentiles = msgspec.field(default_factory=Percentiles)
    lateness_history: list[float | None] = msgspec.field(default_factory=list)  # p95 per second, None: no job started
    queue: Queue = msgspec.field(default_factory=Queue)
    paused: bool = False


class FailedSummary(Message, rename={"class_name": "class"}):
    id: str
    class_name: str
    job: str
    failed_at: float
    error: str  # first line of the last attempt's message
    attempts: int = 1
    host: str = ""
    slot: int | None = None
    retried_as: str | None = None  # the job that a retry made


class Failed(Message):
    count: int | None = None  # bounded (model.COUNT_LIMIT); None: not known
    recent: list[FailedSummary] = msgspec.field(default_factory=list)


class Server(Message):
    name: str  # never with a password
    ok: bool
    since: float | None = None
    error: str | None = None


class Backend(Message):
    name: str
    ok: bool
    servers: list[Server] = msgspec.field(default_factory=list)


class Status(Message):
    version: str
    protocol: int
    host: str
    pid: int
    instance: str
    state: str  # model.DaemonState
    type: str
    started_at: float
    now: float
    pools: list[Pool]
    children: list[Child]
    classes: list[JobClass]
    failed: Failed
    backend: Backend
    viewers: int = 0
    conf: str = ""
    socket: str = ""
    notices: list[str] = msgspec.field(default_factory=list)  # what an operator should know, in sentences
    events_dropped: int = 0  # records the statistics never saw (counts stay exact)


# -- requests and replies ---------------------------------------------------------------------------------------------


class Request(Message):
    """A method's parameters; `result` is the type of its reply."""

    method: ClassVar[str]
    result: ClassVar[Any]


class HelloReply(Message):
    version: str
    protocol: int
    host: str
    pid: int
    instance: str
    role: str  # "operator" | "viewer"
    type: str
    started_at: float
    conf: str


class Hello(Request):
    method = "hello"
    result = HelloReply


class GetStatus(Request):
    method = "status"
    result = Status


class Subscription(Message):
    interval: float


class Subscribe(Request):
    """From now on notifications `status` with a whole Status each; with `delta`, after the first, `status.delta` with
    only the top-level members that changed (merge them over the last frame)."""

    method = "subscribe"
    result = Subscription
    interval: float = 1.0  # seconds, 0.1 to 60
    delta: bool = False


class GetChildren(Request):
    method = "children"
    result = list[Child]


class Scaled(Message):
    pool: str
    before: int
    wanted: int


class Scale(Request):
    """Exactly one of `to` and `by`. Without `pool`: the only one, refused where there are several."""

    method = "scale"
    result = Scaled
    pool: str | None = None
    to: int | None = None
    by: int | None = None


class PoolsChanged(Message):
    pools: list[str]


class Drain(Request):
    """No more claims, children leave after their job. Without `pool`: all."""

    method = "drain"
    result = PoolsChanged
    pool: str | None = None


class Resume(Request):
    method = "resume"
    result = PoolsChanged
    pool: str | None = None


class ClassChanged(Message, rename={"class_name": "class"}):
    class_name: str
    paused: bool


class Pause(Request, rename={"class_name": "class"}):
    method = "pause"
    result = ClassChanged
    class_name: str


class Unpause(Request, rename={"class_name": "class"}):
    method = "unpause"
    result = ClassChanged
    class_name: str


class SlotsChanged(Message):
    slots: list[int]


class Recycle(Request):
    """The child in `slot`, or all of `pool`, or all, leave after their job and are replaced."""

    method = "recycle"
    result = SlotsChanged
    slot: int | None = None
    pool: str | None = None


class Killed(Message):
    slot: int
    pid: int
    job: str | None


class Kill(Request):
    """Kill the child at once and give its job back. Refused when slot, pid and job no longer belong together."""

    method = "kill"
    result = Killed
    slot: int
    pid: int
    job: str | None = None


class Reload(Request):
    method = "reload"
    result = PoolsChanged


class Stopping(Message):
    state: str
    children: int


class Stop(Request):
    method = "stop"
    result = Stopping
    now: bool = False


class QueuedJob(Message, rename={"class_name": "class"}):
    id: str
    class_name: str
    state: str  # "ready" | "delayed" | "running"
    insert_time: float
    run_after: float
    grabbed_until: float = 0
    priority: int | None = None
    uniqkey: str | None = None
    arg: str = ""  # readable, cut at 2,000 characters


class JobPage(Message):
    jobs: list[QueuedJob]
    cursor: str | None = None


class ListJobs(Request, rename={"class_name": "class"}):
    method = "jobs.list"
    result = JobPage
    class_name: str | None = None
    state: str | None = None
    cursor: str | None = None
    limit: int = 100


class FailedFilter(Message, rename={"class_name": "class"}):
    """All given conditions hold. `error` is a substring of the message, without regard to case."""

    class_name: str | None = None
    error: str | None = None
    since: float | None = None
    until: float | None = None


class FailedPage(Message):
    records: list[FailedSummary]  # newest first
    total: int | None = None  # of the filter, bounded
    cursor: str | None = None


class ListFailed(Request):
    method = "failed.list"
    result = FailedPage
    filter: FailedFilter = msgspec.field(default_factory=FailedFilter)
    cursor: str | None = None
    limit: int = 100


class Attempt(Message):
    at: float
    message: str
    traceback: str = ""
    exit_status: int = 1
    host: str = ""
    slot: int | None = None
    pid: int | None = None


class FailedRecord(Message, rename={"class_name": "class"}):
    id: str
    class_name: str
    job: str
    failed_at: float
    insert_time: float
    run_after: float
    priority: int | None = None
    uniqkey: str | None = None
    coalesce: str | None = None
    arg: str = ""  # readable (JSON where it is JSON)
    raw: bytes = b""  # as it was; base64 on the wire
    attempts: list[Attempt] = msgspec.field(default_factory=list)  # oldest first
    retried_as: str | None = None


class GetFailed(Request):
    method = "failed.get"
    result = FailedRecord
    id: str


class RefusedItem(Message):
    id: str
    reason: str


class FailedChanged(Message):
    done: list[str]
    refused: list[RefusedItem] = msgspec.field(default_factory=list)


class RetryFailed(Request):
    """Either `ids`, or `filter` with `expected`, the number that the caller saw: refused when it moved by over 1 %."""

    method = "failed.retry"
    result = FailedChanged
    ids: list[str] | None = None
    filter: FailedFilter | None = None
    expected: int | None = None


class DeleteFailed(Request):
    method = "failed.delete"
    result = FailedChanged
    ids: list[str] | None = None
    filter: FailedFilter | None = None
    expected: int | None = None


class LogLines(Message):
    path: str
    lines: list[str]


class TailLog(Request):
    method = "log.tail"
    result = LogLines
    which: str = "log"  # "log" | "errorlog"
    lines: int = 100


METHODS: dict[str, type[Request]] = {
    kind.method: kind
    for kind in (
        Hello, GetStatus, Subscribe, GetChildren, Scale, Drain, Resume, Pause, Unpause, Recycle, Kill, Reload, Stop,
        ListJobs, ListFailed, GetFailed, RetryFailed, DeleteFailed, TailLog,
    )
}  # fmt: skip
