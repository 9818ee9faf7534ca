"""All that is wrong with a daemon now, the gravest first: what a monitor would ring for, and what will be wrong soon.
Pure."""

from collections.abc import Iterable, Sequence

from msgspec import structs

from wmcore.model import PoolState
from wmcore.protocol.messages import Backend, JobClass, Pool, Status
from wmtui import load
from wmtui.formatting import age, duration, rate
from wmtui.judging import SEVERITY, Reason, State, Thresholds, judge, of_class, of_pool
from wmtui.trend import Motion, Trend

NEWS_SECONDS = 60.0
"""What failed within them fails now."""


def wrongs(status: Status, trend: Trend) -> list[Reason]:
    """Jobs that wait because their pool was drained stand first: whatever else they cause is due to that. Then the
    gravest; what a banner says already stands at the end."""
    growing = [each for each in status.classes if _grows(each, status, trend)]
    # What is told of a class that grows tells its age too.
    rest = [each for each in status.classes if each not in growing]
    pools = [pool for pool in status.pools if pool.state != PoolState.DRAINING]
    quiet = structs.replace(status, backend=Backend(name="", ok=True), pools=pools, classes=rest)
    judged = judge(quiet, Thresholds()).reasons
    grown = [_grown(each, status, trend) for each in growing]
    ranked = sorted([*judged, *grown], key=lambda reason: -SEVERITY.index(reason.state))
    found = [*_drained_with_jobs(status), *ranked, *_failing(status)]
    told = structs.replace(status, classes=rest)
    return [*found, *(reason for reason in judge(told, Thresholds()).reasons if reason not in found)]


def _drained_with_jobs(status: Status) -> list[Reason]:
    waits = {each.name for each in status.classes if each.queue.ready and not each.paused}
    drained = [pool for pool in status.pools if pool.state == PoolState.DRAINING and not pool.running]
    pools = [pool for pool in drained if waits.intersection(pool.workers)]
    return [reason for pool in pools for reason in of_pool(pool, status.classes)]


# -- classes of which more comes than goes ----------------------------------------------------------------------------


def _pool(each: JobClass, pools: Iterable[Pool]) -> Pool | None:
    return next((pool for pool in pools if each.name in pool.workers), None)


def _grows(each: JobClass, status: Status, trend: Trend) -> bool:
    """While its children run: where none does, that is what is wrong."""
    pool = _pool(each, status.pools)
    runs = pool is not None and pool.running > 0 and pool.state != PoolState.DRAINING
    return runs and not each.paused and trend.motion(each.name) is Motion.GROWING and not load.is_small(each)


def _grown(each: JobClass, status: Status, trend: Trend) -> Reason:
    worse = [reason.state for reason in of_class(each, Thresholds())]
    state = max([State.WARNING, *worse], key=SEVERITY.index)
    queue, took = each.queue, each.process.mean
    oldest = f", the oldest for {age(queue.oldest / 1000)}" if queue.oldest else ""
    takes = "" if took is None else f", each takes {duration(took)}"
    text = f"{each.name} grows: {rate(queue.in_rate)}/s come, {rate(queue.out_rate)}/s go{takes}"
    return Reason(state, text + _what_it_takes(each, status, trend) + f"; {queue.ready or 0:,} wait{oldest}")


def _what_it_takes(each: JobClass, status: Status, trend: Trend) -> str:
    pool = _pool(each, status.pools)
    if pool is None or pool.busy < pool.running:
        return ""
    found = load.of_pool(status, pool, trend.settled(each.name))
    if found is None or found.needs <= pool.wanted:
        return ""
    return f": pool {pool.name} needs {found.needs} children (has {pool.wanted})"


# -- classes of which jobs are given up -------------------------------------------------------------------------------


def _failing(status: Status) -> list[Reason]:
    """Classes of which jobs were given up lately, the one with most of them first: nothing that a monitor would ring
    for, but the next thing to look at. Whose records are all gone was looked at."""
    failing = [each for each in status.classes if each.lately.failed] if status.failed.count != 0 else []
    ranked: Sequence[JobClass] = sorted(failing, key=lambda each: -each.lately.failed)
    return [Reason(State.WARNING, _given_up(each, status)) for each in ranked]


def _given_up(each: JobClass, status: Status) -> str:
    lately = each.lately
    share = lately.failed / max(1, lately.failed + lately.completed)
    of_all = f"{share:.0%}".replace("%", " %") if share >= 0.01 else "<1 %"
    span = f"{lately.seconds / 60:.0f} min" if lately.seconds >= 90 else f"{lately.seconds} s"
    ago = 0.0 if lately.failed_at is None else status.now - lately.failed_at
    parts = [f"{each.name}: {lately.failed:,} given up in {span}", f"{of_all} of its jobs"]
    parts += [f"the last {age(ago)} ago"] if ago > NEWS_SECONDS else []
    newest = next((record for record in status.failed.recent if record.class_name == each.name), None)
    return ", ".join(parts) + (f": {newest.error}" if newest is not None else "")
