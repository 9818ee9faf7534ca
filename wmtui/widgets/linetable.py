"""The table of the console, on Textual's line API: it repaints the lines that changed, its cursor stays on its row."""

from collections.abc import Callable, Hashable, Mapping, Sequence

from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from wmtui import keymap
from wmtui.cells import Cell, Column, Layout, Row, Rows, Run, crop, draw, draw_free, needs, spreads, with_note
from wmtui.glyphs import Glyphs
from wmtui.messages import CursorMoved, SpreadsChanged
from wmtui.widgets.drawing import bindings, strip_of

MARGIN = 1
"""Cells in front of a row, for the cursor's or the mark's sign."""


class LineTable(ScrollView, can_focus=True, inherit_bindings=False):
    """Line 0 is the titles and stays; the others scroll. No scroll bar: it would cost a segment on every line; which
    rows are to be seen stands in the title line."""

    BINDINGS = bindings(keymap.of_scope("move"))

    def __init__(self, pane: str, columns: Sequence[Column], glyphs: Glyphs, follow_top: bool = False) -> None:
        """`follow_top`: while nobody works in it, a cursor at the top stays at the top, where the news comes in."""
        super().__init__(id=pane)
        self.pane = pane
        self._follow_top = follow_top
        self.marks: frozenset[Hashable] = frozenset()
        self.active = False
        self._columns = tuple(columns)
        self._glyphs = glyphs
        self._titles: Mapping[str, Cell] = {}
        self._rows = Rows()
        self._total = ""
        self._skipped: int | None = 0
        self._cursor = 0
        self._wanted: dict[str, int] = {}
        self._layout: Layout = ()
        self._layout_width = -1
        self._spread = 0
        self._spreads = 1
        self._dimmed = False

    # -- what the screen sets ----------------------------------------------------------------------------------------

    def set_rows(
        self, rows: Rows, titles: Mapping[str, Cell] | None = None, total: str = "", skipped: int | None = 0
    ) -> None:
        """The cursor stays on its key; where that is gone, on its position. `total`: of how many these are the part
        that is known here, `skipped` of them stand before it (None: not known how many)."""
        before, key = self._rows, self.cursor_key
        part = self._part()
        self._rows, self._total, self._skipped = rows, total, skipped
        if not (self._follow_top and self._cursor == 0 and self.screen.focused is not self):
            self._cursor = self._position(key)
        title_changed = titles is not None and titles != self._titles
        self._titles = titles if titles is not None else self._titles
        if len(before) != len(rows):
            self.virtual_size = Size(self.size.width, len(rows) + 1)
        self._show_cursor()
        if self._place_columns() or title_changed or len(before) != len(rows):
            self.refresh()
        else:
            self._refresh_changed(before)
            if self._part() != part:
                self.refresh_line(round(self.scroll_offset.y))  # the titles: the only line that does not scroll
        if key != self.cursor_key:
            self.post_message(CursorMoved(self.pane, self.cursor_key))

    def set_columns(self, columns: Sequence[Column]) -> None:
        if tuple(columns) != self._columns:
            self._columns, self._layout_width = tuple(columns), -1

    def set_marks(self, marks: frozenset[Hashable]) -> None:
        if marks != self.marks:
            self.marks = marks
            self.refresh()

    def set_dimmed(self, dimmed: bool) -> None:
        """Old data."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.refresh()

    def set_active(self, active: bool) -> None:
        """Its view's keys act on this list, also while a line is typed: only here a cursor is to be seen."""
        if active != self.active:
            self.active = active
            self.refresh()

    # -- columns -----------------------------------------------------------------------------------------------------

    @property
    def spreads(self) -> int:
        """So many times the width of the list its columns need."""
        return self._spreads

    def next_spread(self) -> int:
        """The columns that had no room, beside the first one; after the last ones the first again. Which are they?"""
        self._spread = (self._spread + 1) % self._spreads
        self._place_columns()
        self.refresh()
        return self._spread

    def legend(self) -> list[tuple[str, str, bool]]:
        """Each column as the screen names it, its id, and whether it is to be seen now: those first."""
        places = dict(self._layout)
        named = [
            (self._title_of(column, places.get(i, column.width)), column.id, i in places)
            for i, column in enumerate(self._columns)
        ]
        return sorted(named, key=lambda each: not each[2])

    def title_of(self, column_id: str) -> str:
        """As it is without the sign of the order; the id itself where there is no such column."""
        return next((column.title.text for column in self._columns if column.id == column_id), column_id)

    def _title_of(self, column: Column, width: int) -> str:
        title = self._titles.get(column.id, column.title)
        return title.short if title.short and len(title.text) > width else title.text

    # -- the cursor --------------------------------------------------------------------------------------------------

    @property
    def cursor(self) -> int:
        return self._cursor

    @property
    def cursor_key(self) -> Hashable | None:
        return self._rows.key(self._cursor) if self._rows else None

    @property
    def rows(self) -> Rows:
        return self._rows

    @property
    def row_count(self) -> int:
        return len(self._rows)

    def go_to(self, key: Hashable | None) -> None:
        self._move_to(self._position(key))

    def go_to_top(self) -> None:
        self._move_to(0)

    def action_move(self, step: int) -> None:
        self._move_to(self._cursor + step)

    def action_page(self, direction: int) -> None:
        self._move_to(self._cursor + direction * max(1, self._visible - 1))

    empty = ""
    """What stands where there are no rows."""

    edge: Callable[[int], bool] | None = None
    """Where not all rows are here: sees to it that the first or the last ones come, and says whether it had to."""

    def action_edge(self, side: int) -> None:
        if self.edge is not None and self.edge(side):
            return
        self._move_to(0 if side < 0 else len(self._rows) - 1)

    @property
    def _visible(self) -> int:
        return max(1, self.size.height - 1)

    def _position(self, key: Hashable | None) -> int:
        found = self._rows.find(key) if key is not None else None
        return max(0, min(self._cursor if found is None else found, len(self._rows) - 1))

    def _move_to(self, position: int) -> None:
        position = max(0, min(position, len(self._rows) - 1))
        if position == self._cursor:
            return
        for line in (self._cursor, position):
            self._refresh_row(line)
        self._cursor = position
        self._show_cursor()
        self.post_message(CursorMoved(self.pane, self.cursor_key))

    def _show_cursor(self) -> None:
        top = round(self.scroll_offset.y)
        wanted = min(top, self._cursor)
        wanted = max(wanted, self._cursor - self._visible + 1)
        wanted = max(0, min(wanted, len(self._rows) - self._visible))
        if wanted != top:
            self.scroll_to(y=wanted, animate=False, force=True)
            self._place_columns()
            self.refresh()

    # -- drawing -----------------------------------------------------------------------------------------------------

    def on_resize(self) -> None:
        self._wanted = {}
        self.virtual_size = Size(self.size.width, len(self._rows) + 1)
        self._place_columns()
        self._show_cursor()
        self.refresh()

    def _place_columns(self) -> bool:
        """By what is on the screen; a column never shrinks. Did they change?"""
        width = self.size.width - MARGIN
        self._wanted = needs(self._columns, map(self._rows.__getitem__, self._seen_rows()), self._wanted)
        found = spreads(self._columns, width, self._wanted)
        if len(found) != self._spreads:
            self.post_message(SpreadsChanged())
        self._spreads = len(found)
        self._spread = min(self._spread, len(found) - 1)
        places = found[self._spread]
        changed = places != self._layout or width != self._layout_width
        self._layout, self._layout_width = places, width
        return changed

    def _seen_rows(self) -> range:
        top = round(self.scroll_offset.y)
        return range(min(top, len(self._rows)), min(top + self._visible, len(self._rows)))

    def _refresh_changed(self, before: Rows) -> None:
        for i in self._seen_rows():
            if self._rows[i] != before.made(i):
                self._refresh_row(i)

    def _refresh_row(self, i: int) -> None:
        self.refresh_line(i + 1)

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y == 0:
            words = "bold reverse" if self.active else "underline"
            return strip_of(self._title(width), self.rich_style, width, words, self._dimmed)
        i = y - 1 + round(self.scroll_offset.y)
        if not self._rows and y == 1 and self.empty:
            return strip_of(draw_free([Cell(f" {self.empty}", "dim")], width, self._glyphs), self.rich_style, width)
        if i >= len(self._rows):
            return strip_of([(" " * width, "")], self.rich_style, width)
        runs = draw(self._rows[i], self._columns, self._layout, width - MARGIN, self._glyphs)
        chosen = i == self._cursor
        words = "reverse" if chosen and self.active else ""
        return strip_of([self._sign(i), *runs], self.rich_style, width, words, self._dimmed)

    def _sign(self, i: int) -> Run:
        if self._rows.key(i) in self.marks:
            return self._glyphs.mark, "bold"
        if i == self._cursor and self.active:
            return self._glyphs.cursor, "bold"
        return " ", ""  # of one style with what follows: a bold space would cost each row a colour sequence

    def _title(self, width: int) -> list[Run]:
        cells = tuple(self._titles.get(column.id, column.title) for column in self._columns)
        seen = self._seen()
        noted = with_note(cells, seen, self._columns, self._layout) if seen else cells
        row = Row(None, noted or cells)
        sign = self._glyphs.cursor if self.active else " "
        runs: list[Run] = [(sign, ""), *draw(row, self._columns, self._layout, width - MARGIN, self._glyphs)]
        return runs if noted is not None else [*crop(runs, max(0, width - len(seen) - 1)), (f" {seen}", "")]

    def _seen(self) -> str:
        """How many are marked, and which rows are on the screen, where not all are."""
        marked = f"{len(self.marks):,} marked" if self.marks else ""
        return "  ".join(filter(None, (marked, self._part())))

    @property
    def knows_part(self) -> bool:
        """Are there more than are here?"""
        return bool(self._total)

    def _part(self) -> str:
        if not self._rows or (len(self._rows) <= self._visible and not self._total):
            return ""
        top = round(self.scroll_offset.y)
        last = min(len(self._rows), top + self._visible)
        if self._skipped is None:
            return f"some of {self._total}"
        return f"{self._skipped + top + 1}-{self._skipped + last}/{self._total or len(self._rows)}"
