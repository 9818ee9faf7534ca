"""A table as data: cells, columns, rows, and which columns get how much of a line. Pure, and measured in cells."""

import textwrap
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from rich.cells import cell_len, set_cell_size

from wmtui.formatting import compact, number, spark
from wmtui.glyphs import Glyphs

Cut = Literal["left", "right"]
Run = tuple[str, str]
"""A piece of a line and its style in words ("bold red")."""

BEFORE_GROWTH = 5
"""Columns that rank lower are worth more than the full length of a name."""


class Cell(NamedTuple):
    """`short` stands where `text` does not fit. With `values` the cell is a line of bars from 0 to `hi`."""

    text: str = ""
    style: str = ""
    short: str = ""
    values: tuple[float | None, ...] | None = None
    hi: float = 0.0


def exact(n: int, style: str = "") -> Cell:
    """All digits where they fit."""
    return Cell(number(n), style, short=compact(n))


Part = tuple[int, Cell]
"""A piece of a headline with its rank: 0 is never left out, the highest first."""


@dataclass(frozen=True, slots=True)
class Column:
    id: str
    title: Cell
    width: int  # at least
    rank: int = 0  # 0 is always there; the highest is dropped first
    most: int = 0  # grows up to this where its contents need it; bars grow regardless
    right: bool = False
    cut: Cut = "right"  # the side that is lost
    bars: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`key` is who the row is: the cursor and marks stay with it. `free`: one line of its own instead of columns."""

    key: Hashable
    cells: tuple[Cell, ...] = ()
    free: tuple[Cell, ...] = ()


class Rows:
    """Rows that are made when somebody looks at them: a screen shows thirty of a thousand."""

    def __init__(
        self, items: Sequence[Any] = (), key: Callable[[Any], Hashable] = id, make: Callable[[Any], Row] = Row
    ) -> None:
        self.items = items
        self._key = key
        self._make = make
        self._made: dict[int, Row] = {}

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, i: int) -> Row:
        if i not in self._made:
            self._made[i] = self._make(self.items[i])
        return self._made[i]

    def key(self, i: int) -> Hashable:
        return self._key(self.items[i])

    def find(self, key: Hashable) -> int | None:
        return next((i for i, item in enumerate(self.items) if self._key(item) == key), None)

    def in_places_of(self, before: "Rows") -> "Rows":
        """The same rows, in the order in which they stood before; what is new stands behind them."""
        places = {before.key(i): i for i in range(len(before))}
        items = sorted(self.items, key=lambda item: places.get(self._key(item), len(places)))
        return Rows(items, self._key, self._make)

    def made(self, i: int) -> Row | None:
        """The row at `i`, if anybody has looked at it."""
        return self._made.get(i)


Layout = tuple[tuple[int, int], ...]
"""(index of a column, its width), from left to right."""


def needs(columns: Sequence[Column], rows: Iterable[Row], before: Mapping[str, int]) -> dict[str, int]:
    """The widest content of each growing column; never less than `before`, or columns would dance with the data."""
    wanted = dict(before)
    growing = [(i, column.id, column.most) for i, column in enumerate(columns) if column.most and not column.bars]
    for _, name, _ in growing:
        wanted.setdefault(name, 0)
    for row in rows:
        if row.cells:
            for i, name, most in growing:
                if wanted[name] < most:
                    wanted[name] = max(wanted[name], min(most, cell_len(row.cells[i].text)))
    return wanted


def layout(columns: Sequence[Column], width: int, wanted: Mapping[str, int]) -> Layout:
    """Who gets a place on a line of `width` cells: what ranks 0, then the important columns, then the names their full
    length, then the other columns, then the bars all that is left."""
    chosen = {i: column.width for i, column in enumerate(columns) if column.rank == 0}
    by_rank = sorted((column.rank, i) for i, column in enumerate(columns) if column.rank)

    def left() -> int:
        return width - sum(chosen.values()) - max(0, len(chosen) - 1)

    def add(ranks: Iterable[int]) -> None:
        for i in ranks:
            if left() < columns[i].width + 1:
                break  # a column never appears while one that ranks before it is missing
            chosen[i] = columns[i].width

    add(i for rank, i in by_rank if rank < BEFORE_GROWTH)
    for i in sorted(chosen):
        _grow(chosen, i, wanted.get(columns[i].id, 0), left())
    add(i for _, i in by_rank if i not in chosen)
    for i in sorted(chosen):
        _grow(chosen, i, wanted.get(columns[i].id, 0), left())
    _grow_bars(chosen, [i for i in sorted(chosen) if columns[i].bars], columns, left())
    return tuple(sorted(chosen.items()))


def spreads(columns: Sequence[Column], width: int, wanted: Mapping[str, int]) -> list[Layout]:
    """All columns, line by line: first what has a place by `layout`, then beside the first column those that had none,
    until all have had one."""
    found = [layout(columns, width, wanted)]
    left = [i for i in range(len(columns)) if i not in dict(found[0])]
    while left:
        chosen = [0, *left]
        places = tuple((chosen[i], place) for i, place in layout([columns[i] for i in chosen], width, wanted))
        if len(places) < 2:
            break  # a line that is too narrow for anything
        found.append(places)
        left = [i for i in left if i not in dict(places)]
    return found


def _grow(chosen: dict[int, int], i: int, wanted: int, spare: int) -> None:
    chosen[i] += max(0, min(wanted - chosen[i], spare))


def _grow_bars(chosen: dict[int, int], bars: list[int], columns: Sequence[Column], spare: int) -> None:
    for position, i in enumerate(bars):
        share = spare // (len(bars) - position)
        grown = max(0, min(columns[i].most - chosen[i], share))
        chosen[i] += grown
        spare -= grown


def cut(text: str, width: int, side: Cut, glyphs: Glyphs) -> str:
    """`text` in at most `width` cells; what is lost is shown by an ellipsis."""
    if cell_len(text) <= width:
        return text
    if width <= 1:
        return glyphs.ellipsis[:width]
    if side == "right":
        return set_cell_size(text, width - 1).rstrip() + glyphs.ellipsis
    tail = text[-(width - 1) :]
    while cell_len(tail) > width - 1:
        tail = tail[1:]
    return glyphs.ellipsis + tail


def fit(cell: Cell, column: Column, width: int, glyphs: Glyphs) -> str:
    """The cell's text in exactly `width` cells."""
    if cell.values is not None:
        return spark(cell.values, width, cell.hi, glyphs.ascii_only)
    text = cell.text
    if cell.short and cell_len(text) > width:
        text = cell.short
    text = cut(text, width, column.cut, glyphs)
    room = " " * (width - cell_len(text))
    return room + text if column.right else text + room


