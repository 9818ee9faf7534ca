"""`status` and `children`: what is."""

from argparse import Namespace
from collections.abc import Iterator, Sequence

from msgspec import structs

from wmcore.protocol.messages import Backend, Child, GetChildren, GetStatus, Holder, JobClass, Pool, Server, Status
from wmtui.formatting import age, count, duration, memory, rate
from wmtui.judging import State, Thresholds, judge
from wmtui.printing import clean, plural, reason, table
from wmtui.verbs.base import Verb, ask, connect, present

MOST_HOLDERS = 5


def show_status(status: Status) -> list[str]:
    """A line for each fact, then a table of the classes."""
    return [*_facts(status), "", *show_classes(status.classes)]


def show_classes(classes: Sequence[JobClass]) -> list[str]:
    """With the workers on all hosts, where the queue knows them."""
    workers = any(each.queue.workers is not None for each in classes)
    heads = ["CLASS", "DONE", "FAILED", "RETRIED", "JOBS/S", "LATE50", "LATE95", "READY", "CLEARS", "LATER", "RUN"]
    heads += ["WORKERS", ""] if workers else [""]
    rows = [
        (
            each.name,
            each.completed,
            count(each.open),
            each.retried,
            rate(each.rate),
            duration(each.lateness.p50),
            duration(each.lateness.p95),
            count(each.queue.ready),
            duration(each.queue.clears_in) if each.queue.ready else "-",
            count(each.queue.delayed),
            count(each.queue.running),
            *([count(each.queue.workers)] if workers else []),
            "paused" if each.paused else "",
        )
        for each in classes
    ]
    return table(heads, rows, "lrrrrrrrrrr" + ("r" if workers else "") + "l")


def show_children(children: Sequence[Child], now: float) -> list[str]:
    """`now` in the daemon's clock (Unix seconds). The pool is named where there are several."""
    pools = len({child.pool for child in children}) > 1
    heads = ["SLOT", "PID", *(["POOL"] if pools else []), "STATE", "SINCE", "DONE", "FAILED", "RSS", "JOB", "CLASS"]
    rows = [
        (
            child.slot,
            child.pid or None,
            *([child.pool] if pools else []),
            child.state,
            None if child.job_since is None else age(now - child.job_since),
            child.jobs_done,
            child.failed,
            memory(child.rss),
            child.job,
            child.class_name,
        )
        for child in children
    ]
    return table(heads, rows, "rr" + ("l" if pools else "") + "lrrrrll")


def _facts(status: Status) -> list[str]:
    up = age(status.now - status.started_at)
    who = f"{clean(status.instance)} on {clean(status.host)}"
    return [
        f"daemon  {who}: {clean(status.state)}, up {up}, pid {status.pid}, version {clean(status.version)}",
        *([f"conf    {clean(status.conf)}"] if status.conf else []),
        *(f"pool    {_pool(pool)}" for pool in status.pools),
        *(f"waits   {_holder(holder)}" for pool in status.pools for holder in pool.held_by[:MOST_HOLDERS]),
        *(f"wrong   {each}" for each in _wrong(status)),
        *(f"queue   {_server(server, status.now)}" for server in status.backend.servers),
        *([f"queue   {clean(status.backend.name)}: DOWN"] if not (status.backend.ok or status.backend.servers) else []),
        f"failed  {_failed(status)}",
        *(f"notice  {clean(notice)}" for notice in status.notices),
    ]


def _pool(pool: Pool) -> str:
    figures = f"wanted {pool.wanted}, running {pool.running}, busy {pool.busy}"
    return f"{clean(pool.name)}: {clean(pool.state)}, {figures}" + (f": {clean(pool.error)}" if pool.error else "")


def _holder(holder: Holder) -> str:
    """A child that a drain or a stop waits for."""
    who = f"slot {holder.slot}, pid {holder.pid}"
    if holder.job is None or holder.elapsed is None:
        return f"{who}: about to leave"
    return f"{who}: {clean(holder.class_name)} job {clean(holder.job)} for {age(holder.elapsed / 1000)}"


def _wrong(status: Status) -> Iterator[str]:
    """What a monitor would ring for, of pools and classes: the queue and what is not known have lines of their own."""
    for each in judge(structs.replace(status, backend=Backend(name="", ok=True)), Thresholds()).reasons:
        if each.state is not State.UNKNOWN:
            yield f"{each.state}: {clean(each.text)}"


def _server(server: Server, now: float) -> str:
    if server.since is None and not server.ok:
        return f"{clean(server.name)}: not asked yet"
    state = "ok" if server.ok else "DOWN"
    since = "" if server.since is None else f" for {age(now - server.since)}"
    return f"{clean(server.name)}: {state}{since}" + (f": {reason(server)}" if server.error else "")


def _failed(status: Status) -> str:
    if status.failed.count is None:
        return "not known (the queue does not answer)"
    if not status.failed.recent:
        return f"{count(status.failed.count)} in the failed list"
    newest = status.failed.recent[0]
    when = age(status.now - newest.failed_at)
    return f"{count(status.failed.count)} in the failed list; newest {when} ago: {clean(newest.class_name)}"


def _run_status(args: Namespace) -> int:
    return ask(args, GetStatus(), show_status)


def _run_children(args: Namespace) -> int:
    with connect(args) as client:
        if args.json:
            present(args, client.call(GetChildren()), lambda _: [])
            return 0
        status: Status = client.call(GetStatus())  # for the daemon's clock
    present(args, status, lambda reply: [*show_children(reply.children, reply.now), _summary(reply)])
    return 0


def _summary(status: Status) -> str:
    running, wanted = sum(pool.running for pool in status.pools), sum(pool.wanted for pool in status.pools)
    return f"{plural(running, 'child')} running, {wanted} wanted, {sum(pool.busy for pool in status.pools)} busy"


VERBS = (
    Verb("status", "state of the daemon, its pools and its classes", _run_status),
    Verb("children", "the child processes and what they do", _run_children),
)
