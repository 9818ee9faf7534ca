"""What can be asked of a daemon: one function per method, its request and reply types in `protocol.messages`.

"No" is an exception: Refused, NotFound or QueueDown, each with its sentence.
"""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wmcore
from wmcore import status
from wmcore.backends.arguments import readable
from wmcore.backends.base import FailedRow, Filter
from wmcore.errors import NotFound, QueueDown, Refused
from wmcore.manager.state import Pool
from wmcore.model import COUNT_LIMIT, ChildState
from wmcore.protocol import messages
from wmcore.scoreboard import CAPACITY

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

BULK_LIMIT = 100_000
PAGE_LIMIT = 1_000
TAIL_LIMIT = 10_000
TAIL_BYTES = 4 * 1024 * 1024
READABLE = 2_000
LARGE = 64 * 1024
WHOLE = 1_000_000
"""Characters of an argument: in a list; bytes from which on it is not decoded there; in a record."""


async def hello(manager: "Manager", request: messages.Hello) -> messages.HelloReply:
    return messages.HelloReply(
        version=wmcore.__version__,
        protocol=messages.PROTOCOL,
        host=status.HOST,
        pid=os.getpid(),
        instance=manager.config.instance,
        role="operator",
        type=manager.config.type,
        started_at=manager.started_at,
        conf=str(manager.config.path),
    )


async def children(manager: "Manager", request: messages.GetChildren) -> list[messages.Child]:
    return status.children(manager)


# -- pools ------------------------------------------------------------------------------------------------------------


def _pools(manager: "Manager", name: str | None) -> list[Pool]:
    if name is None:
        return manager.state.pools
    found = [pool for pool in manager.state.pools if pool.config.name == name]
    if not found:
        known = ", ".join(pool.config.name for pool in manager.state.pools)
        raise NotFound(f"there is no pool {name!r}; there is {known}")
    return found


def _not_stopping(manager: "Manager") -> None:
    if manager.state.stopping:
        raise Refused("the daemon is stopping")


async def scale(manager: "Manager", request: messages.Scale) -> messages.Scaled:
    _not_stopping(manager)
    pools = _pools(manager, request.pool)
    if len(pools) > 1:
        raise Refused("there are several pools; name one: " + ", ".join(pool.config.name for pool in pools))
    pool = pools[0]
    before = pool.wanted
    if (request.to is None) == (request.by is None):
        raise Refused("say either 'to' (a number of children) or 'by' (a change)")
    wanted = request.to if request.to is not None else before + (request.by or 0)
    others = sum(other.wanted for other in manager.state.pools if other is not pool)
    if not 0 <= wanted <= CAPACITY - others:
        raise Refused(f"pool {pool.config.name} can have 0 to {CAPACITY - others} children, not {wanted}")
    manager.scale(pool, wanted)
    return messages.Scaled(pool=pool.config.name, before=before, wanted=wanted)


async def drain(manager: "Manager", request: messages.Drain) -> messages.PoolsChanged:
    return _set_draining(manager, request.pool, True)


async def resume(manager: "Manager", request: messages.Resume) -> messages.PoolsChanged:
    return _set_draining(manager, request.pool, False)


def _set_draining(manager: "Manager", name: str | None, draining: bool) -> messages.PoolsChanged:
    _not_stopping(manager)
    pools = _pools(manager, name)
    for pool in pools:
        manager.drain(pool, draining)
    return messages.PoolsChanged(pools=[pool.config.name for pool in pools])


async def pause(manager: "Manager", request: messages.Pause) -> messages.ClassChanged:
    return _set_paused(manager, request.class_name, True)


async def unpause(manager: "Manager", request: messages.Unpause) -> messages.ClassChanged:
    return _set_paused(manager, request.class_name, False)


def _set_paused(manager: "Manager", name: str, paused: bool) -> messages.ClassChanged:
    _ready(manager)
    if name not in manager.state.names:
        raise NotFound(f"there is no class {name!r}; there are {', '.join(manager.state.names)}")
    manager.pause(manager.state.names.index(name), paused)
    return messages.ClassChanged(class_name=name, paused=paused)


# -- children ---------------------------------------------------------------------------------------------------------


