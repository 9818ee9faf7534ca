"""The frame of the console: header, names of the views, banners, one view, status line, hints."""

from collections.abc import Callable, Sequence

from textual.app import ComposeResult
from textual.widgets import ContentSwitcher

from wmcore.errors import WmError
from wmcore.protocol.messages import FailedFilter
from wmtui import bulkwords, commanding, commandline, headline, keymap, opening
from wmtui.cells import Cell
from wmtui.keymap import VIEWS
from wmtui.messages import CursorMoved, Said, SpreadsChanged
from wmtui.picture import Phase
from wmtui.printing import clean
from wmtui.screens.base import ConsoleScreen
from wmtui.session import Session
from wmtui.views.base import View
from wmtui.views.children import Children
from wmtui.views.failed import Failed
from wmtui.views.fleet import Fleet
from wmtui.views.log import Log
from wmtui.views.overview import Overview
from wmtui.views.queue import Queue
from wmtui.widgets.drawing import bindings
from wmtui.widgets.hints import hint_cells
from wmtui.widgets.prompt import Prompt
from wmtui.widgets.textline import TextLines

MOST_BANNERS = 5
ERROR_LINES = 3
"""What went wrong is said in full; whatever else the status line says is cut, lest the lists above it jump."""
MOST_BACK = 20


