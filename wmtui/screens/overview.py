"""The view that shows all at once: pools with their classes, children, failed jobs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypeVar, cast

from textual.app import ComposeResult
from textual.containers import Vertical

from wmcore.protocol.messages import Status
from wmtui import keymap, rows
from wmtui.cells import Cell
from wmtui.pending import Pending, edit
from wmtui.printing import clean
from wmtui.undercursor import Target
from wmtui.widgets.drawing import bindings
from wmtui.widgets.linetable import LineTable

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp

T = TypeVar("T")
LEAST_HEIGHT = 3
"""A pane's title line and two rows."""


def share_height(height: int, wanted: Sequence[int], least: int = LEAST_HEIGHT) -> list[int]:
    """Lines for each pane: as many as it has rows for where there is room, else an equal share of what the small ones
    leave. The last pane takes what is over."""
    given = [min(least, each) for each in wanted]
    for _ in range(max(0, height - sum(given))):
        short = [i for i, each in enumerate(wanted) if given[i] < each]
        if not short:
            break
        given[min(short, key=lambda i: given[i])] += 1
    given[-1] += max(0, height - sum(given))
    return given


class Overview(Vertical):
    BINDINGS = bindings(keymap.of_scope("overview"))

    def __init__(self) -> None:
        super().__init__(id="overview")
        self.pending: Pending | None = None

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        self.pools = LineTable("pools", rows.POOL_COLUMNS, glyphs)
        self.children_table = LineTable("children", rows.CHILD_COLUMNS, glyphs)
        self.failed = LineTable("failed", rows.FAILED_COLUMNS, glyphs, follow_top=True)
        self.panes = (self.pools, self.children_table, self.failed)
        yield from self.panes

    @property
    def console_app(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)

    @property
    def target(self) -> Target:
        """What the keys act on now."""
        app, pane = self.console_app, self.pane
        marks = cast(frozenset[str], self.failed.marks)
        return Target(app.status, pane.pane, pane.cursor_key, app.failed.records, marks)

    @property
    def pane(self) -> LineTable:
        """The pane that has the keys (has_focus comes true a little later than that: keys may be typed in between)."""
        return next((pane for pane in self.panes if self.screen.focused is pane), self.pools)

    # -- painting ----------------------------------------------------------------------------------------------------

    def paint(self, status: Status | None) -> None:
        if status is not None:
            glyphs = self.console_app.glyphs
            self.pools.set_rows(rows.pool_rows(status, glyphs, self.pending), rows.pool_titles(status, glyphs))
            self.children_table.set_columns(rows.child_columns(status))
            self.children_table.set_rows(rows.child_rows(status, glyphs))
        self.paint_heights()

    def paint_failed(self) -> None:
        """Only when the list changed: it may be long."""
        app = self.console_app
        now = app.status.now if app.status else 0.0
        known = {record.id for record in app.failed.records}
        self.failed.set_marks(frozenset(self.failed.marks & known))
        complete = app.failed.count == len(app.failed.records)
        self.failed.set_rows(rows.failed_rows(app.failed.records, now), total="" if complete else app.failed_total())
        self.paint_heights()

    def paint_heights(self) -> None:
        if not self.size.height:
            return
        wanted = [pane.row_count + 1 for pane in self.panes]
        for pane, height in zip(self.panes, share_height(self.size.height, wanted), strict=True):
            if pane.size.height != height:
                pane.styles.height = height

    def set_dimmed(self, dimmed: bool) -> None:
        for pane in self.panes:
            pane.set_dimmed(dimmed)

    def on_resize(self) -> None:
        self.paint_heights()

    # -- keys --------------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        # without a connection r is the frame's: reconnect
        return not (action == "retry" and self.console_app.disconnected)

    def action_scale(self, step: int) -> None:
        app = self.console_app
        if not app.refuses_writing() and (pool := self._or_say(self.target.pool(), "a pool")) is not None:
            self._set_pending(edit(self.pending, pool, step, app.now()))

    def action_discard(self) -> None:
        if self.pending is not None:
            self._set_pending(None)
            self.console_app.say("discarded: nothing was changed")

    def action_open(self) -> None:
        target = self.target
        if self.pending is not None:
            pool, to = target.pool_named(self.pending.pool), self.pending.to
            self._set_pending(None)
            if pool is not None:
                self.console_app.steering.scale(pool, to)
        elif self.pane is self.failed and self.failed.cursor_key is not None:
            self.console_app.open_record(str(self.failed.cursor_key))

    def action_drain(self) -> None:
        if (pool := self._or_say(self.target.pool(), "a pool")) is not None:
            self.console_app.steering.drain_or_resume(pool)

    def action_pause(self) -> None:
        if (each := self._or_say(self.target.job_class(), "a class")) is not None:
            self.console_app.steering.pause_or_unpause(each)

    def action_kill(self) -> None:
        if (child := self._or_say(self.target.child(), "a child")) is not None:
            self.console_app.steering.kill(child)

    def action_recycle(self) -> None:
        if (child := self._or_say(self.target.child(), "a child")) is not None:
            self.console_app.steering.recycle(child)

    def action_retry(self) -> None:
        if ids := self._or_say(self.target.failed_ids(), "a failed job"):
            self.console_app.steering.retry(ids, self._unmark)

    def action_delete(self) -> None:
        if ids := self._or_say(self.target.failed_ids(), "a failed job"):
            self.console_app.steering.delete(ids, self._unmark)

    def action_mark(self) -> None:
        key = self.failed.cursor_key
        if self.pane is self.failed and key is not None:
            self.failed.set_marks(self.failed.marks ^ {key})
            self.failed.action_move(1)
            self._say_marks()

    def action_unmark(self) -> None:
        self._unmark()
        self._say_marks()

    def _unmark(self) -> None:
        self.failed.set_marks(frozenset())

    def _say_marks(self) -> None:
        n = len(self.failed.marks)
        marked = f"{n:,} marked: r retries, X deletes, u takes the marks away"
        self.console_app.say(marked if n else "nothing is marked")

    def _or_say(self, found: T | None, what: str) -> T | None:
        if not found:
            self.console_app.say(f"put the cursor on {what} first (tab goes to the next list)")
        return found

    # -- the number that is not applied yet --------------------------------------------------------------------------

    def _set_pending(self, pending: Pending | None) -> None:
        self.pending = pending
        self.paint(self.console_app.status)
        self.console_app.notice_changed()

    def tick(self, now: float) -> None:
        """Give up what nobody has touched for a while, or what can not be applied any more."""
        if self.pending is not None and self.pending.expired(now):
            self._set_pending(None)
            self.console_app.say("discarded after 10 s: nothing was changed")
        elif self.pending is not None and self.console_app.why_no_writing():
            self._set_pending(None)

    def pending_cell(self) -> Cell | None:
        """What the status line says about it."""
        if self.pending is None:
            return None
        pool = self.target.pool_named(self.pending.pool)
        before = "?" if pool is None else str(pool.wanted)
        change = f"PENDING {clean(self.pending.pool)} {before} > {self.pending.to} children"
        return Cell(f"{change}: enter applies, esc discards", "bold reverse")