async def recycle(manager: "Manager", request: messages.Recycle) -> messages.SlotsChanged:
    _not_stopping(manager)
    living = {child.slot: child for child in manager.state.children.values() if child.pid}
    if request.slot is not None:
        if request.slot not in living:
            raise NotFound(f"there is no child in slot {request.slot}")
        chosen = [living[request.slot]]
    else:
        indexes = {pool.index for pool in _pools(manager, request.pool)}
        chosen = [child for child in living.values() if child.pool in indexes]
    for child in chosen:
        manager.children.retire(child)
    return messages.SlotsChanged(slots=[child.slot for child in chosen])


async def kill(manager: "Manager", request: messages.Kill) -> messages.Killed:
    child = manager.state.children.get(request.slot)
    if child is None or not child.pid:
        raise NotFound(f"there is no child in slot {request.slot}")
    view = manager.board.view(child.slot)
    job = view.job if view.pid == child.pid and view.state is ChildState.BUSY else None
    if child.pid != request.pid:
        raise Refused(f"slot {request.slot} has another child by now (pid {child.pid}, not {request.pid}); look again")
    if job != request.job:
        now = f"job {job}" if job else "no job"
        raise Refused(f"child {request.slot} has {now} by now, not {request.job or 'no job'}; look again")
    manager.children.kill(child, "killed by an operator", gives_back=True)
    manager.note(f"child {child.slot} (pid {child.pid}) is killed by an operator, its job is given back")
    return messages.Killed(slot=child.slot, pid=child.pid, job=job)


async def stop(manager: "Manager", request: messages.Stop) -> messages.Stopping:
    (manager.stop_now if request.now else manager.stop)()
    return messages.Stopping(state=manager.state.daemon_state(), children=len(manager.state.children))


async def reload(manager: "Manager", request: messages.Reload) -> messages.PoolsChanged:
    raise Refused("this version cannot reload: stop the daemon and start it again")


# -- jobs -------------------------------------------------------------------------------------------------------------


def _ready(manager: "Manager") -> None:
    if not manager.state.ready:
        raise Refused("the daemon is still starting")


def _limit(asked: int) -> int:
    return max(1, min(asked, PAGE_LIMIT))


async def jobs_list(manager: "Manager", request: messages.ListJobs) -> messages.JobPage:
    _ready(manager)
    if request.state not in (None, "ready", "delayed", "running"):
        raise Refused(f"a job is ready, delayed or running, not {request.state!r}")
    limit = _limit(request.limit)
    queue = manager.queue
    return await queue.thread(_job_page, queue.queue, request, limit)


def _job_page(queue: Any, request: messages.ListJobs, limit: int) -> messages.JobPage:
    """In a thread: arguments are decoded here, and may be large."""
    rows = queue.jobs(request.class_name, request.state, request.cursor, limit)
    jobs = [
        messages.QueuedJob(
            id=row.id, class_name=row.funcname, state=row.state, insert_time=row.insert_time, run_after=row.run_after,
            grabbed_until=row.grabbed_until, priority=row.priority, uniqkey=row.uniqkey, arg=_glimpse(row.raw),
        )
        for row in rows
    ]  # fmt: skip
    return messages.JobPage(jobs=jobs, cursor=rows[-1].id if len(rows) == limit else None)


def _glimpse(raw: bytes) -> str:
    """Of an argument in a list. A large one is not decoded for the few characters that are shown of it."""
    if len(raw) <= LARGE:
        return readable(raw, READABLE)
    return f"({len(raw):,} bytes) {raw[:READABLE].decode(errors='replace')}"


def _filter(asked: messages.FailedFilter) -> Filter:
    return Filter(asked.class_name, asked.error, asked.since, asked.until)


async def failed_list(manager: "Manager", request: messages.ListFailed) -> messages.FailedPage:
    _ready(manager)
    queue, which = manager.queue, _filter(request.filter)
    rows, cursor = await queue.thread(queue.queue.failed_list, which, request.cursor, _limit(request.limit))
    total = await queue.thread(queue.queue.failed_count, which)
    return messages.FailedPage(records=[status.failed_summary(row) for row in rows], total=total, cursor=cursor)


async def failed_get(manager: "Manager", request: messages.GetFailed) -> messages.FailedRecord:
    _ready(manager)
    row, arg = await manager.queue.thread(_failed_record, manager.queue.queue, request.id)
    attempts = [
        messages.Attempt(
            at=attempt.at, message=attempt.message, traceback=attempt.traceback, exit_status=attempt.exit_status,
            host=attempt.host, slot=attempt.slot, pid=attempt.pid,
        )
        for attempt in row.attempts
    ]  # fmt: skip
    return messages.FailedRecord(
        id=row.id, class_name=row.funcname, job=row.job, failed_at=row.failed_at, insert_time=row.insert_time,
        run_after=row.run_after, priority=row.priority, uniqkey=row.uniqkey, coalesce=row.coalesce,
        arg=arg, raw=row.raw, attempts=attempts, retried_as=row.retried_as,
    )  # fmt: skip


