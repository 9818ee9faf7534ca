"""What a child has in hand: its batch, and its side of each database."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from wmcore.backends.records import Claimed
from wmcore.backends.theschwartz import outcomes
from wmcore.backends.theschwartz.claimrow import ClaimRow
from wmcore.backends.theschwartz.database import Database, Retry
from wmcore.backends.theschwartz.noted import Noted
from wmcore.backends.theschwartz.rows import Funcids, Row
from wmcore.backends.theschwartz.selecting import LowWater


@dataclass(slots=True)
class Batch:
    """What this child holds, all in one database and of one class."""

    database: int
    funcid: int
    lease: int
    jobs: list[Claimed]
    since: float  # time.monotonic() when it was claimed
    finished: int = 0
    acked: int = 0
    keep: dict[int, int] = field(default_factory=dict)  # jobid -> seconds that its exit status is kept
    late: frozenset[str] = frozenset()  # as the last acknowledgement found it
    doubted: bool = False  # the COMMIT of its acknowledgement, or of its job's end, was in doubt
    whole: bool = False  # nobody else may cut it: jobs were taken along
    lease_over: bool = False  # when the row was last looked at
    some_late: bool = False  # not all that finished was still ours

    @property
    def numbers(self) -> list[int]:
        return [job.number for job in self.jobs]

    @property
    def begun(self) -> int:
        """How many were started, while one of them runs."""
        return self.finished + 1

    def may_be_cut(self, bound_seconds: float) -> bool:
        """Was it held for so long that the manager may have given back what is not started?"""
        return not self.whole and len(self.jobs) > 1 and time.monotonic() - self.since > bound_seconds

    def is_plain(self, bound_seconds: float) -> bool:
        """All of it is finished, and so quickly that nobody can have cut it and the connection can't have gone stale;
        nothing of it has to be kept."""
        young = time.monotonic() - self.since <= bound_seconds
        return young and self.finished == len(self.jobs) and not self.keep

    @property
    def has_rest(self) -> bool:
        """Is there something that the manager may be giving back at this moment?"""
        return not self.whole and self.finished < len(self.jobs) > 1

    def cut(self, kept: int, acked: int, lease_over: bool = False) -> None:
        """The manager did so, and acknowledged what had finished."""
        del self.jobs[kept:]
        self.acked = max(self.acked, acked)
        self.lease_over = lease_over


@dataclass(slots=True)
class Side:
    """One database as this child uses it."""

    db: Database
    funcids: Funcids
    claim: ClaimRow
    noted: Noted  # instead of `claim`, where there is no wm_claim
    low_water: LowWater = field(default_factory=LowWater)
    down_until: float = 0.0  # monotonic
    empty_until: dict[int, float] = field(default_factory=dict)  # class index -> so long nothing is expected there

    @property
    def in_doubt(self) -> bool:
        """Was there a COMMIT without an answer that is not settled yet?"""
        return self.claim.in_doubt or self.noted.in_doubt

    def found_empty(self, class_index: int, seconds: float) -> None:
        """It had nothing to claim a moment ago."""
        self.empty_until[class_index] = time.monotonic() + seconds

    def likely_first(self, classes: Sequence[int]) -> Sequence[int]:
        """In their order, those that were empty a moment ago behind the others."""
        now = time.monotonic()
        return sorted(classes, key=lambda index: self.empty_until.get(index, 0.0) > now)

    def adopt(self, batch: Batch, bound_seconds: float) -> None:
        """Inside a transaction: what the manager has done to a batch that took long, or is about to do."""
        if not self.db.bare and (batch.may_be_cut(bound_seconds) or batch.has_rest):
            batch.cut(*self.claim.look())

    def acknowledge(self, batch: Batch, count: int) -> frozenset[str]:
        """Inside a transaction: the first `count` jobs are done. Returns those that were not ours any more."""
        ended = batch.jobs[batch.acked : count]
        if not (batch.keep or batch.some_late):
            if outcomes.delete_all(self.db, [job.number for job in ended], batch.funcid, batch.lease):
                return frozenset()
            batch.some_late = True
            raise Retry  # and ask which
        kept = [(job.number, batch.keep.get(job.number, 0)) for job in ended]
        ours = outcomes.delete_all_finished(self.db, kept, batch.funcid, batch.lease)
        return frozenset(job.id for job in ended if job.number not in ours)

    def extend(self, batch: Batch, bound_seconds: float, take_more: Callable[[], list[Row]]) -> list[Row]:
        """More jobs become part of it. The first time, those behind the running one are given back: they may be among
        the jobs that are wanted."""

        def work() -> list[Row]:
            if not batch.whole:
                self.adopt(batch, bound_seconds)
                outcomes.release_all(self.db, batch.numbers[batch.begun :], batch.funcid, batch.lease)
            found = take_more()
            kept = batch.numbers if batch.whole else batch.numbers[: batch.begun]
            self.claim.extend([*kept, *(row.jobid for row in found)])
            return found

        with self.claim.in_doubt_unless_committed():
            found = self.db.atomically(work)
        if not batch.whole:
            del batch.jobs[batch.begun :]
            batch.whole = True
        return found
