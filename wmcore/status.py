"""The status message: the manager's state, the scoreboard and the figures, put together at one moment."""

import os
import socket
import time
from typing import TYPE_CHECKING

import wmcore
from wmcore.backends.base import FailedRow
from wmcore.model import ChildState
from wmcore.model import Percentiles as Measured
from wmcore.protocol import messages

if TYPE_CHECKING:
    from wmcore.manager.core import Manager
    from wmcore.manager.state import Child, Pool

HOST = socket.gethostname()


def build(manager: "Manager", viewers: int) -> messages.Status:
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
        pools=[_pool(manager, pool) for pool in state.pools],
        children=children(manager),
        classes=[_class(manager, index) for index in range(len(state.names))],
        failed=_failed(manager),
        backend=_backend(manager),
        viewers=viewers,
        conf=str(config.path),
        socket=str(config.socket),
        notices=_notices(manager),
        events_dropped=manager.figures.dropped(manager.slots_used),
    )


def _notices(manager: "Manager") -> list[str]:
    notices = [*manager.notices, *manager.loops.notices]
    if manager.state.ready:
        for health in manager.queue.health:
            notices += health.notices
    views = [manager.children.view(child) for child in manager.state.children.values()]
    troubled = [str(view.slot) for view in views if view is not None and view.trouble]
    if troubled:
        slots = ", ".join(troubled[:8]) + (", ..." if len(troubled) > 8 else "")
        notices.append(f"the queue does not take what children {slots} write; the errorlogfile says why")
    return notices


def _pool(manager: "Manager", pool: "Pool") -> messages.Pool:
    states = [manager.board.view(child.slot) for child in manager.state.of_pool(pool.index) if child.pid]
    return messages.Pool(
        name=pool.config.name,
        wanted=pool.wanted,
        running=len(states),
        busy=sum(view.state is ChildState.BUSY for view in states),
        state=pool.state(manager.state.stopping),
        workers=[manager.state.names[index] for index in pool.config.classes] if manager.state.names else [],
        generation=manager.state.generation,
        error=pool.error,
    )


def children(manager: "Manager") -> list[messages.Child]:
    """All living children, by slot."""
    ordered = sorted(manager.state.children.values(), key=lambda child: child.slot)
    return [_child(manager, child) for child in ordered if child.pid]


def _child(manager: "Manager", child: "Child") -> messages.Child:
    view = manager.children.view(child)
    pool = manager.state.pools[child.pool].config.name
    if view is None:  # forked, and its slot not yet begun
        return messages.Child(
            slot=child.slot, pid=child.pid, pool=pool, state=ChildState.STARTING.word, started_at=child.started_at
        )
    busy = view.state is ChildState.BUSY
    return messages.Child(
        slot=child.slot,
        pid=child.pid,
        pool=pool,
        state=(ChildState.FINISHING if child.leaving else view.state).word,
        class_name=manager.state.names[view.class_index] if busy and view.class_index is not None else None,
        job=view.job if busy else None,
        job_since=time.time() - (time.monotonic_ns() - view.since_ns) / 1e9 if busy else None,
        jobs_done=view.done,
        failed=view.failed,
        rss=manager.figures.rss(child.pid),
        started_at=child.started_at,
    )


def _class(manager: "Manager", index: int) -> messages.JobClass:
    second = int(time.monotonic())
    stats = manager.figures.classes[index]
    counts = manager.figures.counts(index, manager.slots_used)
    queue = manager.queue.figures(index)
    return messages.JobClass(
        name=manager.state.names[index],
        rate=stats.rate.rate,
        rate_history=stats.rate.history,
        delay=_percentiles(stats.delay.percentiles(second)),
        lateness=_percentiles(stats.lateness.percentiles(second)),
        process=_percentiles(stats.process.percentiles(second)),
        lateness_history=stats.lateness.history(second),
        queue=messages.Queue()
        if queue is None
        else messages.Queue(queue.ready, queue.delayed, queue.running, queue.oldest_ms, queue.workers),
        paused=index in manager.paused,
        **counts,
    )


def _percentiles(measured: Measured) -> messages.Percentiles:
    return messages.Percentiles(p50=measured.p50, p95=measured.p95, p99=measured.p99, max=measured.max)


def _failed(manager: "Manager") -> messages.Failed:
    if not manager.state.ready:
        return messages.Failed()
    recent = [failed_summary(row) for row in manager.queue.failed_recent]
    return messages.Failed(count=manager.queue.failed_count, recent=recent)


def failed_summary(row: FailedRow) -> messages.FailedSummary:
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
    )


def _backend(manager: "Manager") -> messages.Backend:
    if not manager.state.ready:
        return messages.Backend(name=manager.config.type, ok=False)
    servers = [
        messages.Server(name=health.name, ok=health.ok, since=health.since, error=health.error)
        for health in manager.queue.health
    ]
    return messages.Backend(name=manager.config.type, ok=all(server.ok for server in servers), servers=servers)
