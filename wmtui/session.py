"""One daemon as this console knows it: its connection, its picture, the lists that were fetched from it."""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from wmcore.protocol.messages import Bulk, FailedGroups, FailedSummary, HelloReply, QueuedJob, Status
from wmtui import alerts
from wmtui.bulkfates import BulkFates
from wmtui.failedlist import FailedList
from wmtui.feed import Connecting, Feed, Frame, Greeted, Lost, News
from wmtui.formatting import stopwatch
from wmtui.judging import Reason
from wmtui.naming import Name, name_of
from wmtui.picture import Link, Phase, Picture
from wmtui.printing import clean
from wmtui.retries import Retries, among
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
        self.groups_stale = False  # a bulk run has ended since
        self.retries = Retries()
        self.bulk_fates = BulkFates()
        self.jobs: Stretch[QueuedJob] = Stretch()
        self.jobs_of: str | None = None  # the class; "": all of them
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

    def retried(self, ids: Collection[str], now: float) -> None:
        """Said at once, not with the next status; and from now on it is looked at what becomes of them."""
        recent = self.shown.failed.recent if self.shown else []
        known = {record.id: record for record in (*recent, *self.failed.records)}
        self.retries.add([known[each] for each in ids if each in known], now)
        self.failed.keep(self.retries.kept)

    def looked(self, records: Sequence[FailedSummary], asked: Collection[str]) -> str:
        """What became of the retries; returns what is to be said of it."""
        said = self.retries.take(records, asked)
        self.failed.keep(self.retries.kept)
        return said

    def wrongs(self, status: Status) -> list[Reason]:
        """With what this console knows besides."""
        return alerts.wrongs(status, self.trend, self.failed_again())

    def failed_again(self) -> Mapping[str, int]:
        """By class: how many of the retries of this console that its figure of what was given up lately has in it."""
        if self.shown is None:
            return {}
        seconds = max((each.lately.seconds for each in self.shown.classes), default=0)
        since = self.shown.now - seconds
        return Counter((self.retries.again(since) | self.bulk_fates.retries.again(since)).values())

    def twice_failed(self) -> set[str]:
        """Records of jobs that are in the list a second time, after a retry of this console."""
        return self.retries.failed_as() | self.bulk_fates.retries.failed_as()

    def leave_settled(self) -> None:
        """Whoever opens the list anew wants to see what is open."""
        before = {record.id for record in self.retries.kept}
        self.retries.drop_settled()
        self.failed.release(before - {record.id for record in self.retries.kept})

    def recent(self) -> Sequence[FailedSummary]:
        """The newest failed jobs, and at their place among them those that were retried from here."""
        recent = self.shown.failed.recent if self.shown else []
        whole = self.shown is not None and self.shown.failed.count == len(recent)
        oldest = recent[-1].failed_at if recent and not whole else -math.inf
        return among(recent, self.retries.kept, oldest)

    def deleted(self, ids: Collection[str]) -> None:
        self.failed.remove(ids)
        self.retries.drop(ids)
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
