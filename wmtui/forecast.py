"""What another number of children would do: children, memory, when the backlog is gone; the line that says so. Pure."""

from wmcore.protocol.messages import Pool, Status
from wmtui.cells import Cell
from wmtui.formatting import age, memory
from wmtui.pending import Pending
from wmtui.printing import clean
from wmtui.totals import bounded


def scaling(status: Status, pool: Pool, to: int) -> str:
    """One sentence for the status line; it promises no more than the figures carry."""
    parts = [f"{pool.wanted} > {to} children"]
    if (each := _resident(status, pool)) is not None and to != pool.wanted:
        change = (to - pool.wanted) * each
        parts.append(f"{'+' if change > 0 else '-'}{memory(abs(change))}")
    parts += _backlog(status, pool, to)
    return ", ".join(parts)


def _resident(status: Status, pool: Pool) -> int | None:
    """Bytes of one child of this pool."""
    sizes = [child.rss for child in status.children if child.pool == pool.name and child.rss]
    return sum(sizes) // len(sizes) if sizes else None


def _backlog(status: Status, pool: Pool, to: int) -> list[str]:
    queues = [each.queue for each in status.classes if each.name in pool.workers and not each.paused]
    ready = sum(queue.ready or 0 for queue in queues)
    if not ready:
        return ["nothing is waiting"] if queues else []
    waiting = f"{bounded(queue.ready for queue in queues)} waiting"
    incoming = [queue.in_rate for queue in queues]
    outgoing = sum(queue.out_rate or 0.0 for queue in queues)
    if None in incoming or not pool.running or not outgoing:
        return [waiting]
    arriving = sum(rate or 0.0 for rate in incoming)
    if pool.busy < pool.running:
        return [waiting, f"but {pool.running - pool.busy} of {pool.running} are idle"]
    then, now = (_clears(ready, out, arriving) for out in (outgoing * to / pool.running, outgoing))
    if then and now:
        return [waiting, f"gone {then}, now {now}"]
    if then:
        return [waiting, f"gone {then}, now it does not shrink"]
    return [waiting, f"would not shrink, now gone {now}" if now else "still does not shrink"]


def _clears(ready: int, outgoing: float, arriving: float) -> str:
    return f"in {age(ready / (outgoing - arriving))}" if outgoing > arriving else ""


def pending_cell(pending: Pending | None, status: Status | None) -> Cell | None:
    """What the status line says about it: what it will do."""
    if pending is None or status is None:
        return None
    pool = next((pool for pool in status.pools if pool.name == pending.pool), None)
    does = f"? > {pending.to}" if pool is None else scaling(status, pool, pending.to)
    name = f"PENDING {clean(pending.pool)}"
    return Cell(f"{name} {does}: enter applies", "bold reverse", short=f"{name} {does}")
