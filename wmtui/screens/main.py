"""The frame of the console: header, banners, one view (more stand beside it later), status line, hints."""

from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from wmtui import headline, keymap
from wmtui.cells import Cell
from wmtui.messages import CursorMoved
from wmtui.picture import Phase
from wmtui.screens.base import ConsoleScreen
from wmtui.screens.overview import Overview
from wmtui.widgets.drawing import bindings
from wmtui.widgets.hints import hint_cells
from wmtui.widgets.textline import TextLines

MOST_BANNERS = 3


class MainScreen(ConsoleScreen):
    BINDINGS = bindings(keymap.of_scope("frame"))

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "small")
        yield TextLines(glyphs, "header")
        yield TextLines(glyphs, "banner", MOST_BANNERS)
        with ContentSwitcher(initial="overview", id="views"):
            yield Overview()
        yield TextLines(glyphs, "status")
        yield TextLines(glyphs, "hints")

    @property
    def view(self) -> Overview:
        return self.query_one(Overview)

    def on_mount(self) -> None:
        self.set_focus(self.view.panes[0])  # at once: focus() waits, and keys typed meanwhile go elsewhere

    def on_resize(self) -> None:
        if self.is_mounted:
            width, height = self.app.size
            self.set_class(width < headline.LEAST[0] or height < headline.LEAST[1], "-small")
            self.call_after_refresh(self.picture_changed)

    # -- painting ----------------------------------------------------------------------------------------------------

    def status_came(self) -> None:
        self.view.paint(self.console_app.status)

    def failed_changed(self) -> None:
        self.view.paint_failed()
        self._paint_status()

    def picture_changed(self) -> None:
        if not self.is_mounted:
            return
        app, now = self.console_app, self.console_app.now()
        if self.has_class("-small"):
            width, height = self.app.size
            self._lines("small").set_lines([headline.too_small(app.picture, app.glyphs, now, width, height)])
            return
        self._lines("header").set_parts(*headline.header(app.picture, app.glyphs, now))
        self._lines("banner").set_lines(headline.banners(app.picture, app.glyphs, now, app.feed.name))
        self.view.set_dimmed(app.picture.phase(now) is Phase.LOST)
        self.view.tick(now)
        self._paint_status()

    def notice_changed(self) -> None:
        self._paint_status()

    def on_cursor_moved(self, event: CursorMoved) -> None:
        if event.pane == "failed":
            self.console_app.want_failed(self.view.failed.cursor)
        self._paint_status()

    def on_descendant_focus(self) -> None:
        self._paint_status()

    def _paint_status(self) -> None:
        if not self.is_mounted:
            return
        app, view = self.console_app, self.view
        pending = view.pending_cell()
        cell = pending or app.notice_cell() or Cell(view.target.detail(), "dim")
        self._lines("status").set_lines([[cell]])
        states = (["pending"] if pending else []) + (["lost"] if app.disconnected else [])
        keys = keymap.hints(("frame", "overview"), view.pane.pane, states, bool(app.why_no_writing()))
        self._lines("hints").set_parts(hint_cells(keys), [])

    def _lines(self, name: str) -> TextLines:
        return self.query_one(f"#{name}", TextLines)

    # -- keys --------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return self.console_app.disconnected if action == "reconnect" else True

    def action_pane(self, step: int) -> None:
        panes = self.view.panes
        self.set_focus(panes[(panes.index(self.view.pane) + step) % len(panes)])

    def action_reconnect(self) -> None:
        self.console_app.feed.retry_now()
        self.console_app.say("trying to reach the daemon ...")

    def action_read_only(self) -> None:
        self.console_app.toggle_read_only()

    def action_redraw(self) -> None:
        self.refresh(layout=True)

    def action_help(self) -> None:
        self.console_app.action_help()

    def action_detach(self) -> None:
        self.console_app.action_detach()
