"""A daemon judged in one line, as Nagios, Icinga and their like ask for it: what is wrong, how bad that is, how it is
said. Pure."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import StrEnum
from itertools import chain

from msgspec import Struct

from wmcore.model import COUNT_LIMIT, DaemonState, PoolState
from wmcore.protocol.messages import Backend, FailedPage, JobClass, Pool, Server, Status
from wmtui.formatting import age, moment
from wmtui.printing import clean, plural, reason, shorten

REASONS_SHOWN = 8
TEXT_WIDTH = 160  # characters of an error message or a list of names


class State(StrEnum):
    """In the order of the plug-in guidelines' exit codes."""

    OK = "OK"
    WARNING = "WARNING"
    CRITICAL = "CRITICAL"
    UNKNOWN = "UNKNOWN"

    @property
    def exit_code(self) -> int:
        return list(State).index(self)


SEVERITY = (State.OK, State.UNKNOWN, State.WARNING, State.CRITICAL)
"""Not the exit codes: a trouble that is known counts for more than a figure that is not."""


class Limits(Struct, frozen=True):
    """A figure above them is bad; None: never."""

    warning: float | None = None
    critical: float | None = None


OFF = Limits()


class Thresholds(Struct, frozen=True):
    age: Limits = Limits(60, 300)  # seconds that the oldest claimable job of a class has waited
    depth: Limits = Limits(1_000, 10_000)  # claimable jobs of a class
    failed: Limits = OFF  # jobs that finally failed within `failed_within` seconds
    failed_within: float = 3600
    classes: tuple[str, ...] = ()  # only these; empty: all


class Reason(Struct, frozen=True):
    state: State
    text: str


class Figure(Struct, frozen=True):
    """For the monitor's graphs."""

    label: str
    value: float | None  # None: not known
    unit: str = ""
    limits: Limits = OFF


class Verdict(Struct, frozen=True):
    state: State
    summary: str = ""  # what is said where there is no reason
    reasons: tuple[Reason, ...] = ()  # the most severe first
    figures: tuple[Figure, ...] = ()


def failure(state: State, text: str) -> Verdict:
    """Where nothing could be judged."""
    return Verdict(state, reasons=(Reason(state, text),))


# -- judging ----------------------------------------------------------------------------------------------------------


def judge(status: Status, thresholds: Thresholds, failed: FailedPage | None = None) -> Verdict:
    """`failed`: the failed jobs that `thresholds` ask for; None where they ask for none or the daemon cannot say."""
    classes = [each for each in status.classes if not thresholds.classes or each.name in thresholds.classes]
    found = chain(
        _servers(status.backend, status.now),
        _children(status),
        chain.from_iterable(of_class(each, thresholds) for each in classes),
        _failed(failed, thresholds),
        _absent(status, thresholds.classes),
        _uncounted(status.backend.servers, classes),
    )
    reasons = sorted(found, key=lambda reason: -SEVERITY.index(reason.state))
    state = reasons[0].state if reasons else State.OK
    figures = _figures(status.pools, classes, failed, thresholds)
    return Verdict(state, _summary(status, classes), tuple(reasons), tuple(figures))


def _servers(backend: Backend, now: float) -> Iterator[Reason]:
    """One that was not asked yet is neither ok nor down since a time."""
    servers, word = backend.servers, "job server" if backend.name == "Gearman" else "database"
    down = [(server, server.since) for server in servers if not server.ok and server.since is not None]
    state = State.CRITICAL if len(down) == len(servers) else State.WARNING
    for server, since in down:
        why = _because(reason(server))
        yield Reason(state, f"{word} {server.name} is down since {moment(since, now)} ({age(now - since)}){why}")


def _because(error: str | None) -> str:
    return f": {shorten(error, TEXT_WIDTH)}" if error else ""


def _children(status: Status) -> Iterator[Reason]:
    if status.state == DaemonState.STARTING:
        yield Reason(State.UNKNOWN, "the daemon is starting")
    elif status.state == DaemonState.STOPPING:
        yield Reason(State.WARNING, f"the daemon is stopping, {plural(len(status.children), 'child')} left")
    else:
        yield from chain.from_iterable(of_pool(pool, status.classes) for pool in status.pools)


def of_pool(pool: Pool, classes: Sequence[JobClass]) -> Iterator[Reason]:
    """What is wrong with its children. `classes`: all that there are."""
    running = f"pool {pool.name}: {pool.running} of {pool.wanted} children running"
    if pool.state == PoolState.DRAINING:
        left = f"is draining, {plural(pool.running, 'child')} left" if pool.running else "is drained"
        kept = _kept_waiting(pool, classes) or ("" if pool.running else "no child runs until it is resumed")
        yield Reason(State.WARNING, f"pool {pool.name} {left}{': ' if kept else ''}{kept}")
    elif not pool.wanted and not pool.running:  # somebody wanted it so; nothing is wrong before a job waits
        if kept := _kept_waiting(pool, classes):
            yield Reason(State.WARNING, f"pool {pool.name} is scaled to 0 children: {kept}")
    elif pool.state == PoolState.BACKING_OFF:
        yield Reason(State.CRITICAL, f"{running}, backing off{_because(pool.error)}")
    elif pool.wanted > 0 and pool.running == 0:
        yield Reason(State.CRITICAL, running + _because(pool.error))
    elif pool.running < pool.wanted or pool.error:  # all may run and no other be possible: the code cannot be loaded
        yield Reason(State.WARNING, running + _because(pool.error))


