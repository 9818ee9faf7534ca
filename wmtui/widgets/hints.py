"""The hint line, from the table of keys."""

from collections.abc import Iterable

from wmtui.cells import Cell, Part
from wmtui.keymap import Key


def hint_cells(keys: Iterable[Key]) -> list[Part]:
    """ "? help": the most important at the left, and the last to go where the line is narrow."""
    return [(key.rank, Cell(f"{key.shown} {key.hint}")) for key in keys]
