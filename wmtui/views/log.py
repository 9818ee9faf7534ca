"""The daemon's log: follows its end, by level and by words, and finds in it."""

import re
from collections import deque
from collections.abc import Callable
from typing import Any, ClassVar

from textual.app import ComposeResult

from wmcore.errors import WmError
from wmcore.protocol.messages import LogLines, TailLog
from wmtui import opening
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.logfind import Finding
from wmtui.printing import clean
from wmtui.session import Session
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable

KEPT = 5_000
FIRST = 200
"""Lines asked for at once."""
LEVELS: tuple[tuple[str, str | None, str], ...] = (
    ("every level", None, "log"), ("notice and above", "notice", "log"), ("warnings and errors", "warning", "log"),
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
        self.table.edge = self._edge
        self.panes = (self.table,)
        self.words = ""
        self.level = 0
        self.following = True
        self.finding = Finding()
        self._whole = False  # the first line of all is here
        self._deep = False  # as many lines as are kept were asked for, not only the last ones
        self._then: Callable[[], None] | None = None  # what is to be done when they are here
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
        self.finding.look([line for _, _, line in self._kept])
        title = f"LOG: {LEVELS[self.level][0]}{self._with_words}"
        rows = Rows(list(self._kept), lambda item: item[0], lambda item: log_row(item, self.finding.has(item[2])))
        whole = self._whole and len(rows) < KEPT
        self.table.set_rows(rows, {"line": Cell(clean(title))}, "" if whole else f"last {len(rows):,}")
        if self.following:
            self.table.action_edge(1)

    def note(self) -> str:
        found = self.finding.note(self.table.cursor, len(self._kept))
        state = "following" if self.following else "not following: f goes to the end"
        said = f"{found}; {state}" if found else f"{LEVELS[self.level][0]}{self._with_words}; {state}"
        return said + ("" if self._kept or self._after is None else "; no such line yet")

    @property
    def _with_words(self) -> str:
        return f", with {self.words!r}" if self.words else ""

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

    def step_back(self) -> bool:
        if self.finding.words:
            self.find("")
            return True
        return super().step_back()

    def action_level(self) -> None:
        self.level = (self.level + 1) % len(LEVELS)
        self._begin()
        self._ask()
        self.console_app.say(f"log: {LEVELS[self.level][0]}")

    def action_facet(self) -> None:
        self.following = True
        self.table.action_edge(1)
        self.console_app.notice_changed()

    # -- finding -----------------------------------------------------------------------------------------------------

    @property
    def finds(self) -> bool:  # type: ignore[override]
        return bool(self.finding.words)

    def action_filter(self) -> None:
        self.main.ask_line("find", self.finding.words)

    def action_filter_lines(self) -> None:
        self.main.ask_line("filter", self.words)

    def find(self, text: str) -> None:
        self.finding.words = text.strip()
        self._paint_lines()
        if self.finding.words:
            self._go(0)
        self.console_app.unsay()

    def action_find(self, step: int) -> None:
        if self.finding.words:
            self._go(step)
        else:
            self.action_filter()

    def _go(self, step: int) -> None:
        """To the next line that has it; upwards also in what has not been asked for so far."""
        position = self.finding.from_here(self.table.cursor, step)
        if position is not None:
            self.table.go_to(self._kept[position][0])
        elif step <= 0 and not self._deep:
            self._ask_deep(lambda: self._go(step))
        else:
            where = f"in the last {len(self._kept):,} lines" if step <= 0 else "further down"
            said = f"{self.finding.words!r} is not {where}"
            if not self.finding.positions and LEVELS[self.level][2] == "log":  # a job's error is only there
                said += f"; {self.console_app.keys.shown('level')} leads to the error log"
            self.console_app.say(said)

    def _edge(self, side: int) -> bool:
        """The first line: of all that are kept."""
        if side > 0 or self._deep:
            return False
        self._ask_deep(lambda: self.table.action_edge(-1))
        return True

    def _ask_deep(self, then: Callable[[], None]) -> None:
        """All lines that are kept, the cursor on the line that it is on."""
        from_end, was_there = len(self._kept) - self.table.cursor, bool(self._kept)

        def come() -> None:
            if was_there and len(self._kept) >= from_end:
                self.table.go_to(self._kept[len(self._kept) - from_end][0])
            then()

        self._begin()
        self._deep, self.following, self._then = True, False, come
        self._ask()

    def _begin(self) -> None:
        self._of, self._after, self._asking, self.following = self.session, None, False, True
        self._deep, self._whole, self._then = False, False, None
        self._kept.clear()
        self._paint_lines()

    def _ask(self) -> None:
        app, session, of = self.console_app, self.session, (self.words, self.level)
        if self._asking or app.disconnected or session.held is not None:
            return
        self._asking = True
        _, level, which = LEVELS[self.level]
        lines = KEPT if self._deep else FIRST
        request = TailLog(which=which, lines=lines, after=self._after, level=level, text=self.words or None)

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
            self._whole = len(reply.lines) < (KEPT if self._deep else FIRST)
        if reply.gap and self._after is not None:
            self._add("", "(lines are missing here: the file was put aside)")
        for i, line in enumerate(reply.lines):
            self._add(reply.levels[i] if i < len(reply.levels) else "", line)
        self._after = reply.cursor
        if reply.lines or reply.gap or not self._kept:
            self._paint_lines()
            self.console_app.notice_changed()
        if (then := self._then) is not None:
            self._then = None
            then()
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
            opening.log_line(self.console_app, line)

    def waits_for_rows(self) -> bool:
        return self._asking and not self._kept

    def action_copy(self) -> None:
        if line := self._line():
            self.console_app.copy(clean(line))

    def exported(self, item: Any) -> Any:
        return {"level": item[1], "line": item[2]}


def log_row(item: LogItem, found: bool) -> Row:
    number, level, line = item
    style = f"{STYLES.get(level, '')} underline".strip() if found else STYLES.get(level, "")
    mark = (Cell(MARKS[level], STYLES.get(level, "")),) if level in MARKS else ()
    return Row(number, free=(*mark, Cell(clean(DATE.sub("", line)), style)))
