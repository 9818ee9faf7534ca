"""Inserting jobs: for clients, for `replace_with`, for a retry from the failed list."""

import random
import time
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from wmcore.backends.base import NewJob
from wmcore.backends.theschwartz.database import CommitInDoubt, Database
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.errors import QueueDown

DOWN_SECONDS = 30.0
"""So long a client with several databases leaves one alone that did not answer."""


def insert_jobs(db: Database, funcids: Funcids, jobs: Sequence[NewJob]) -> list[int | None]:
    """Inside a transaction; the funcids have been made. Returns jobids, None where the uniqkey was taken."""
    return [_insert(db, funcids.make(job.funcname), job) for job in jobs]


def _insert(db: Database, funcid: int, job: NewJob) -> int | None:
    d = db.dialect
    fine = ", wm_insert_time" if db.fine_insert_time else ""
    fine_value = f", {d.now}" if db.fine_insert_time else ""
    sql = (
        f"INSERT INTO {db.table('job')} (funcid, arg, uniqkey, insert_time, run_after, grabbed_until, priority, "
        f"{d.coalesce}{fine}) VALUES (:funcid, :arg, :uniqkey, {d.second}, "
        f"COALESCE(:run_after, {d.second}), :grabbed_until, :priority, :coalesce{fine_value})"
    )
    values = {
        "funcid": funcid,
        "arg": job.raw,
        "uniqkey": job.uniqkey,
        "run_after": None if job.run_after is None else int(job.run_after),
        "grabbed_until": int(job.grabbed_until or 0),
        "priority": job.priority,
        "coalesce": job.coalesce,
    }
    if d.name == "mysql":  # a duplicate fails the statement, not the transaction
        try:
            return int(db.run(sql, values).lastrowid)
        except IntegrityError:
            if job.uniqkey is None:
                raise
            return None
    row = db.one(f"{sql} ON CONFLICT (funcid, uniqkey) DO NOTHING RETURNING jobid", values)
    return None if row is None else int(row[0])


class TheSchwartzInserter:
    """Implements `backends.base.ClientQueue`."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._funcids = [Funcids(db) for db in databases]
        self._down_until = [0.0] * len(databases)  # monotonic

    def insert(self, jobs: Sequence[NewJob]) -> list[str | None]:
        """Into a random database that answers; stops at a conflict there, as the key may only be taken once.

        Raises QueueDown; CommitInDoubt where the connection broke in the COMMIT: then another database is not tried,
        the jobs may have been inserted.
        """
        trouble: QueueDown | None = None
        for number in self._order():
            db = self._databases[number]
            try:
                db.require_schema()
                return self._insert_into(db, self._funcids[number], jobs)
            except CommitInDoubt:
                raise
            except QueueDown as error:
                trouble = error
                self._down_until[number] = time.monotonic() + DOWN_SECONDS
        raise trouble or QueueDown("no database is configured")

    def _order(self) -> list[int]:
        """At random; those that did not answer of late only when nobody else does."""
        now = time.monotonic()
        order = random.sample(range(len(self._databases)), len(self._databases))
        return sorted(order, key=lambda number: self._down_until[number] > now)

    @staticmethod
    def _insert_into(db: Database, funcids: Funcids, jobs: Sequence[NewJob]) -> list[str | None]:
        for name in {job.funcname for job in jobs}:
            funcids.make(name)  # outside: two clients that make the same name at once must not break each other
        made = db.atomically(lambda: insert_jobs(db, funcids, jobs))
        identity = db.config.identity or str(db.index)
        return [None if jobid is None else f"{identity}-{jobid}" for jobid in made]

    def close(self) -> None:
        for db in self._databases:
            db.close()
