"""What another number of children would do: when the backlog is gone, children, memory; the line that says so. Pure."""

from wmcore.protocol.messages import Pool, Status
from wmtui import load
from wmtui.cells import Cell
from wmtui.formatting import age, memory
from wmtui.pending import Pending
from wmtui.printing import clean
from wmtui.totals import bounded
from wmtui.trend import Trend


def scaling(status: Status, pool: Pool, to: int, trend: Trend) -> str:
    """One sentence for the status line, the most important first; it promises no more than the figures carry."""
    parts = [_outcome(status, pool, to, trend)]
    if (each := _resident(status, pool)) is not None and to != pool.wanted:
        change = (to - pool.wanted) * each
        parts.append(f"{'+' if change > 0 else '-'}{memory(abs(change))}")
    return f"{pool.wanted} > {to} children: {', '.join(parts)}"


def _resident(status: Status, pool: Pool) -> int | None:
    """Bytes of one child of this pool."""
    sizes = [child.rss for child in status.children if child.pool == pool.name and child.rss]
    return sum(sizes) // len(sizes) if sizes else None


def _outcome(status: Status, pool: Pool, to: int, trend: Trend) -> str:
    classes = [each for each in status.classes if each.name in pool.workers and not each.paused]
    queues = [each.queue for each in classes]
    ready = sum(queue.ready or 0 for queue in queues)
    waiting = f"{bounded(queue.ready for queue in queues)} waiting" if ready else "nothing is waiting"
    if not to:
        return f"{waiting}, none will run"
    found = load.now(status, pool, trend)
    if found is not None and to < found.needs:
        heaviest = found.heaviest
        of_them = "" if heaviest is None else f" ({clean(heaviest[0])} {heaviest[1]})"
        return f"{waiting}, {'still ' if pool.wanted < found.needs else ''}grows: needs {found.needs}{of_them}"
    if ready and pool.busy < pool.running:
        return f"{waiting}, but {pool.running - pool.busy} of {pool.running} are idle"
    if found is None:
        unknown = any(each.queue.ready and each.process.mean is None for each in classes)
        return f"{waiting}, no forecast: none ran in the last 60 s" if unknown else waiting
    if not ready:
        return f"{waiting}, needs {found.needs}"
    then, now = found.clears_in(to), found.clears_in(pool.running)
    return f"{waiting}, {_gone(then)} (now {_gone(now)})"


def _gone(seconds: float | None) -> str:
    return "it grows" if seconds is None else f"gone in ~{age(seconds)}"


def pending_cell(pending: Pending | None, status: Status | None, trend: Trend) -> Cell | None:
    """What the status line says about it: what it will do."""
    if pending is None or status is None:
        return None
    pool = next((pool for pool in status.pools if pool.name == pending.pool), None)
    does = f"? > {pending.to} children" if pool is None else scaling(status, pool, pending.to, trend)
    text = f"PENDING {clean(pending.pool)} {does}"
    return Cell(f"{text}; enter applies", "bold reverse", short=text.replace(" children: ", ": "))
