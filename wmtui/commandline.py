"""The command line of the console: the verbs of `wmtui` with their own grammar, some words of the console's own, and
what completes what was typed so far. Pure."""

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import NoReturn

from wmcore.errors import UsageError
from wmcore.protocol.messages import Status
from wmtui.filtering import JOB_STATES
from wmtui.keymap import VIEWS
from wmtui.verbs import check, failed, jobs, log, status, steer
from wmtui.verbs.base import Verb

VERBS: dict[str, Verb] = {verb.name: verb for module in (status, steer, failed, jobs, log, check)
                          for verb in module.VERBS}  # fmt: skip
OWN = {
    "view": "view NAME", "sort": "sort COLUMN", "filter": "filter WORDS", "daemon": "daemon NAME", "hold": "hold",
    "export": "export", "help": "help", "detach": "detach", "quit": "detach",
}  # fmt: skip
ELSEWHERE = {"attach", "proxy", "top"}


class Words(ArgumentParser):
    """Says what is wrong in place of leaving the program."""

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}")

    def print_help(self, file: object = None) -> None:
        """Not on the screen that is drawn on."""

    def exit(self, status: int = 0, message: str | None = None) -> NoReturn:
        raise UsageError(message or f"see wmtui {self.prog} --help")


def parse(line: str) -> tuple[str, Namespace]:
    """The verb and its arguments. Raises UsageError."""
    try:
        words = shlex.split(line)
    except ValueError as error:
        raise UsageError(f"{line}: {error}") from None
    if words[:1] == ["wmtui"]:
        words = words[1:]
    if not words:
        raise UsageError("nothing to do; try: scale, drain, pause CLASS, failed retry --all, sort, view")
    name, rest = words[0], words[1:]
    if name in OWN:
        return name, Namespace(words=rest)
    if name in ELSEWHERE:
        raise UsageError(f"{name} is for the shell, not for in here")
    if name not in VERBS:
        raise UsageError(f"there is no {name!r}; {nearest(name, names())}")
    parser = Words(prog=name, add_help=False, allow_abbrev=False)
    VERBS[name].arguments(parser)
    return name, parser.parse_args(rest)


def names() -> list[str]:
    return [*VERBS, *(name for name in OWN if name != "quit")]


POOL_VERBS = {"scale", "drain", "resume", "recycle"}
CLASS_VERBS = {"pause", "unpause"}
SLOT_VERBS = {"recycle", "kill"}
OPTIONS = {"jobs": ("--class", "--state", "--text"), "failed": ("--all", "--class", "--error", "--retried", "--both"),
           "log": ("--error", "--level", "--text"), "stop": ("--now",)}  # fmt: skip


def candidates(
    line: str, known: Status | None, sorts: Sequence[str] = (), daemons: Sequence[str] = ()
) -> Sequence[str]:
    """What the last word of the line may become: what begins so, else what has it anywhere, whatever the case."""
    before, _, last = line.rpartition(" ")
    offered = list(_offered(before.split(), known, sorts, daemons))
    begins = [word for word in offered if word.startswith(last)]
    return begins or [word for word in offered if last.lower() in word.lower()]


def completed(line: str, word: str) -> str:
    """With this as its last word."""
    before, blank, _ = line.rpartition(" ")
    return f"{before}{blank}{word}"


def nearest(wanted: str, names: Sequence[str]) -> str:
    """A hint at what may have been meant; else all that there is."""
    within = [name for name in names if wanted.lower() in name.lower()]
    by_end = {name.rpartition(".")[2].lower(): name for name in names}
    near = [by_end[end] for end in get_close_matches(wanted.rpartition(".")[2].lower(), by_end, 1)]
    found = within if len(within) == 1 else near or within
    return f"did you mean {found[0]}?" if found else f"there is {', '.join(names) or 'none'}"


def usage(line: str) -> str:
    """What the verb at its beginning does."""
    name = line.partition(" ")[0]
    return OWN.get(name) or (VERBS[name].help if name in VERBS else "")


def _offered(
    words: Sequence[str], known: Status | None, sorts: Sequence[str], daemons: Sequence[str]
) -> Iterable[str]:
    if not words:
        return names()
    verb, first = words[0], len(words) == 1
    classes = known.classes if known else []
    if verb in CLASS_VERBS and first:  # those first that it would do something to
        return [each.name for each in sorted(classes, key=lambda each: each.paused == (verb == "pause"))]
    if words[-1] == "--class":
        return [each.name for each in classes]
    if words[-1] == "--state":
        return JOB_STATES
    if verb == "failed" and first:
        return ("list", "groups", "show", "retry", "delete")
    pools = [pool.name for pool in known.pools] if known and verb in POOL_VERBS and first else []
    slots = [str(child.slot) for child in known.children] if known and verb in SLOT_VERBS and first else []
    own = {"view": [view.lower() for view in VIEWS], "sort": sorts, "daemon": daemons}
    return [*pools, *slots, *OPTIONS.get(verb, ()), *(own.get(verb, ()) if first else ())]
