"""The Overview's head: throughput, backlog and lateness of all classes together, and what is most wrong now. Pure."""

from collections.abc import Collection, Iterable, Sequence
from typing import TypeVar

from wmcore.model import COUNT_LIMIT
from wmcore.protocol.messages import JobClass, Status
from wmtui.cells import Cell, Part, choose_parts
from wmtui.formatting import compact, duration, memory, number, rate, spark
from wmtui.glyphs import Glyphs
from wmtui.judging import Reason, State, Thresholds, judge
from wmtui.printing import clean
from wmtui.scales import BAR_STEPS_MS, BAR_WORDS, lateness_top, nice

SECONDS = 60
T = TypeVar("T")


def together(histories: Sequence[Sequence[int]]) -> list[float | None]:
    """Jobs per second of all classes, for each of the last 60 seconds; None before there was a figure."""
    sums: list[float | None] = [None] * SECONDS
    for seconds in _by_length(histories):
        for i, value in enumerate(map(sum, zip(*seconds, strict=True)), -len(seconds[0])):
            sums[i] = (sums[i] or 0) + value
    return sums


def latest(classes: Sequence[JobClass]) -> list[float | None]:
    """The p95 of the class that was worst, per second."""
    worst: list[float | None] = [None] * SECONDS
    for seconds in _by_length([each.lateness_history for each in classes]):
        for i, values in enumerate(zip(*seconds, strict=True), -len(seconds[0])):
            here = max((value for value in values if value is not None), default=None)
            if here is not None:
                worst[i] = max(worst[i] or 0.0, here)
    return worst


def _by_length(histories: Sequence[Sequence[T]]) -> Collection[list[Sequence[T]]]:
    """Nearly always all are as long as each other: then a hundred classes are gone through second by second, by the
    fast parts of Python."""
    found: dict[int, list[Sequence[T]]] = {}
    for each in histories:
        if each:
            found.setdefault(min(len(each), SECONDS), []).append(each[-SECONDS:])
    return found.values()


def bounded(values: Iterable[int | None]) -> str:
    """A sum of counts each of which may have stopped at the limit."""
    known = [value for value in values if value is not None]
    if not known:
        return "-"
    more = "+" if any(value >= COUNT_LIMIT for value in known) else ""
    return f"{sum(min(value, COUNT_LIMIT - 1) for value in known):,}{more}"


def lines(status: Status, glyphs: Glyphs, width: int) -> list[list[Cell]]:
    """What has no room is left out, the least important first: bars that grew and shrank with it would mislead."""
    bars = max(8, min(SECONDS, width - 68))
    return [choose_parts(make(status, glyphs, bars), width - 2) for make in (_throughput, _backlog)]


def _throughput(status: Status, glyphs: Glyphs, bars: int) -> list[Part]:
    values = together([each.rate_history for each in status.classes])
    top = nice(max((value for value in values if value is not None), default=0))
    total = sum(each.rate for each in status.classes)
    return [
        (0, Cell(f"jobs/s {rate(total):>6}", "bold")),
        (0, Cell(f"{spark(values, bars, top, glyphs.ascii_only)} {glyphs.at_most}{compact(top)} 60s")),
        (3, Cell(f"done {compact(sum(each.completed for each in status.classes))}")),
        (1, Cell(f"gave up {number(sum(each.failed for each in status.classes))}")),
        (2, Cell(f"retried {number(sum(each.retried for each in status.classes))}")),
    ]


def _backlog(status: Status, glyphs: Glyphs, bars: int) -> list[Part]:
    queues = [each.queue for each in status.classes]
    top = lateness_top(status.classes)
    late = spark(latest(status.classes), bars, BAR_STEPS_MS[top], glyphs.ascii_only)
    oldest = max((queue.oldest or 0.0 for queue in queues), default=0.0)
    p95 = max((each.lateness.p95 for each in status.classes if each.lateness.p95 is not None), default=None)
    resident = sum(child.rss or 0 for child in status.children)
    return [
        (0, Cell(f"late   {duration(p95):>6}", "bold")),
        (0, Cell(f"{late} {glyphs.at_most}{BAR_WORDS[top]} p95")),
        (1, Cell(f"ready {bounded(queue.ready for queue in queues)}")),
        *([(2, Cell(f"oldest {duration(oldest)}"))] if oldest else []),
        (3, Cell(f"later {bounded(queue.delayed for queue in queues)}")),
        (4, Cell(f"mem {memory(resident)}")),
    ]


STYLES = {State.OK: "", State.UNKNOWN: "", State.WARNING: "bold yellow", State.CRITICAL: "bold red"}


def worst(status: Status, reasons: Sequence[Reason], glyphs: Glyphs, all_key: str = "") -> list[Cell]:
    """The one line: a mark, and what it means. `reasons`: all, the gravest first; `all_key` shows the others."""
    if not reasons:
        return [Cell(glyphs.good), Cell(well(status))]
    more = f"1 of {len(reasons)}{f' ({all_key} shows all)' if all_key else ''}: " if len(reasons) > 1 else ""
    style = STYLES[reasons[0].state]
    return [Cell(mark_of(reasons[0], glyphs), style), Cell(more + clean(reasons[0].text), style)]


def well(status: Status) -> str:
    """What there is to say where nothing is wrong."""
    return clean(judge(status, Thresholds()).summary)


def mark_of(reason: Reason, glyphs: Glyphs) -> str:
    return glyphs.bad if reason.state is State.CRITICAL else "!"
