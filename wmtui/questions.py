"""The sentences of the dialogs, made when a key is pressed: what a question names is frozen from then on. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from wmcore.protocol.messages import Child, FailedSummary, JobClass, Pool, Status
from wmtui.formatting import age, count
from wmtui.headline import name_of
from wmtui.printing import clean

TYPED_FROM = 101
"""From so many jobs on, y is not enough: the number has to be typed."""


@dataclass(frozen=True, slots=True)
class Question:
    title: str
    lines: tuple[str, ...]
    yes: str  # the verb
    number: int | None = None  # has to be typed


def _children(n: int) -> str:
    return "1 child" if n == 1 else f"{n} children"


def _on(status: Status) -> str:
    return f"on     {name_of(status)}"


def scale(status: Status, pool: Pool, to: int) -> Question:
    lines = [_on(status), f"now    {_children(pool.wanted)} wanted, {pool.running} running, {pool.busy} busy"]
    if to == 0:
        lines.append("then   no children: jobs in hand are finished, nothing new is started")
    else:
        lines.append(f"then   {_children(to)}, {to / max(1, pool.wanted):.1f} times as many")
    return Question(f"Scale pool {clean(pool.name)} from {pool.wanted} to {to}?", tuple(lines), f"scale to {to}")


def drain(status: Status, pool: Pool) -> Question:
    mine = [child for child in status.children if child.pool == pool.name and child.job_since is not None]
    oldest = min(mine, key=lambda child: child.job_since or 0.0, default=None)
    lines = [
        _on(status),
        f"pool   {clean(pool.name)}: {pool.running} running, {pool.busy} busy",
        "then   no new jobs are taken; each child leaves after its job",
    ]
    if oldest is not None and oldest.job_since is not None:
        about = f"{age(status.now - oldest.job_since)} (pid {oldest.pid}, {clean(oldest.class_name or '?')})"
        lines.append(f"longest job in hand  {about}")
    lines.append("Jobs wait in the queue until you resume the pool with D.")
    return Question(f"Drain pool {clean(pool.name)}?", tuple(lines), "drain")


def resume(status: Status, pool: Pool) -> Question:
    lines = (
        _on(status),
        f"pool   {clean(pool.name)} is draining: {_children(pool.running)} left",
        f"then   {_children(pool.wanted)} run again and take jobs",
    )
    return Question(f"Resume pool {clean(pool.name)}?", lines, "resume")


def pause(status: Status, each: JobClass) -> Question:
    lines = (
        _on(status),
        f"queue  {count(each.queue.ready)} ready, {count(each.queue.delayed)} later, "
        f"{count(each.queue.running)} running",
        "then   its jobs in hand are finished, the others wait in the queue;",
        "       the children run the other classes",
    )
    return Question(f"Pause class {clean(each.name)}?", lines, "pause")


def kill(status: Status, child: Child) -> Question:
    lines = [_on(status), f"child  slot {child.slot}, pid {child.pid}, {clean(child.state)}"]
    if child.job is not None:
        since = "" if child.job_since is None else f" for {age(status.now - child.job_since)}"
        lines += [
            f"job    {clean(child.job)}{since}",
            f"class  {clean(child.class_name or '?')}",
            "then   the job is broken off and given back: it runs again",
        ]
    lines.append("Refused if the child is at another job by then.")
    return Question(f"Kill child {child.pid} at once?", tuple(lines), "kill")


def _jobs(n: int) -> str:
    return "1 failed job" if n == 1 else f"{n:,} failed jobs"


def retry(status: Status, records: Sequence[FailedSummary]) -> Question:
    n = len(records)
    lines = (_on(status), *_what(records), "then   each runs again as a new job, its attempts counted from 0")
    return Question(f"Retry {_jobs(n)}?", lines, "retry", n if n >= TYPED_FROM else None)


def delete(status: Status, records: Sequence[FailedSummary]) -> Question:
    n = len(records)
    lines = (_on(status), *_what(records), "then   arguments and tracebacks are gone. This can not be undone.")
    return Question(f"Delete {_jobs(n)}?", lines, "delete", n if n >= TYPED_FROM else None)


def _what(records: Sequence[FailedSummary]) -> list[str]:
    if len(records) == 1:
        return [f"job    {clean(records[0].job)} {clean(records[0].class_name)}", f"error  {clean(records[0].error)}"]
    classes = sorted({clean(record.class_name) for record in records})
    more = f" and {len(classes) - 3} more" if len(classes) > 3 else ""
    return [f"class  {', '.join(classes[:3])}{more}"]