def _failed_record(queue: Any, failed_id: str) -> tuple[FailedRow, str]:
    """In a thread, with its argument for people."""
    row: FailedRow = queue.failed_get(failed_id)
    return row, readable(row.raw, WHOLE)


async def failed_retry(manager: "Manager", request: messages.RetryFailed) -> messages.FailedChanged:
    return await _each_failed(manager, request, "retried", lambda queue, failed_id: queue.failed_retry(failed_id))


async def failed_delete(manager: "Manager", request: messages.DeleteFailed) -> messages.FailedChanged:
    return await _each_failed(manager, request, "deleted", lambda queue, failed_id: queue.failed_delete(failed_id))


async def _each_failed(
    manager: "Manager", request: messages.RetryFailed | messages.DeleteFailed, word: str, act: Callable[[Any, str], Any]
) -> messages.FailedChanged:
    _ready(manager)
    changed = await manager.queue.thread(_change_failed, manager.queue.queue, request, act)
    manager.note(f"{len(changed.done)} failed jobs {word}, {len(changed.refused)} refused")
    if changed.done:
        await manager.queue.refresh_failed()
    return changed


def _change_failed(
    queue: Any, request: messages.RetryFailed | messages.DeleteFailed, act: Callable[[Any, str], Any]
) -> messages.FailedChanged:
    """In a thread."""
    done, refused = [], []
    for failed_id in _chosen_failed(queue, request):
        try:
            act(queue, failed_id)
            done.append(failed_id)
        except (Refused, QueueDown) as error:
            refused.append(messages.RefusedItem(id=failed_id, reason=str(error)))
    return messages.FailedChanged(done=done, refused=refused)


def _chosen_failed(queue: Any, request: messages.RetryFailed | messages.DeleteFailed) -> list[str]:
    if (request.ids is None) == (request.filter is None):
        raise Refused("say either 'ids' or 'filter'")
    if request.ids is not None:
        return request.ids
    assert request.filter is not None
    if request.expected is None:
        raise Refused("a filter needs 'expected', the number of jobs that you saw")
    which = _filter(request.filter)
    total = queue.failed_count(which)
    if total < COUNT_LIMIT and abs(total - request.expected) > request.expected * 0.01:
        raise Refused(f"the filter matches {total} failed jobs by now, not {request.expected}; look again")
    ids: list[str] = []
    cursor: str | None = None
    while len(ids) < BULK_LIMIT:
        rows, cursor = queue.failed_list(which, cursor, PAGE_LIMIT)
        ids += [row.id for row in rows]
        if cursor is None:
            break
    return ids


# -- logs -------------------------------------------------------------------------------------------------------------


async def log_tail(manager: "Manager", request: messages.TailLog) -> messages.LogLines:
    if request.which not in ("log", "errorlog"):
        raise Refused(f"there is 'log' and 'errorlog', not {request.which!r}")
    path = manager.config.logfile if request.which == "log" else manager.config.errorlogfile
    try:
        return messages.LogLines(path=str(path), lines=_tail(path, max(1, min(request.lines, TAIL_LIMIT))))
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None


def _tail(path: Path, lines: int) -> list[str]:
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - min(TAIL_BYTES, 400 * lines)))
        text = file.read().decode(errors="replace").splitlines()
    return text[-lines:]


Command = Callable[["Manager", Any], Awaitable[Any]]

COMMANDS: dict[type[messages.Request], Command] = {
    messages.Hello: hello,
    messages.GetChildren: children,
    messages.Scale: scale,
    messages.Drain: drain,
    messages.Resume: resume,
    messages.Pause: pause,
    messages.Unpause: unpause,
    messages.Recycle: recycle,
    messages.Kill: kill,
    messages.Reload: reload,
    messages.Stop: stop,
    messages.ListJobs: jobs_list,
    messages.ListFailed: failed_list,
    messages.GetFailed: failed_get,
    messages.RetryFailed: failed_retry,
    messages.DeleteFailed: failed_delete,
    messages.TailLog: log_tail,
}
"""All methods but `status` and `subscribe`, which need the server's own knowledge of its viewers."""
