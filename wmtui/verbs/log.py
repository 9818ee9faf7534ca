"""`log`: the last lines of the log, as the daemon reads them; `-f` goes on from the file itself."""

import os
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator
from pathlib import Path

from wmcore.errors import Refused, UsageError
from wmcore.protocol.messages import LogLines, TailLog
from wmtui.printing import clean, out
from wmtui.verbs.base import Verb, ask, connect
from wmtui.verbs.jobs import positive

POLL_SECONDS = 0.25
TAIL_BYTES = 1024 * 1024  # how far back `follow` looks for the last lines


def show_lines(reply: LogLines) -> list[str]:
    return [clean(line) for line in reply.lines]


def follow(path: Path, lines: int | None) -> Iterator[list[str]]:
    """The last `lines` lines, then what is written behind them, also after the file is put aside and made anew; an
    empty list for each look that brought nothing. Raises OSError where the file cannot be read."""
    while True:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - TAIL_BYTES))
            last, rest = _split(file.read())
            yield last[-lines:] if lines is not None else last
            while last or not _replaced(path, file.fileno(), file.tell()):
                last, rest = _split(rest + file.read())
                yield last
        lines = None  # all of the new one


def _split(data: bytes) -> tuple[list[str], bytes]:
    *whole, rest = data.split(b"\n")
    return [clean(line.decode(errors="replace")) for line in whole], rest


def _replaced(path: Path, descriptor: int, position: int) -> bool:
    """Is there another file under this name, or was this one cut?"""
    here = os.fstat(descriptor)
    if here.st_size < position:
        return True
    try:
        there = path.stat()
    except FileNotFoundError:
        return False  # put aside, the new one is about to come
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)


def _run(args: Namespace) -> int:
    which = "errorlog" if args.error else "log"
    if not args.follow:
        return ask(args, TailLog(which=which, lines=args.lines), show_lines)
    if args.json:
        raise UsageError("log -f has no end, and JSON needs one: leave one of them out")
    with connect(args) as client:
        reply: LogLines = client.call(TailLog(which=which, lines=1))
    try:
        for lines in follow(Path(reply.path), args.lines):
            if lines:
                out(lines)
            else:
                time.sleep(POLL_SECONDS)
    except OSError as error:
        raise Refused(f"cannot follow {reply.path}: {error.strerror}; without -f the daemon reads it") from None
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--error", action="store_true", help="the error log")
    parser.add_argument("-n", "--lines", type=positive, default=20, metavar="N", help="so many lines (20)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is written")


VERBS = (Verb("log", "last lines of the log", _run, _arguments),)
