"""What the cursor is on: from a pane and the key of a row to the pool, class, child, job or failed jobs. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import cast

from wmcore.protocol.messages import (
    Child,
    FailedGroup,
    FailedSummary,
    JobClass,
    Percentiles,
    Pool,
    QueuedJob,
    Status,
)
from wmtui.childrows import child_key
from wmtui.formatting import count, duration
from wmtui.poolrows import PoolKey
from wmtui.printing import clean


@dataclass(frozen=True, slots=True)
class Target:
    status: Status | None
    pane: str  # "pools", "children", "failed", "groups", "queue", "jobs", "log", "fleet"
    key: Hashable | None  # of the row under the cursor
    records: Sequence[FailedSummary] = ()
    marks: frozenset[Hashable] = frozenset()
    groups: Sequence[FailedGroup] = ()
    jobs: Sequence[QueuedJob] = ()

    def pool(self) -> Pool | None:
        """The pool of the row under the cursor; where the row has none, the only pool."""
        if self.status is None:
            return None
        name = None
        if self.pane == "pools" and self.key is not None:
            name = cast(PoolKey, self.key)[0]
        elif (child := self.child()) is not None:
            name = child.pool
        if not name and len(self.status.pools) == 1:
            return self.status.pools[0]
        return self.pool_named(name)

    def pool_named(self, name: str | None) -> Pool | None:
        pools = self.status.pools if self.status else []
        return next((pool for pool in pools if pool.name == name), None)

    def job_class(self) -> JobClass | None:
        if self.status is None or self.pane not in ("pools", "queue") or self.key is None:
            return None
        name = cast(PoolKey, self.key)[1] if self.pane == "pools" else self.key
        return next((each for each in self.status.classes if each.name == name), None)

    def child(self) -> Child | None:
        if self.status is None or self.pane != "children":
            return None
        return next((child for child in self.status.children if child_key(child) == self.key), None)

    def children(self) -> list[Child]:
        """The marked ones, else the one under the cursor."""
        if self.status is None or self.pane != "children":
            return []
        marked = [child for child in self.status.children if child_key(child) in self.marks]
        one = self.child()
        return marked or ([one] if one is not None else [])

    def failed_ids(self) -> list[str]:
        """The marked ones in the order of the list, else the one under the cursor."""
        if self.pane != "failed":
            return []
        marked = [record.id for record in self.records if record.id in self.marks]
        return marked or ([str(self.key)] if self.key is not None else [])

    def group(self) -> FailedGroup | None:
        if self.pane != "groups":
            return None
        return next((group for group in self.groups if group.fingerprint == self.key), None)

    def job(self) -> QueuedJob | None:
        if self.pane != "jobs":
            return None
        return next((job for job in self.jobs if job.id == self.key), None)

    def told(self) -> str:
        """What the status line says of the row: what the table had to cut, or had no room for."""
        if (each := self.job_class()) is None:
            return self.detail()
        late, took = each.lateness, each.process
        figures = f"late {_both(late)}  takes {_both(took)}" if took.p50 is not None else "no job in the last 60 s"
        if each.paused:
            figures = f"paused: {count(each.queue.ready)} ready jobs wait until P lets it run again"
        return f"{clean(each.name)}  {figures}"

    def detail(self) -> str:
        """The row in full, to be taken away."""
        if self.pane == "failed":
            record = next((each for each in self.records if each.id == self.key), None)
            return clean(f"{record.id} {record.class_name}: {record.error} {record.arg}").rstrip() if record else ""
        if (group := self.group()) is not None:
            return clean(f"{group.newest} {group.class_name or 'several classes'}: {group.example or group.error}")
        if (job := self.job()) is not None:
            return clean(f"{job.id} {job.class_name} {job.arg}")
        if (child := self.child()) is not None:
            work = f"{child.class_name or ''} {child.job or ''}".strip()
            return clean(f"slot {child.slot}, pid {child.pid}, {child.state} {work}".strip())
        if (each := self.job_class()) is not None:
            return clean(each.name)
        pool = self.pool() if self.pane == "pools" else None
        if pool is None or self.status is None:
            return ""
        return clean(f"pool {pool.name}: {pool.error or ', '.join(pool.workers)}   {self.status.conf}")


def _both(figures: Percentiles) -> str:
    return f"p50 {duration(figures.p50)} p95 {duration(figures.p95)}"
