"""The jobs that stand in the queue, by pages."""

from wmcore.protocol.messages.base import Message, Request


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
    age: float = 0.0  # ms since its insertion, by the queue's clock
    due_in: float = 0.0  # ms until it is due; negative: so long ago


class JobPage(Message):
    """Jobs in the order of the list, whichever end the page was asked from."""

    jobs: list[QueuedJob]
    cursor: str | None = None  # what lies behind the last one; None: nothing does
    before: str | None = None  # what lies before the first one, to be asked for with `order` "last"; None: nothing does
    partial: bool = False  # the search stopped at its bound: there may be more behind the cursor, however few these are
    scanned: int | None = None  # rows that a partial search has looked at
    delayed_only: bool = False  # the queue tells numbers only (Gearman): these are what the daemon keeps for later


class ListJobs(Request, rename={"class_name": "class"}):
    """Database by database; with `class` in the order in which its jobs fall due, else by number.

    All given conditions hold. A search (for `text`, for `state`) looks at 50,000 rows or for 0.15 s at most, then
    says `partial`: asked again with the cursor, it goes on.
    """

    method = "jobs.list"
    result = JobPage
    class_name: str | None = None
    state: str | None = None
    text: str | None = None  # part of the uniqkey or of the readable argument, without regard to case
    cursor: str | None = None
    limit: int = 100
    order: str = "first"  # "first": the first page, or what comes behind `cursor`;
    # "last": the last page, or what comes before `cursor` (JobPage.before)
