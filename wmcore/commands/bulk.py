"""Runs through thousands of failed jobs: start, stop, list."""

from typing import TYPE_CHECKING

from wmcore import status
from wmcore.commands.lists import filter_of, refuse_moved, require_queue
from wmcore.errors import Refused
from wmcore.manager.bulk import ACTIONS
from wmcore.protocol import messages

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

COUNTED = 1_000_000
"""So far the records are counted before a run begins."""


async def bulk_start(manager: "Manager", request: messages.StartBulk) -> messages.Bulk:
    require_queue(manager)
    if manager.state.stopping:
        raise Refused("the daemon is stopping")
    if request.action not in ACTIONS:
        raise Refused(f"'action' is {' or '.join(map(repr, ACTIONS))}, not {request.action!r}")
    manager.bulk.refuse_second(request.action)
    which = filter_of(request.filter)
    total, whole = await manager.queue.thread(manager.queue.queue.failed_total, which, COUNTED)
    refuse_moved(total, request.expected, request.at_least)
    run = manager.bulk.start(request.action, which, total, not whole, request.by)
    return status.bulk(run)


async def bulk_stop(manager: "Manager", request: messages.StopBulk) -> messages.Bulk:
    require_queue(manager)
    return status.bulk(manager.bulk.stop(request.id))


async def bulk_list(manager: "Manager", request: messages.ListBulk) -> list[messages.Bulk]:
    return status.bulks(manager)
