"""The command line of the console: the verbs of `wmtui` with their own grammar, some words of the console's own, and
what completes what was typed so far. Pure."""

import shlex
from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Sequence
from typing import NoReturn

from wmcore.errors import UsageError
from wmcore.protocol.messages import Status
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
        raise UsageError(f"there is no {name!r}; there is {', '.join(names())}")
    parser = Words(prog=name, add_help=False, allow_abbrev=False)
    VERBS[name].arguments(parser)
    return name, parser.parse_args(rest)


def names() -> list[str]:
    return [*VERBS, *(name for name in OWN if name != "quit")]


POOL_VERBS = {"scale", "drain", "resume", "recycle"}
CLASS_VERBS = {"pause", "unpause"}
OPTIONS = {"jobs": ("--class", "--state", "--text"), "failed": ("--all", "--class", "--error", "--no-retried"),
           "log": ("--error", "--level", "--text"), "stop": ("--now",)}  # fmt: skip


def complete(line: str, known: Status | None, sorts: Sequence[str] = (), daemons: Sequence[str] = ()) -> str | None:
    """The line with its last word made whole by the first that fits."""
    before, _, last = line.rpartition(" ")
    words = before.split()
    if words and not last:
        return None  # nothing typed of the next word: what fits is a guess
    offered = [word for word in _offered(words, known, sorts, daemons) if word.startswith(last) and word != last]
    return f"{before} {offered[0]}".lstrip() if offered and last else None


def _offered(
    words: Sequence[str], known: Status | None, sorts: Sequence[str], daemons: Sequence[str]
) -> Iterable[str]:
    if not words:
        return names()
    verb = words[0]
    pools = [pool.name for pool in known.pools] if known else []
    classes = [each.name for each in known.classes] if known else []
    if words[-1] == "--class" or verb in CLASS_VERBS:
        return classes
    if words[-1] == "--state":
        return ("ready", "delayed", "running")
    if verb == "failed" and len(words) == 1:
        return ("list", "groups", "show", "retry", "delete")
    own = {"view": [view.lower() for view in VIEWS], "sort": sorts, "daemon": daemons}
    return [*(pools if verb in POOL_VERBS else ()), *OPTIONS.get(verb, ()), *own.get(verb, ())]
