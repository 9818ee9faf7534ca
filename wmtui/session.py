"""One daemon as this console knows it: its connection, its picture, the lists that were fetched from it."""

from collections.abc import Collection
from dataclasses import replace

from wmcore.protocol.messages import Bulk, FailedGroups, HelloReply, QueuedJob, Status
from wmtui.failedlist import FailedList, retried
from wmtui.feed import Connecting, Feed, Frame, Greeted, Lost, News
from wmtui.formatting import stopwatch
from wmtui.naming import Name, name_of
from wmtui.picture import Link, Phase, Picture
from wmtui.printing import clean
from wmtui.stretch import Stretch
from wmtui.trend import Trend


class Session:
    def __init__(self, feed: Feed, read_only: bool = False, target: str = "") -> None:
        """`target`: what names it on a command line; empty where nothing has to."""
        self.feed = feed
        self.target = target
        self.title: Name | None = None  # what it is called beside others
        self.picture = Picture(interval=feed.interval, read_only=read_only)
        self.failed = FailedList()
        self.failed_text = ""  # its filter, as it was typed
        self.groups: FailedGroups | None = None
        self.jobs: Stretch[QueuedJob] = Stretch()
        self.jobs_of: str | None = None  # the class
        self.jobs_text = ""  # their filter, as it was typed
        self.trend = Trend()
        self.ended: Bulk | None = None  # the newest frame brought the end of it
        self.hello: HelloReply | None = None
        self.held: Status | None = None  # the picture is held still: this is shown, whatever comes

    @property
    def called(self) -> str:
        """For people: who it says that it is, before that where it is looked for."""
        return self.title.text if self.title is not None else name_of(self.status) or clean(self.name)

    @property
    def name(self) -> str:
        return self.feed.name

    @property
    def status(self) -> Status | None:
        """The newest."""
        return self.picture.status

    @property
    def shown(self) -> Status | None:
        """What the tables show."""
        return self.held or self.picture.status

    def disconnected(self, now: float) -> bool:
        return self.picture.phase(now) not in (Phase.LIVE, Phase.STALE)

    def why_no_writing(self, now: float) -> str:
        return self.picture.why_no_writing(now)

    def retried(self, ids: Collection[str]) -> None:
        """Said at once, not with the next status."""
        self.failed.mark_retried(ids)
        for status in (self.picture.status, self.held):
            if status is not None:
                status.failed.recent = retried(status.failed.recent, ids)

    def deleted(self, ids: Collection[str]) -> None:
        self.failed.remove(ids)
        for status in (self.picture.status, self.held):
            if status is not None:
                status.failed.recent = [record for record in status.failed.recent if record.id not in ids]

    def _found_again(self, now: float) -> str:
        if not self.picture.link.reason:
            return ""
        return "connected" if self.status is None else f"connected again after {stopwatch(self.picture.age(now))}"

    def take(self, news: News, now: float) -> str:
        """Returns what is to be said about it, mostly nothing."""
        self.ended = None
        match news:
            case Connecting(attempt, step, greeted):
                since = self.picture.link.since or now
                link = replace(self.picture.link, attempt=attempt, retry_at=None, step=step, since=since)
                self.picture = replace(self.picture, link=replace(link, greeted=greeted))
            case Lost(reason, attempt, retry_at, why):
                self.picture = replace(self.picture, link=Link(False, attempt, reason, retry_at, why))
            case Greeted(hello):
                self.hello = hello
                self.picture = replace(self.picture, role=hello.role)
            case Frame(status):
                # A short one begins and ends between two frames.
                before = {run.id for run in (self.status or status).bulk if run.ended_at is not None}
                ended = (run for run in status.bulk if run.ended_at is not None and run.id not in before)
                self.ended = next(ended, None)
                said = self._found_again(now)
                self.picture = self.picture.with_status(status, now)
                self.failed.merge(status.failed)
                self.trend.take(status)
                return said
        return ""
