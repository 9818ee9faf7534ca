"""The help: the table of keys, and what the signs and columns mean."""

import textwrap

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding

from wmtui.cells import Cell
from wmtui.glyphs import Glyphs
from wmtui.keymap import VIEWS, Keymap
from wmtui.screens.base import ConsoleModal
from wmtui.widgets.page import Page
from wmtui.widgets.textline import TextLines

COLUMNS = (
    ("JOBS/S", "jobs finished in each of the last 60 seconds, all classes on one scale, whose top stands in the title"),
    ("P50 P95 P99", "lateness in the last 60 s: how long after it was due a job was started"),
    ("LATENESS", "p95 of it in each of the last 60 seconds, all classes on one scale, whose top stands in the title; a "
     "blank: no job was started"),
    ("READY", "jobs that could be started now; LATER: due later; RUN: being run"),
    ("FOR", "how long the child has been at its job"),
    ("DONE, FAIL", "since the daemon (or the child) was started; FAIL: given up for good"),
    ("RETRY", "failed attempts that were or will be tried again"),
    ("TOOK50 TOOK95", "how long jobs took in the last 60 s"),
    ("IN/S, OUT/S", "jobs that became due, and attempts that ended, per second over the last minute"),
    ("CLEARS", "when nothing is ready any more, if both stay so; steady: as much comes in as goes out; never: more "
     "does"),
)


class Help(ConsoleModal):
    BINDINGS = [Binding("q,escape,backspace,question_mark", "back", show=False)]  # noqa: RUF012 (Textual's way)

    def __init__(self, number: int) -> None:
        """The view that it is asked for in: its keys come first."""
        super().__init__()
        self._number = number

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "title")
        yield Page()
        yield TextLines(glyphs, "hints")

    def on_mount(self) -> None:
        page = self.query_one(Page)
        page.show(help_text(self.console_app.glyphs, self.console_app.keys, self._number, self.app.size.width))
        self.set_focus(page)
        self.on_resize()

    def on_resize(self) -> None:
        if self.is_mounted:
            seen = Cell(self.query_one(Page).seen(), "dim")
            title = Cell(f"wmtui: keys and columns of {VIEWS[self._number - 1]}", "bold")
            self.query_one("#title", TextLines).set_lines([[title, seen]])
            self.query_one("#hints", TextLines).set_lines([[Cell("q back"), Cell("up/down pgup/pgdn scroll")]])

    def on_scrolled(self) -> None:
        self.on_resize()

    def action_back(self) -> None:
        self.dismiss(None)


PANES = (("pools", "children", "failed"), ("children",), ("queue", "jobs"), ("failed", "groups"), ("log",), ("fleet",))


def help_text(glyphs: Glyphs, keys: Keymap, number: int, width: int) -> Text:
    text = Text()
    for title, key, meaning in keys.help_lines(PANES[number - 1]):
        if title:
            text.append(f"\n{title}\n", "bold")
        else:
            _entry(text, key, meaning, width)
    text.append("\nColumns\n", "bold")
    for name, meaning in COLUMNS:
        _entry(text, name, meaning, width)
    text.append("\nSigns\n", "bold")
    children = " ".join(glyphs.state(word) for word in ("starting", "idle", "busy", "finishing", "dead"))
    _entry(text, "children", children, width)
    pools = " ".join(glyphs.state(word) for word in ("running", "draining", "drained", "backing off", "stopping"))
    _entry(text, "pools", pools, width)
    _entry(text, "rows", f"{glyphs.cursor} cursor, {glyphs.mark} marked", width)
    return text


def _entry(text: Text, name: str, meaning: str, width: int) -> None:
    """What does not fit goes on beneath itself."""
    first, *more = textwrap.wrap(meaning, max(20, width - 18)) or [""]
    text.append(f"  {name:<14}", "bold").append(f"{first}\n")
    for part in more:
        text.append(f"{'':<16}{part}\n")
