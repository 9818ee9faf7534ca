"""All keys of the console, in one table: bindings, hint line and help screen are made from it.

Lower case looks or can be undone, upper case stops or destroys and always asks. Only keys that every terminal, tmux
and ssh hand on: no function keys, no Alt, no Ctrl-A/B/S/Z. Escape alone never leaves the console and never confirms.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

Scope = Literal["frame", "move", "overview", "record", "question"]


@dataclass(frozen=True, slots=True)
class Key:
    """`rank`: the highest leaves a narrow hint line first, 0 is never hinted at. `panes`: where it means something
    (none named: everywhere in its scope). `changes`: it changes something. `dangerous`: it asks before."""

    id: str
    scope: Scope
    keys: str  # Textual's names, separated by commas
    shown: str
    action: str
    hint: str
    help: str
    rank: int = 0
    panes: tuple[str, ...] = ()
    changes: bool = False
    dangerous: bool = False
    when: str = ""  # "pending", "lost": hinted at only then


KEYS: tuple[Key, ...] = (
    Key("help", "frame", "question_mark", "?", "help", "help", "this help", 1),
    Key("reconnect", "frame", "r", "r", "reconnect", "reconnect", "no connection: try again now", 2, when="lost"),
    Key("apply", "overview", "enter", "enter", "open", "apply", "apply the number chosen with + -", 2, when="pending"),
    Key("discard", "overview", "escape", "esc", "discard", "discard", "drop that number", 3, when="pending"),
    Key("open", "overview", "enter", "enter", "open", "record", "the whole record of a failed job", 3, ("failed",)),
    Key("scale.up", "overview", "plus,equals_sign", "+/-", "scale(1)", "scale",
        "choose more (=) or fewer children for the pool; enter applies, esc discards", 3, ("pools", "children"), True),
    Key("scale.down", "overview", "minus", "-", "scale(-1)", "", "choose fewer", changes=True),
    Key("drain", "overview", "D", "D", "drain", "drain",
        "pool: take no more jobs, children leave after theirs; again: resume", 4, ("pools",), True, True),
    Key("pause", "overview", "P,p", "P", "pause", "pause",
        "class: pause it, its jobs wait in the queue; again: let it run", 5, ("pools",), True, True),
    Key("recycle", "overview", "t", "t", "recycle", "recycle",
        "child: it leaves after its job and is replaced", 4, ("children",), True),
    Key("kill", "overview", "K", "K", "kill", "kill",
        "child: kill it now; its job is given back", 5, ("children",), True, True),
    Key("retry", "overview", "r", "r", "retry", "retry",
        "failed job, or the marked ones: run again", 4, ("failed",), True),
    Key("delete", "overview", "X", "X", "delete", "delete",
        "failed job, or the marked ones: delete for good", 5, ("failed",), True, True),
    Key("mark", "overview", "space", "space", "mark", "mark", "failed job: mark it for r and X", 6, ("failed",), True),
    Key("unmark", "overview", "u", "u", "unmark", "unmark", "take all marks away", 8, ("failed",), True),
    Key("pane.next", "frame", "tab", "tab", "pane(1)", "next list", "next list; shift+tab: the one before", 7),
    Key("pane.previous", "frame", "shift+tab", "shift+tab", "pane(-1)", "", "the list before"),
    Key("read_only", "frame", "exclamation_mark", "!", "read_only", "read-only",
        "read-only on or off: keys that change something refuse", 9),
    Key("redraw", "frame", "ctrl+l", "ctrl+l", "redraw", "", "draw the screen anew"),
    Key("detach", "frame", "q", "q", "detach", "detach", "leave the console (ctrl+c too); the daemon goes on", 1),
    Key("move.up", "move", "up,k", "up k", "move(-1)", "", "one row up"),
    Key("move.down", "move", "down,j", "down j", "move(1)", "", "one row down"),
    Key("move.page_up", "move", "pageup", "pgup", "page(-1)", "", "a page up"),
    Key("move.page_down", "move", "pagedown", "pgdn", "page(1)", "", "a page down"),
    Key("move.home", "move", "home,g", "home g", "edge(-1)", "", "to the first row"),
    Key("move.end", "move", "end,G", "end G", "edge(1)", "", "to the last row"),
    Key("record.back", "record", "q,backspace,escape", "q", "back", "back", "to the list (also backspace, esc)", 1),
    Key("record.next", "record", "n", "n N", "turn(1)", "next/previous", "the next failed job; N: the one before", 3),
    Key("record.previous", "record", "N", "N", "turn(-1)", "", "the failed job before"),
    Key("record.retry", "record", "r", "r", "retry", "retry", "run this job again", 4, changes=True),
    Key("record.delete", "record", "X", "X", "delete", "delete",
        "delete this record for good", 5, changes=True, dangerous=True),
    Key("record.help", "record", "question_mark", "?", "help", "help", "the help", 2),
)  # fmt: skip

DETACH = Key("detach.always", "frame", "ctrl+c", "ctrl+c", "detach", "", "leave the console; the daemon goes on")
"""Works over every dialog too."""


def of_scope(scope: Scope) -> list[Key]:
    """One key each for what has several rows: a row with `when` is only another hint for the same key and action."""
    taken: set[tuple[str, str]] = set()
    found = []
    for key in KEYS:
        if key.scope == scope and (key.keys, key.action) not in taken:
            taken.add((key.keys, key.action))
            found.append(key)
    return found


def hints(
    scopes: Iterable[Scope], pane: str = "", states: Collection[str] = (), read_only: bool = False
) -> list[Key]:
    """What the hint line offers, in the order of the table. A state (pending, lost) brings its own keys and hides the
    ones that would do the same key's other work; what would be refused now is not offered."""
    offered = [
        key
        for key in KEYS
        if key.scope in scopes
        and key.rank
        and (not key.panes or pane in key.panes)
        and (not key.when or key.when in states)
        and not (key.changes and (read_only or "lost" in states))
    ]
    taken = {key.keys for key in offered if key.when}
    return [key for key in offered if key.when or key.keys not in taken]


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