def draw(row: Row, columns: Sequence[Column], places: Layout, width: int, glyphs: Glyphs) -> list[Run]:
    """The row as runs that fill exactly `width` cells (the title line is a row too)."""
    if row.free:
        return draw_free(row.free, width, glyphs)
    runs: list[Run] = []
    for position, (i, place) in enumerate(places):
        runs += [(" ", "")] if position else []
        runs.append((fit(row.cells[i], columns[i], place, glyphs), row.cells[i].style))
    used = sum(place for _, place in places) + max(0, len(places) - 1)
    if used > width:
        return crop(runs, width)
    return [*runs, (" " * (width - used), "")]


def with_note(
    cells: tuple[Cell, ...], note: str, columns: Sequence[Column], places: Layout
) -> tuple[Cell, ...] | None:
    """A title line with a note (which rows are to be seen) at the end of the last title that leaves room for it; None
    where none does."""
    for i, place in reversed(places):
        title = cells[i].text if cell_len(cells[i].text) <= place else cells[i].short
        if not columns[i].right and not columns[i].bars and cell_len(title) + 1 + cell_len(note) <= place:
            noted = Cell(title + note.rjust(place - cell_len(title)), cells[i].style)
            return (*cells[:i], noted, *cells[i + 1 :])
    return None


def draw_free(cells: Sequence[Cell], width: int, glyphs: Glyphs) -> list[Run]:
    """Cells one after the other, two spaces between them; the last one that has no room is cut."""
    runs: list[Run] = []
    used = 0
    for cell in cells:
        gap = 2 if runs else 0
        room = width - used - gap
        if room <= 1:
            break
        text = cell.short if cell.short and cell_len(cell.text) > room else cell.text
        text = cut(text, room, "right", glyphs)
        runs += [(" " * gap, ""), (text, cell.style)]
        used += gap + cell_len(text)
    return [*runs, (" " * max(0, width - used), "")]


LEAST_PIECE = 16
"""A sentence is not broken to put less than this behind what stands on the line."""


def wrap(line: Sequence[Cell], width: int, most: int) -> list[list[Cell]]:
    """What has no room goes on in the next lines, set in; on the last of `most` it is left to be cut."""
    lines: list[list[Cell]] = [[]]
    room = width
    for cell in line:
        rest = cell.text
        while rest:
            gap = 2 if lines[-1] else 0
            if cell_len(rest) <= room - gap or len(lines) == most:
                lines[-1].append(Cell(rest, cell.style, cell.short))
                room -= gap + cell_len(rest)
                break
            piece = _piece(rest, room - gap, fresh=room == width)
            lines[-1] += [Cell(piece, cell.style)] if piece else []
            rest = rest[len(piece) :].lstrip()
            lines.append([Cell()])
            room = width
    return lines


def _piece(text: str, width: int, fresh: bool) -> str:
    """The words that have room; on a `fresh` line in any case something."""
    if width < LEAST_PIECE and not fresh:
        return ""
    piece = textwrap.wrap(text, max(1, width), break_long_words=fresh, break_on_hyphens=False)[0]
    return piece if fresh or cell_len(piece) <= width else ""


def crop(runs: Iterable[Run], width: int) -> list[Run]:
    """The first `width` cells."""
    kept: list[Run] = []
    for text, style in runs:
        if width <= 0:
            break
        text = text if cell_len(text) <= width else set_cell_size(text, width)
        kept.append((text, style))
        width -= cell_len(text)
    return kept


def choose_parts(parts: Sequence[Part], width: int, gap: int = 2) -> list[Cell]:
    """Parts of a headline, each with a rank. What ranks 0 is there whatever the width, in full where that fits; the
    others come by rank until one has no room."""
    texts = {i: cell.short or cell.text for i, (rank, cell) in enumerate(parts) if rank == 0}

    def left() -> int:
        return width - sum(cell_len(text) for text in texts.values()) - gap * max(0, len(texts) - 1)

    for i, text in reversed(list(texts.items())):
        if cell_len(parts[i][1].text) - cell_len(text) <= left():
            texts[i] = parts[i][1].text
    for _, i in sorted((rank, i) for i, (rank, _) in enumerate(parts) if rank):
        cell, room = parts[i][1], left() - (gap if texts else 0)
        text = cell.text if cell_len(cell.text) <= room else cell.short or cell.text
        if cell_len(text) > room:
            break
        texts[i] = text
    return [Cell(texts[i], parts[i][1].style) for i in sorted(texts)]
