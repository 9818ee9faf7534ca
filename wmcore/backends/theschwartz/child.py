"""A child's side of the queue: claim, acknowledge, fail, by the protocol that `closing` relies on.

The ids of a batch stand in the child's row of `wm_claim`, its position stands in its slot. One transaction per turn
deletes what is finished, claims what is next and moves the row's `seq`; after the COMMIT the slot is moved. Whoever
finds the child dead compares the two. Every write is conditional on the row's owner and `seq` (else: Fenced) and on the
job's lease (else: late).
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from wmcore.backends.base import News, Position, Turn
from wmcore.backends.records import Claimed, NewJob
from wmcore.backends.theschwartz import oneturn, outcomes
from wmcore.backends.theschwartz.batch import Batch, Side
from wmcore.backends.theschwartz.choosing import Chooser, Found, Wish
from wmcore.backends.theschwartz.claimrow import ClaimRow
from wmcore.backends.theschwartz.database import CommitInDoubt, Database
from wmcore.backends.theschwartz.insert import insert_jobs
from wmcore.backends.theschwartz.noted import Noted
from wmcore.backends.theschwartz.ordering import Selection
from wmcore.backends.theschwartz.outcomes import Who
from wmcore.backends.theschwartz.rows import Funcids, Row
from wmcore.backends.theschwartz.selecting import Coalescing, take_coalescing
from wmcore.errors import Fenced, QueueDown
from wmcore.model import MOST_IN_BATCH, Failure, Outcome, RetryPolicy


class TheSchwartzChild:
    """Implements `backends.base.ChildQueue`."""

    def __init__(
        self, databases: Sequence[Database], names: Sequence[str], who: Who, daemon: str, owner: str,
        position: Position, selection: Selection, strict: bool, bound_seconds: float, retry_seconds: float,
        local: Callable[[], Database],
    ) -> None:  # fmt: skip
        """`strict`: one order over all classes, instead of classes in turn. `bound_seconds`: after this the manager may
        give back what is not started of a batch."""
        self._who = who
        self._slot = who.slot or 0
        self._position = position
        self._chooser = Chooser(names, selection, strict, bound_seconds)
        self._bound = bound_seconds
        self._retry_seconds = retry_seconds
        self._local = local
        self._places = [
            Side(db, Funcids(db), ClaimRow(db, daemon, self._slot, owner), Noted(db, position)) for db in databases
        ]
        self._next = self._slot % len(self._places)
        self._batch: Batch | None = None
        self._intended: Outcome | None = None  # of the job whose COMMIT is in doubt

    # -- turns ---------------------------------------------------------------------------------------------------------

    def turn(self, classes: Sequence[int], grab_for: Sequence[int], most: Sequence[int] | None = None) -> Turn:
        wish = Wish(classes, grab_for, most)
        late: frozenset[str] = frozenset()
        acknowledged = self._batch is not None
        if self._batch is not None:
            late, jobs = self._acknowledge_or_leave(self._places[self._batch.database], wish)
            if jobs:
                return Turn(jobs, late)
        try:
            return Turn(self._claim_anywhere(wish) if classes else (), late)
        except (QueueDown, Fenced):
            if acknowledged:
                return Turn((), late)  # what was acknowledged has to be told; the next turn meets the error again
            raise

    def _acknowledge_or_leave(self, place: Side, wish: Wish) -> tuple[frozenset[str], Sequence[Claimed]]:
        """With several databases, one that is down must not hold this child: it leaves, the manager closes its books
        when the database is back, and the next child works with the others."""
        try:
            return self._acknowledge(place, wish)
        except QueueDown:
            if len(self._places) == 1:
                raise
        try:
            return self._acknowledge(place, wish)  # it may have been only the connection
        except QueueDown as error:
            raise Fenced(f"a finished job is left to the manager, its database is down: {error}") from None

    def _acknowledge(self, place: Side, wish: Wish) -> tuple[frozenset[str], Sequence[Claimed]]:
        """Close the batch in hand and, where our tables stand, claim the next in the same transaction."""
        batch = self._batch
        assert batch is not None
        self._clear_doubt(place)
        if self._batch is None:  # the last turn's COMMIT did happen
            return batch.late, ()
        if place.db.bare:
            return self._acknowledge_bare(place, batch), ()
        if len(self._places) > 1:
            wish = replace(wish, classes=())  # the next batch may come from another: none of them starves
        if batch.acked == len(batch.jobs) and not wish.classes:
            self._batch = None
            return frozenset(), ()
        if wish.classes and batch.is_plain(self._bound):
            jobs = self._at_once(place, wish, batch)
            if jobs is not None:
                return batch.late, jobs

        def work() -> tuple[frozenset[str], Found]:
            place.adopt(batch, self._bound)
            late = self._delete_batch(place, batch)
            found = self._chooser.take(place, wish)
            place.claim.move(found.funcid, found.lease, found.numbers)
            return late, found

        with place.claim.in_doubt_unless_committed():
            late, found = place.db.atomically(work)
        place.claim.seq += 1
        return late, self._hold(place, found)

    def _at_once(self, place: Side, wish: Wish, batch: Batch | None) -> Sequence[Claimed] | None:
        """A whole turn in one statement, for the class that comes first; `batch` is plain. None: not in this way."""
        if not self._chooser.can_at_once(place):
            return None
        rest = [] if batch is None else batch.jobs[batch.acked :]
        ended = oneturn.NOTHING
        if batch is not None:
            ended = oneturn.Ended([job.number for job in rest], batch.funcid, batch.lease)
        with place.claim.in_doubt_unless_committed():
            turned = self._chooser.at_once(place, wish, ended)
        if turned is None:
            return None
        found, gone = turned
        if batch is not None:
            batch.late = frozenset() if gone is None else frozenset(job.id for job in rest if job.number not in gone)
        place.claim.seq += 1
        return self._hold(place, found)

    def _acknowledge_bare(self, place: Side, batch: Batch) -> frozenset[str]:
        """In a transaction of its own: the slot has room for one job only."""
        try:
            late = place.db.atomically(lambda: self._delete_batch(place, batch))
        except CommitInDoubt:
            batch.doubted = True
            raise
        self._batch = None
        return frozenset() if batch.doubted else late

    def _delete_batch(self, place: Side, batch: Batch) -> frozenset[str]:
        """Acknowledge what is finished, give back what was never started."""
        batch.late = place.acknowledge(batch, batch.finished)
        outcomes.release_all(place.db, batch.numbers[max(batch.acked, batch.finished) :], batch.funcid, batch.lease)
        return batch.late

    def late_before(self) -> frozenset[str]:
        return frozenset() if self._batch is None else self._batch.late

    def _claim_anywhere(self, wish: Wish) -> Sequence[Claimed]:
        """A batch from the first database that has one, starting behind the last that gave one. Databases that are down
        are skipped for a while; raises QueueDown when all are."""
        trouble: QueueDown | None = None
        up = 0
        for step in range(len(self._places)):
            place = self._places[(self._next + step) % len(self._places)]
            if time.monotonic() < place.down_until:
                continue
            try:
                jobs = self._claim(place, wish)
            except QueueDown as error:
                trouble = error
                if len(self._places) > 1 and not self._settled_or_leaves(place):
                    place.down_until = time.monotonic() + self._retry_seconds
                continue
            up += 1
            if jobs:
                self._next = (self._next + step + 1) % len(self._places)
                return jobs
        if not up:
            for place in self._places:  # nobody is there: whoever comes first is welcome
                place.down_until = 0.0
            raise trouble or QueueDown("no database is up")
        return ()

    def _settled_or_leaves(self, place: Side) -> bool:
        """What may have been claimed there must not wait for as long as we work for another database. True: it is given
        back, the database answers again."""
        if not place.in_doubt:
            return False
        try:
            self._clear_doubt(place)
        except QueueDown as error:
            raise Fenced(f"a claim in doubt is left to the manager, its database is down: {error}") from None
        return True

    def _claim(self, place: Side, wish: Wish) -> Sequence[Claimed]:
        if not place.db.has("job"):
            place.db.require_schema()
        self._clear_doubt(place)
        # A newborn that knows how long jobs take replaces a child that had some: it need not ask first.
        replaces = not place.claim.registered and wish.limit(wish.classes[0]) > 1
        if not (replaces and oneturn.can(place.db, self._chooser.selection)):
            wish = replace(wish, classes=self._chooser.with_work(place, wish.classes))
        if not wish.classes:
            return ()
        if place.db.bare:
            return self._claim_bare(place, self._chooser.ranked(place, wish.classes)[0], wish.grab_for)
        if place.claim.register():
            self._position.claimed(place.db.index, place.claim.seq)
        if jobs := self._at_once(place, wish, None):
            return jobs

        def work() -> Found:
            found = self._chooser.take(place, wish)
            if found.rows:
                place.claim.move(found.funcid, found.lease, found.numbers)
            return found

        with place.claim.in_doubt_unless_committed():
            found = place.db.atomically(work)
        if not found.rows:
            return ()
        place.claim.seq += 1
        return self._hold(place, found)

    def _claim_bare(self, place: Side, index: int, grab_for: Sequence[int]) -> Sequence[Claimed]:
        """Without our tables: one job, noted in the slot before the claim is committed."""
        # Leases are all that tells two holders of a job apart: those of the same second shall seldom be the same.
        grab = grab_for[index] + random.randrange(1 + min(60, grab_for[index] // 10))  # noqa: S311
        found, lease = place.noted.claim(index, lambda: self._chooser.take_one(place, index, grab))
        return self._batch_of(place, Found(found, index, lease))

    def _hold(self, place: Side, found: Found) -> Sequence[Claimed]:
        """After the COMMIT: the slot learns of it. Our own clock of the batch starts before the one in the slot: we
        must know sooner than the manager that it may be cut."""
        since = time.monotonic()
        self._position.claimed(place.db.index, place.claim.seq, len(found.rows))
        return self._batch_of(place, found, since)

    def _batch_of(self, place: Side, found: Found, since: float = 0.0) -> Sequence[Claimed]:
        if not found.rows:
            self._batch = None
            return ()
        jobs = self._chooser.jobs(place.db, found.rows, found.index)
        self._batch = Batch(place.db.index, found.funcid, found.lease, jobs, since)
        return tuple(jobs)

    # -- one job -------------------------------------------------------------------------------------------------------

    def start(self, job: Claimed) -> bool:
        batch = self._batch
        if batch is None or batch.finished >= len(batch.jobs) or batch.jobs[batch.finished] is not job:
            return False
        # In this order: the manager gives back, under the row's lock, what is not started when the bound has passed. So
        # either it sees this, or we see what it did.
        self._position.started(batch.begun)
        unsure = batch.may_be_cut(self._bound) or self._places[batch.database].claim.in_doubt
        if unsure and not self._is_kept(batch):
            self._position.started(batch.finished)
            return False
        return True

    def _is_kept(self, batch: Batch) -> bool:
        """The next job of a batch that took long, or is in doubt. Not, where nobody can say."""
        place = self._places[batch.database]
        try:
            self._clear_doubt(place)
            place.db.atomically(lambda: place.adopt(batch, self._bound))
        except QueueDown:
            return False
        return batch.finished < len(batch.jobs) and not batch.lease_over

    def tell(self, job: Claimed, news: News, *words: bytes) -> None:
        """Nobody waits."""

    def result(self, value: Any) -> None:
        """Nobody waits for it."""

    def descriptors(self) -> Sequence[tuple[int, int]]:
        """None: the manager wakes us."""
        return ()

    def patience(self) -> float:
        return math.inf

    def complete(self, job: Claimed, keep_exit_status_seconds: int = 0, result: Any = None) -> None:
        batch = self._in_hand(job)
        if keep_exit_status_seconds:
            batch.keep[job.number] = keep_exit_status_seconds
        batch.finished += 1
        self._position.finished(batch.finished)

    def failures(self, job: Claimed) -> int:
        return outcomes.failures(self._places[job.database].db, job.number)

    def failure_log(self, job: Claimed) -> list[str]:
        return outcomes.failure_log(self._places[job.database].db, job.number)

    def coalesce(self, job: Claimed, value: str, limit: int, *, prefix: bool) -> Sequence[Claimed]:
        batch = self._in_hand(job)
        place = self._places[batch.database]
        wanted = Coalescing(batch.funcid, value, prefix)
        limit = min(limit, MOST_IN_BATCH - len(batch.jobs))
        if limit < 1:
            return ()

        def take_at_most(most: int) -> list[Row]:
            return take_coalescing(place.db, self._chooser.selection, wanted, batch.lease, most)

        try:
            self._clear_doubt(place)
            if place.db.bare:
                found = place.noted.extend(batch.lease, limit, take_at_most)
            else:
                self._position.keep_whole()
                found = place.extend(batch, self._bound, lambda: take_at_most(limit))
        except QueueDown:
            return ()
        companions = self._chooser.jobs(place.db, found, job.class_index)
        batch.jobs += companions
        return companions

    def fail(self, job: Claimed, failure: Failure, policy: RetryPolicy) -> Outcome:
        db = self._places[job.database].db

        def write(row: Row) -> Outcome:
            local = self._local() if db.bare else None
            return outcomes.record_failure(db, local, row, job.funcname, failure, policy, self._who)

        return self._finalise(job, write)

    def decline(self, job: Claimed, run_after: float | None) -> Outcome:
        db = self._places[job.database].db

        def write(row: Row) -> Outcome:
            outcomes.release(db, row.jobid, row.funcid, row.grabbed_until, run_after)
            return Outcome.DECLINED

        return self._finalise(job, write)

    def replace(self, job: Claimed, jobs: Sequence[NewJob], keep_exit_status_seconds: int = 0) -> Outcome:
        place = self._places[job.database]
        for new in jobs:
            place.funcids.make(new.funcname)

        def write(row: Row) -> Outcome:
            outcomes.delete_finished(place.db, row.jobid, row.funcid, row.grabbed_until, keep_exit_status_seconds)
            insert_jobs(place.db, place.funcids, jobs)  # behind it: a job may be replaced by one with its own uniqkey
            return Outcome.REPLACED

        return self._finalise(job, write)

    def _finalise(self, job: Claimed, write: Callable[[Row], Outcome]) -> Outcome:
        """A transaction of its own that also acknowledges all that finished before this job."""
        batch = self._in_hand(job)
        place = self._places[batch.database]
        number = batch.finished
        in_doubt = self._clear_doubt(place)
        if in_doubt is not None and in_doubt > number and self._intended is not None:
            outcome = self._intended  # the COMMIT whose answer we never saw did happen
        else:
            outcome = self._write_end(place, batch, number, job, write)
        batch.acked = batch.finished = number + 1
        self._position.acknowledged(batch.acked)
        self._position.finished(batch.finished)
        return outcome

    def _write_end(
        self, place: Side, batch: Batch, number: int, job: Claimed, write: Callable[[Row], Outcome]
    ) -> Outcome:
        def work() -> Outcome:
            place.adopt(batch, self._bound)
            if not place.db.bare:
                place.claim.acknowledge(number + 1)
            batch.late = place.acknowledge(batch, number)
            row = outcomes.held(place.db, job.number, batch.funcid, batch.lease)
            if row is not None:
                self._intended = write(row)
            elif not (place.db.bare and batch.doubted):
                self._intended = Outcome.LATE
            return self._intended or Outcome.LATE

        try:
            with place.claim.in_doubt_unless_committed():
                return place.db.atomically(work)
        except CommitInDoubt:
            batch.doubted = True
            raise

    def _clear_doubt(self, place: Side) -> int | None:
        """After a COMMIT without an answer: what the row says now; its `acked` where the batch is still held."""
        if place.db.bare:
            place.noted.give_back()
            return None
        if not place.claim.in_doubt:
            return None
        batch = self._batch
        seen = place.claim.settle(batch.numbers if batch is not None and batch.database == place.db.index else ())
        if seen is None:  # the turn did happen: what it claimed has been given back
            self._batch = None
            self._position.claimed(place.db.index, place.claim.seq)
            return None
        kept, acked = seen
        if batch is not None and batch.database == place.db.index:
            batch.cut(kept, acked)
        return acked

    def _in_hand(self, job: Claimed) -> Batch:
        assert self._batch is not None
        assert self._batch.jobs[self._batch.finished] is job, "jobs of a batch run strictly in order"
        return self._batch

    @property
    def settled(self) -> bool:
        return self._batch is None and not any(place.in_doubt for place in self._places)

    def close(self) -> None:
        for place in self._places:
            place.db.close()
