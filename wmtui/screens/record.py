"""The whole record of a failed job: its argument, every attempt with its traceback, its times."""

from rich.text import Text
from textual.app import ComposeResult

from wmcore.protocol.messages import Attempt, FailedRecord, GetFailed
from wmtui import keymap
from wmtui.cells import Cell
from wmtui.formatting import age, stamp
from wmtui.printing import clean, clean_block
from wmtui.screens.base import ConsoleModal
from wmtui.widgets.drawing import bindings
from wmtui.widgets.hints import hint_cells
from wmtui.widgets.page import Page
from wmtui.widgets.textline import TextLines

MOST = 100_000
"""Characters of one text that are shown; `wmtui failed show` prints all."""


class RecordScreen(ConsoleModal):
    BINDINGS = bindings(keymap.of_scope("record"))

    def __init__(self, failed_id: str) -> None:
        super().__init__()
        self.failed_id = failed_id
        self.record: FailedRecord | None = None

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "title")
        yield Page()
        yield TextLines(glyphs, "status")
        yield TextLines(glyphs, "hints")

    def on_mount(self) -> None:
        self.set_focus(self.query_one(Page))
        self._fetch()

    def on_resize(self) -> None:
        if self.is_mounted:
            self._paint_lines()

    def picture_changed(self) -> None:
        self._paint_lines()

    def on_scrolled(self) -> None:
        self._paint_lines()

    def notice_changed(self) -> None:
        self._paint_lines()

    def _fetch(self) -> None:
        """Ask for the record; what is shown stays until it is there."""
        wanted = self.failed_id

        def show(record: FailedRecord) -> None:
            if self.is_attached and record.id == self.failed_id:
                self.record = record
                page = self.query_one(Page)
                page.show(record_text(record))
                page.scroll_home(animate=False)
                self.call_after_refresh(self._paint_lines)

        self.console_app.send(GetFailed(id=wanted), show)
        self._paint_lines()

    def _paint_lines(self) -> None:
        if not self.is_mounted:
            return
        app = self.console_app
        position = app.failed.find(self.failed_id)
        where = "" if position is None else f"{position + 1:,} of {app.failed_total()}"
        waiting = self.record is None or self.record.id != self.failed_id
        title = [Cell(f"failed job {clean(self.failed_id)}", "bold"), Cell(where)]
        title.append(Cell("asking for it ..." if waiting else self.query_one(Page).seen(), "dim"))
        self.query_one("#title", TextLines).set_lines([title])
        notice = app.notice_cell()
        self.query_one("#status", TextLines).set_lines([[notice]] if notice else [])
        hints = keymap.hints(["record"], read_only=bool(app.why_no_writing()))
        self.query_one("#hints", TextLines).set_parts(hint_cells(hints), [])

    def action_back(self) -> None:
        self.dismiss(self.failed_id)

    def action_help(self) -> None:
        self.console_app.action_help()

    def action_turn(self, step: int) -> None:
        """To the next or previous record of the list, as it is now."""
        records = self.console_app.failed.records
        position = self.console_app.failed.find(self.failed_id)
        if position is None or not 0 <= position + step < len(records):
            self.console_app.say("there is no other record that way")
            return
        self.failed_id = records[position + step].id
        self.console_app.want_failed(position + step)
        self._fetch()

    def action_retry(self) -> None:
        if self._shown():
            self.console_app.steering.retry([self.failed_id], self._fetch)

    def action_delete(self) -> None:
        if self._shown():
            self.console_app.steering.delete([self.failed_id], self._gone)

    def _gone(self) -> None:
        if self.is_current:
            self.dismiss(None)

    def _shown(self) -> bool:
        """Nothing is done to a record that the reader does not see yet."""
        return self.record is not None and self.record.id == self.failed_id


def record_text(record: FailedRecord) -> Text:
    text = Text()
    if record.attempts:
        text.append(f"{_block(record.attempts[-1].message)}\n\n", "bold")
    for name, value in _facts(record):
        text.append(f"{name:<12}", "bold").append(f"{value}\n")
    text.append("\nargument\n", "bold").append(f"{_block(record.arg)}\n")
    for number, attempt in reversed(list(enumerate(record.attempts, 1))):
        text.append(f"\nattempt {number} of {len(record.attempts)}", "bold")
        text.append(f"  {stamp(attempt.at)}{_where(attempt)}\n")
        text.append(f"{_block(attempt.message)}\n", "bold")
        if attempt.traceback:
            text.append(f"{_block(attempt.traceback)}\n")
    return text


def _facts(record: FailedRecord) -> list[tuple[str, str]]:
    waited = age(record.failed_at - record.insert_time)
    facts = [
        ("class", clean(record.class_name)),
        ("job", f"{clean(record.job)}, {len(record.attempts)} attempts"),
        ("failed", f"{stamp(record.failed_at)}, {waited} after it was inserted"),
        ("inserted", f"{stamp(record.insert_time)}, due {stamp(record.run_after)}"),
    ]
    for name, value in (("priority", record.priority), ("uniqkey", record.uniqkey), ("coalesce", record.coalesce)):
        if value is not None:
            facts.append((name, clean(value)))
    if record.retried_as is not None:
        facts.append(("retried as", clean(record.retried_as)))
    return facts


def _where(attempt: Attempt) -> str:
    parts = [clean(attempt.host)] if attempt.host else []
    parts += [f"slot {attempt.slot}"] if attempt.slot is not None else []
    parts += [f"pid {attempt.pid}"] if attempt.pid is not None else []
    parts += [f"exit status {attempt.exit_status}"]
    return "  " + ", ".join(parts)


def _block(text: str) -> str:
    shown = clean_block(text[:MOST]).expandtabs().rstrip("\n")
    return shown if len(text) <= MOST else f"{shown}\n[{len(text) - MOST:,} characters more: wmtui failed show]"
