"""The help: the table of keys, and what the signs and columns mean."""

from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding

from wmtui import keymap
from wmtui.cells import Cell
from wmtui.glyphs import Glyphs
from wmtui.screens.base import ConsoleModal
from wmtui.widgets.page import Page
from wmtui.widgets.textline import TextLines

COLUMNS = (
    ("JOBS/S", "jobs finished in each of the last 60 seconds; each class up to its own peak"),
    ("P50 P95 P99", "lateness in the last 60 s: how long after it was due a job was started"),
    ("LATENESS", "p95 of it in each of the last 60 seconds, all classes on one scale, whose"),
    ("", "top stands in the title; a blank: no job was started"),
    ("READY", "jobs that could be started now; LATER: due later; RUN: being run"),
    ("FOR", "how long the child has been at its job"),
    ("DONE, FAIL", "since the daemon (or the child) was started; FAIL: given up for good"),
    ("RETRY", "failed attempts that were or will be tried again"),
    ("TOOK50 TOOK95", "how long jobs took in the last 60 s"),
)


class Help(ConsoleModal):
    BINDINGS = [Binding("q,escape,backspace,question_mark", "back", show=False)]  # noqa: RUF012 (Textual's way)

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "title")
        yield Page()
        yield TextLines(glyphs, "hints")

    def on_mount(self) -> None:
        page = self.query_one(Page)
        page.show(help_text(self.console_app.glyphs))
        self.set_focus(page)
        self.on_resize()

    def on_resize(self) -> None:
        if self.is_mounted:
            seen = Cell(self.query_one(Page).seen(), "dim")
            self.query_one("#title", TextLines).set_lines([[Cell("wmtui: keys and columns", "bold"), seen]])
            self.query_one("#hints", TextLines).set_lines([[Cell("q back"), Cell("up/down pgup/pgdn scroll")]])

    def on_scrolled(self) -> None:
        self.on_resize()

    def action_back(self) -> None:
        self.dismiss(None)


def help_text(glyphs: Glyphs) -> Text:
    text = Text()
    for title, key, meaning in keymap.help_lines():
        if title:
            text.append(f"\n{title}\n", "bold")
        else:
            text.append(f"  {key:<14}", "bold").append(f"{meaning}\n")
    text.append("\nColumns\n", "bold")
    for name, meaning in COLUMNS:
        text.append(f"  {name:<14}", "bold").append(f"{meaning}\n")
    text.append("\nSigns\n", "bold")
    children = " ".join(glyphs.state(word) for word in ("starting", "idle", "busy", "finishing", "dead"))
    text.append(f"  {'children':<14}", "bold").append(f"{children}\n")
    pools = " ".join(glyphs.state(word) for word in ("running", "draining", "drained", "backing off", "stopping"))
    text.append(f"  {'pools':<14}", "bold").append(f"{pools}\n")
    text.append(f"  {'rows':<14}", "bold").append(f"{glyphs.cursor} cursor, {glyphs.mark} marked\n")
    return text
