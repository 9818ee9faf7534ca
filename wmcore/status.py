"""The status message: the manager's state, the scoreboard and the figures, put together within some milliseconds."""

import asyncio
import os
import socket
import time
from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, TypeVar

import wmcore
from wmcore.backends.records import FailedRow
from wmcore.model import ChildState, FlowRates, QueueFigures
from wmcore.model import Percentiles as Measured
from wmcore.protocol import messages
from wmcore.stats import Lately

if TYPE_CHECKING:
    from wmcore.manager.bulk import Run
    from wmcore.manager.core import Manager
    from wmcore.manager.state import Child, Pool
    from wmcore.scoreboard import SlotView

HOST = socket.gethostname()
T = TypeVar("T")


Seen = tuple["Child", "SlotView | None"]
"""A living child and its slot; None: forked, and its slot not yet begun."""


AT_ONCE = 50
"""Rows that are made without a rest in between, some milliseconds' work."""


async def build_by_and_by(manager: "Manager", viewers: int) -> messages.Status:
    """The same as `build`; between its parts the loop does what else there is to do."""
    parts = _parts(manager, viewers)
    while (whole := next(parts)) is None:
        await asyncio.sleep(0)
    return whole


def build(manager: "Manager", viewers: int) -> messages.Status:
    return next(whole for whole in _parts(manager, viewers) if whole is not None)


def _parts(manager: "Manager", viewers: int) -> Iterator[messages.Status | None]:
    """Nothing after each part, and at last the whole."""
    manager.figures.look(manager.slots_used)
    yield None
    seen = yield from _some_at_once((child, manager.children.view(child)) for child in _living(manager))
    rows = yield from _some_at_once(_child(manager, *each) for each in seen)
    classes = yield from _some_at_once(_class(manager, index) for index in range(len(manager.state.names)))
    yield _whole(manager, viewers, seen, rows, classes)


def _some_at_once(made: Iterable[T]) -> Generator[None, None, list[T]]:
    """Yields between so many of them; returns them all."""
    found: list[T] = []
    for each in made:
        found.append(each)
        if len(found) % AT_ONCE == 0:
            yield
    return found


def _whole(
    manager: "Manager", viewers: int, seen: Sequence[Seen], rows: list[messages.Child], classes: list[messages.JobClass]
) -> messages.Status:
    state, config = manager.state, manager.config
    return messages.Status(
        version=wmcore.__version__,
        protocol=messages.PROTOCOL,
        host=HOST,
        pid=os.getpid(),
        instance=config.instance,
        state=state.daemon_state(),
        type=config.type,
        started_at=manager.started_at,
        now=time.time(),
        pools=[_pool(manager, pool, [each for each in seen if each[0].pool == pool.index]) for pool in state.pools],
        children=rows,
        classes=classes,
        failed=_failed(manager),
        backend=_backend(manager),
        viewers=viewers,
        conf=str(config.path),
        socket=str(config.socket),
        notices=_notices(manager, seen),
        events_dropped=manager.figures.dropped(manager.slots_used),
        kill_at=manager.kill_at,
        bulk=bulks(manager),
    )


def _living(manager: "Manager") -> list["Child"]:
    """By slot."""
    return sorted((child for child in manager.state.children.values() if child.pid), key=lambda child: child.slot)


def _notices(manager: "Manager", seen: Sequence[Seen]) -> list[str]:
    notices = [*manager.notices, *manager.loops.notices]
    if manager.state.ready:
        for health in manager.queue.health:
            notices += health.notices
    troubled = [str(view.slot) for _, view in seen if view is not None and view.trouble]
    if troubled and manager.queue.ok:  # else the queue's own line says so
        slots = ", ".join(troubled[:8]) + (", ..." if len(troubled) > 8 else "")
        notices.append(f"the queue does not take what children {slots} write; the errorlogfile says why")
    return notices


def _pool(manager: "Manager", pool: "Pool", seen: Sequence[Seen]) -> messages.Pool:
    return messages.Pool(
        name=pool.config.name,
        wanted=pool.wanted,
        running=len(seen),
        busy=sum(view is not None and view.state is ChildState.BUSY for _, view in seen),
        state=pool.state(manager.state.stopping),
        workers=[manager.state.names[index] for index in pool.config.classes] if manager.state.names else [],
        generation=manager.state.generation,
        error=pool.error,
        draining_since=pool.draining_since,
        held_by=[] if pool.draining_since is None else _holders(manager, seen),
    )


def _holders(manager: "Manager", seen: Sequence[Seen]) -> list[messages.Holder]:
    """Longest job first, those without one behind."""
    now, holders = time.time(), []
    for child, view in seen:
        holder = messages.Holder(slot=child.slot, pid=child.pid)
        if view is not None and view.state is ChildState.BUSY:
            holder.class_name, holder.job = _class_name(manager, view), view.job
            holder.since = manager.clock.unix(view.since_ns / 1e9)
            holder.elapsed = max(0.0, now - holder.since) * 1000
            holder.timeout_at = manager.clock.unix(view.deadline_ns / 1e9) if view.deadline_ns else None
        holders.append(holder)
    return sorted(holders, key=lambda holder: -1.0 if holder.elapsed is None else holder.elapsed, reverse=True)


