"""Reading what the console has drawn: as text, as runs of style for golden files, as an SVG picture."""

import re
from collections.abc import Iterable
from typing import Any
from xml.sax.saxutils import escape

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.app import App

CELL = (8.4, 18.0)
INK, PAPER = "#d0d0d0", "#161616"
COLOURS = {"red": "#e05561", "yellow": "#d8b454", "cyan": "#42b3c2", "blue": "#4aa5f0", "green": "#8cc265"}


def lines_of(app: App[Any]) -> list[str]:
    return [strip.text for strip in app.screen._compositor.render_strips()]


def text_of(app: App[Any]) -> str:
    return "\n".join(line.rstrip() for line in lines_of(app))


def words_of(style: Style | None) -> str:
    """A style as golden files have it: "bold reverse red"."""
    if style is None:
        return ""
    words = [name for name in ("bold", "dim", "underline") if getattr(style, name)]
    words += ["reverse"] if style.reverse else []
    colour = style.color.name if style.color is not None else "default"
    return " ".join([*words, *([colour.removeprefix("ansi_")] if colour not in ("default", "ansi_default") else [])])


def dump(app: App[Any]) -> str:
    """The screen, and beneath it for each line the pieces that are drawn in other than the plain style."""
    strips = app.screen._compositor.render_strips()
    text = [f"|{strip.text}|" for strip in strips]
    styles = []
    for y, strip in enumerate(strips):
        x = 0
        for segment in Segment.simplify(strip):
            words, width = words_of(segment.style), cell_len(segment.text)
            if words:
                styles.append(f"{y:>2} {x:>3}+{width:<3} {words}")
            x += width
    return "\n".join([*text, "", *styles, ""])


def svg_of(app: App[Any]) -> str:
    """Each run of equal style stands at its own place, so that no viewer's idea of blanks moves anything."""
    width, height = app.size
    w, h = width * CELL[0] + 16, height * CELL[1] + 16
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w:.1f} {h:.1f}" width="{w:.0f}" height="{h:.0f}">',
        f'<rect width="100%" height="100%" rx="6" fill="{PAPER}"/>',
        '<g font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="14" xml:space="preserve">',
    ]
    for y, strip in enumerate(app.screen._compositor.render_strips()):
        x = 0
        for segment in Segment.simplify(strip):
            parts += _run(x, y, segment)
            x += cell_len(segment.text)
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _run(x: int, y: int, segment: Segment) -> Iterable[str]:
    words = words_of(segment.style).split()
    ink, paper = next((COLOURS[word] for word in words if word in COLOURS), INK), ""
    if "reverse" in words:
        ink, paper = PAPER, ink
    left, top, cells = 8 + x * CELL[0], 8 + y * CELL[1], cell_len(segment.text)
    box = f'x="{left:.1f}" y="{top:.1f}" width="{cells * CELL[0]:.1f}"'
    if paper:
        yield f'<rect {box} height="{CELL[1]}" fill="{paper}"/>'
    if "underline" in words:
        yield f'<rect x="{left:.1f}" y="{top + 16.5:.1f}" width="{cells * CELL[0]:.1f}" height="1" fill="{ink}"/>'
    look = f'fill="{ink}"' + (' font-weight="bold"' if "bold" in words else "")
    look += ' opacity="0.6"' if "dim" in words else ""
    for word in re.finditer(r"\S+(?: \S+)*", segment.text):
        start, length = cell_len(segment.text[: word.start()]), cell_len(word[0])
        place = f'x="{left + start * CELL[0]:.1f}" y="{top + 13.5:.1f}" textLength="{length * CELL[0]:.1f}"'
        yield f"<text {place} {look}>{escape(word[0])}</text>"
