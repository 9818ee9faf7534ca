"""The messages of the Unix socket, as types, a module per subject. One request type per method; `METHODS` is the whole
list.

Times are Unix seconds, durations milliseconds, `rss` bytes, ids and cursors opaque strings. Fields are only ever added:
a reader ignores what it does not know, so both sides may be a version apart.
"""

from wmcore.protocol.messages.base import Message, Request
from wmcore.protocol.messages.bulk import Bulk, ListBulk, StartBulk, StopBulk
from wmcore.protocol.messages.failed import (
    Attempt,
    DeleteFailed,
    FailedChanged,
    FailedFilter,
    FailedGroup,
    FailedGroups,
    FailedPage,
    FailedRecord,
    FailedSummary,
    GetFailed,
    GroupFailed,
    ListFailed,
    LookFailed,
    RefusedItem,
    RetryFailed,
)
from wmcore.protocol.messages.log import LogLines, TailLog
from wmcore.protocol.messages.queue import JobPage, ListJobs, QueuedJob
from wmcore.protocol.messages.status import (
    Backend,
    Child,
    Failed,
    GetChildren,
    GetStatus,
    Holder,
    JobClass,
    Lately,
    Percentiles,
    Pool,
    Queue,
    Server,
    Status,
    StatusRows,
    Subscribe,
    Subscription,
)
from wmcore.protocol.messages.steering import (
    ClassChanged,
    Drain,
    Hello,
    HelloReply,
    Kill,
    Killed,
    Pause,
    PoolsChanged,
    Recycle,
    Reload,
    Resume,
    Scale,
    Scaled,
    SlotsChanged,
    Stop,
    Stopping,
    Unpause,
)

PROTOCOL = 1

METHODS: dict[str, type[Request]] = {
    kind.method: kind
    for kind in (
        Hello, GetStatus, Subscribe, GetChildren, Scale, Drain, Resume, Pause, Unpause, Recycle, Kill, Reload, Stop,
        ListJobs, ListFailed, LookFailed, GroupFailed, GetFailed, RetryFailed, DeleteFailed, StartBulk, StopBulk,
        ListBulk, TailLog,
    )
}  # fmt: skip

__all__ = [
    "METHODS", "PROTOCOL", "Attempt", "Backend", "Bulk", "Child", "ClassChanged", "DeleteFailed", "Drain", "Failed",
    "FailedChanged", "FailedFilter", "FailedGroup", "FailedGroups", "FailedPage", "FailedRecord", "FailedSummary",
    "GetChildren", "GetFailed", "GetStatus", "GroupFailed", "Hello", "HelloReply", "Holder", "JobClass", "JobPage",
    "Kill", "Killed", "Lately", "ListBulk", "ListFailed", "ListJobs", "LogLines", "LookFailed", "Message", "Pause",
    "Percentiles", "Pool", "PoolsChanged", "Queue", "QueuedJob", "Recycle", "RefusedItem", "Reload", "Request",
    "Resume", "RetryFailed", "Scale", "Scaled", "Server", "SlotsChanged", "StartBulk", "Status", "StatusRows", "Stop",
    "StopBulk", "Stopping", "Subscribe", "Subscription", "TailLog", "Unpause",
]  # fmt: skip
