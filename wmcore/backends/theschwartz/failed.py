"""The failed-jobs store: `wm_failed` in a database, or in the daemon's own SQLite file where a database has none."""

import json
from collections.abc import Sequence
from typing import Any

from wmcore.backends.base import AttemptRow, FailedRow, Filter, NewJob
from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.insert import insert_jobs
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.backends.theschwartz.selecting import like
from wmcore.errors import NotFound, QueueDown, Refused
from wmcore.model import COUNT_LIMIT


class Store:
    """One `wm_failed` table."""

    def __init__(self, db: Database, key: str) -> None:
        """`key`: what its ids begin with."""
        self.db = db
        self.key = key

    def _columns(self) -> str:
        return (
            f"id, funcname, jobid, failed_at, insert_time, run_after, arg, message, attempt_count, priority, uniqkey, "
            f"{self.db.dialect.coalesce}, host, slot, retried_as, origin"
        )

    def count(self, which: Filter) -> int:
        where, values = _where(self.db, which)
        inner = f"SELECT 1 FROM {self.db.table('wm_failed')} WHERE {where} LIMIT {COUNT_LIMIT}"
        row = self.db.one(f"SELECT count(*) FROM ({inner}) t", values)
        return int(row[0]) if row else 0

    def newest(self, which: Filter, before: tuple[float, int] | None, limit: int) -> list[FailedRow]:
        """By time of failure, newest first, from behind (`failed_at`, id)."""
        where, values = _where(self.db, which)
        if before is not None:
            where += " AND (failed_at < :b_at OR (failed_at = :b_at AND id < :b_id))"
            values |= {"b_at": before[0], "b_id": before[1]}
        found = self.db.rows(
            f"SELECT {self._columns()} FROM {self.db.table('wm_failed')} WHERE {where} "
            f"ORDER BY failed_at DESC, id DESC LIMIT {int(limit)}",
            values,
        )
        return [self._record(row) for row in found]

    def get(self, number: int) -> FailedRow:
        found = self.db.one(
            f"SELECT {self._columns()}, attempts FROM {self.db.table('wm_failed')} WHERE id = :id", {"id": number}
        )
        if found is None:
            raise NotFound(f"there is no failed job {self.key}-{number}; it may have been deleted")
        attempts = tuple(AttemptRow(**attempt) for attempt in json.loads(found[-1] or "[]"))
        return self._record(found[:-1], attempts)

    def origin(self, number: int) -> str | None:
        """The name of the database that it came from, in the daemon's own store."""
        found = self.db.one(f"SELECT origin FROM {self.db.table('wm_failed')} WHERE id = :id", {"id": number})
        return None if found is None else found[0]

    def retried_as(self, number: int) -> str | None:
        """Inside a transaction: locks the record, so that of two who retry it one sees the other."""
        found = self.db.one(
            f"SELECT retried_as FROM {self.db.table('wm_failed')} WHERE id = :id{self.db.dialect.lock_rows}",
            {"id": number},
        )
        return None if found is None else found[0]

    def mark_retried(self, number: int, job: str) -> None:
        self.db.run(
            f"UPDATE {self.db.table('wm_failed')} SET retried_as = :job WHERE id = :id", {"id": number, "job": job}
        )

    def delete(self, number: int) -> None:
        done = self.db.run(f"DELETE FROM {self.db.table('wm_failed')} WHERE id = :id", {"id": number})
        if done.rowcount != 1:
            raise NotFound(f"there is no failed job {self.key}-{number}; it may have been deleted")

    def _record(self, row: Any, attempts: tuple[AttemptRow, ...] = ()) -> FailedRow:
        (number, funcname, jobid, failed_at, insert_time, run_after, arg, message, count, priority, uniqkey, coalesce,
         host, slot, retried_as, origin) = row  # fmt: skip
        return FailedRow(
            id=f"{self.key}-{number}", funcname=funcname, job=f"{self.db.index}-{jobid}" if jobid else origin or "",
            failed_at=float(failed_at),
            insert_time=float(insert_time), run_after=float(run_after), raw=bytes(arg or b""), error=message,
            attempt_count=int(count), priority=priority, uniqkey=uniqkey, coalesce=coalesce, host=host, slot=slot,
            retried_as=retried_as, attempts=attempts,
        )  # fmt: skip


def _where(db: Database, which: Filter) -> tuple[str, dict[str, Any]]:
    conditions, values = ["1 = 1"], dict[str, Any]()
    if which.funcname is not None:
        conditions.append("funcname = :f_name")
        values["f_name"] = which.funcname
    if which.error is not None:
        conditions.append("lower(message) LIKE :f_error ESCAPE '!'")
        values["f_error"] = f"%{like(which.error.lower())}%"
    for key, sign, value in (("f_since", ">=", which.since), ("f_until", "<=", which.until)):
        if value is not None:
            conditions.append(f"failed_at {sign} :{key}")
            values[key] = value
    return " AND ".join(conditions), values


def page(stores: Sequence[Store], which: Filter, cursor: str | None, limit: int) -> tuple[list[FailedRow], str | None]:
    """One page over all stores, newest first. The cursor is the last record's time and id."""
    before = _read_cursor(cursor)
    found: list[FailedRow] = []
    for store in stores:
        found += store.newest(which, _before(store, before), limit)
    found.sort(key=_order, reverse=True)
    chosen = found[:limit]
    return chosen, f"{chosen[-1].failed_at!r}|{chosen[-1].id}" if len(chosen) == limit else None


def _order(row: FailedRow) -> tuple[float, str, int]:
    key, number = rows.split_id(row.id, "failed")
    return row.failed_at, key, number


def _read_cursor(cursor: str | None) -> tuple[float, str] | None:
    if cursor is None:
        return None
    at, _, last = cursor.partition("|")
    try:
        return float(at), last
    except ValueError:
        raise Refused(f"{cursor!r} is no cursor of this list") from None


def _before(store: Store, before: tuple[float, str] | None) -> tuple[float, int] | None:
    """In the store that the last record came from: from behind it; in the others: records of that very moment are still
    to come where their key is smaller."""
    if before is None:
        return None
    key, number = rows.split_id(before[1], "failed")
    if key == store.key:
        return before[0], number
    return before[0], 2**62 if store.key < key else 0


def retry(store: Store, home: Database, number: int) -> str:
    """Insert the job anew, with no attempts, and note it on the record: in one transaction where the record stands in
    the same database (`home`). Returns the new job's id. Raises NotFound, Refused."""
    record = store.get(number)
    funcids = Funcids(home)
    new = NewJob(
        record.funcname, record.raw, priority=record.priority, uniqkey=record.uniqkey, coalesce=record.coalesce
    )

    def work() -> str:
        before = store.retried_as(number)
        if before is not None and _waits(home, before):
            raise Refused(f"{record.id} was retried already, as job {before}, which is still in the queue")
        jobid = insert_jobs(home, funcids, [new])[0]
        if jobid is None:
            raise Refused(f"{record.id}: its uniqkey {record.uniqkey!r} is taken by another job in the queue")
        job = rows.job_id(home, jobid)
        if store.db is home:
            store.mark_retried(number, job)
        return job

    try:
        funcids.make(record.funcname)
        job = home.atomically(work)
    except QueueDown as error:
        raise Refused(f"{record.id}: {error}") from None
    if store.db is not home:
        store.mark_retried(number, job)
    return job


def _waits(home: Database, job: str) -> bool:
    place, number = rows.split_id(job, "job")
    if place != str(home.index):
        return False
    return home.one(f"SELECT 1 FROM {home.table('job')} WHERE jobid = :id", {"id": number}) is not None
