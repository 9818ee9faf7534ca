"""`check`: a plug-in for monitors. The verdict is `judging`'s; here is the edge that asks. Its failures are verdicts
too: a monitor understands a line on stdout and an exit code, and nothing else."""

import re
import signal
import time
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from types import FrameType
from typing import NoReturn

from wmcore.errors import NoDaemon, QueueDown, Refused, WmError
from wmcore.model import COUNT_LIMIT, PoolState
from wmcore.protocol.blocking import Client, NotAllowed, Unreachable
from wmcore.protocol.messages import FailedFilter, FailedPage, GetStatus, ListFailed, Status
from wmtui import printing, target
from wmtui.formatting import age
from wmtui.judging import OFF, Limits, State, Thresholds, Verdict, failure, judge, line
from wmtui.printing import clean
from wmtui.verbs.base import Verb

SETTLE_SECONDS = 1.0
"""A child that is replaced is missing for some milliseconds. What is short for less than this is not said."""

# -- the command line -------------------------------------------------------------------------------------------------

ABOUT = """\
A plug-in for Nagios, Icinga and the like: one line, with performance data.

The exit codes: 0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN. What is always judged:
  CRITICAL  no daemon, or no answer; all databases or job servers down; a pool
            with nobody running; a pool that backs off, because its children die
  WARNING   one of several of them down; fewer children than wanted; draining,
            stopping; jobs waiting in a paused class, however many and long, or
            for a pool that is scaled to 0
  UNKNOWN   the daemon is starting or has not counted its jobs yet; a class that
            it does not have; a wrong option. Anything worse goes before.
"""
EXAMPLES = """\
WARN:CRIT is as in 60:300; what is above is bad. 60: or :300 or off will do.
A job that was put off, or is to be tried again, waits from when it is due.

  wmtui check -t /etc/shop.yml --class shop.Invoice --age 10:60 --depth off
  wmtui check --failed 0:20 --failed-within 900

The socket is for the daemon's user only. NRPE, where that is app:
  command[check_shop]=sudo -u app /opt/app/bin/wmtui check -t /etc/shop.yml
Icinga 2:
  object CheckCommand "wmcore" {
    command = [ "sudo", "-u", "app", "/opt/app/bin/wmtui", "check" ]
    arguments = { "-t" = "$wmcore_conf$", "--age" = "$wmcore_age$" }
  }
"""


def limits(text: str, most: float = float("inf")) -> Limits:
    """For argparse; nobody counts further than to `most`."""
    if text == "off":
        return OFF
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,3})?)?:(\d{1,9}(?:\.\d{1,3})?)?", text, re.ASCII)
    if found is None or text == ":":
        raise ArgumentTypeError(f"{clean(text)} is neither WARN:CRIT, as in 60:300, nor off")
    warning, critical = (None if bound is None else float(bound) for bound in found.groups())
    if warning is not None and critical is not None and warning > critical:
        raise ArgumentTypeError(f"{text} would be critical before it warns")
    if max(warning or 0, critical or 0) > most:
        raise ArgumentTypeError(f"{text}: jobs are counted up to {most:,.0f}, a threshold above is never reached")
    return Limits(warning, critical)


def seconds(text: str) -> float:
    """For argparse: more than none."""
    if not re.fullmatch(r"\d{1,6}(\.\d{1,3})?", text, re.ASCII) or float(text) == 0:
        raise ArgumentTypeError(f"{clean(text)} is not a number of seconds")
    return float(text)


def _arguments(parser: ArgumentParser) -> None:
    parser.formatter_class, parser.description, parser.epilog = RawDescriptionHelpFormatter, ABOUT, EXAMPLES
    add, usual, both, counts = parser.add_argument, Thresholds(), "WARN:CRIT", partial(limits, most=COUNT_LIMIT - 1)
    add("--age", type=limits, default=usual.age, metavar=both, help="seconds that a class's oldest job waits (60:300)")
    add("--depth", type=counts, default=usual.depth, metavar=both, help="waiting jobs of a class (1000:10000)")
    add("--failed", type=counts, default=usual.failed, metavar=both, help="jobs that have finally failed (off)")
    add("--failed-within", type=seconds, default=usual.failed_within, metavar="S", help="... in the last S s (3600)")
    add("--class", dest="classes", action="append", default=[], metavar="CLASS", help="only this one; repeatable")
    add("--timeout", type=seconds, default=10.0, metavar="S", help="no answer within S s is CRITICAL (10)")


