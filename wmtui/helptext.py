"""The help as text: of the list that the keys act on its columns and keys, then the rest of the view, then all else.
Pure."""

import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.text import Text

from wmtui.glyphs import Glyphs
from wmtui.keymap import LISTS, TITLES, VIEW_KEYS, VIEWS, Keymap
from wmtui.meanings import MEANINGS

VIEW_IDS = {key.id for key in VIEW_KEYS}
SIGNS = (("children", "starting idle busy finishing dead"), ("pools", "running draining drained stopping"))
Legend = Sequence[tuple[str, str, bool]]
"""(a column's title as it is on the screen, its id, whether it is to be seen now)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """`name`: a key, a column, a sign. Without one it is a headline."""

    name: str
    meaning: str


def entries(pane: str, legend: Legend, others: Sequence[str], keys: Keymap, glyphs: Glyphs) -> Iterator[Entry]:
    """`pane`: the list that the keys act on; `others`: those beside it."""
    yield Entry("", f"Columns of this list: {LISTS[pane]}")
    yield from (Entry(title, MEANINGS[pane][column]) for title, column, seen in legend if seen)
    if hidden := [(title, column) for title, column, seen in legend if not seen]:
        yield Entry("", f"Columns that {keys.shown('columns')} shows")
        yield from (Entry(title, MEANINGS[pane][column]) for title, column in hidden)
    yield Entry("", "Keys in this list")
    yield from (Entry(key.shown, key.help) for key in keys.of_pane(pane))
    if others:
        names = " and ".join(LISTS[other] for other in others)
        yield Entry(keys.shown("pane.next"), f"goes to {names}; {keys.shown('help')} there tells of them")
    for scope, title in TITLES:
        if scope != "view":
            yield Entry("", title)
            if scope == "frame":
                yield Entry(" ".join(keys.shown(key.id) for key in VIEW_KEYS), ", ".join(VIEWS))
            yield from (Entry(key.shown, key.help) for key in keys.listed(scope) if key.id not in VIEW_IDS)
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
