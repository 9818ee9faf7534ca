"""A text to read over the whole screen: a child, a job of the queue, a line of the log."""

from collections.abc import Callable

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding

from wmtui.cells import Cell
from wmtui.printing import clean
from wmtui.screens.base import Reading
from wmtui.widgets.page import Page
from wmtui.widgets.textline import TextLines


class TextPage(Reading):
    BINDINGS = [  # noqa: RUF012 (Textual's way)
        Binding("q,escape,backspace,enter", "back", show=False), Binding("y", "copy", show=False),
        Binding("question_mark", "help", show=False),
    ]  # fmt: skip

    def __init__(self, title: str, text: Callable[[], Text]) -> None:
        """`text` is called again when a status has come."""
        super().__init__()
        self._title = title
        self._make = text
        self._shown = Text()

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "title")
        yield Page()
        yield TextLines(glyphs, "status")
        yield TextLines(glyphs, "hints")

    def opened(self) -> None:
        self.set_focus(self.query_one(Page))
        self._show()  # at once, not with the next status
        self._paint_lines()

    def picture_changed(self) -> None:
        super().picture_changed()
        if self.built:
            self._show()

    def _show(self) -> None:
        if (text := self._make()) != self._shown:
            self._shown = text
            self.query_one(Page).show(text)

    def on_resize(self) -> None:
        if self.built:
            self._paint_lines()

    def on_scrolled(self) -> None:
        self._paint_lines()

    def _paint_lines(self) -> None:
        title = [Cell(clean(self._title), "bold"), Cell(self.query_one(Page).seen(), "dim")]
        self.query_one("#title", TextLines).set_lines([title])
        hints = ("q back", "? help", "up/down scroll", "space b page", "y copy", "1-6 view")
        self.query_one("#hints", TextLines).set_lines([[Cell(each) for each in hints]])

    def action_back(self) -> None:
        self.dismiss(None)

    def action_help(self) -> None:
        self.console_app.action_help()

    def action_copy(self) -> None:
        self.console_app.copy(self._shown.plain)
