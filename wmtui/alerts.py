"""All that is wrong with a daemon now, the gravest first: what a monitor would ring for, and what will be wrong soon.
Pure."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from msgspec import structs

from wmcore.model import PoolState
from wmcore.protocol.messages import Backend, JobClass, Pool, Status
from wmtui import load
from wmtui.formatting import age, duration, rate
from wmtui.judging import SEVERITY, Reason, State, Thresholds, judge, of_class, of_pool
from wmtui.load import Load, is_small
from wmtui.trend import Motion, Trend

NEWS_SECONDS = 60.0
"""What failed within them fails now."""


def wrongs(status: Status, trend: Trend, again: Mapping[str, int] | None = None) -> list[Reason]:
    """Jobs that wait because their pool was drained, or scaled to 0, stand first: whatever else they cause is due to
    that. Then the gravest; what a banner says already stands at the end. `again`: by class, how many of what was given
    up lately had been retried by whoever asks."""
    short = [each for pool in status.pools for each in _short(pool, status, trend)]
    told = {name for each in short for name in each.classes}
    # What is told of a class that grows tells its age too.
    rest = [each for each in status.classes if each.name not in told]
    pools = [pool for pool in status.pools if pool.state != PoolState.DRAINING]
    manned = [pool for pool in pools if pool.wanted or pool.running]
    quiet = structs.replace(status, backend=Backend(name="", ok=True), pools=manned, classes=rest)
    judged = [*judge(quiet, Thresholds()).reasons, *(each.reason for each in short)]
    ranked = sorted(judged, key=lambda reason: -SEVERITY.index(reason.state))
    found = [*_left_alone(status), *ranked, *_failing(status, again or {})]
    if status.backend.ok and pools == status.pools and all(each.queue.ready is not None for each in rest):
        return found
    also = judge(structs.replace(status, classes=rest), Thresholds()).reasons
    return [*found, *(reason for reason in also if reason not in found)]


def _left_alone(status: Status) -> list[Reason]:
    """Jobs of pools in which nobody is, nor is to be."""
    waits = {each.name for each in status.classes if each.queue.ready and not each.paused}
    empty = [pool for pool in status.pools if not pool.running]
    meant = [pool for pool in empty if pool.state == PoolState.DRAINING or not pool.wanted]
    pools = [pool for pool in meant if waits.intersection(pool.workers)]
    return [reason for pool in pools for reason in of_pool(pool, status.classes)]


# -- pools that have too few children ---------------------------------------------------------------------------------


class _Short(NamedTuple):
    """What is wrong with a backlog, and the classes of which it tells."""

    reason: Reason
    classes: Sequence[str]


def _short(pool: Pool, status: Status, trend: Trend) -> list[_Short]:
    """While children run: where none does, that is what is wrong."""
    if not pool.running or not pool.wanted or pool.state == PoolState.DRAINING:
        return []
    mine = [each for each in status.classes if each.name in pool.workers and not each.paused and not is_small(each)]
    growing = [each for each in mine if trend.motion(each.name) is Motion.GROWING]
    all_busy = pool.busy >= pool.running
    found = load.now(status, pool, trend) if all_busy else None
    if growing and found is not None and found.needs > pool.wanted:
        return [_told(_needs(pool, found, status), growing)]
    if growing:
        return [_told(_grows(each), [each]) for each in growing]
    new = [each for each in mine if not trend.settled(each.name) and not list(of_class(each, Thresholds()))]
    if new and all_busy:
        all_ = "its only child is" if pool.running == 1 else f"all {pool.running} children are"
        busy = f"pool {pool.name}: {all_} busy, {_waiting(new)}"
        return [_Short(Reason(State.WARNING, f"{busy}; measuring whether they keep up"), [])]
    return []


def _told(text: str, classes: Sequence[JobClass]) -> _Short:
    """As grave as their age makes it."""
    worse = [reason.state for each in classes for reason in of_class(each, Thresholds())]
    state = max([State.WARNING, *worse], key=SEVERITY.index)
    return _Short(Reason(state, f"{text}; {_waiting(classes)}"), [each.name for each in classes])


def _needs(pool: Pool, found: Load, status: Status) -> str:
    """The class that is short is a victim as a rule: what holds the children is another one."""
    heaviest = found.heaviest
    of_them = "" if heaviest is None else f" ({heaviest[0]} {heaviest[1]})"
    queues = [each.queue for each in status.classes if each.name in pool.workers and not each.paused]
    come, go = sum(queue.in_rate or 0.0 for queue in queues), sum(queue.out_rate or 0.0 for queue in queues)
    return f"pool {pool.name} needs {found.needs} children{of_them}, has {pool.wanted}: {_flow(come, go)}"


def _grows(each: JobClass) -> str:
    took = each.process.mean
    takes = "" if took is None else f", each takes {duration(took)}"
    return f"{each.name} grows: {_flow(each.queue.in_rate, each.queue.out_rate)}{takes}"


def _flow(come: float | None, go: float | None) -> str:
    return f"{rate(come)}/s come, {rate(go)}/s go"


def _waiting(classes: Sequence[JobClass]) -> str:
    ready, oldest = sum(each.queue.ready or 0 for each in classes), max(each.queue.oldest or 0.0 for each in classes)
    return f"{ready:,} wait{'s' if ready == 1 else ''}" + (f", the oldest for {age(oldest / 1000)}" if oldest else "")


# -- classes of which jobs are given up -------------------------------------------------------------------------------


def _failing(status: Status, again: Mapping[str, int]) -> list[Reason]:
    """Classes of which jobs were given up lately, the one with most of them first: nothing that a monitor would ring
    for, but the next thing to look at. Whose records are all gone, or retried, was looked at."""
    known = status.classes if status.failed.count != 0 else []
    failing = [each for each in known if each.lately.failed and each.open != 0]
    ranked: Sequence[JobClass] = sorted(failing, key=lambda each: -each.lately.failed)
    return [Reason(State.WARNING, _given_up(each, status, again.get(each.name, 0))) for each in ranked]


def _given_up(each: JobClass, status: Status, again: int) -> str:
    """A job that was retried and fails again is given up again: it is told, lest it look like another one."""
    lately = each.lately
    share = lately.failed / max(1, lately.failed + lately.completed)
    of_all = f"{share:.0%}".replace("%", " %") if share >= 0.01 else "<1 %"
    span = f"{lately.seconds / 60:.0f} min" if lately.seconds >= 120 else f"{lately.seconds} s"
    ago = 0.0 if lately.failed_at is None else status.now - lately.failed_at
    some = "all" if again >= lately.failed else f"{again:,}"
    retried = f" ({some} of them again, after a retry)" if again else ""
    parts = [f"{each.name}: {lately.failed:,} given up in {span}{retried}", f"{of_all} of its jobs"]
    parts += [f"the last {ago // 60:.0f} min ago"] if ago > NEWS_SECONDS else []
    newest = next((record for record in status.failed.recent if record.class_name == each.name), None)
    which = "; the newest: " if lately.failed > 1 else ": "  # the others may have failed of something else
    return ", ".join(parts) + (f"{which}{newest.error}" if newest is not None else "")
