"""`attach`: the full-screen console. Textual is imported here, last, when nothing else is left to go wrong."""

import os
from argparse import ArgumentParser, Namespace

from wmcore.errors import UsageError
from wmcore.protocol.blocking import Client
from wmcore.protocol.messages import Hello
from wmtui import target
from wmtui.verbs.base import Verb

# Textual reads these when it is imported. Its ANSI theme follows the terminal's own colours; no animation, because
# every frame goes over ssh; not the Kitty keyboard protocol, because it stays on when a connection breaks.
TEXTUAL = {"TEXTUAL_ANIMATIONS": "none", "TEXTUAL_SMOOTH_SCROLL": "0", "TEXTUAL_DISABLE_KITTY_KEY": "1"}


def one_target(args: Namespace) -> str | None:
    """Raises UsageError where several are named."""
    named: list[str] = [*args.targets, *([args.target] if args.target is not None else [])]
    if len(named) > 1:
        raise UsageError(f"this release attaches to one daemon at a time, {len(named)} are named")
    return named[0] if named else None


def _run(args: Namespace) -> int:
    if args.json:
        raise UsageError("attach draws a screen; for JSON: wmtui status --json")
    chosen = one_target(args)
    if not (os.isatty(0) and os.isatty(2)):
        raise UsageError("attach needs a terminal (stdin and stderr); without one: wmtui status")
    socket = target.resolve(chosen)
    with Client.connect(socket) as client:  # an error is said here, before the screen is taken
        client.call(Hello())
    os.environ.setdefault("TEXTUAL_THEME", "ansi-dark")
    os.environ.update(TEXTUAL)
    from wmtui.app import run

    return run(socket, read_only=args.read_only, ascii_only=args.ascii)


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="socket or conf.yml; without it: the daemon here")
    parser.add_argument("--read-only", action="store_true", help="look, change nothing")
    parser.add_argument("--ascii", action="store_true", help="draw with ASCII characters only")


VERBS = (Verb("attach", "open the console", _run, _arguments),)
