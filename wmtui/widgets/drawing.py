"""From cells to what Textual draws: styles in words, runs as strips, the key table as bindings."""

from collections.abc import Iterable
from functools import lru_cache

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.strip import Strip

from wmtui.cells import Run
from wmtui.keymap import Key


@lru_cache(512)
def style_of(base: Style, words: str, dimmed: bool = False) -> Style:
    """`dimmed`: old data, so colours and emphasis go, reverse (the cursor) stays."""
    if dimmed:
        return base + Style(dim=True, reverse="reverse" in words.split())
    return base + Style.parse(words) if words else base


def strip_of(runs: Iterable[Run], base: Style, width: int, all_words: str = "", dimmed: bool = False) -> Strip:
    """One segment for each run of equal style: every segment costs a whole colour sequence on the line."""
    segments: list[Segment] = []
    for text, words in runs:
        style = style_of(base, f"{words} {all_words}".strip(), dimmed)
        if segments and segments[-1].style == style:
            segments[-1] = Segment(segments[-1].text + text, style)
        elif text:
            segments.append(Segment(text, style))
    return Strip(segments, width)


def bindings(keys: Iterable[Key], priority: bool = False) -> list[BindingType]:
    return [Binding(key.keys, key.action, key.hint, show=False, priority=priority, id=key.id) for key in keys]
