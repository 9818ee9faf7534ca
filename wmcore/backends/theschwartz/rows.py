"""The job table's rows: reading them, their ids, and the number that stands for a queue name."""

from collections.abc import Iterable
from typing import Any

import msgspec
from sqlalchemy.exc import IntegrityError

from wmcore.backends.theschwartz.database import Database
from wmcore.errors import NotFound

MOST_DIGITS = 18
"""No database has longer numbers."""


class Row(msgspec.Struct, frozen=True):
    """A row of `job`, with the server's clock of that moment."""

    jobid: int
    funcid: int
    raw: bytes
    uniqkey: str | None
    insert_time: float
    run_after: float
    grabbed_until: int
    priority: int | None
    coalesce: str | None
    now: float


def columns(db: Database) -> str:
    """What `read` reads."""
    d = db.dialect
    fine = "wm_insert_time" if db.fine_insert_time else "NULL"
    return (
        f"jobid, funcid, arg, uniqkey, insert_time, run_after, grabbed_until, priority, {d.coalesce}, {fine}, {d.now}"
    )


def select(db: Database) -> str:
    """`SELECT ... FROM job`, to be gone on with."""
    return f"SELECT {columns(db)} FROM {db.table('job')}"


def read(row: Any) -> Row:
    jobid, funcid, arg, uniqkey, insert_time, run_after, grabbed_until, priority, coalesce, fine, now = row
    return Row(
        int(jobid), int(funcid), arg if type(arg) is bytes else as_bytes(arg), uniqkey,
        float(fine if fine is not None else insert_time or 0), float(run_after or 0), int(grabbed_until or 0),
        None if priority is None else int(priority), coalesce, float(now),
    )  # fmt: skip


def as_bytes(value: Any) -> bytes:
    """SQLite keeps text where text was put (Perl does); everybody else has bytes."""
    if value is None:
        return b""
    return value.encode() if isinstance(value, str) else bytes(value)


def among(db: Database, jobids: Iterable[int], funcid: int) -> str:
    """A condition for these rows, each named once, of numbers alone. SQLite would rather go through the whole class
    than look up fifty rows: the plus keeps it from that. It is also quicker to follow a range than to sort a list;
    the servers would lock the row behind it."""
    if db.dialect.name != "sqlite":
        return f"funcid = {funcid} AND jobid IN ({','.join(map(str, jobids))})"
    numbers = sorted(jobids)
    if numbers[-1] - numbers[0] == len(numbers) - 1:
        return f"+funcid = {funcid} AND jobid BETWEEN {numbers[0]} AND {numbers[-1]}"
    return f"+funcid = {funcid} AND jobid IN ({','.join(map(str, numbers))})"


def job_id(db: Database, jobid: int) -> str:
    return f"{db.index}-{jobid}"


def handle(db: Database, jobid: int) -> str:
    """As Perl's `as_string` makes it, where the database is configured by the same DSN and user."""
    return f"{db.config.identity or db.index}-{jobid}"


def split_id(wanted: str, what: str) -> tuple[str, int]:
    """The place and the number of an id that a user gave. Raises NotFound."""
    place, _, number = wanted.rpartition("-")
    if not place or not number.isdecimal():
        raise NotFound(f"{wanted!r} is no {what} id (they look like 0-123)")
    return place, int(number)


def number_of(job: str) -> int:
    """The number in an id that somebody looks for; 0, which no job has, where there is none."""
    number = job.rpartition("-")[2]
    return int(number) if number.isdecimal() and len(number) <= MOST_DIGITS else 0


class Funcids:
    """Queue names to funcids and back, remembered per database."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def get(self, name: str) -> int | None:
        """None where no job of that name was ever inserted."""
        found = self._ids.get(name)
        if found is None:
            row = self._db.one(f"SELECT funcid FROM {self._db.table('funcmap')} WHERE funcname = :name", {"name": name})
            if row is None:
                return None
            found = self._ids[name] = int(row[0])
        return found

    def known(self, name: str) -> int | None:
        """The same, without asking."""
        return self._ids.get(name)

    def learn(self, name: str, funcid: int) -> None:
        self._ids[name] = funcid

    def make(self, name: str) -> int:
        """The funcid of `name`, made where there is none; outside of a transaction."""
        found = self.get(name)
        if found is not None:
            return found
        # Somebody else may make it in this moment. Where a failed statement spoils a transaction, it may not fail.
        gently = "" if self._db.dialect.name == "mysql" else " ON CONFLICT (funcname) DO NOTHING"
        try:
            self._db.run(f"INSERT INTO {self._db.table('funcmap')} (funcname) VALUES (:name){gently}", {"name": name})
        except IntegrityError:
            pass
        found = self.get(name)
        assert found is not None
        return found

    def name(self, funcid: int) -> str:
        """The name that a funcid stands for; in words where it stands for none."""
        if funcid not in self._names:
            self._names = self.names()
        return self._names.get(funcid, f"funcid {funcid}")

    def names(self) -> dict[int, str]:
        found = self._db.rows(f"SELECT funcid, funcname FROM {self._db.table('funcmap')}")
        return {int(row[0]): row[1] for row in found}
