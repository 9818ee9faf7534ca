"""All keys of the console, in one table: bindings, hint line, help screen and docs/keys.md are made from it.

Lower case looks or can be undone, upper case stops or destroys and always asks. Only keys that every terminal, tmux
and ssh hand on: no function keys, no Alt, no Ctrl-A/B/S/Z. Escape alone never leaves the console and never confirms.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

Scope = Literal["frame", "move", "text", "view", "record"]


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
    when: str = ""  # a state (screens/main.py tells which hold): hinted at only then
    of: str = ""  # only another hint: the key of this id, in that state


LISTS = {"pools": "pools and classes", "children": "children", "failed": "failed jobs", "groups": "groups",
         "queue": "queue", "jobs": "jobs of a class", "log": "log lines", "fleet": "daemons"}  # fmt: skip
"""Each list (pane) in words."""
TABLES = ("pools", "children", "queue", "jobs", "failed", "groups")
ROWS = (*TABLES, "log", "fleet")
MARKED = ("failed", "children", "fleet")

KEYS: tuple[Key, ...] = (
    Key("help", "frame", "question_mark", "?", "help", "help", "this help", 1),
    Key("reconnect", "frame", "r", "r", "reconnect", "reconnect", "no connection: try again now", 2, when="lost"),
    Key("view.1", "frame", "1", "1", "view(1)", "", "Overview: pools with their classes, and what is most wrong now"),
    Key("view.2", "frame", "2", "2", "view(2)", "", "Children: every child and what it does"),
    Key("view.3", "frame", "3", "3", "view(3)", "", "Queue: what waits, per class; enter shows the jobs"),
    Key("view.4", "frame", "4", "4", "view(4)", "", "Failed: jobs that were given up, with argument and tracebacks"),
    Key("view.5", "frame", "5", "5", "view(5)", "", "Log: follows the daemon's log"),
    Key("view.6", "frame", "6", "6", "view(6)", "", "Fleet: all daemons that this console is attached to"),
    Key("wrongs", "frame", "a", "a", "wrongs", "", "all that is wrong now, in full"),
    Key("typing.enter", "frame", "enter", "enter", "", "do it", "", 1, when="typing", of="-"),
    Key("typing.tab", "frame", "tab", "tab", "", "complete", "", 3, when="typing", of="-"),
    Key("typing.up", "frame", "up", "up", "", "what was typed before", "", 4, when="typing", of="-"),
    Key("typing.esc", "frame", "escape", "esc", "", "cancel", "", 2, when="typing", of="-"),
    Key("apply", "view", "enter", "enter", "open", "apply", "apply the number chosen with + -", 2, when="pending",
        of="open"),
    Key("discard", "view", "escape", "esc", "back", "discard", "drop that number", 3, when="pending", of="back"),
    Key("open", "view", "enter", "enter", "open", "open",
        "go into it: a class's children or jobs, a group's jobs, a record, a log line, a daemon", 3, ROWS),
    Key("back", "view", "escape,backspace", "esc", "back", "", "one step back: pending number, filter, where you were"),
    Key("scale.up", "view", "plus,equals_sign", "+/-", "scale(1)", "scale",
        "choose more (=) or fewer children for the pool, see what it will do; enter applies, esc drops it", 3,
        ("pools", "children", "fleet"), True),
    Key("scale.down", "view", "minus", "-", "scale(-1)", "", "choose fewer", panes=("pools", "children", "fleet"),
        changes=True),
    Key("drain", "view", "D", "D", "drain", "drain",
        "pool: take no more jobs, children leave after theirs; again: resume. In Fleet: all of the daemon", 4,
        ("pools", "fleet"), True, True),
    Key("drain.child", "view", "D", "D", "drain", "drain", "its pool: the same", 9, ("children",), True, True,
        of="drain"),
    Key("resume", "view", "D", "D", "drain", "resume", "", 3, ("pools", "children", "fleet"), True, True, "draining",
        "drain"),
    Key("pause", "view", "P", "P", "pause", "pause",
        "class: pause it, its jobs wait in the queue; again: let it run", 5, ("pools", "queue"), True, True, "class"),
    Key("unpause", "view", "P", "P", "pause", "unpause", "", 3, ("pools", "queue"), True, True, "paused", "pause"),
    Key("recycle", "view", "t", "t", "recycle", "recycle",
        "child, or the marked ones: leaves after its job and is replaced", 4, ("children",), True),
    Key("recycle.all", "view", "R", "R", "recycle_pool", "",
        "pool: replace all its children, each after its job. In Fleet: all of the daemon", 0,
        ("pools", "children", "fleet"), True, True),
    Key("kill", "view", "K", "K", "kill", "kill",
        "child, or the marked ones: kill now; the job is given back", 5, ("children",), True, True),
    Key("retry", "view", "r", "r", "retry", "retry",
        "failed job, the marked ones, or the whole group: run again", 4, ("failed", "groups"), True),
    Key("delete", "view", "X", "X", "delete", "delete",
        "failed job, the marked ones, or the whole group: delete for good", 5, ("failed", "groups"), True, True),
    Key("retry.all", "view", "A", "A", "retry_all", "retry all",
        "run again all failed jobs of the filter, with progress", 6, ("failed", "groups"), True, True),
    Key("bulk.stop", "view", "b", "b", "stop_bulk", "stop bulk", "stop the bulk action that runs", 2, when="bulk",
        changes=True),
    Key("facet", "view", "f", "f", "facet", "group", "Failed: grouped by class and error; again: the list", 4,
        ("failed", "groups")),
    Key("follow", "view", "f", "f", "facet", "follow", "Log: go to the end and follow it", 5, ("log",), of="facet"),
    Key("level", "view", "v", "v", "level", "level", "Log: how grave a line has to be; last the error log", 4,
        ("log",)),
    Key("logs", "view", "l", "l", "logs", "log", "the log lines of this class, child or job", 9,
        ("pools", "children", "queue", "jobs", "failed", "groups")),
    Key("filter", "view", "slash", "/", "filter", "filter",
        "show only what matches: words, class:NAME error~TEXT state:busy age>1h !not; Failed: job:0-12 retried:yes; "
        "Queue: id:0-12 uniqkey:KEY", 6, (*TABLES, "fleet")),
    Key("find", "view", "slash", "/", "filter", "find", "Log: find lines with these words", 3, ("log",), of="filter"),
    Key("find.next", "view", "n", "n N", "find(1)", "next/previous",
        "Log: the next line that has them; N: the one before", 2, ("log",), when="found"),
    Key("find.previous", "view", "N", "N", "find(-1)", "", "Log: the line before that has them", panes=("log",)),
    Key("filter.lines", "view", "ampersand", "&", "filter_lines", "filter",
        "Log: only lines with these words, as far back as the daemon looks", 5, ("log",)),
    Key("sort", "view", "s", "s", "sort", "sort", "sort by the next column; the cursor stays on its row", 7,
        ("pools", "children", "queue", "groups", "fleet")),
    Key("sort.failed", "view", "s", "s", "sort", "", "Failed: by time only; groups (f) sort", panes=("failed",),
        of="sort"),
    Key("sort.reverse", "view", "o", "o", "sort_reverse", "", "turn the order round; Failed: the oldest first",
        panes=("pools", "children", "queue", "failed", "groups", "fleet")),
    Key("mark", "view", "space", "space", "mark", "mark", "mark it for r, X, t, K; a daemon for D, R and :", 7,
        ("failed", "children", "fleet"), True),
    Key("mark.all", "view", "asterisk", "*", "mark_all", "", "mark all that is listed",
        panes=("failed", "children", "fleet"),
        changes=True),
    Key("unmark", "view", "u", "u", "unmark", "unmark", "take all marks away", 2, ("failed", "children", "fleet"), True,
        when="marked"),
    Key("columns", "view", "w", "w", "columns", "more",
        "the columns that have no room; again: the next, at last the first ones", 5, when="columns"),
    Key("copy", "view", "y", "y", "copy", "", "copy the row (the marked ones) to your clipboard (OSC 52)"),
    Key("export", "view", "e", "e", "export", "", "write the rows (the marked ones) to a file, one JSON object a line"),
    Key("command", "frame", "colon", ":", "command", "command",
        "any verb of wmtui, with completion: scale default 8, drain, pause CLASS, failed retry --all ...", 8),
    Key("pane.next", "frame", "tab", "tab", "pane(1)", "next view", "next list, or the next view; shift+tab: back", 9),
    Key("lists", "frame", "tab", "tab", "pane(1)", "list", "", 3, when="lists", of="pane.next"),
    Key("pane.previous", "frame", "shift+tab", "shift+tab", "pane(-1)", "", "the list before"),
    Key("hold", "frame", "p", "p", "hold", "hold", "hold the picture still; again: go on", 9),
    Key("held", "frame", "p", "p", "hold", "go on", "", 2, when="held", of="hold"),
    Key("daemon.next", "frame", "right_square_bracket", "]", "daemon(1)", "", "the next daemon"),
    Key("daemon.previous", "frame", "left_square_bracket", "[", "daemon(-1)", "", "the daemon before"),
    Key("read_only", "frame", "exclamation_mark", "!", "read_only", "",
        "read-only on or off: keys that change something refuse"),
    Key("redraw", "frame", "ctrl+l", "ctrl+l", "redraw", "", "draw the screen anew"),
    Key("detach", "frame", "q", "q", "detach", "detach", "leave the console (ctrl+c too); the daemon goes on", 1),
    Key("move.up", "move", "up,k", "up k", "move(-1)", "", "one row up"),
    Key("move.down", "move", "down,j", "down j", "move(1)", "", "one row down"),
    Key("move.page_up", "move", "pageup", "pgup", "page(-1)", "", "a page up"),
    Key("move.page_down", "move", "pagedown", "pgdn", "page(1)", "", "a page down"),
    Key("move.home", "move", "home,g", "home g", "edge(-1)", "", "to the first row"),
    Key("move.end", "move", "end,G", "end G", "edge(1)", "", "to the last row"),
    Key("text.page_down", "text", "space", "space", "page(1)", "", "a page down"),
    Key("text.page_up", "text", "b", "b", "page(-1)", "", "a page up"),
    Key("record.back", "record", "q,backspace,escape", "q", "back", "back", "to the list (also backspace, esc)", 1),
    Key("record.next", "record", "n", "n N", "turn(1)", "next/previous", "the next failed job; N: the one before", 3),
    Key("record.previous", "record", "N", "N", "turn(-1)", "", "the failed job before"),
    Key("record.retry", "record", "r", "r", "retry", "retry", "run this job again", 4, changes=True),
    Key("record.delete", "record", "X", "X", "delete", "delete",
        "delete this record for good", 5, changes=True, dangerous=True),
    Key("record.copy", "record", "y", "y", "copy", "copy", "copy its argument to your terminal's clipboard", 6),
    Key("record.copy_all", "record", "c", "c", "copy_all", "", "copy all that is to be read here"),
    Key("record.export", "record", "e", "e", "export", "export", "write the whole record to a file as JSON", 7),
    Key("record.help", "record", "question_mark", "?", "help", "help", "the help", 2),
)  # fmt: skip

DETACH = Key("detach.always", "frame", "ctrl+c", "ctrl+c", "detach", "", "leave the console; the daemon goes on")
"""Works over every dialog too."""

TITLES: tuple[tuple[Scope, str], ...] = (
    ("frame", "Everywhere"), ("move", "In a list"), ("view", "On what the cursor is on"),
    ("text", "In a text"), ("record", "In the record of a failed job"),
)  # fmt: skip

VIEWS = ("Overview", "Children", "Queue", "Failed", "Log", "Fleet")
VIEW_PANES = (("pools", "children", "failed"), ("children",), ("queue", "jobs"), ("failed", "groups"), ("log",),
              ("fleet",))  # fmt: skip
VIEW_KEYS = tuple(key for key in KEYS if key.id.startswith("view."))
"""They work in a text too."""

TOGETHER: tuple[frozenset[Scope], ...] = (
    frozenset({"frame", "move", "view"}), frozenset({"move", "text", "record"}),
)  # fmt: skip
"""Scopes whose keys work at the same time."""

SHARED = frozenset({"reconnect", "retry"})
"""Meant to have one key: the one works only without a connection, the other only with one."""


def of_scope(scope: Scope) -> list[Key]:
    return [key for key in KEYS if key.scope == scope and not key.of]


def panes_of(action: str) -> frozenset[str]:
    """The lists in which it means something; none named: in all."""
    return frozenset(pane for key in KEYS if key.action.partition("(")[0] == action for pane in key.panes)


SIGNS = {
    "+": "plus", "-": "minus", "/": "slash", ":": "colon", "?": "question_mark", "*": "asterisk", "&": "ampersand",
    "!": "exclamation_mark", "=": "equals_sign", ".": "full_stop", ",": "comma", "[": "left_square_bracket",
    "]": "right_square_bracket", "#": "number_sign", "@": "at", ";": "semicolon", "~": "tilde", "$": "dollar_sign",
    "%": "percent_sign", "^": "circumflex_accent", "(": "left_parenthesis", ")": "right_parenthesis",
    "_": "underscore", "{": "left_curly_bracket", "}": "right_curly_bracket", "|": "vertical_line", "\\": "backslash",
    '"': "quotation_mark", "'": "apostrophe", "<": "less_than_sign", ">": "greater_than_sign", "`": "grave_accent",
}  # fmt: skip
"""What Textual calls the keys that are no letters."""
_SIGNS_BY_NAME = {name: sign for sign, name in SIGNS.items()}


def _shown(keys: str) -> str:
    return " ".join(_SIGNS_BY_NAME.get(key, key) for key in keys.split(","))


@dataclass(frozen=True, slots=True)
class Keymap:
    """The table as this operator has it: `own` are the keys that the file of keys gives to ids."""

    own: Mapping[str, str] = field(default_factory=dict)

    def rows(self) -> Iterator[Key]:
        for key in KEYS:
            keys = self.own.get(key.of or key.id)
            yield key if keys is None else replace(key, keys=keys, shown=_shown(keys))

    def hints(
        self, scopes: Iterable[Scope], pane: str = "", states: Collection[str] = (), read_only: bool = False
    ) -> list[Key]:
        """What the hint line offers, in the order of the table. A state (pending, lost) brings its own keys and hides
        the ones that would do the same key's other work; what would be refused now is not offered."""
        scopes = tuple(scopes)
        if "typing" in states:
            return [key for key in self.rows() if key.when == "typing"]
        offered = [
            key
            for key in self.rows()
            if key.scope in scopes
            and key.rank
            and (not key.panes or pane in key.panes)
            and (not key.when or key.when in states)
            and not (key.changes and (read_only or "lost" in states))
        ]
        taken = {key.keys for key in offered if key.when}
        return [key for key in offered if key.when or key.keys not in taken]

    def shown(self, key_id: str) -> str:
        return next(key.shown for key in self.rows() if key.id == key_id)

    def why_not(self, name: str, in_a_list: bool) -> str:
        """What is said of a key that means nothing where it was pressed."""
        found = [key for key in self.rows() if key.scope == "view" and name in key.keys.split(",") and key.panes]
        if not found or not in_a_list:
            return f"there is no key {_shown(name)} here; {self.shown('help')} for help"
        key = found[0]
        places = [
            f"{LISTS[pane]} ({', '.join(str(i) for i, panes in enumerate(VIEW_PANES, 1) if pane in panes)})"
            for each in found for pane in each.panes
        ]  # fmt: skip
        return f"{_shown(name)} ({key.hint or key.help}) is for {', '.join(dict.fromkeys(places))}"

    def listed(self, scope: Scope) -> list[Key]:
        """For help and documents: without what is only another hint."""
        return [key for key in self.rows() if key.scope == scope and not (key.of and key.when)]

    def of_pane(self, pane: str) -> list[Key]:
        """What acts on the rows of this list, the keys of its own first."""
        keys = [key for key in self.listed("view") if not key.panes or pane in key.panes]
        return sorted(keys, key=lambda key: not key.panes)


DEFAULT = Keymap()


def clash(keymap: Keymap) -> str:
    """Two ids that would want one key at the same time."""
    for scopes in TOGETHER:
        holders: dict[str, str] = {}
        for each in keymap.rows():
            if each.of or not (each.scope in scopes or each.id in {key.id for key in VIEW_KEYS}):
                continue
            for key in each.keys.split(","):
                other = holders.setdefault(key, each.id)
                if other != each.id and {other, each.id} != SHARED:
                    return f"{_shown(key)} would be both {other} and {each.id}: give one of them another key"
    return ""
