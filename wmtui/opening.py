"""The texts that open over the views: a record, a job, a child, all that is wrong."""

from typing import TYPE_CHECKING

from rich.text import Text

from wmcore.protocol.messages import Child, QueuedJob
from wmtui import recordtext, totals
from wmtui.printing import clean_block
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
    app.push_screen(TextPage(f"job {each.id}", lambda: recordtext.job_text(each, app.now())))


def child(app: "ConsoleApp", each: Child) -> None:
    session, last = app.session, each

    def text() -> Text:
        nonlocal last
        last, shown = recordtext.child_now(last, session.shown)
        return shown

    app.push_screen(TextPage(f"child {each.pid} in slot {each.slot}", text))


def wrongs(app: "ConsoleApp") -> None:
    session = app.session

    def text() -> Text:
        return recordtext.wrongs_text(totals.wrongs(session.shown) if session.shown else [], app.glyphs)

    app.push_screen(TextPage(f"all that is wrong with {session.called}", text))


def text(app: "ConsoleApp", title: str, body: str) -> None:
    app.push_screen(TextPage(title, lambda: Text(clean_block(body))))