def _kept_waiting(pool: Pool, classes: Sequence[JobClass]) -> str:
    """Jobs that this pool would run if it ran."""
    mine = [each.queue for each in classes if each.name in pool.workers and not each.paused and each.queue.ready]
    if not mine:
        return ""
    ready, oldest = sum(queue.ready or 0 for queue in mine), max(queue.oldest or 0 for queue in mine)
    return f"{_jobs(ready)} wait{'s' if ready == 1 else ''}{f', the oldest for {age(oldest / 1000)}' if oldest else ''}"


def of_class(each: JobClass, thresholds: Thresholds) -> Iterator[Reason]:
    """What is wrong with its backlog."""
    ready, oldest = each.queue.ready or 0, _age(each)
    if ready and each.paused:  # somebody wanted it so: said, lest it be forgotten, and no more than that
        since = "" if oldest is None else f", the oldest for {age(oldest)}"
        yield Reason(State.WARNING, f"{each.name} is paused, {_jobs(ready)} waiting{since}")
    elif ready:
        if oldest is not None:
            yield from _above(thresholds.age, oldest, f"{each.name}: the oldest job waiting for {age(oldest)}", age)
        yield from _above(thresholds.depth, ready, f"{each.name}: {_jobs(ready)} waiting", _number)


def _failed(failed: FailedPage | None, thresholds: Thresholds) -> Iterator[Reason]:
    if thresholds.failed == OFF:
        return
    if failed is None or failed.total is None:
        yield Reason(State.UNKNOWN, "the failed jobs are not known")
        return
    last = "".join(f", the last of {each.class_name}{_because(each.error)}" for each in failed.records[:1])
    text = f"{_jobs(failed.total)} failed within {age(thresholds.failed_within)}{last}"
    yield from _above(thresholds.failed, failed.total, text, _number)


def _absent(status: Status, names: Iterable[str]) -> Iterator[Reason]:
    """Classes that were asked for and are not there. A daemon that starts does not know its own yet."""
    known = [each.name for each in status.classes]
    absent = ", ".join(clean(name) for name in names if name not in known)
    if absent and status.state != DaemonState.STARTING:
        there = shorten(", ".join(known), TEXT_WIDTH) or "none"
        yield Reason(State.UNKNOWN, f"the daemon has no class {absent} (it has: {there})")


def _uncounted(servers: Iterable[Server], classes: Iterable[JobClass]) -> Iterator[Reason]:
    """Where a figure is still to come: that a database is down was said already."""
    names = ", ".join(each.name for each in classes if each.queue.ready is None)
    if names and any(server.ok or server.since is None for server in servers):
        yield Reason(State.UNKNOWN, f"jobs are not counted yet: {shorten(names, TEXT_WIDTH)}")


def _above(limits: Limits, value: float, text: str, show: Callable[[float], str]) -> Iterator[Reason]:
    for state, bound in ((State.CRITICAL, limits.critical), (State.WARNING, limits.warning)):
        if bound is not None and value > bound:
            yield Reason(state, f"{text} ({state.lower()} above {show(bound)})")
            return


def _age(each: JobClass) -> float | None:
    """In seconds; 0 where no job waits. None where nobody knows: Gearman tells how many wait, not how long."""
    if each.queue.ready is None or (each.queue.ready and each.queue.oldest is None):
        return None
    return (each.queue.oldest or 0) / 1000


def _jobs(number: int) -> str:
    if number >= COUNT_LIMIT:
        return f"more than {_number(COUNT_LIMIT - 1)} jobs"
    return "1 job" if number == 1 else f"{_number(number)} jobs"


def _number(value: float) -> str:
    return f"{value:,.0f}"


def _figures(
    pools: Iterable[Pool], classes: Iterable[JobClass], failed: FailedPage | None, thresholds: Thresholds
) -> Iterator[Figure]:
    for pool in pools:
        yield Figure(f"pool {pool.name} children", pool.running)
    for each in classes:
        yield Figure(f"{each.name} age", _age(each), "s", thresholds.age)
        yield Figure(f"{each.name} ready", each.queue.ready, limits=thresholds.depth)
        if each.queue.workers is not None:
            yield Figure(f"{each.name} workers", each.queue.workers)
    if thresholds.failed != OFF:
        yield Figure("failed", failed.total if failed else None, limits=thresholds.failed)


def _summary(status: Status, classes: Sequence[JobClass]) -> str:
    running, wanted = sum(pool.running for pool in status.pools), sum(pool.wanted for pool in status.pools)
    ready = sum(each.queue.ready or 0 for each in classes)
    ages = [waited for each in classes if (waited := _age(each))]
    oldest = f", the oldest for {age(max(ages))}" if ready and ages else ""
    return f"{running} of {wanted} children running, {_jobs(ready)} waiting{oldest}"


# -- saying -----------------------------------------------------------------------------------------------------------


def line(verdict: Verdict) -> str:
    """`STATE: reasons | performance data`."""
    texts = [reason.text for reason in verdict.reasons[:REASONS_SHOWN]]
    if hidden := len(verdict.reasons) - len(texts):
        texts.append(f"and {hidden} more")
    text = f"{verdict.state}: {_harmless('; '.join(texts) or verdict.summary)}"
    return " | ".join([text, " ".join(map(_figure, verdict.figures))] if verdict.figures else [text])


def _harmless(text: str) -> str:
    """On one line, and without a bar: performance data begins at the first."""
    return clean(" ".join(text.split())).replace("|", "¦")


def _figure(figure: Figure) -> str:
    """`'label'=value[UOM];warn;crit;min`. A label has no `=`, and its quotes are doubled; U: not known."""
    label = _harmless(figure.label).replace("=", "_").replace("'", "''")
    value = "U" if figure.value is None else _plain(figure.value) + figure.unit
    return f"'{label}'={value};{_plain(figure.limits.warning)};{_plain(figure.limits.critical)};0"


def _plain(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}".rstrip("0").rstrip(".")
