"""Lines of cells: header, banners, status, hints."""

from collections.abc import Sequence
from itertools import zip_longest

from rich.cells import cell_len
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from wmtui.cells import Cell, Part, Run, choose_parts, crop, draw_free, wrap
from wmtui.glyphs import Glyphs
from wmtui.widgets.drawing import strip_of

ROOMY = 24
"""Lines of a screen from which on a line of the head may take a second one from the lists."""


class TextLines(Widget):
    """As many lines as it is given; without any it takes no room."""

    def __init__(self, glyphs: Glyphs, id: str, most: int = 1, steady: bool = False) -> None:  # noqa: A002
        """`steady`: its height does not shrink again, so that what is below does not jump with every word."""
        super().__init__(id=id)
        self._glyphs = glyphs
        self._most = most
        self._steady = steady
        self._lines: list[list[Run]] = []
        self._drawn_width = 0
        self._dimmed = False

    def set_dimmed(self, dimmed: bool) -> None:
        """Old data."""
        if dimmed != self._dimmed:
            self._dimmed = dimmed
            self.refresh()

    @property
    def line_count(self) -> int:
        return len(self._lines)

    def set_lines(self, lines: Sequence[Sequence[Cell]], most: int | None = None) -> None:
        """Each line begins a cell from the left; what is too long goes on in a second one where the screen has room, a
        sentence that stands alone in as many as it needs. `most`: it shall not need more this time."""
        most = self._most if most is None else most
        width = max(0, self._width() - 1)
        each = 2 if self.app.size.height >= ROOMY else 1
        if most > 1:
            lines = [part for line in lines for part in wrap(line, width, most if len(line) == 1 else each)]
        drawn = [[(" ", ""), *draw_free(line, width, self._glyphs)] for line in lines[:most]]
        if self._steady and width == self._drawn_width:
            drawn += [[] for _ in range(self.line_count - len(drawn))]
        self._drawn_width = width
        self._set(drawn)

    def set_parts(self, left: Sequence[Part], right: Sequence[Part]) -> None:
        """One line whose least important parts make way for the others."""
        width = self._width() - 2
        at_right = choose_parts(right, width)
        taken = sum(cell_len(cell.text) + 2 for cell in at_right)
        at_left = choose_parts(left, width - taken)
        begin = draw_free(at_left, max(0, width - taken), self._glyphs)
        end = draw_free(at_right, max(0, taken - 2), self._glyphs)
        self._set([crop([(" ", ""), *begin, ("  ", ""), *end, (" ", "")], self._width())])

    def _width(self) -> int:
        return self.size.width or self.app.size.width

    def _set(self, lines: list[list[Run]]) -> None:
        if lines == self._lines:
            return
        before, self._lines = self._lines, lines
        if len(lines) != len(before) and self._most > 1:
            self.styles.height = len(lines)
            self.set_class(bool(lines), "-filled")
            self.refresh()
            return
        for y, (line, was) in enumerate(zip_longest(lines, before)):
            if line != was:  # the others would be sent again as they are
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        runs = self._lines[y] if y < len(self._lines) else []
        strip = strip_of(runs, self.rich_style, sum(cell_len(text) for text, _ in runs), dimmed=self._dimmed)
        return strip.adjust_cell_length(self.size.width, self.rich_style)
