"""An order to several daemons: asked for once, sent to each by itself; a page shows what becomes of it at each."""

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from wmcore.errors import WmError
from wmtui import orders
from wmtui.orders import Order, Run, State
from wmtui.screens.textpage import TextPage
from wmtui.session import Session

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp


def give(app: "ConsoleApp", order: Order, sessions: Sequence[Session]) -> None:
    """Nobody waits for one that hangs: the others are asked at the same time, and those without a live picture not at
    all."""

    def grounds() -> str:
        """Why none of them can be asked; empty where one can."""
        reasons = [each.why_no_writing(app.now()) for each in sessions]
        return "" if "" in reasons else reasons[0]

    if why := grounds():
        app.say(why if len(sessions) == 1 else f"none of the {len(sessions)} can be asked; {why}", error=True)
    else:
        question = orders.question(order, sessions, app.now(), app.glyphs)
        app.ask(question, lambda: _send(app, Run(order), sessions), grounds)


def _send(app: "ConsoleApp", run: Run, sessions: Sequence[Session]) -> None:
    page = TextPage("what has become of it", lambda: orders.report(run, app.sessions, app.now(), app.glyphs))

    def told(session: Session, state: State, said: str) -> None:
        run.note(session, state, said, app.now())
        app.picture_changed()
        if run.over and not page.is_current:
            app.say(run.summary(), error=not run.well)

    def done(session: Session, reply: Any) -> None:
        told(session, State.DONE, "; ".join(run.order.show(reply)))

    def failed(session: Session, error: WmError) -> None:
        told(session, *orders.failed(error))

    for each in sessions:
        why = each.why_no_writing(app.now())
        run.note(each, State.UNREACHABLE if why else State.ASKED, why, app.now())
        if not why:
            app.send(run.order.request, partial(done, each), partial(failed, each), each)
    app.main.fleet_view.unmark()
    app.push_screen(page)
