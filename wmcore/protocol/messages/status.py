"""What is: the status, whole or as the rows of it that have changed."""

from typing import Any

import msgspec

from wmcore.protocol.messages.base import Message, Request
from wmcore.protocol.messages.bulk import Bulk
from wmcore.protocol.messages.failed import FailedSummary


class Percentiles(Message):
    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    mean: float | None = None


class Holder(Message, rename={"class_name": "class"}):
    """A child that a drain or a stop waits for."""

    slot: int
    pid: int
    class_name: str | None = None  # None, with `job`: it has no job and is about to leave
    job: str | None = None
    since: float | None = None  # when its job began
    elapsed: float | None = None  # ms that its job has run
    timeout_at: float | None = None  # when its class's timeout breaks the job off; None: it has none


class Pool(Message):
    name: str
    wanted: int
    running: int
    busy: int
    state: str  # model.PoolState
    workers: list[str]  # queue names
    generation: int = 1
    error: str | None = None  # why children die or do not start
    draining_since: float | None = None  # None: it neither drains nor stops
    held_by: list[Holder] = msgspec.field(default_factory=list)  # who still runs of a pool that drains or stops,
    # longest job first


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
    """A class's jobs in the queue; counts are bounded (model.COUNT_LIMIT).

    The rates are of the last twenty seconds: `in_rate` jobs/s fell due (inserted, put off and due now, to be retried),
    less what other daemons took of them; `out_rate` attempts/s ended here. `clears_in`: ms until nothing is ready, if
    both stay so. All None while unknown; with both rates known, `clears_in` None means: not at these rates.
    """

    ready: int | None = None  # None: not known (the queue is down)
    delayed: int | None = None
    running: int | None = None
    oldest: float | None = None  # age of the oldest claimable job, ms; None also where the queue does not tell
    in_rate: float | None = None  # also None where so many are ready that they are not counted to the end
    out_rate: float | None = None
    clears_in: float | None = None
    workers: int | None = None  # connected and able, on all hosts, where the queue tells


class Lately(Message):
    """What has become of a class's jobs within the last ten minutes."""

    seconds: int = 0  # that this covers: fewer while the daemon is young
    completed: int = 0
    failed: int = 0  # given up
    failed_at: float | None = None  # when one was given up last


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
    lately: Lately = msgspec.field(default_factory=Lately)
    open: int | None = None  # failed jobs that nobody has retried, bounded (model.COUNT_LIMIT); None: not known


class Failed(Message):
    """What is open: records that nobody has retried."""

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
    children: list[Child]  # by slot
    classes: list[JobClass]
    failed: Failed
    backend: Backend
    viewers: int = 0
    conf: str = ""
    socket: str = ""
    notices: list[str] = msgspec.field(default_factory=list)  # what an operator should know, in sentences
    events_dropped: int = 0  # records the statistics never saw (counts stay exact)
    kill_at: float | None = None  # when a stop breaks off the jobs in hand; None: it waits for them, or nothing stops
    bulk: list[Bulk] = msgspec.field(default_factory=list)  # those that run, and the ended ones of the last ten
    # minutes; newest first


class StatusRows(Message):
    """What has changed since the last frame, whichever kind that was: merge it over that one.

    `changed` has top-level members of Status by name, whole; `children` and `classes` only as far as the rows below do
    not do it. Rows are whole too: in place of the one with the same slot (name), or new.
    """

    changed: dict[str, Any] = msgspec.field(default_factory=dict)
    children: list[Child] = msgspec.field(default_factory=list)
    gone: list[int] = msgspec.field(default_factory=list)  # slots that have no child any more
    classes: list[JobClass] = msgspec.field(default_factory=list)


class GetStatus(Request):
    method = "status"
    result = Status


class Subscription(Message):
    interval: float


class Subscribe(Request):
    """From now on notifications `status` with a whole Status each.

    With `delta` true, after the first, `status.delta` with only the top-level members that changed (merge them over the
    last frame). With `delta` "rows", after the first, `status.rows` with a StatusRows each. A client that was too slow
    for a frame gets a whole `status` next, and goes on from there.
    """

    method = "subscribe"
    result = Subscription
    interval: float = 1.0  # seconds, 0.1 to 60
    delta: bool | str = False


class GetChildren(Request):
    method = "children"
    result = list[Child]
