"""A page of text to scroll in, with the keys of the lists."""

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.message import Message
from textual.widgets import Static

from wmtui import keymap
from wmtui.widgets.drawing import bindings


class Scrolled(Message):
    """Another part of the page is to be seen."""


class Page(VerticalScroll, can_focus=True, inherit_bindings=False):
    BINDINGS = bindings([*keymap.of_scope("move"), *keymap.of_scope("text")])

    def __init__(self) -> None:
        super().__init__()
        self._text = Static("", markup=False)

    def compose(self) -> ComposeResult:
        yield self._text

    def show(self, text: Text) -> None:
        self._text.update(text)

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self.post_message(Scrolled())

    def on_resize(self) -> None:
        self.post_message(Scrolled())

    def seen(self) -> str:
        """Which lines, where not all are."""
        lines, first = self.virtual_size.height, round(self.scroll_y)
        if lines <= self.size.height:
            return ""
        return f"lines {first + 1:,}-{min(lines, first + self.size.height):,} of {lines:,}"

    def action_move(self, step: int) -> None:
        self.scroll_relative(y=step, animate=False)

    def action_page(self, direction: int) -> None:
        self.scroll_relative(y=direction * max(1, self.size.height - 1), animate=False)

    def action_edge(self, side: int) -> None:
        if side < 0:
            self.scroll_home(animate=False)
        else:
            self.scroll_end(animate=False)
