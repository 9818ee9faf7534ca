"""`top`: what goes on as plain lines, one report after the other: for serial consoles, screen readers and pipes. No
escape sequence, no drawing, no bar."""

import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace
from collections.abc import Iterator, Sequence

from wmcore.errors import UsageError
from wmcore.protocol.messages import JobClass, Status
from wmtui.formatting import age, clock, count, duration, rate
from wmtui.judging import Thresholds, judge
from wmtui.printing import clean, out, plural
from wmtui.verbs.base import Verb, connect
from wmtui.verbs.jobs import positive

BUSIEST = 5


def report(status: Status, shown: int = BUSIEST) -> list[str]:
    """What is wrong first, then the daemon in one sentence, then the classes with most to do, one a line."""
    verdict = judge(status, Thresholds())
    wrong = [f"{reason.state}: {clean(reason.text)}" for reason in verdict.reasons]
    running, busy = sum(pool.running for pool in status.pools), sum(pool.busy for pool in status.pools)
    wanted = sum(pool.wanted for pool in status.pools)
    total = rate(sum(each.rate for each in status.classes))
    head = (
        f"{clock(status.now)} {clean(status.host)} {clean(status.state)}: {running} of {plural(wanted, 'child')}, "
        f"{busy} busy, {total} jobs per second, {count(status.failed.count)} failed"
    )
    classes = sorted(status.classes, key=_weight, reverse=True)
    lines = [f"  {_class(each)}" for each in classes[:shown]]
    more = [f"  and {len(classes) - shown} more"] if len(classes) > shown else []
    return [head, *(f"  {line}" for line in wrong or ["nothing is wrong"]), *lines, *more]


def _weight(each: JobClass) -> tuple[float, float]:
    return (each.queue.oldest or 0.0, each.rate)


def _class(each: JobClass) -> str:
    parts = [f"{rate(each.rate)} per second", f"{count(each.queue.ready)} ready"]
    if each.queue.oldest:
        parts.append(f"oldest {age(each.queue.oldest / 1000)}")
    if each.lateness.p95 is not None:
        parts.append(f"late {duration(each.lateness.p95)}")
    if each.open:
        parts.append(f"{count(each.open)} failed")
    return f"{clean(each.name)}{' PAUSED' if each.paused else ''}: {', '.join(parts)}"


def changes(before: Sequence[str] | None, lines: Sequence[str]) -> Iterator[str]:
    """A report, without the lines that said the same a moment ago: they would be read out again and again."""
    for i, line in enumerate(lines):
        if i == 0 or before is None or line not in before:
            yield line


def _run(args: Namespace) -> int:
    if args.json:
        raise UsageError("top has no end, and JSON needs one; for programs: wmtui status --json")
    before: list[str] | None = None
    with connect(args) as client:
        for turn, status in enumerate(client.subscribe(args.every), 1):
            lines = report(status, args.classes)
            out(list(changes(before, lines)))
            sys.stdout.flush()
            before = lines
            if args.count is not None and turn >= args.count:
                break
    return 0


def seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 60:
        raise ArgumentTypeError(f"{clean(text)} is not a number of seconds from 0.1 to 60")
    return value


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--every", type=seconds, default=5.0, metavar="S", help="seconds between two reports (5)")
    parser.add_argument("--classes", type=positive, default=BUSIEST, metavar="N", help=f"so many classes ({BUSIEST})")
    parser.add_argument("--count", type=positive, metavar="N", help="leave after so many reports")


ABOUT = "what goes on, as plain lines, again and again; of a later report what has changed"

VERBS = (Verb("top", ABOUT, _run, _arguments),)