def _class_name(manager: "Manager", view: "SlotView") -> str | None:
    return None if view.class_index is None else manager.state.names[view.class_index]


def children(manager: "Manager") -> list[messages.Child]:
    """All living children, by slot."""
    return [_child(manager, child, manager.children.view(child)) for child in _living(manager)]


def _child(manager: "Manager", child: "Child", view: "SlotView | None") -> messages.Child:
    pool = manager.state.pools[child.pool].config.name
    if view is None:
        return messages.Child(
            slot=child.slot, pid=child.pid, pool=pool, state=ChildState.STARTING.word, started_at=child.started_at
        )
    busy = view.state is ChildState.BUSY
    return messages.Child(
        slot=child.slot,
        pid=child.pid,
        pool=pool,
        state=(ChildState.FINISHING if child.leaving else view.state).word,
        class_name=_class_name(manager, view) if busy else None,
        job=view.job if busy else None,
        job_since=manager.clock.unix(view.since_ns / 1e9) if busy else None,
        jobs_done=view.done,
        failed=view.failed,
        rss=manager.figures.rss(child.pid),
        started_at=round(child.started_at, 3),
    )


def _class(manager: "Manager", index: int) -> messages.JobClass:
    second = int(time.monotonic())
    stats = manager.figures.classes[index]
    counts = manager.figures.counts(index)
    return messages.JobClass(
        name=manager.state.names[index],
        rate=stats.rate.rate,
        rate_history=stats.rate.history,
        delay=_percentiles(stats.delay.percentiles(second)),
        lateness=_percentiles(stats.lateness.percentiles(second)),
        process=_percentiles(stats.process.percentiles(second)),
        lateness_history=stats.lateness.history(second),
        queue=_queue(manager.queue.figures(index), stats.flow.rates),
        paused=index in manager.paused,
        open=manager.queue.failed_open.get(index),
        lately=_lately(manager, stats.lately, counts, second),
        **counts,
    )


def _lately(manager: "Manager", lately: Lately, counts: Mapping[str, int], second: int) -> messages.Lately:
    seconds, completed, failed = lately.since(second, counts["completed"], counts["failed"])
    failed_at = None if lately.failed_second is None or not failed else manager.clock.unix(lately.failed_second)
    return messages.Lately(seconds=seconds, completed=completed, failed=failed, failed_at=_rounded(failed_at))


def _queue(figures: QueueFigures | None, flow: FlowRates) -> messages.Queue:
    if figures is None:
        return messages.Queue()
    return messages.Queue(
        ready=figures.ready, delayed=figures.delayed, running=figures.running, oldest=figures.oldest_ms,
        in_rate=_rounded(flow.in_rate), out_rate=_rounded(flow.out_rate), clears_in=_rounded(flow.clears_in_ms),
        workers=figures.workers,
    )  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


def _percentiles(measured: Measured) -> messages.Percentiles:
    """Rounded: they go to every viewer each second, and are within 2.5 % anyway."""
    return messages.Percentiles(
        p50=_rounded(measured.p50), p95=_rounded(measured.p95), p99=_rounded(measured.p99),
        max=_rounded(measured.max), mean=_rounded(measured.mean),
    )  # fmt: skip


def _failed(manager: "Manager") -> messages.Failed:
    if not manager.state.ready:
        return messages.Failed()
    recent = [failed_summary(row, arg) for row, arg in manager.queue.failed_recent]
    return messages.Failed(count=manager.queue.failed_count, recent=recent)


def failed_summary(row: FailedRow, arg: str) -> messages.FailedSummary:
    return messages.FailedSummary(
        id=row.id,
        class_name=row.funcname,
        job=row.job,
        failed_at=row.failed_at,
        error=row.error.strip().partition("\n")[0],
        attempts=row.attempt_count,
        host=row.host,
        slot=row.slot,
        retried_as=row.retried_as,
        retried_at=row.retried_at,
        fate=row.fate,
        failed_as=row.failed_as,
        fingerprint=row.fingerprint,
        arg=arg,
    )


def _backend(manager: "Manager") -> messages.Backend:
    if not manager.state.ready:
        return messages.Backend(name=manager.config.type, ok=False)
    servers = [
        messages.Server(name=health.name, ok=health.ok, since=health.since, error=health.error)
        for health in manager.queue.health
    ]
    return messages.Backend(name=manager.config.type, ok=all(server.ok for server in servers), servers=servers)


def bulks(manager: "Manager") -> list[messages.Bulk]:
    return [bulk(run) for run in manager.bulk.runs] if manager.state.ready else []


def bulk(run: "Run") -> messages.Bulk:
    which = run.which
    return messages.Bulk(
        id=run.id, action=run.action, state=run.state, total=run.total, at_least=run.at_least, done=run.done,
        refused=run.refused, by=run.by, started_at=run.started_at, ended_at=run.ended_at, error=run.error,
        reasons=[messages.RefusedItem(id=failed_id, reason=reason) for failed_id, reason in run.reasons],
        filter=messages.FailedFilter(
            class_name=which.funcname, error=which.error, since=which.since, until=which.until,
            fingerprint=which.fingerprint, retried=which.retried, job=which.job,
        ),
    )  # fmt: skip
