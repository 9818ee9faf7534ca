"""All keys of the console, in one table: bindings, hint line and help screen are made from it.

Lower case looks or can be undone, upper case stops or destroys and always asks. Only keys that every terminal, tmux
and ssh hand on: no function keys, no Alt, no Ctrl-A/B/S/Z. Escape alone never leaves the console and never confirms.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

Scope = Literal["frame", "move", "overview", "record", "question"]


@dataclass(frozen=True, slots=True)
class Key:
    """`panes`: where it means something (none named: everywhere in its scope). `rank`: the highest leaves a narrow hint
    line first, 0 is never hinted at. `dangerous`: it changes something and asks before."""

    id: str
    scope: Scope
    keys: str  # Textual's names, separated by commas
    shown: str
    action: str
    hint: str
    help: str
    rank: int = 0
    panes: tuple[str, ...] = ()
    dangerous: bool = False
    while_: str = ""  # "pending", "lost": hinted at only then


KEYS: tuple[Key, ...] = (
    Key("help", "frame", "question_mark", "?", "help", "help", "this help", 1),
    Key("reconnect", "frame", "r", "r", "reconnect", "reconnect", "without a connection: try again now", 2, while_="lost"),
    Key("apply", "overview", "enter", "enter", "open", "apply", "set the number of children that was chosen", 2, while_="pending"),
    Key("discard", "overview", "escape", "esc", "discard", "discard", "drop the number that was not applied yet", 3, while_="pending"),
    Key("open", "overview", "enter", "enter", "open", "record", "the whole record: argument, every attempt", 3, ("failed",)),
    Key("scale.up", "overview", "plus,equals_sign", "+ -", "scale(1)", "scale", "choose more children for the pool; enter applies", 3, ("pools", "children")),
    Key("scale.down", "overview", "minus", "-", "scale(-1)", "", "choose fewer children", 0),
    Key("drain", "overview", "D", "D", "drain", "drain", "drain the pool, or resume it: no new jobs, children leave after theirs", 4, ("pools",), True),
    Key("pause", "overview", "P,p", "P", "pause", "pause", "pause the class, or let it run again: its jobs wait in the queue", 5, ("pools",), True),
    Key("recycle", "overview", "t", "t", "recycle", "recycle", "replace the child after its job", 4, ("children",)),
    Key("kill", "overview", "K", "K", "kill", "kill", "kill the child now; its job is given back", 5, ("children",), True),
    Key("retry", "overview", "r", "r", "retry", "retry", "run the failed job (or the marked ones) again", 4, ("failed",)),
    Key("delete", "overview", "X", "X", "delete", "delete", "delete the failed job (or the marked ones) for good", 5, ("failed",), True),
    Key("mark", "overview", "space", "space", "mark", "mark", "mark the failed job for r and X", 6, ("failed",)),
    Key("unmark", "overview", "u", "u", "unmark", "unmark", "take all marks away", 8, ("failed",)),
    Key("pane.next", "frame", "tab", "tab", "pane(1)", "pane", "next part of the screen (shift+tab: the one before)", 7),
    Key("pane.previous", "frame", "shift+tab", "shift+tab", "pane(-1)", "", "the part before", 0),
    Key("read_only", "frame", "exclamation_mark", "!", "read_only", "read-only", "read-only on or off: keys that change something refuse", 9),
    Key("redraw", "frame", "ctrl+l", "ctrl+l", "redraw", "", "draw the screen anew", 0),
    Key("detach", "frame", "q", "q", "detach", "detach", "leave the console (also ctrl+c); the daemon goes on", 1),
    Key("move.up", "move", "up,k", "up k", "move(-1)", "", "one row up", 0),
    Key("move.down", "move", "down,j", "down j", "move(1)", "", "one row down", 0),
    Key("move.page_up", "move", "pageup", "pgup", "page(-1)", "", "a page up", 0),
    Key("move.page_down", "move", "pagedown", "pgdn", "page(1)", "", "a page down", 0),
    Key("move.home", "move", "home,g", "home g", "edge(-1)", "", "to the first row", 0),
    Key("move.end", "move", "end,G", "end G", "edge(1)", "", "to the last row", 0),
    Key("record.back", "record", "q,backspace,escape", "q", "back", "back", "back to the list (also backspace, esc)", 1),
    Key("record.next", "record", "n", "n N", "turn(1)", "next/previous", "the next failed job", 3),
    Key("record.previous", "record", "N", "N", "turn(-1)", "", "the failed job before", 0),
    Key("record.retry", "record", "r", "r", "retry", "retry", "run this job again", 4),
    Key("record.delete", "record", "X", "X", "delete", "delete", "delete this record for good", 5, (), True),
    Key("record.help", "record", "question_mark", "?", "help", "help", "the help", 2),
)  # fmt: skip

DETACH = Key("detach.always", "frame", "ctrl+c", "ctrl+c", "detach", "", "leave the console; the daemon goes on")
"""Works over every dialog too."""


def of_scope(scope: Scope) -> list[Key]:
    """One key each for what has several rows: a row with `while_` is only another hint for the same key and action."""
    taken: set[tuple[str, str]] = set()
    found = []
    for key in KEYS:
        if key.scope == scope and (key.keys, key.action) not in taken:
            taken.add((key.keys, key.action))
            found.append(key)
    return found


def hints(scopes: Collection[Scope], pane: str = "", states: Collection[str] = (), read_only: bool = False) -> list[Key]:
    """What the hint line offers, the most important first. A state (pending, lost) brings its own keys and hides the
    ones that would do the same key's other work."""
    changing = {"scale.up", "drain", "pause", "recycle", "kill", "retry", "delete", "mark", "record.retry", "record.delete"}
    offered = [
        key
        for key in KEYS
        if key.scope in scopes
        and key.rank
        and (not key.panes or pane in key.panes)
        and (not key.while_ or key.while_ in states)
        and not ((read_only or "lost" in states) and key.id in changing)
    ]
    states_keys = {key.keys for key in offered if key.while_}
    return sorted(
        (key for key in offered if key.while_ or key.keys not in states_keys), key=lambda key: (key.rank, key.id)
    )


def help_lines() -> list[tuple[str, str, str]]:
    """(heading or "", key, what it does), for the help screen."""
    titles: tuple[tuple[Scope, str], ...] = (
        ("frame", "Everywhere"), ("move", "In a list"), ("overview", "On what the cursor is on"),
        ("record", "In the record of a failed job"),
    )  # fmt: skip
    lines = []
    for scope, title in titles:
        lines.append((title, "", ""))
        lines += [("", key.shown, key.help) for key in KEYS if key.scope == scope]
    return lines
