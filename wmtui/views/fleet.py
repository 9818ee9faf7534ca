"""All daemons that this console is attached to, one row each."""

from typing import Any

from textual.app import ComposeResult

from wmtui import fleetrows
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable


class Fleet(View):
    name_ = "fleet"

    def compose(self) -> ComposeResult:
        self.table = LineTable("fleet", fleetrows.FLEET_COLUMNS, self.console_app.glyphs)
        self.panes = (self.table,)
        yield self.table

    def paint(self) -> None:
        app = self.console_app
        self.table.set_rows(
            fleetrows.fleet_rows(app.sessions, app.now(), app.glyphs), fleetrows.titles(app.sessions, app.glyphs)
        )

    def tick(self, now: float) -> None:
        self.paint()

    def note(self) -> str:
        return fleetrows.summary(self.console_app.sessions, self.console_app.now())

    def set_dimmed(self, dimmed: bool) -> None:
        """Each row has its own state."""

    def open_row(self, target: Target) -> None:
        if target.key is not None:
            self.console_app.go_to_daemon(str(target.key))
            self.main.show_view(1)

    def action_drain(self) -> None:
        if self.table.cursor_key is not None:
            self.console_app.go_to_daemon(str(self.table.cursor_key))
            self.console_app.steering.drain_or_resume_daemon()

    def exported(self, item: Any) -> Any:
        return {"daemon": item.name, "status": item.status}
