"""What the views have in common: panes with a cursor, what the keys do to what it is on, filters and orders."""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar, cast

from textual.containers import Vertical

from wmcore.errors import UsageError
from wmtui import keymap
from wmtui.cells import Rows
from wmtui.lens import Lens
from wmtui.pending import edit
from wmtui.session import Session
from wmtui.undercursor import Target
from wmtui.widgets.drawing import bindings
from wmtui.widgets.linetable import LineTable

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp
    from wmtui.screens.main import MainScreen

T = TypeVar("T")

WIDE = 140
"""Columns of a screen from which on lists stand side by side."""


class View(Vertical):
    BINDINGS = bindings(keymap.of_scope("view"))
    name_: ClassVar[str] = ""
    panes: tuple[LineTable, ...]

    def __init__(self) -> None:
        super().__init__(id=self.name_)
        self.lenses: dict[str, Lens] = {}
        self._last: LineTable | None = None
        self.led_in_by = ""
        """The filter with which a key of another view led here: out of it means back there."""
        self._arranged: dict[str, object] = {}
        self._ahead: LineTable | None = None  # enter was pressed in it before its rows had come

    @property
    def console_app(self) -> "ConsoleApp":
        return cast("ConsoleApp", self.app)

    @property
    def wide(self) -> bool:
        return self.app.size.width >= WIDE

    @property
    def main(self) -> "MainScreen":
        return self.console_app.main

    @property
    def session(self) -> Session:
        return self.console_app.session

    @property
    def pane(self) -> LineTable:
        """The pane that has the keys, or had them last (has_focus comes true a little later than that: keys may be
        typed in between)."""
        self._last = next((pane for pane in self.panes if self.screen.focused is pane), self._last)
        return self._last or self.panes[0]

    def show_active(self) -> None:
        for pane in self.panes:
            pane.set_active(pane is self.pane)

    def open_panes(self) -> Sequence[LineTable]:
        """Those that tab goes through."""
        return [pane for pane in self.panes if pane.display]

    @property
    def target(self) -> Target:
        """What the keys act on now: what is shown, also while the picture is held."""
        session, pane = self.session, self.pane
        return Target(
            session.shown, pane.pane, pane.cursor_key, self.failed_records(), pane.marks,
            session.groups.groups if session.groups else (), session.jobs.records,
        )  # fmt: skip

    def failed_records(self) -> Sequence[Any]:
        return self.session.failed.records

    # -- painting ----------------------------------------------------------------------------------------------------

    def paint(self) -> None:
        """The picture, the filter or the order has changed."""

    def entered(self) -> None:
        """The view is shown, or another daemon in it."""
        self.paint()

    def tick(self, now: float) -> None:
        """A second has passed."""

    def cursor_moved(self, pane: str) -> None:
        """In one of its panes."""

    def set_dimmed(self, dimmed: bool) -> None:
        for pane in self.panes:
            pane.set_dimmed(dimmed)

    def arranged(self, pane: LineTable, rows: Rows) -> Rows:
        """While somebody presses keys each row stays where it is: what is aimed at must not move away under the hand.
        Another order or filter takes effect at once."""
        lens, before = self.lenses.get(pane.pane), self._arranged.get(pane.pane)
        self._arranged[pane.pane] = lens
        return rows.in_places_of(pane.rows) if self.console_app.saying.hands_on and lens == before else rows

    def say_empty(self, pane: LineTable, why: str) -> None:
        lens = self.lenses.get(pane.pane)
        why = "nothing matches the filter (esc takes it away)" if lens is not None and lens.text else why
        if why != pane.empty:
            pane.empty = why
            pane.refresh()

    def note(self) -> str:
        """Which part of the data is shown: the filter, as the status line says it."""
        lens = self.lenses.get(self.pane.pane)
        return f"filter {lens.text}" if lens is not None and lens.text else ""

    # -- going about -------------------------------------------------------------------------------------------------

    def action_open(self) -> None:
        app, target = self.console_app, self.target
        if app.pending is not None:
            pool, to = target.pool_named(app.pending.pool), app.pending.to
            app.set_pending(None)
            if pool is not None:
                app.steering.scale(pool, to)
        elif self.waits_for_rows():
            self._ahead = self.pane
            app.say(f"asking ...; its first row opens when it is there, {app.keys.shown('detach')} cancels that")
        else:
            app.unsay()
            self.open_row(target)

    def open_row(self, target: Target) -> None:
        """Go into what the cursor is on."""

    def waits_for_rows(self) -> bool:
        """Has the list that the keys act on been asked for, and is not there yet?"""
        return False

    def rows_came(self, pane: str) -> None:
        """What was typed ahead is done, if its reader has not gone elsewhere."""
        ahead = self._ahead
        if ahead is None or ahead.pane != pane or not ahead.rows:
            return
        self._ahead = None
        if ahead is self.pane and self.main.view is self and self.screen.is_current:
            self.action_open()

    def cancel_ahead(self) -> bool:
        """Was something about to open? Whoever typed the key that closes it means that, and not the console."""
        ahead, self._ahead = self._ahead, None
        if ahead is None or ahead is not self.pane or not self.waits_for_rows():
            return False
        self.console_app.say(f"nothing will open; {self.console_app.keys.shown('detach')} again leaves the console")
        return True

    def action_back(self) -> None:
        if self.cancel_ahead():
            return
        if self.console_app.pending is not None:
            self.console_app.set_pending(None)
            self.console_app.say("discarded: nothing was changed")
        elif not self.step_back():
            self.main.go_back()

    def step_back(self) -> bool:
        """Out of what was gone into, within the view. False where there is nothing to go out of."""
        text = self.filter_text()
        if not text:
            return False
        self.set_filter("")
        return text != self.led_in_by

    # -- filter and order --------------------------------------------------------------------------------------------

    filters_at_once: ClassVar[bool] = True
    """While it is typed, because the rows are here; where the daemon has to be asked, only when it is entered."""

    def filter_text(self) -> str:
        lens = self.lenses.get(self.pane.pane)
        return lens.text if lens is not None else ""

    def set_filter(self, text: str, pane: str = "") -> None:
        """Raises UsageError."""
        pane = pane or self.pane.pane
        if pane not in self.lenses:
            raise UsageError("this list cannot be filtered")
        self.lenses[pane] = self.lenses[pane].filtered(text)
        self.paint()

    finds = False
    """Is something sought in its lines?"""

    def find(self, text: str) -> None:
        """In the lines of a log."""

    def action_filter(self) -> None:
        self.main.ask_line("filter", self.filter_text())

    def action_sort(self) -> None:
        self._sorted(lambda lens: lens.next_sort())

    def action_sort_reverse(self) -> None:
        self._sorted(lambda lens: lens.reversed())

    def _sorted(self, change: Any) -> None:
        pane = self.pane.pane
        if pane in self.lenses:
            lens = self.lenses[pane] = change(self.lenses[pane])
            self.paint()
            order = "" if not lens.sorted_by else (", most first" if lens.descending else ", least first")
            self.console_app.say(f"sorted by {self.pane.title_of(lens.sort.column)}{order}")
        elif pane == "failed":
            self.console_app.say("these are the newest; the Failed view (4) shows the oldest first, too")

    def sort_by(self, column: str) -> None:
        """Raises UsageError."""
        orders = self.orders()
        if column not in orders and column not in orders.values():
            raise UsageError(f"sort: this list has {', '.join(orders) or 'one order only'}")
        self._sorted(lambda lens: lens.sort_by(orders.get(column, column)))

    def orders(self) -> dict[str, str]:
        """The columns by which the list can be ordered: from their titles, in small letters, to their ids."""
        lens = self.lenses.get(self.pane.pane)
        columns = [sort.column for sort in lens.sorts] if lens is not None else []
        return {self.pane.title_of(column).lower(): column for column in columns}

    def action_columns(self) -> None:
        pane = self.pane
        if pane.spreads == 1:
            self.console_app.say("all columns have room")
            return
        if nth := pane.next_spread():
            again = self.console_app.keys.shown("columns")
            more = "the first ones again" if nth + 1 == pane.spreads else "more of them"
            self.console_app.say(f"columns {nth + 1} of {pane.spreads}; {again}: {more}")
        else:
            self.console_app.unsay()

    # -- marks, copies -----------------------------------------------------------------------------------------------

    def action_mark(self) -> None:
        pane = self.pane
        if pane.pane in keymap.MARKED and pane.cursor_key is not None:
            pane.set_marks(pane.marks ^ {pane.cursor_key})
            pane.action_move(1)
            self._said_marks()

    def action_mark_all(self) -> None:
        pane = self.pane
        if pane.pane in keymap.MARKED:
            pane.set_marks(frozenset(pane.rows.key(i) for i in range(len(pane.rows))))
            self._said_marks()
            if pane.knows_part:
                self.console_app.say(f"{len(pane.marks):,} are marked: those that are here, not all")

    def action_unmark(self) -> None:
        self.unmark()
        self.console_app.say("nothing is marked any more")

    def unmark(self) -> None:
        self.pane.set_marks(frozenset())

    def drop_marks(self) -> int:
        """The view is left: what is not to be seen must not be acted upon later. How many were there?"""
        dropped = sum(len(pane.marks) for pane in self.panes)
        for pane in self.panes:
            pane.set_marks(frozenset())
        return dropped

    def keep_marks(self, pane: LineTable) -> None:
        """Of rows that are gone the marks go too."""
        if pane.marks:
            known: set[Hashable] = {pane.rows.key(i) for i in range(len(pane.rows))}
            pane.set_marks(frozenset(pane.marks & known))

    def marked(self) -> str:
        """What the status line says while there are marks in the list that the keys act on."""
        n = len(self.pane.marks)
        does = "r retries, X deletes" if self.pane.pane == "failed" else "t replaces, K kills"
        return f"{n:,} marked: {does} them, u takes the marks away" if n else ""

    def _said_marks(self) -> None:
        self.console_app.unsay()  # what stands there without a word being said tells how many

    def action_copy(self) -> None:
        """The marked rows, else the one under the cursor."""
        rows, target = self.pane.rows, self.target
        targets = [replace(target, key=rows.key(i)) for i in self._chosen()] if self.pane.marks else [target]
        if text := "\n".join(filter(None, (each.detail() for each in targets))):
            self.console_app.copy(text)

    def action_export(self) -> None:
        rows = self.pane.rows
        self.console_app.export(self.pane.pane, [self.exported(rows.items[i]) for i in self._chosen()])

    def _chosen(self) -> list[int]:
        """The marked rows; without any, all."""
        pane = self.pane
        return [i for i in range(len(pane.rows)) if not pane.marks or pane.rows.key(i) in pane.marks]

    def exported(self, item: Any) -> Any:
        return item

    # -- steering ----------------------------------------------------------------------------------------------------

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """A key that means nothing in this list is free for others: then it is said where it is for."""
        if action == "retry" and self.console_app.disconnected:
            return False  # r is the frame's: reconnect
        panes = keymap.panes_of(action)
        return not panes or self.pane.pane in panes

    def action_scale(self, step: int) -> None:
        app = self.console_app
        if not app.desk.refuses_writing() and (pool := self.or_say(self.target.pool(), "a pool")) is not None:
            app.set_pending(edit(app.pending, pool, step, app.now()))

    def action_drain(self) -> None:
        if (pool := self.or_say(self.target.pool(), "a pool")) is not None:
            self.console_app.steering.drain_or_resume(pool)

    def action_pause(self) -> None:
        if (each := self.or_say(self.target.job_class(), "a class")) is not None:
            self.console_app.steering.pause_or_unpause(each)

    def action_kill(self) -> None:
        if children := self.or_say(self.target.children(), "a child"):
            self.console_app.steering.kill(children, self._unmarking())

    def action_recycle(self) -> None:
        if children := self.or_say(self.target.children(), "a child"):
            self.console_app.steering.recycle(children, self._unmarking())

    def action_recycle_pool(self) -> None:
        if (pool := self.or_say(self.target.pool(), "a pool")) is not None:
            self.console_app.steering.recycle_pool(pool)

    def action_retry(self) -> None:
        self._of_failed("retry")

    def action_delete(self) -> None:
        self._of_failed("delete")

    def _of_failed(self, action: str) -> None:
        steering, target = self.console_app.steering, self.target
        if (group := target.group()) is not None:
            steering.bulk_group(action, group, self.session.failed_text)
        elif ids := self.or_say(target.failed_ids(), "a failed job"):
            (steering.retry if action == "retry" else steering.delete)(ids, self._unmarking())

    def _unmarking(self) -> Callable[[], None]:
        """What was marked has been done: in this list, whichever one is looked at by then."""
        pane = self.pane
        return lambda: pane.set_marks(frozenset())

    def action_retry_all(self) -> None:
        self.console_app.say("retry all is for the Failed view (4)")

    def action_stop_bulk(self) -> None:
        self.console_app.steering.stop_bulk()

    def action_facet(self) -> None:
        """Of the failed jobs here: in their own view, by groups."""
        self.main.show_view(4)
        self.main.failed_view.show_groups(True)

    def action_level(self) -> None:
        """Of a log."""

    def action_logs(self) -> None:
        if (name := self.target.logged()) is not None:
            self.main.show_log(name)
        else:
            self.or_say(None, "a class, a child or a job")

    def or_say(self, found: T | None, what: str) -> T | None:
        if not found:
            self.console_app.say(f"put the cursor on {what} first")
        return found
