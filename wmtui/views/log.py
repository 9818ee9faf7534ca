"""The daemon's log: follows its end, by level and by words."""

import re
from collections import deque
from typing import Any, ClassVar

from textual.app import ComposeResult

from wmcore.errors import WmError
from wmcore.protocol.messages import LogLines, TailLog
from wmtui import opening
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.printing import clean
from wmtui.session import Session
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable

KEPT = 5_000
FIRST = 200
"""Lines asked for at once."""
LEVELS: tuple[tuple[str, str | None, str], ...] = (
    ("all lines", None, "log"), ("notice and above", "notice", "log"), ("warnings and errors", "warning", "log"),
    ("errors", "error", "log"), ("the error log", None, "errorlog"),
)  # fmt: skip
MARKS = {"debug": "D", "info": "I", "notice": "N", "warning": "W", "error": "E"}
STYLES = {"debug": "dim", "warning": "yellow", "error": "bold red"}

DATE = re.compile(r"^\d{4}-\d\d-\d\dT(?=\d\d:)")
"""On a narrow screen the day says least; enter shows the whole line."""

LOG_COLUMNS = (Column("line", Cell("LOG"), 40, most=4000),)

LogItem = tuple[int, str, str]
"""(number, level, line)."""


class Log(View):
    name_ = "log"
    filters_at_once: ClassVar[bool] = False

    def compose(self) -> ComposeResult:
        self.table = LineTable("log", LOG_COLUMNS, self.console_app.glyphs)
        self.panes = (self.table,)
        self.words = ""
        self.level = 0
        self.following = True
        self._kept: deque[LogItem] = deque(maxlen=KEPT)
        self._number = 0
        self._after: str | None = None
        self._asking = False
        self._of: Session | None = None
        yield self.table

    def paint(self) -> None:
        if self._of is not self.session:
            self._begin()

    def _paint_lines(self) -> None:
        self.table.set_rows(Rows(list(self._kept), lambda item: item[0], log_row))
        if self.following:
            self.table.action_edge(1)

    def note(self) -> str:
        level, words = LEVELS[self.level][0], f", with {self.words!r}" if self.words else ""
        state = "following" if self.following else "not following: f goes to the end"
        return f"{level}{words}; {state}" + ("" if self._kept or self._after is None else "; no such line yet")

    def entered(self) -> None:
        self.paint()
        self._ask()

    def tick(self, now: float) -> None:
        self._ask()

    def cursor_moved(self, pane: str) -> None:
        following = self.table.cursor >= self.table.row_count - 1
        if following != self.following:
            self.following = following
            self.console_app.notice_changed()

    # -- what is asked for -------------------------------------------------------------------------------------------

    def filter_text(self) -> str:
        return self.words

    def set_filter(self, text: str, pane: str = "") -> None:
        self.words = text.strip()
        self._begin()
        self._ask()

    def choose(self, which: str, level: str | None, words: str) -> None:
        """The first that shows this level and little more."""
        fitting = [i for i, (_, least, log) in enumerate(LEVELS) if log == which and least == level]
        self.level, self.words = (fitting or [0])[0], words
        self._begin()
        self._ask()

    def action_level(self) -> None:
        self.level = (self.level + 1) % len(LEVELS)
        self._begin()
        self._ask()
        self.console_app.say(f"log: {LEVELS[self.level][0]}")

    def action_facet(self) -> None:
        self.following = True
        self.table.action_edge(1)
        self.console_app.notice_changed()

    def _begin(self) -> None:
        self._of, self._after, self._asking, self.following = self.session, None, False, True
        self._kept.clear()
        self._paint_lines()

    def _ask(self) -> None:
        app, session, of = self.console_app, self.session, (self.words, self.level)
        if self._asking or app.disconnected or session.held is not None:
            return
        self._asking = True
        _, level, which = LEVELS[self.level]
        request = TailLog(which=which, lines=FIRST, after=self._after, level=level, text=self.words or None)

        def take(reply: LogLines) -> None:
            if self._of is not session or of != (self.words, self.level):
                return
            self._asking = False
            self._take(reply)

        def give_up(error: WmError) -> None:
            self._asking = False
            app.refused(request, error)

        app.send(request, take, give_up)

    def _take(self, reply: LogLines) -> None:
        if self._after is None or reply.cursor is None:  # an older daemon knows no cursor: all of it each time
            self._kept.clear()
        if reply.gap and self._after is not None:
            self._add("", "(lines are missing here: the file was put aside)")
        for i, line in enumerate(reply.lines):
            self._add(reply.levels[i] if i < len(reply.levels) else "", line)
        self._after = reply.cursor
        if reply.lines or reply.gap or not self._kept:
            self._paint_lines()
            self.console_app.notice_changed()
        if reply.more:
            self._ask()

    def _add(self, level: str, line: str) -> None:
        self._number += 1
        self._kept.append((self._number, level, line))

    # -- what the keys do --------------------------------------------------------------------------------------------

    def _line(self) -> str:
        return next((line for number, _, line in self._kept if number == self.table.cursor_key), "")

    def open_row(self, target: Target) -> None:
        if line := self._line():
            opening.text(self.console_app, "log line", line)

    def action_copy(self) -> None:
        if line := self._line():
            self.console_app.copy(clean(line))

    def exported(self, item: Any) -> Any:
        return {"level": item[1], "line": item[2]}


def log_row(item: LogItem) -> Row:
    number, level, line = item
    mark = (Cell(MARKS[level], STYLES.get(level, "")),) if level in MARKS else ()
    return Row(number, free=(*mark, Cell(clean(DATE.sub("", line)), STYLES.get(level, ""))))
