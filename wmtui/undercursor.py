"""What the cursor is on: from a pane and the key of a row to the pool, class, child or failed jobs. Pure."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import cast

from wmcore.protocol.messages import Child, FailedSummary, JobClass, Pool, Status
from wmtui.printing import clean
from wmtui.rows import PoolKey


@dataclass(frozen=True, slots=True)
class Target:
    status: Status | None
    pane: str  # "pools", "children", "failed"
    key: Hashable | None  # of the row under the cursor
    records: Sequence[FailedSummary]
    marks: frozenset[str]

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
        if self.status is None or self.pane != "pools" or self.key is None:
            return None
        name = cast(PoolKey, self.key)[1]
        return next((each for each in self.status.classes if each.name == name), None)

    def child(self) -> Child | None:
        if self.status is None or self.pane != "children":
            return None
        return next((child for child in self.status.children if (child.slot, child.pid) == self.key), None)

    def failed_ids(self) -> list[str]:
        """The marked ones in the order of the list, else the one under the cursor."""
        if self.pane != "failed":
            return []
        marked = [record.id for record in self.records if record.id in self.marks]
        return marked or ([str(self.key)] if self.key is not None else [])

    def detail(self) -> str:
        """The row in full, where the table may have had to cut it."""
        if self.pane == "failed":
            record = next((each for each in self.records if each.id == self.key), None)
            return f"{clean(record.id)} {clean(record.class_name)}: {clean(record.error)}" if record else ""
        if (child := self.child()) is not None:
            work = f"{child.class_name or ''} {child.job or ''}".strip()
            return clean(f"slot {child.slot}, pid {child.pid}, {child.state} {work}".strip())
        if (each := self.job_class()) is not None:
            return clean(each.name)
        pool = self.pool() if self.pane == "pools" else None
        if pool is None or self.status is None:
            return ""
        return clean(f"pool {pool.name}: {pool.error or ', '.join(pool.workers)}   {self.status.conf}")
