"""A client's side: insert, look up, list, and take a job without being a child."""

import os
import random
import time
import zlib
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from wmcore.backends.records import Claimed, NewJob, StoredRow
from wmcore.backends.theschwartz import outcomes, rows
from wmcore.backends.theschwartz.borrowed import Borrowed, connection_of, home_of
from wmcore.backends.theschwartz.database import CommitInDoubt, Database
from wmcore.backends.theschwartz.insert import insert_jobs
from wmcore.backends.theschwartz.ordering import Selection
from wmcore.backends.theschwartz.outcomes import Who
from wmcore.backends.theschwartz.rows import Funcids, Row
from wmcore.backends.theschwartz.selecting import Coalescing, take_coalescing
from wmcore.config.records import DatabaseConfig
from wmcore.errors import NotFound, QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy

T = TypeVar("T")


class TheSchwartzClientQueue:
    """Implements `backends.base.ClientQueue`."""

    def __init__(
        self, databases: Sequence[DatabaseConfig], retry_seconds: float = 30.0, selection: Selection | None = None
    ) -> None:
        """`retry_seconds`: so long a database that did not answer is left alone while another does. `selection`: of the
        jobs to take."""
        self._selection = selection or Selection()
        self._databases = [Database(entry, index, durable=True) for index, entry in enumerate(databases)]
        self._funcids = [Funcids(db) for db in self._databases]
        self._retry_seconds = retry_seconds
        self._down_until = [0.0] * len(databases)  # monotonic

    def close(self) -> None:
        for db in self._databases:
            db.close()

    # -- which database ------------------------------------------------------------------------------------------------

    def _order(self, key: str | None = None) -> list[int]:
        """At random, a key always in the same order, so that it meets the one that has it; those that did not answer of
        late only when nobody else does."""
        now = time.monotonic()
        order = random.sample(range(len(self._databases)), len(self._databases))
        if key is not None:
            order.sort(key=lambda number: zlib.crc32(f"{self._databases[number].config.identity} {key}".encode()))
        return sorted(order, key=lambda number: self._down_until[number] > now)

    def _anywhere(self, act: Callable[[Database, Funcids], T | None], key: str | None = None) -> T | None:
        """The first answer that is one. Raises QueueDown where nobody answers; CommitInDoubt, where the connection
        broke in the COMMIT: then another database is not tried, it may have happened."""
        trouble: QueueDown | None = None
        up = 0
        for number in self._order(key):
            db = self._databases[number]
            try:
                db.require_schema()
                found = act(db, self._funcids[number])
            except CommitInDoubt:
                raise
            except QueueDown as error:
                trouble = error
                self._down_until[number] = time.monotonic() + self._retry_seconds
                continue
            up += 1
            if found is not None:
                return found
        if not up:
            raise trouble or QueueDown("no database is configured")
        return None

    def _of(self, handle: str) -> tuple[Database, int]:
        """The database that a handle means, and the jobid. Raises NotFound, QueueDown."""
        identity, number = rows.split_id(handle, "handle")
        for db in self._databases:
            if identity in (db.config.identity, str(db.index)):
                db.require_schema()
                return db, number
        raise NotFound(
            f"handle {handle} belongs to none of this client's databases; its dsn and user must be written as they "
            "were where the job was inserted"
        )

    # -- inserting -----------------------------------------------------------------------------------------------------

    def insert(self, jobs: Sequence[NewJob], connection: Any = None) -> list[str | None]:
        if connection is not None:
            return self._insert_inside(connection, jobs)
        key = next((f"{job.funcname} {job.uniqkey}" for job in jobs if job.uniqkey is not None), None)
        return self._anywhere(lambda db, funcids: self._insert_into(db, funcids, jobs), key) or []

    @staticmethod
    def _insert_into(db: Database, funcids: Funcids, jobs: Sequence[NewJob]) -> list[str | None]:
        for name in {job.funcname for job in jobs}:
            funcids.make(name)  # outside: two clients that make the same name at once must not break each other
        return _handles(db, db.atomically(lambda: insert_jobs(db, funcids, jobs)))

    def _insert_inside(self, given: Any, jobs: Sequence[NewJob]) -> list[str | None]:
        connection = connection_of(given)
        home = home_of(self._databases, connection)
        db = Borrowed(home, connection)
        # A name made inside goes with the application's rollback: it may not be remembered.
        funcids = Funcids(db) if db.dialect.name == "sqlite" else self._funcids[home.index]
        return _handles(db, insert_jobs(db, funcids, jobs))

    # -- looking -------------------------------------------------------------------------------------------------------

    def lookup(self, handle: str) -> StoredRow | None:
        db, number = self._of(handle)
        found = db.one(f"{rows.select(db)} WHERE jobid = :jobid", {"jobid": number})
        return None if found is None else self._stored(db, rows.read(found))

    def exit_status(self, handle: str) -> int | None:
        return outcomes.exit_status(*self._of(handle))

    def failure_log(self, handle: str) -> list[str]:
        return outcomes.failure_log(*self._of(handle))

    def list_jobs(
        self, funcnames: Sequence[str], run_after: float | None, grabbed_until: float | None, coalesce: str | None,
        prefix: bool, limit: int,
    ) -> list[StoredRow]:  # fmt: skip
        """Of the databases that answer; raises QueueDown where none does."""
        found: list[StoredRow] = []
        latest = {"run_after": run_after, "grabbed_until": grabbed_until}
        wanted = None if coalesce is None else Coalescing(0, coalesce, prefix)
        trouble: QueueDown | None = None
        up = 0
        for db in self._databases:
            try:
                db.require_schema()
                found += self._list(db, funcnames, latest, wanted, limit - len(found))
                up += 1
            except QueueDown as error:
                trouble = error
        if trouble is not None and not up:
            raise trouble
        return found

    def _list(
        self, db: Database, funcnames: Sequence[str], latest: dict[str, float | None], wanted: Coalescing | None,
        limit: int,
    ) -> list[StoredRow]:  # fmt: skip
        known = self._funcids[db.index]
        funcids = [funcid for name in funcnames if (funcid := known.get(name)) is not None]
        if not funcids or limit < 1:
            return []
        where = [f"funcid IN ({','.join(map(str, funcids))})"]
        values: dict[str, Any] = {}
        for column, value in latest.items():
            if value is not None:
                where.append(f"{column} <= :{column}")
                values[column] = int(value)
        if wanted is not None:
            where.append(wanted.condition(db))
            values["value"] = wanted.values(db)["value"]
        sql = f"{rows.select(db)} WHERE {' AND '.join(where)} ORDER BY jobid LIMIT {int(limit)}"
        return [self._stored(db, rows.read(row)) for row in db.rows(sql, values)]

    def _stored(self, db: Database, row: Row) -> StoredRow:
        claimed = Claimed(
            id=rows.job_id(db, row.jobid), class_index=-1, funcname=self._funcids[db.index].name(row.funcid),
            raw=row.raw, insert_time=row.insert_time, run_after=row.run_after, claimed_at=row.now,
            priority=row.priority, uniqkey=row.uniqkey, coalesce=row.coalesce, number=row.jobid, database=db.index,
            handle=rows.handle(db, row.jobid),
        )  # fmt: skip
        return StoredRow(claimed, row.funcid, row.grabbed_until)

    # -- taking a job --------------------------------------------------------------------------------------------------

    def take_coalescing(self, funcname: str, value: str, grab_for: int, *, prefix: bool) -> StoredRow | None:
        def take(db: Database, funcids: Funcids) -> StoredRow | None:
            funcid = funcids.get(funcname)
            if funcid is None:
                return None
            lease = int(db.now) + max(1, grab_for)
            wanted = Coalescing(funcid, value, prefix)
            found = db.atomically(lambda: take_coalescing(db, self._selection, wanted, lease, 1))
            if not found:
                return None
            taken = self._stored(db, found[0])
            return StoredRow(taken.job, funcid, lease)

        return self._anywhere(take)

    def complete(self, held: StoredRow, keep_exit_status_seconds: int) -> bool:
        return self._ended(
            held,
            lambda db, row: outcomes.delete_finished(
                db, row.jobid, row.funcid, row.grabbed_until, keep_exit_status_seconds
            ),
        )

    def fail(self, held: StoredRow, failure: Failure, policy: RetryPolicy) -> bool:
        who, name = Who(None, os.getpid()), held.job.funcname

        def write(db: Database, row: Row) -> Outcome:
            return outcomes.record_failure(db, None, row, name, failure, policy, who)

        return self._ended(held, write)

    def decline(self, held: StoredRow, run_after: float | None) -> bool:
        return self._ended(
            held, lambda db, row: outcomes.release(db, row.jobid, row.funcid, row.grabbed_until, run_after)
        )

    def replace(self, held: StoredRow, jobs: Sequence[NewJob]) -> bool:
        funcids = self._funcids[held.job.database]
        for job in jobs:
            funcids.make(job.funcname)

        def write(db: Database, row: Row) -> object:
            outcomes.delete_finished(db, row.jobid, row.funcid, row.grabbed_until)
            return insert_jobs(db, funcids, jobs)

        return self._ended(held, write)

    def _ended(self, held: StoredRow, write: Callable[[Database, Row], object]) -> bool:
        db = self._databases[held.job.database]

        def work() -> bool:
            row = outcomes.held(db, held.job.number, held.funcid, held.grabbed_until)
            if row is not None:
                write(db, row)
            return row is not None

        return db.atomically(work)


def _handles(db: Database, made: Sequence[int | None]) -> list[str | None]:
    return [None if jobid is None else rows.handle(db, jobid) for jobid in made]
