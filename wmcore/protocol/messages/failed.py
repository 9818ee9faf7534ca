"""Finally failed jobs: their pages, their groups, one of them, and what is done with some of them."""

import msgspec

from wmcore.protocol.messages.base import Message, Request


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
    fingerprint: str = ""  # of class and error; "": it failed before there were any
    arg: str = ""  # readable, cut at 200 characters
    retried_at: float | None = None  # None where nobody noted it, too
    fate: str | None = None  # of that job: "waiting" | "running" | "done" | "failed" | "gone" | "unknown"; None: there
    # was no retry
    failed_as: str | None = None  # the record of that job, where it has failed


class FailedFilter(Message, rename={"class_name": "class"}):
    """All given conditions hold."""

    class_name: str | None = None
    error: str | None = None  # part of the message, without regard to case
    since: float | None = None
    until: float | None = None
    fingerprint: str | None = None  # of a group; "": those that have none
    retried: bool | None = None  # whether a retry made a new job of it; False: it is still open


class FailedPage(Message):
    """Newest first, whichever end the page was asked from."""

    records: list[FailedSummary]
    total: int | None = None  # of the filter, bounded; None: not asked for
    cursor: str | None = None  # what is older than the last one; None: nothing is
    at_least: bool = False  # `total` is where the counting stopped: there are so many or more
    before: str | None = None  # what is newer than the first one, to be asked for with `order` "oldest"; None: nothing
    # was when the page before was read
    partial: bool = False  # the search stopped at its bound: there may be more behind the cursor (`order` "oldest":
    # before `before`), however few these are
    scanned: int | None = None  # rows that a partial search has looked at


class ListFailed(Request):
    """`class`, `fingerprint`, `since`, `until` and `retried` are looked up; a search for `error` looks at 50,000
    records or for 0.15 s at most, then says `partial`: asked again with the cursor, it goes on. (In a table of an
    earlier version `retried` is searched for as well.)

    Home: no cursor. Next: the page's `cursor`. End: `order` "oldest", no cursor. Previous: `order` "oldest" and the
    page's `before`.
    """

    method = "failed.list"
    result = FailedPage
    filter: FailedFilter = msgspec.field(default_factory=FailedFilter)
    cursor: str | None = None
    limit: int = 100
    order: str = "newest"  # "newest": the newest, or what is older than `cursor`;
    # "oldest": the oldest, or what is newer than `cursor`, next to it
    count: bool = True  # whether `total` is wanted: not for each page


class LookFailed(Request):
    """These records, as a list has them: what has become of their retries? Those that are gone are left out."""

    method = "failed.look"
    result = list[FailedSummary]
    ids: list[str]  # 1,000 at most


class FailedGroup(Message, rename={"class_name": "class"}):
    """Failed jobs of one class with the same error, but for numbers, addresses and quoted words."""

    fingerprint: str  # "": all that failed before there were any ("older")
    class_name: str | None  # None: of several classes (only the group without a fingerprint)
    error: str  # without what differs; "" for the group without a fingerprint
    count: int
    first: float  # failed_at of the oldest and of the newest
    last: float
    newest: str  # id of the newest
    at_least: bool = False  # `count` is where the counting stopped
    example: str = ""  # what the newest really said, its first line


class FailedGroups(Message):
    """By the time of their newest record, newest first."""

    groups: list[FailedGroup]
    partial: bool = False  # not everything was looked at: there may be more groups, and more in these
    scanned: int | None = None  # of a partial answer to a search: it covers the newest so many records


class GroupFailed(Request):
    method = "failed.groups"
    result = FailedGroups
    filter: FailedFilter = msgspec.field(default_factory=FailedFilter)
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
    fingerprint: str = ""
    retried_at: float | None = None  # and so on: as in FailedSummary
    fate: str | None = None
    failed_as: str | None = None


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
    """Either `ids`, or `filter` with `expected`, the number that the caller saw: refused when it moved by over 1 %.
    For more than a page of them there is `bulk.start`, which can be watched and stopped."""

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
