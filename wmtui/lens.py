"""How the operator looks at a table: what is filtered out of it and in which order the rest stands. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from wmtui.cells import Cell, Column
from wmtui.filtering import Fields, Term, matching, parse
from wmtui.glyphs import Glyphs


class Sort(NamedTuple):
    """`column`: whose title says so. No `key`: the order in which the items come."""

    column: str
    key: Callable[[Any], Any] | None = None
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Lens:
    fields: Fields
    sorts: tuple[Sort, ...]
    text: str = ""
    terms: tuple[Term, ...] = ()
    chosen: int = 0
    turned: bool = False

    @property
    def sort(self) -> Sort:
        return self.sorts[self.chosen]

    @property
    def descending(self) -> bool:
        return self.sort.descending != self.turned

    @property
    def sorted_by(self) -> str:
        """The column that the rows are ordered by; "" where they stand as they come."""
        return self.sort.column if self.chosen or self.turned else ""

    def filtered(self, text: str) -> "Lens":
        """Raises UsageError."""
        return replace(self, text=text.strip(), terms=parse(text, tuple(self.fields)))

    def next_sort(self) -> "Lens":
        return replace(self, chosen=(self.chosen + 1) % len(self.sorts), turned=False)

    def sort_by(self, column: str) -> "Lens":
        """Raises ValueError where there is no such order."""
        names = [sort.column for sort in self.sorts]
        return replace(self, chosen=names.index(column), turned=False)

    def reversed(self) -> "Lens":
        return replace(self, turned=not self.turned)

    def see(self, items: Sequence[Any]) -> Sequence[Any]:
        items = matching(items, self.terms, self.fields)
        key = self.sort.key
        if key is not None:
            return sorted(items, key=key, reverse=self.descending)
        return list(reversed(items)) if self.turned else items


def sort_title(columns: Sequence[Column], lens: Lens, glyphs: Glyphs) -> dict[str, Cell]:
    """The title of the column that the rows are ordered by says so."""
    for column in columns:
        if column.id == lens.sorted_by:
            mark = glyphs.down if lens.descending else glyphs.up
            title = column.title.text + mark
            return {column.id: Cell(title, column.title.style, short=_with_mark(column, mark))}
    return {}


def _with_mark(column: Column, mark: str) -> str:
    """The title made shorter for the mark, but for the number at its end: LAT95 is not LATE9."""
    title = column.title.text
    number = title[len(title.rstrip("0123456789")) :]
    word = title.removesuffix(number)[: max(1, column.width - 1 - len(number))]
    return word + number + mark