class MainScreen(ConsoleScreen):
    BINDINGS = bindings(keymap.of_scope("frame"))

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        self.overview, self.children_view, self.queue_view = Overview(), Children(), Queue()
        self.failed_view, self.log_view, self.fleet_view = Failed(), Log(), Fleet()
        self.views: tuple[View, ...] = (
            self.overview, self.children_view, self.queue_view, self.failed_view, self.log_view, self.fleet_view,
        )  # fmt: skip
        self.number = 1
        self.prompt = Prompt()
        self._came_from: list[int] = []
        self._filter_before = ""
        yield TextLines(glyphs, "small")
        yield TextLines(glyphs, "header")
        yield TextLines(glyphs, "tabs")
        yield TextLines(glyphs, "banner", MOST_BANNERS)
        with ContentSwitcher(initial="overview", id="views"):
            yield from self.views
        yield self.prompt
        yield TextLines(glyphs, "status", ERROR_LINES)
        yield TextLines(glyphs, "hints")

    @property
    def view(self) -> View:
        return self.views[self.number - 1]

    def on_mount(self) -> None:
        self.set_focus(self.view.pane)  # at once: focus() waits, and keys typed meanwhile go elsewhere
        self.view.show_active()

    def on_resize(self) -> None:
        if self.is_mounted:
            width, height = self.app.size
            self.set_class(width < headline.LEAST[0] or height < headline.LEAST[1], "-small")
            self.call_after_refresh(self.all_changed)

    # -- painting ----------------------------------------------------------------------------------------------------

    def all_changed(self) -> None:
        """Another picture, another view, another size."""
        if self.is_mounted and not self.has_class("-small"):
            self.view.paint()
        self.picture_changed()

    def picture_changed(self) -> None:
        """The lines around the view; a second has passed, or more."""
        if not self.is_mounted:
            return
        app, now = self.console_app, self.console_app.now()
        if self.has_class("-small"):
            width, height = self.app.size
            self._lines("small").set_lines([headline.too_small(app.picture, app.glyphs, now, width, height)])
            return
        title = app.session.title
        self._lines("header").set_parts(*headline.header(app.picture, app.glyphs, now, app.held_for(), title))
        live = sum(each.picture.phase(now) is Phase.LIVE for each in app.sessions)
        self._lines("tabs").set_parts(headline.tabs(self.number, app.picture, len(app.sessions), live), [])
        alone = self.view is not self.fleet_view  # there each row says how its daemon stands
        banners = headline.banners(app.picture, app.glyphs, now, app.session.name, title) if alone else []
        self._lines("banner").set_lines(banners)
        self.view.set_dimmed(app.disconnected and app.picture.phase(now) is not Phase.CONNECTING)
        self._paint_status()

    def notice_changed(self) -> None:
        self._paint_status()

    def on_cursor_moved(self, event: CursorMoved) -> None:
        self.view.cursor_moved(event.pane)
        self.view.rows_came(event.pane)
        self._paint_status()

    def on_spreads_changed(self, event: SpreadsChanged) -> None:
        self._paint_status()

    def on_descendant_focus(self) -> None:
        self.view.show_active()
        self._paint_status()

    def _paint_status(self) -> None:
        if not self.is_mounted or self.has_class("-small"):
            return
        app, view = self.console_app, self.view
        run = bulkwords.running(app.status)
        pending = app.pending_cell()
        progress = bulkwords.progress(run) if run is not None else None
        marked = Cell(view.marked(), "bold") if view.marked() else None
        told = Cell(view.note() or view.target.told(), "dim")
        notice = app.notice_cell()
        cell = self._typed() or pending or progress or notice or marked or told
        wrong = cell is notice and app.saying.unsolved
        narrowed = cell in (notice, marked) and not wrong and view.filter_text()
        filtered = [Cell(f"/{clean(view.filter_text())}", "reverse")] if narrowed else []
        self._lines("status").set_lines([[*filtered, cell]], ERROR_LINES if wrong else 1)
        each, pool = view.target.job_class(), view.target.pool()
        states = [name for name, so in (
            ("typing", self.prompt.kind),
            ("pending", pending), ("lost", app.disconnected), ("bulk", run), ("held", app.session.held),
            ("found", view.finds), ("marked", marked), ("lists", len(view.open_panes()) > 1),
            ("columns", view.pane.spreads > 1), ("class", each and not each.paused), ("paused", each and each.paused),
            ("draining", pool and pool.state == "draining"),
        ) if so]  # fmt: skip
        keys = app.keys.hints(("frame", "view"), view.pane.pane, states, bool(app.why_no_writing()))
        self._lines("hints").set_parts(hint_cells(keys), [])

    def _lines(self, name: str) -> TextLines:
        return self.query_one(f"#{name}", TextLines)

    # -- views -------------------------------------------------------------------------------------------------------

    def go_to_view(self, number: int) -> None:
        """By its number: there is no way back from there but another number."""
        self._came_from = []
        self.show_view(number, remember=False)

    def show_view(self, number: int, remember: bool = True) -> None:
        """`remember`: esc comes back to where we are."""
        if number != self.number:
            self.console_app.unsay()
            if n := self.view.drop_marks():
                marks = "1 mark is" if n == 1 else f"{n:,} marks are"
                self.console_app.say(f"{marks} gone, unused: {VIEWS[self.number - 1]} was left")
            if remember:
                self._came_from = [*self._came_from, self.number][-MOST_BACK:]
            self.number = number
            self.query_one("#views", ContentSwitcher).current = self.view.id
        self.set_focus(self.view.pane)
        self.view.show_active()
        self.view.entered()
        self.picture_changed()

    def go_back(self) -> None:
        if self._came_from:
            self.show_view(self._came_from.pop(), remember=False)

    def show_children(self, filter_text: str) -> None:
        self.children_view.set_filter(filter_text, "children")
        self.children_view.led_in_by = filter_text
        self.show_view(2)

    def show_log(self, words: str) -> None:
        self.log_view.set_filter(words)
        self.log_view.led_in_by = words
        self.show_view(5)

    def show_failed(self, asked: FailedFilter, said: str, grouped: bool) -> None:
        self.show_view(4)
        self.failed_view.narrow(asked, said)
        self.failed_view.show_groups(grouped)

    def follow_failed(self, failed_id: str) -> None:
        """The cursor of every list goes to the record that is read."""
        for table in (self.failed_view.failed, self.overview.failed):
            if table.rows.find(failed_id) is not None:
                table.go_to(failed_id)

    def action_view(self, number: int) -> None:
        self.go_to_view(number)

    def action_pane(self, step: int) -> None:
        """Through the lists of the view, and on to the next view."""
        panes = list(self.view.open_panes())
        position = (panes.index(self.view.pane) if self.view.pane in panes else 0) + step
        if 0 <= position < len(panes) or self.number == 1:
            self.set_focus(panes[position % len(panes)])
        else:
            self.go_to_view((self.number - 1 + step) % len(self.views) + 1)

    # -- the typed line ----------------------------------------------------------------------------------------------

    def ask_line(self, kind: str, text: str) -> None:
        self._filter_before = text
        self.prompt.begin(kind, text, self._candidates if kind == "command" else None)
        self._paint_status()

    def _words(self, line: str) -> Sequence[str]:
        app = self.console_app
        daemons = [each.called for each in app.sessions]
        return commandline.candidates(line, app.status, list(self.view.orders()), daemons)

    def _candidates(self, line: str) -> Sequence[str]:
        return [commandline.completed(line, word) for word in self._words(line)]

    def _typed(self) -> Cell | None:
        """While a command is typed: what the word at its end may become, else what the verb does."""
        if self.prompt.kind != "command":
            return None
        line = self.prompt.line.value
        n = len(self.fleet_view.table.marks)
        to = f"to {n} daemons: " if n and self.view is self.fleet_view else ""
        return Cell(to + clean("  ".join(self._words(line)) or commandline.usage(line)), "bold")

    def on_input_changed(self) -> None:
        self._paint_status()
        if self.prompt.kind == "filter" and self.view.filters_at_once:
            self._try(lambda: self.view.set_filter(self.prompt.line.value), quietly=True)

    def on_said(self, event: Said) -> None:
        self.prompt.end()
        self.set_focus(self.view.pane)
        if event.text is None:
            if event.kind == "filter" and self.view.filters_at_once:
                self._try(lambda: self.view.set_filter(self._filter_before))
            return
        text = event.text
        if event.kind == "filter":
            self._try(lambda: self.view.set_filter(text))
        elif event.kind == "find":
            self._try(lambda: self.view.find(text))
        elif text:
            self._try(lambda: commanding.carry_out(self.console_app, text))
        self.picture_changed()

    def _try(self, act: Callable[[], None], quietly: bool = False) -> None:
        """What was typed may make no sense; while it is being typed nobody has to say so."""
        try:
            act()
        except WmError as error:
            if not quietly:
                self.console_app.say(str(error), error=True)

    # -- keys --------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action != "reconnect":
            return True
        now = self.console_app.now()
        return any(each.disconnected(now) for each in self._meant())

    def _meant(self) -> list[Session]:
        """The daemons that a key is about."""
        return self.fleet_view.marked_sessions() if self.view is self.fleet_view else [self.console_app.session]

    def action_wrongs(self) -> None:
        opening.wrongs(self.console_app)

    def action_command(self) -> None:
        self.ask_line("command", "")

    def action_daemon(self, step: int) -> None:
        self.console_app.next_daemon(step)

    def action_hold(self) -> None:
        self.console_app.toggle_hold()

    def action_reconnect(self) -> None:
        lost = [each for each in self._meant() if each.disconnected(self.console_app.now())]
        for each in lost:
            each.feed.retry_now()
        self.console_app.say(f"trying to reach {'the daemon' if len(lost) == 1 else f'{len(lost)} daemons'} ...")

    def action_read_only(self) -> None:
        self.console_app.toggle_read_only()

    def action_redraw(self) -> None:
        self.refresh(layout=True)

    def action_help(self) -> None:
        self.console_app.action_help()

    def action_detach(self) -> None:
        if not self.view.cancel_ahead():
            self.console_app.action_detach()
