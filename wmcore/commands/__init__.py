"""What can be asked of a daemon: one function per method, its request and reply types in `protocol.messages`.

"No" is an exception: Refused, NotFound or QueueDown, each with its sentence.
"""

import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import wmcore
from wmcore import status
from wmcore.commands.bulk import bulk_list, bulk_start, bulk_stop
from wmcore.commands.lists import (
    failed_delete,
    failed_get,
    failed_groups,
    failed_list,
    failed_look,
    failed_retry,
    jobs_list,
    require_queue,
)
from wmcore.commands.logs import log_tail
from wmcore.errors import NotFound, Refused
from wmcore.manager.state import Pool
from wmcore.model import ChildState
from wmcore.protocol import messages
from wmcore.scoreboard import CAPACITY

if TYPE_CHECKING:
    from wmcore.manager.core import Manager


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
    require_queue(manager)
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
    messages.LookFailed: failed_look,
    messages.GroupFailed: failed_groups,
    messages.GetFailed: failed_get,
    messages.RetryFailed: failed_retry,
    messages.DeleteFailed: failed_delete,
    messages.StartBulk: bulk_start,
    messages.StopBulk: bulk_stop,
    messages.ListBulk: bulk_list,
    messages.TailLog: log_tail,
}
"""All methods but `status` and `subscribe`, which need the server's own knowledge of its viewers."""
