"""The help as text: of the list that the keys act on its columns and keys, then the rest of the view, then all else.
Pure."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from wmtui.glyphs import Glyphs
from wmtui.keymap import LISTS, TITLES, Keymap
from wmtui.meanings import MEANINGS

SIGNS = (("children", "starting idle busy finishing dead"), ("pools", "running draining drained stopping"))
Legend = Sequence[tuple[str, str, bool]]
"""(a column's title as it is on the screen, its id, whether it is to be seen now)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`name`: a key, a column, a sign. Without one it is a headline."""

    name: str
    meaning: str


def entries(legends: Sequence[tuple[str, Legend]], keys: Keymap, glyphs: Glyphs) -> Iterator[Entry]:
    """`legends`: (list, its columns), that of the list that the keys act on first."""
    for nth, (pane, legend) in enumerate(legends):
        yield Entry("", f"Columns: {LISTS[pane]}")
        for title, column, seen in legend:
            hidden = "" if seen else f"  ({keys.shown('columns')} shows it)"
            yield Entry(title, MEANINGS[pane][column] + hidden)
        if not nth:
            yield Entry("", f"Keys: {LISTS[pane]}")
            yield from (Entry(key.shown, key.help) for key in keys.of_pane(pane))
    for scope, title in TITLES:
        if scope != "view":
            yield Entry("", title)
            yield from (Entry(key.shown, key.help) for key in keys.listed(scope))
    yield Entry("", "Signs")
    for name, words in SIGNS:
        yield Entry(name, "  ".join(glyphs.state(word) for word in words.split()))
    yield Entry("rows", f"{glyphs.cursor} cursor, in the list that the keys act on; {glyphs.mark} marked")


def matching(found: Sequence[Entry], words: str) -> Sequence[Entry]:
    """Those with all the words, under their headlines."""
    wanted = words.lower().split()
    if not wanted:
        return found
    kept: list[Entry] = []
    headline: Entry | None = None
    for entry in found:
        if not entry.name:
            headline = entry
        elif all(word in f"{entry.name} {entry.meaning}".lower() for word in wanted):
            kept += [headline] if headline is not None else []
            kept.append(entry)
            headline = None
    return kept


NAME = 13
"""Cells for the names, with what is in front of them and behind."""


def help_text(found: Sequence[Entry], width: int) -> Text:
    """What does not fit goes on beneath itself."""
    text = Text()
    for entry in found:
        if not entry.name:
            text.append(f"{chr(10) if text else ''}{entry.meaning}\n", "bold")
            continue
        first, *more = textwrap.wrap(entry.meaning, max(20, width - NAME)) or [""]
        text.append(f" {entry.name:<{NAME - 2}} ", "bold").append(f"{first}\n")
        for part in more:
            text.append(f"{'':<{NAME}}{part}\n")
    return text if found else Text("nothing in the help has these words")
