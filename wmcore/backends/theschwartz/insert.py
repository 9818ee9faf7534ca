"""Inserting jobs: for clients, for `replace_with`, for a retry from the failed list."""

import random
from collections.abc import Sequence

from sqlalchemy.exc import IntegrityError

from wmcore.backends.base import NewJob
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.errors import QueueDown


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
            return None
    row = db.one(f"{sql} ON CONFLICT (funcid, uniqkey) DO NOTHING RETURNING jobid", values)
    return None if row is None else int(row[0])


class TheSchwartzInserter:
    """Implements `backends.base.ClientQueue`."""

    def __init__(self, databases: Sequence[Database]) -> None:
        self._databases = databases
        self._funcids = [Funcids(db) for db in databases]

    def insert(self, jobs: Sequence[NewJob]) -> list[str | None]:
        """Into a random database that answers; stops at a conflict there, as the key may only be taken once."""
        trouble: QueueDown | None = None
        for number in random.sample(range(len(self._databases)), len(self._databases)):
            db = self._databases[number]
            try:
                db.require_schema()
                return self._insert_into(db, self._funcids[number], jobs)
            except QueueDown as error:
                trouble = error
        raise trouble or QueueDown("no database is configured")

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