# -- the edge ---------------------------------------------------------------------------------------------------------


class TimeOver(Exception):
    """The alarm. Not a WmError: those are caught on the way."""


@contextmanager
def alarm(after: float) -> Iterator[None]:
    """Raises TimeOver in whatever goes on `after` seconds: not only an answer, also looking for daemons takes time."""

    def ring(number: int, frame: FrameType | None) -> NoReturn:
        raise TimeOver

    former, rest = signal.signal(signal.SIGALRM, ring), signal.setitimer(signal.ITIMER_REAL, after)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, former)
        signal.setitimer(signal.ITIMER_REAL, *rest)


def look(args: Namespace) -> Verdict:
    try:
        with alarm(args.timeout):
            return _ask(args)
    except TimeOver:
        where = f" at {args.target}" if args.target else ""
        return failure(State.CRITICAL, f"no answer from the daemon{where} within {age(args.timeout)}: it hangs")
    except NotAllowed as error:  # the plug-in's user is wrong, not the daemon
        return failure(State.UNKNOWN, str(error))
    except PermissionError as error:
        return failure(State.UNKNOWN, f"no permission to look at {error.filename}; try as the daemon's user")
    except NoDaemon as error:
        return failure(State.CRITICAL, str(error))
    except WmError as error:
        return failure(State.UNKNOWN, str(error))
    except Exception as error:  # a door: a traceback would leave with 1, which is WARNING
        return failure(State.UNKNOWN, f"the check itself has failed: {type(error).__name__}: {error}")


def _ask(args: Namespace) -> Verdict:
    thresholds = Thresholds(args.age, args.depth, args.failed, args.failed_within, tuple(dict.fromkeys(args.classes)))
    with target.connect(target.resolve(args.target), args.timeout, asking=False) as client:
        until = time.monotonic() + min(SETTLE_SECONDS, args.timeout / 4)
        while unsettled(status := client.call(GetStatus())) and time.monotonic() < until:
            time.sleep(0.1)
        failed = None if thresholds.failed == OFF else _ask_failed(client, thresholds, status.now, args.timeout / 2)
    return judge(status, thresholds, failed)


def unsettled(status: Status) -> bool:
    """Is a pool short of children that may be there in a moment?"""
    return any(
        pool.state == PoolState.BACKING_OFF or (pool.state == PoolState.RUNNING and pool.running < pool.wanted)
        for pool in status.pools
    )


def _ask_failed(client: Client, thresholds: Thresholds, now: float, patience: float) -> FailedPage | None:
    """Of all classes together. None where the daemon cannot say it, or not in `patience` seconds: a database that
    hangs must not hide what the status says of it."""
    names, since = thresholds.classes or (None,), now - thresholds.failed_within
    asked = [ListFailed(filter=FailedFilter(class_name=name, since=since), limit=1) for name in names]
    try:
        pages: list[FailedPage] = [client.call(request, patience / len(asked)) for request in asked]
    except (QueueDown, Refused, Unreachable):
        return None
    totals = [page.total for page in pages if page.total is not None]
    newest = sorted(chain.from_iterable(page.records for page in pages), key=lambda record: -record.failed_at)
    return FailedPage(records=newest, total=sum(totals) if len(totals) == len(pages) else None)


def _run(args: Namespace) -> int:
    verdict = look(args)
    printing.out(printing.as_json(verdict) if args.json else line(verdict))
    return verdict.state.exit_code


VERBS = (Verb("check", "judge the daemon for Nagios, Icinga and the like", _run, _arguments),)
