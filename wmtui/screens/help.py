"""The help, beginning with the list that the keys act on; `/` leaves what has some words."""

from textual.app import ComposeResult
from textual.binding import Binding
from textual.widgets import Input

from wmtui import helptext
from wmtui.cells import Cell
from wmtui.keymap import VIEWS
from wmtui.messages import Said
from wmtui.screens.base import Reading
from wmtui.views.base import View
from wmtui.widgets.page import Page
from wmtui.widgets.prompt import Prompt
from wmtui.widgets.textline import TextLines


class Help(Reading):
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("q,escape,backspace,question_mark", "back", show=False), Binding("slash", "find", show=False),
    ]  # fmt: skip

    def __init__(self, view: View) -> None:
        """The view that it is asked for in."""
        super().__init__()
        self._view = view
        self._words = ""

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "title")
        yield Page()
        yield Prompt()
        yield TextLines(glyphs, "status")
        yield TextLines(glyphs, "hints")

    def opened(self) -> None:
        app, view = self.console_app, self._view
        others = [pane.pane for pane in view.open_panes() if pane is not view.pane]
        found = helptext.entries(view.pane.pane, view.pane.legend(), others, app.keys, app.glyphs)
        self._entries = list(found)
        self._show("")
        self.set_focus(self.query_one(Page))

    def _show(self, words: str) -> None:
        self._words = words
        page = self.query_one(Page)
        page.show(helptext.help_text(helptext.matching(self._entries, words), self.app.size.width - 2))
        page.scroll_home(animate=False)
        self.call_after_refresh(self._paint_lines)

    def _paint_lines(self) -> None:
        name = VIEWS[self.console_app.main.number - 1]
        title = [Cell(f"help for {name}", "bold")]
        title += [Cell(f"lines with {self._words}", "bold")] if self._words else []
        self.query_one("#title", TextLines).set_lines([[*title, Cell(self.query_one(Page).seen(), "dim")]])
        hints = [Cell("q back"), Cell("/ search"), Cell("space b page"), Cell("up/down scroll"), Cell("1-6 view")]
        self.query_one("#hints", TextLines).set_lines([hints])

    def on_resize(self) -> None:
        if self.built:
            self._show(self._words)

    def on_scrolled(self) -> None:
        self._paint_lines()

    def action_find(self) -> None:
        self.query_one(Prompt).begin("filter", self._words, None)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._show(event.value)

    def on_said(self, event: Said) -> None:
        self.query_one(Prompt).end()
        self.set_focus(self.query_one(Page))
        self._show(event.text or "")

    def action_back(self) -> None:
        """Out of the search first."""
        if self._words:
            self._show("")
        else:
            self.dismiss(None)
