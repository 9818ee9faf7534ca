"""The whole record of a failed job: its argument, every attempt with its traceback, its times."""

from textual.app import ComposeResult

from wmcore.protocol.messages import FailedRecord, GetFailed
from wmtui import keymap
from wmtui.cells import Cell
from wmtui.printing import clean
from wmtui.recordtext import record_text
from wmtui.screens.base import Reading
from wmtui.widgets.drawing import bindings
from wmtui.widgets.hints import hint_cells
from wmtui.widgets.page import Page
from wmtui.widgets.textline import TextLines


class RecordScreen(Reading):
    BINDINGS = bindings(keymap.of_scope("record"))

    def __init__(self, failed_id: str) -> None:
        super().__init__()
        self.failed_id = failed_id
        self.record: FailedRecord | None = None
        self._asked_for: str | None = None  # the record as of this fate of its retry

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        yield TextLines(glyphs, "title")
        yield Page()
        yield TextLines(glyphs, "status")
        yield TextLines(glyphs, "hints")

    def opened(self) -> None:
        self.set_focus(self.query_one(Page))
        self._fetch()

    def on_resize(self) -> None:
        if self.built:
            self._paint_lines()

    def picture_changed(self) -> None:
        fate = self.console_app.session.retries.fate_of(self.failed_id)
        if self.record is not None and self._shown() and fate not in (None, self.record.fate, self._asked_for):
            self._asked_for = fate
            self._fetch()
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
                another = self.record is None or self.record.id != record.id
                self.record = record
                page = self.query_one(Page)
                page.show(record_text(record))
                if another:
                    page.scroll_home(animate=False)
                self.call_after_refresh(self._paint_lines)

        self.console_app.send(GetFailed(id=wanted), show)
        self._paint_lines()

    def _paint_lines(self) -> None:
        if not self.built:
            return
        app = self.console_app
        position = app.failed.find(self.failed_id)
        if position is not None and app.main.failed_view.oldest_first:
            position = len(app.failed.records) - 1 - position
        where = "" if position is None else f"{position + 1:,} of {app.main.failed_view.total()}"
        waiting = self.record is None or self.record.id != self.failed_id
        title = [Cell(f"failed job {clean(self.failed_id)}", "bold"), Cell(where)]
        title.append(Cell("asking for it ..." if waiting else self.query_one(Page).seen(), "dim"))
        self.query_one("#title", TextLines).set_lines([title])
        notice = app.notice_cell()
        self.query_one("#status", TextLines).set_lines([[notice]] if notice else [])
        hints = app.keys.hints(["record"], read_only=bool(app.why_no_writing()))
        self.query_one("#hints", TextLines).set_parts(hint_cells(hints), [])

    def action_back(self) -> None:
        self.dismiss(self.failed_id)

    def action_help(self) -> None:
        self.console_app.action_help()

    def action_turn(self, step: int) -> None:
        """To the next or previous record of the list, as it is now."""
        if self.console_app.main.failed_view.oldest_first:
            step = -step
        records = self.console_app.failed.records
        position = self.console_app.failed.find(self.failed_id)
        if position is None or not 0 <= position + step < len(records):
            self.console_app.say("there is no other record that way")
            return
        self.failed_id, self._asked_for = records[position + step].id, None
        self.console_app.main.follow_failed(self.failed_id)
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

    def action_copy(self) -> None:
        if self.record is not None and self._shown():
            self.console_app.copy(self.record.arg)

    def action_copy_all(self) -> None:
        if self.record is not None and self._shown():
            self.console_app.copy(record_text(self.record).plain)

    def action_export(self) -> None:
        if self.record is not None and self._shown():
            self.console_app.export("failed", [self.record])

    def _shown(self) -> bool:
        """Nothing is done to a record that the reader does not see yet."""
        return self.record is not None and self.record.id == self.failed_id
