"""`log`: the last lines of the log, as the daemon reads them; `-f` goes on with what is written behind them, also after
the file is put aside, and after a restart of the daemon."""

import time
from argparse import ArgumentParser, Namespace
from collections.abc import Iterator

import msgspec

from wmcore.errors import NoDaemon
from wmcore.model import LogLevel
from wmcore.protocol.messages import LogLines, TailLog
from wmtui.printing import clean, err
from wmtui.verbs.base import Verb, ask, connect, present
from wmtui.verbs.jobs import positive

POLL_SECONDS = 0.25
RETRY_SECONDS = 1.0
AT_ONCE = 1000


def show_lines(reply: LogLines) -> list[str]:
    return [clean(line) for line in reply.lines]


def follow(args: Namespace, request: TailLog) -> Iterator[LogLines]:
    """The first answer, then each that brings something. A daemon that goes is waited for."""
    before, gone = request, False
    while True:
        try:
            with connect(args) as client:
                while True:
                    reply: LogLines = client.call(before)
                    gone = False
                    before = msgspec.structs.replace(before, after=reply.cursor, lines=AT_ONCE)
                    if reply.lines or reply.gap:
                        yield reply
                    if not reply.more:
                        time.sleep(POLL_SECONDS)
        except NoDaemon as error:
            if before is request:
                raise
            if not gone:
                err(f"{error}; waiting for it")
            gone = True
            time.sleep(RETRY_SECONDS)


def _run(args: Namespace) -> int:
    which = "errorlog" if args.error else "log"
    request = TailLog(which=which, lines=args.lines, level=args.level, text=args.text)
    if not args.follow:
        return ask(args, request, show_lines)
    for reply in follow(args, request):
        if reply.gap:
            err("lines are missing here: their file was taken away or cut")
        if reply.lines:
            present(args, reply, show_lines)
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--error", action="store_true", help="the error log")
    parser.add_argument("-n", "--lines", type=positive, default=20, metavar="N", help="so many lines (20)")
    parser.add_argument("-f", "--follow", action="store_true", help="go on with what is written")
    levels = [str(level) for level in LogLevel]  # the help and a refusal name them as they are typed
    parser.add_argument("--level", choices=levels, help="only lines so grave, or graver (not of the error log)")
    parser.add_argument("--text", metavar="TEXT", help="only lines with this in them")


VERBS = (Verb("log", "last lines of the log", _run, _arguments),)
