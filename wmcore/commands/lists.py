"""The lists: jobs in the queue, failed jobs and their groups. Each answer is made in a thread: arguments are decoded
there, and may be large."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import msgspec

from wmcore import status
from wmcore.backends.arguments import glimpse, readable
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import FailedRow, Filter, JobFilter, Wanted
from wmcore.errors import QueueDown, Refused
from wmcore.manager.queueside import GLIMPSE
from wmcore.model import COUNT_LIMIT
from wmcore.protocol import messages

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

PAGE_LIMIT = 1_000
AT_ONCE = 100_000
"""Failed jobs that one request may change. `bulk.start` knows no such bound, and can be watched."""
READABLE = 2_000
"""Characters of an argument in the list of queued jobs."""
WHOLE = 1_000_000
"""In a record."""
MOVED = 0.01
"""By this share a number may differ from what somebody was shown."""


def require_queue(manager: "Manager") -> None:
    """Raises Refused while the worker classes are still loaded."""
    if not manager.state.ready:
        raise Refused("the daemon is still starting")


def _wanted(limit: int, cursor: str | None, order: str, orders: tuple[str, str], count: bool = False) -> Wanted:
    if order not in orders:
        raise Refused(f"'order' is {orders[0]!r} or {orders[1]!r}, not {order!r}")
    return Wanted(cursor, max(1, min(limit, PAGE_LIMIT)), order == orders[1], count)


# -- the queue --------------------------------------------------------------------------------------------------------


async def jobs_list(manager: "Manager", request: messages.ListJobs) -> messages.JobPage:
    require_queue(manager)
    page = await manager.queue.thread(_job_page, manager.queue.queue, request)
    return msgspec.structs.replace(page, delayed_only=manager.config.type == "Gearman")


def _job_page(queue: ManagerQueue, request: messages.ListJobs) -> messages.JobPage:
    which = JobFilter(request.class_name, request.state, request.text or None, request.id, request.uniqkey)
    page = queue.jobs(which, _wanted(request.limit, request.cursor, request.order, ("first", "last")))
    jobs = [
        messages.QueuedJob(
            id=row.id, class_name=row.funcname, state=row.state, insert_time=row.insert_time, run_after=row.run_after,
            grabbed_until=row.grabbed_until, priority=row.priority, uniqkey=row.uniqkey,
            arg=glimpse(row.raw, row.size, READABLE), age=max(0.0, row.now - row.insert_time) * 1000,
            due_in=(row.run_after - row.now) * 1000,
        )
        for row in page.rows
    ]  # fmt: skip
    return messages.JobPage(
        jobs=jobs, cursor=page.behind, before=page.before, partial=page.scanned is not None, scanned=page.scanned
    )


# -- failed jobs ------------------------------------------------------------------------------------------------------


def filter_of(asked: messages.FailedFilter) -> Filter:
    return Filter(
        asked.class_name, asked.error or None, asked.since, asked.until, asked.fingerprint, asked.retried,
        asked.job or None,
    )  # fmt: skip


async def failed_list(manager: "Manager", request: messages.ListFailed) -> messages.FailedPage:
    require_queue(manager)
    return await manager.queue.thread(_failed_page, manager.queue.queue, request)


def _failed_page(queue: ManagerQueue, request: messages.ListFailed) -> messages.FailedPage:
    wanted = _wanted(request.limit, request.cursor, request.order, ("newest", "oldest"), request.count)
    page = queue.failed_page(filter_of(request.filter), wanted)
    return messages.FailedPage(
        records=_summaries(page.rows), total=page.total, at_least=page.at_least, cursor=page.older, before=page.newer,
        partial=page.scanned is not None, scanned=page.scanned,
    )  # fmt: skip


def _summaries(rows: Iterable[FailedRow]) -> list[messages.FailedSummary]:
    return [status.failed_summary(row, glimpse(row.raw, row.size, GLIMPSE)) for row in rows]


async def failed_look(manager: "Manager", request: messages.LookFailed) -> list[messages.FailedSummary]:
    require_queue(manager)
    if len(request.ids) > PAGE_LIMIT:
        raise Refused(f"{len(request.ids):,} records at once are too many: {PAGE_LIMIT:,} at most")
    return await manager.queue.thread(lambda: _summaries(manager.queue.queue.failed_some(request.ids)))


async def failed_groups(manager: "Manager", request: messages.GroupFailed) -> messages.FailedGroups:
    require_queue(manager)
    limit = max(1, min(request.limit, PAGE_LIMIT))
    found = await manager.queue.thread(manager.queue.queue.failed_groups, filter_of(request.filter), limit)
    groups = [
        messages.FailedGroup(
            fingerprint=group.fingerprint, class_name=group.funcname, error=group.error, count=group.count,
            at_least=group.at_least, first=group.first, last=group.last, newest=group.newest,
            example=group.example.strip().partition("\n")[0],
        )
        for group in found.groups
    ]  # fmt: skip
    return messages.FailedGroups(groups=groups, partial=found.partial, scanned=found.scanned)


async def failed_get(manager: "Manager", request: messages.GetFailed) -> messages.FailedRecord:
    require_queue(manager)
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
        arg=arg, raw=row.raw, attempts=attempts, retried_as=row.retried_as, retried_at=row.retried_at,
        fate=row.fate, failed_as=row.failed_as, fingerprint=row.fingerprint,
    )  # fmt: skip


def _failed_record(queue: ManagerQueue, failed_id: str) -> tuple[FailedRow, str]:
    row = queue.failed_get(failed_id)
    return row, readable(row.raw, WHOLE)


# -- changing some of them --------------------------------------------------------------------------------------------


async def failed_retry(manager: "Manager", request: messages.RetryFailed) -> messages.FailedChanged:
    return await _each_failed(manager, request, "retried", lambda queue, failed_id: queue.failed_retry(failed_id))


async def failed_delete(manager: "Manager", request: messages.DeleteFailed) -> messages.FailedChanged:
    return await _each_failed(manager, request, "deleted", lambda queue, failed_id: queue.failed_delete(failed_id))


async def _each_failed(
    manager: "Manager", request: messages.RetryFailed | messages.DeleteFailed, word: str, act: Callable[[Any, str], Any]
) -> messages.FailedChanged:
    require_queue(manager)
    changed = await manager.queue.thread(_change_failed, manager.queue.queue, request, act)
    manager.note(f"{len(changed.done)} failed jobs {word}, {len(changed.refused)} refused")
    if changed.done:
        await manager.queue.refresh_failed()
    return changed


def _change_failed(
    queue: ManagerQueue, request: messages.RetryFailed | messages.DeleteFailed, act: Callable[[Any, str], Any]
) -> messages.FailedChanged:
    done, refused = [], []
    for failed_id in _chosen_failed(queue, request):
        try:
            act(queue, failed_id)
            done.append(failed_id)
        except (Refused, QueueDown) as error:
            refused.append(messages.RefusedItem(id=failed_id, reason=str(error)))
    return messages.FailedChanged(done=done, refused=refused)


def _chosen_failed(queue: ManagerQueue, request: messages.RetryFailed | messages.DeleteFailed) -> list[str]:
    if (request.ids is None) == (request.filter is None):
        raise Refused("say either 'ids' or 'filter'")
    if request.ids is not None:
        return request.ids
    assert request.filter is not None
    if request.expected is None:
        raise Refused("a filter needs 'expected', the number of jobs that you saw")
    which = filter_of(request.filter)
    total, _ = queue.failed_total(which, AT_ONCE)
    refuse_moved(total, request.expected, request.expected >= COUNT_LIMIT)  # older viewers are shown no more than that
    ids: list[str] = []
    cursor: str | None = None
    while len(ids) < AT_ONCE:
        page = queue.failed_page(which, Wanted(cursor, PAGE_LIMIT))
        ids += [row.id for row in page.rows]
        cursor = page.older
        if cursor is None:
            break
    return ids


def refuse_moved(total: int, expected: int, at_least: bool = False) -> None:
    """Raises Refused where the number is not any more what somebody was shown (`at_least`: was shown as a bound)."""
    if expected - total > expected * MOVED or (total - expected > expected * MOVED and not at_least):
        raise Refused(f"the filter matches {total} failed jobs by now, not {expected}; look again")
