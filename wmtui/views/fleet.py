"""All daemons that this console is attached to, one row each. The one under the cursor is the one that the header shows
and the keys act on; an order is given to the marked ones, if there are any."""

from argparse import Namespace
from typing import Any

from textual.app import ComposeResult

from wmtui import fleetdesk, fleetrows
from wmtui.orders import Order
from wmtui.session import Session
from wmtui.undercursor import Target
from wmtui.verbs import steer
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable

SOON_SECONDS = 0.5
"""Twenty daemons send twenty frames a second; so often they are drawn."""


class Fleet(View):
    name_ = "fleet"

    def compose(self) -> ComposeResult:
        self.lenses = {"fleet": fleetrows.FLEET_LENS}
        self.table = LineTable("fleet", fleetrows.FLEET_COLUMNS, self.console_app.glyphs)
        self.panes = (self.table,)
        self._soon = False
        yield self.table

    # -- painting ----------------------------------------------------------------------------------------------------

    def paint(self) -> None:
        app, now = self.console_app, self.console_app.now()
        seen = fleetrows.see(self.lenses["fleet"], app.sessions, now)
        self.table.set_rows(
            fleetrows.fleet_rows(seen, now, app.glyphs), fleetrows.titles(seen, self.lenses["fleet"], app.glyphs)
        )
        self.say_empty(self.table, "no daemons")
        self.keep_marks(self.table)

    def paint_soon(self) -> None:
        """Something has come from one of them."""
        if not self._soon:
            self._soon = True
            self.set_timer(SOON_SECONDS, self._paint_now)

    def _paint_now(self) -> None:
        self._soon = False
        if self.main.view is self:
            self.paint()

    def entered(self) -> None:
        self.paint()
        self.table.go_to(self.session.name)

    def tick(self, now: float) -> None:
        self.paint()

    def cursor_moved(self, pane: str) -> None:
        if self._look():
            self.main.picture_changed()

    def _look(self) -> bool:
        """At the one under the cursor; a key may come before it was told that the cursor has moved."""
        key = self.table.cursor_key
        if key is None or key == self.session.name:
            return False
        self.console_app.look_at(str(key))
        return True

    def note(self) -> str:
        """What its row has no room for; of one that is well nothing needs to be said, then of all together."""
        app, now = self.console_app, self.console_app.now()
        said = fleetrows.said_of(self.session, now, app.glyphs)
        return super().note() or said or fleetrows.summary(app.sessions, now)

    def set_dimmed(self, dimmed: bool) -> None:
        """Each row has its own state."""

    # -- keys --------------------------------------------------------------------------------------------------------

    def open_row(self, target: Target) -> None:
        if target.key is not None:
            self._look()
            self.main.show_view(1)

    def marked_sessions(self) -> list[Session]:
        """The marked ones, else the one under the cursor."""
        self._look()
        app = self.console_app
        return [each for each in app.sessions if each.name in self.table.marks] or [app.session]

    def marked(self) -> str:
        n = len(self.table.marks)
        return f"{n} marked: D drain, R replace children, : scale +1, stop ...; u unmark" if n else ""

    def action_drain(self) -> None:
        """As long as one of them is not draining, they are to drain."""
        if not self.table.marks:
            self._look()
            self.console_app.steering.drain_or_resume_daemon()
            return
        pools = [pool for each in self.marked_sessions() if each.status for pool in each.status.pools]
        self._give("resume" if pools and all(pool.state == "draining" for pool in pools) else "drain")

    def action_recycle_pool(self) -> None:
        self._give("recycle")

    def action_scale(self, step: int) -> None:
        if self.table.marks:
            self.main.ask_line("command", f"scale {step:+}")
        else:
            self._look()
            super().action_scale(step)

    def _give(self, verb: str) -> None:
        request, show = steer.REQUESTS[verb](Namespace(pool=None, which=None))
        order = Order((verb,), request, show)
        fleetdesk.give(self.console_app, order, self.marked_sessions())

    def exported(self, item: Any) -> Any:
        return {"daemon": item.name, "status": item.status}
