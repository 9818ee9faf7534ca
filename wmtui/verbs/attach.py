"""`attach`: the full-screen console. Textual is imported here, last, when nothing else is left to go wrong."""

import os
from argparse import ArgumentParser, Namespace
from pathlib import Path

from wmcore.errors import UsageError
from wmcore.protocol.messages import Hello
from wmtui import keymap, target
from wmtui.loading import loading
from wmtui.verbs.base import Verb

NO_SCREEN = ("dumb", "unknown")
"""Values of TERM: such a terminal prints line after line."""

# Textual reads these when it is imported. Its ANSI theme follows the terminal's own colours; no animation, because
# every frame goes over ssh; not the Kitty keyboard protocol, because it stays on when a connection breaks.
TEXTUAL = {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0", "TEXTUAL_DISABLE_KITTY_KEY": "1"}


def keys_file(named: str | None) -> Path | None:
    """The file of keys: the one that is named, else the operator's own, if there is one."""
    if named is not None:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME", "")
    path = (Path(home) if home.startswith("/") else Path.home() / ".config") / "wmtui" / "keys.yml"
    return path if path.is_file() else None


def settle_size() -> None:
    """Textual asks stdout how large the terminal is, rich whichever stream is one; both believe $COLUMNS and $LINES
    more, of a former terminal too, and guess differently where nobody knows. When they differ, the screen is laid out
    anew without end."""
    if not os.isatty(1):
        os.dup2(2, 1)
    size = os.get_terminal_size(2)
    for name, known, usual in (("COLUMNS", size.columns, "80"), ("LINES", size.lines, "24")):
        if known:
            os.environ.pop(name, None)
        elif not os.environ.get(name, "").isdecimal() or int(os.environ[name]) == 0:
            os.environ[name] = usual  # a serial line, where nobody has said it


def _run(args: Namespace) -> int:
    if args.json:
        raise UsageError("attach draws a screen; for JSON: wmtui status --json")
    if not (os.isatty(0) and os.isatty(2)):
        raise UsageError("attach needs a terminal (stdin and stderr); without one: wmtui status")
    term = os.environ.get("TERM", "").lower()
    if term in NO_SCREEN:
        raise UsageError(f"attach draws a screen, and TERM={term} has none; line by line: wmtui top")
    named: list[str] = [*args.targets, *([args.target] if args.target is not None else [])]
    path = keys_file(args.keys)
    keys = keymap.DEFAULT
    if path is not None:
        from wmtui import keyfile

        keys = keyfile.read(path)
    daemons = target.resolve_all(named)
    if len(daemons) == 1:
        with target.connect(daemons[0], asking=False) as client:  # an error is said here, before the screen is taken
            client.call(Hello())
    os.environ.setdefault("TEXTUAL_THEME", "ansi-dark")
    os.environ.update(TEXTUAL)
    settle_size()
    with loading():
        from wmtui.app import run

    only_one = len(daemons) == 1 and not named
    return run(daemons, read_only=args.read_only, ascii_only=args.ascii, only_one=only_one, keys=keys)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument(
        "targets", nargs="*", metavar="TARGET", help="sockets, conf.ymls or ssh://HOST; without any: the daemons here"
    )
    parser.add_argument("--read-only", action="store_true", help="look, change nothing")
    parser.add_argument("--keys", metavar="FILE", help="your own keys (default: ~/.config/wmtui/keys.yml)")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")


KEYS = """Six views by number key: 1 Overview, 2 Children, 3 Queue, 4 Failed, 5 Log, 6 Fleet.
  ?  help for the view, made for reading once      q  leave; the daemon goes on
  /  filter     :  any verb of wmtui, tab completes
  +  -  then enter: another number of children     D  drain, again: resume
  r  retry failed jobs     A  all of the filter    K  kill a child; its job is given back
Upper case stops or destroys something and asks first. --read-only only looks."""

VERBS = (Verb("attach", "open the console", _run, _arguments, KEYS),)
