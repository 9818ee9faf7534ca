"""The texts that open over the views: a record, a job, a child, all that is wrong."""

from typing import TYPE_CHECKING

from rich.text import Text

from wmcore.protocol.messages import (
    Child,
    FailedFilter,
    FailedPage,
    FailedSummary,
    JobPage,
    ListFailed,
    ListJobs,
    QueuedJob,
)
from wmtui import recordtext
from wmtui.screens.record import RecordScreen
from wmtui.screens.textpage import TextPage

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp


def record(app: "ConsoleApp", failed_id: str) -> None:
    """When it is closed, the cursor follows to the record that was read last."""

    def closed(last_read: str | None) -> None:
        if last_read is not None:
            app.main.follow_failed(last_read)

    if app.disconnected:
        app.say("there is no connection: the record can not be fetched", error=True)
    else:
        app.push_screen(RecordScreen(failed_id), closed)


def job(app: "ConsoleApp", each: QueuedJob) -> None:
    session = app.session
    app.push_screen(TextPage(f"job {each.id}", lambda: recordtext.job_text(each, session.shown, app.now())))


def child(app: "ConsoleApp", each: Child) -> None:
    """With the argument of the job that it is at, once that has come."""
    session, last = app.session, each
    asked: str | None = None
    queued: list[QueuedJob] = []
    screen = TextPage(f"child {each.pid} in slot {each.slot}", lambda: text())

    def text() -> Text:
        nonlocal last, asked
        last, shown = recordtext.child_now(last, session.shown)
        if last.job not in (None, asked) and not app.disconnected:
            asked = last.job
            app.send(ListJobs(id=last.job, limit=1), take, lambda _: None)
        return shown + recordtext.argument_text(queued[0]) if queued and queued[0].id == last.job else shown

    def take(page: JobPage) -> None:
        queued[:] = page.jobs
        screen.picture_changed()

    app.push_screen(screen)


def wrongs(app: "ConsoleApp") -> None:
    session = app.session

    def text() -> Text:
        return recordtext.wrongs_text(session.wrongs(session.shown) if session.shown else [], app.glyphs)

    app.push_screen(TextPage(f"all that is wrong with {session.called}", text))


def log_line(app: "ConsoleApp", line: str) -> None:
    """With what is known of its job, when that has come."""
    job = recordtext.job_in(line)
    queued: list[QueuedJob] | None = None
    failed: list[FailedSummary] | None = None
    screen = TextPage("log line", lambda: text())

    def text() -> Text:
        asked = job if queued is not None and failed is not None else None
        return recordtext.line_text(line, asked, queued or [], failed or [])

    def take_queued(page: JobPage) -> None:
        nonlocal queued
        queued = page.jobs
        screen.picture_changed()

    def take_failed(page: FailedPage) -> None:
        nonlocal failed
        failed = page.records
        screen.picture_changed()

    app.push_screen(screen)
    if job is not None and not app.disconnected:
        app.send(ListJobs(id=job, limit=1), take_queued, lambda _: None)
        app.send(ListFailed(filter=FailedFilter(job=job), limit=3, count=False), take_failed, lambda _: None)
