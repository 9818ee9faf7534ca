"""Closing the books of a dead child: its claim row (which ids) compared with its slot (how far it came).

Always under the lock of the row, which waits for a COMMIT still in flight, and always with the lease in the WHERE
clause: a job that somebody else holds by now is left alone.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from wmcore.backends.base import Book, Closed, Place
from wmcore.backends.theschwartz import outcomes, rows
from wmcore.backends.theschwartz.claimrow import OWN, unpack
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.outcomes import Who
from wmcore.errors import QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy


@dataclass(slots=True)
class Found:
    """What one database's part of a book held."""

    completed: list[tuple[int, str]] = field(default_factory=list)
    attempts: list[tuple[int, str, Outcome]] = field(default_factory=list)
    released: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Held:
    """A batch as its owner left it: jobids in order, and how many of them had come how far."""

    ids: list[int]
    acked: int
    started: int
    finished: int
    told: int  # so many the owner itself had acknowledged, and told of
    funcid: int
    lease: int


@dataclass(frozen=True, slots=True)
class Closer:
    """Everything that closing needs to know of the daemon."""

    daemon: str
    names: list[str]
    local: Callable[[], Database]  # the failed store for databases without our tables
    born: float  # time.monotonic() at the start of this life

    def close(self, databases: list[Database], book: Book) -> Closed:
        """In each database that the book still names; those that do not answer remain."""
        whole, remaining = Found(), []
        for db in databases:
            if book.open_databases and db.index not in book.open_databases:
                continue
            try:
                db.require_schema()
                part = db.atomically(lambda db=db: self._close_in(db, book))  # type: ignore[misc]
            except QueueDown:
                remaining.append(db.index)
                continue
            whole.completed += part.completed
            whole.attempts += part.attempts
            whole.released += part.released
        return Closed(whole.completed, whole.attempts, whole.released, tuple(remaining))

    def _close_in(self, db: Database, book: Book) -> Found:
        if db.bare:
            return self._close_noted(db, book)
        found = Found()
        keys = {"daemon": self.daemon, "slot": book.slot}
        row = db.one(
            f"SELECT owner, seq, lease, funcid, ids, acked FROM {db.table('wm_claim')} "
            f"WHERE {OWN}{db.dialect.lock_rows}",
            keys,
        )
        if row is None or row[0] != book.owner:
            return found
        seq, lease, funcid, ids, acked = int(row[1]), int(row[2]), int(row[3]), unpack(row[4]), int(row[5])
        place = book.place
        known = place.database == db.index and place.seq == seq & 0xFFFFFFFF
        started, finished, told = (place.started, place.finished, place.acked) if known else (0, 0, 0)
        self._end_each(db, book, found, Held(ids, acked, started, finished, told, funcid, lease))
        db.run(
            f"UPDATE {db.table('wm_claim')} SET owner = '', seq = seq + 1, ids = '', acked = 0 WHERE {OWN}", keys
        )  # fmt: skip
        return found

    def _close_noted(self, db: Database, book: Book) -> Found:
        """Without our tables: the job that stands in the slot, and those that it took along."""
        found, place = Found(), book.place
        if place.noted_class < 0 or place.database != db.index:
            return found
        ids = [place.noted_number, *place.companions]
        # Locked: the COMMIT of the claim may still be on its way. Some of them may have ended. And not by the class's
        # place in the configuration: that may have changed since.
        rows_of_it = db.rows(
            f"SELECT funcid, grabbed_until FROM {db.table('job')} WHERE jobid IN ({','.join(map(str, ids))})"
            f"{db.dialect.lock_rows}"
        )
        funcids = [int(funcid) for funcid, lease in rows_of_it if int(lease) == place.noted_lease]
        if not funcids:
            return found
        funcid = funcids[0]
        self._end_each(db, book, found, Held(ids, 0, place.started, place.finished, 0, funcid, place.noted_lease))
        return found

    def _end_each(self, db: Database, book: Book, found: Found, held: Held) -> None:
        """What is finished goes, what was running has failed, what was not started is given back."""
        class_index, funcid, lease = self._class_index(db, held.funcid), held.funcid, held.lease
        for number, jobid in enumerate(held.ids):
            if number < held.acked:
                if held.told <= number < held.finished:  # the manager acknowledged it, its child had not told of it yet
                    found.completed.append((class_index, rows.job_id(db, jobid)))
            elif number < held.finished:
                if outcomes.delete_finished(db, jobid, funcid, lease, book.policy.keep_exit_status_seconds):
                    found.completed.append((class_index, rows.job_id(db, jobid)))
            elif number < held.started:
                self._end_running(db, book, found, (jobid, funcid, lease, class_index))
            elif outcomes.release(db, jobid, funcid, lease):
                found.released.append(rows.job_id(db, jobid))

    def _end_running(self, db: Database, book: Book, found: Found, job: tuple[int, int, int, int]) -> None:
        """The job that was running when its child died: a failed attempt, or given back."""
        jobid, funcid, lease, class_index = job
        if not book.counts:
            if outcomes.release(db, jobid, funcid, lease):
                found.released.append(rows.job_id(db, jobid))
            return
        row = outcomes.held(db, jobid, funcid, lease)
        if row is not None:
            name = rows.Funcids(db).name(funcid)
            local = self.local() if db.bare else None
            outcome = outcomes.record_failure(db, local, row, name, book.failure, book.policy, Who(book.slot, book.pid))
            found.attempts.append((class_index, rows.job_id(db, jobid), outcome))

    def _class_index(self, db: Database, funcid: int) -> int:
        name = rows.Funcids(db).names().get(funcid)
        return self.names.index(name) if name in self.names else -1

    def release_strays(self, db: Database, known: frozenset[str]) -> list[str]:
        """Claims under this daemon's name that no book and no living child explains, from before this life: a young
        child may claim between the caller's look at its slots and ours at the rows. By the server's clock, whatever
        ours says."""
        db.require_schema()
        if db.bare:
            return []
        strays = db.rows(
            f"SELECT slot, owner FROM {db.table('wm_claim')} "
            "WHERE daemon = :daemon AND ids <> '' AND heartbeat < :born",
            {"daemon": self.daemon, "born": db.now - (time.monotonic() - self.born)},
        )
        released: list[str] = []
        for slot, owner in strays:
            if owner not in known:
                book = replace(_UNKNOWN, slot=int(slot), owner=owner)
                released += db.atomically(lambda book=book: self._close_in(db, book)).released  # type: ignore[misc]
        return released


_UNKNOWN = Book(0, "", Place(database=-1), False, Failure(""), RetryPolicy())
