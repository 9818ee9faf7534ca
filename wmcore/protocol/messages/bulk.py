"""What is done with thousands of failed jobs: the daemon works through them by itself, whoever watches."""

import msgspec

from wmcore.protocol.messages.base import Message, Request
from wmcore.protocol.messages.failed import FailedFilter, RefusedItem


class Bulk(Message):
    """One run. It takes the records that there were when it began, newest first, a hundred in a transaction."""

    id: str
    action: str  # "retry" | "delete"
    filter: FailedFilter
    state: str  # model.BulkState: "running" | "stopping" | "done" | "stopped" | "failed"
    total: int  # records of the filter when it began
    done: int = 0
    refused: int = 0  # among them, in a retry, those that were retried before
    by: str = ""  # who asked for it
    started_at: float = 0.0
    ended_at: float | None = None
    reasons: list[RefusedItem] = msgspec.field(default_factory=list)  # why the first 20 were refused
    error: str | None = None  # why it failed; what is done stays done
    at_least: bool = False  # `total` is where the counting stopped


class StartBulk(Request):
    """Refused when there is one of this action already, and when the number of records has moved by over 1 % from
    `expected`, which is what the caller was shown. Where that was a lower bound (`at_least`): when there are fewer."""

    method = "bulk.start"
    result = Bulk
    action: str  # "retry" | "delete"
    expected: int
    filter: FailedFilter = msgspec.field(default_factory=FailedFilter)
    at_least: bool = False
    by: str = ""  # for the others who watch; "": the name of the user who is connected


class StopBulk(Request):
    """It stops behind the transaction in hand, within a second as a rule: its state tells. Stopping what has ended
    changes nothing."""

    method = "bulk.stop"
    result = Bulk
    id: str


class ListBulk(Request):
    """The same list as in the status, for those who follow a run and nothing else."""

    method = "bulk.list"
    result = list[Bulk]
