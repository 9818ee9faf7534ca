"""The failed-jobs store: `wm_failed` in a database, or in the daemon's own SQLite file where a database has none.

A `Store` is one such table. Its lists go by (failed_at, id). Class, fingerprint and time are looked up in an index; a
part of the message and whether there was a retry are searched for, in stretches of so many records of that index.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from wmcore.backends.base import AttemptRow, FailedRow, Filter
from wmcore.backends.theschwartz.database import Database, padded
from wmcore.backends.theschwartz.selecting import like
from wmcore.errors import NotFound

Position = tuple[float, int]
"""failed_at, id."""

GLIMPSE_BYTES = 8192
"""Of an argument in a list."""
MESSAGE = 2000
"""Characters of a message in a list."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What was found among the next so many records."""

    found: Sequence[Position]
    end: Position | None  # the last record that was looked at; None: there is nothing behind


@dataclass(frozen=True, slots=True)
class Newest:
    """The newest record of a fingerprint."""

    fingerprint: str
    number: int
    failed_at: float
    funcname: str
    message: str


def gone(failed_id: str) -> NotFound:
    return NotFound(f"there is no failed job {failed_id}; it may have been deleted")


def searches(which: Filter) -> bool:
    """Is there a condition that no index knows?"""
    return bool(_searched(which)[0])


class Store:
    """One `wm_failed` table."""

    def __init__(self, db: Database, key: str) -> None:
        """`key`: what its ids begin with."""
        self.db = db
        self.key = key
        self._table = db.table("wm_failed")
        self.fingerprint = "fingerprint" if db.fingerprints else "''"

    # -- lists ---------------------------------------------------------------------------------------------------------

    def _window(self, which: Filter, behind: Position | None, oldest: bool, rows: int) -> tuple[str, dict[str, Any]]:
        """The next `rows` records of the index, from behind a position: SQL of a table."""
        where, values = self._looked_up(which)
        if behind is not None:
            sign = ">" if oldest else "<"
            where.append(f"(failed_at {sign} :b_at OR (failed_at = :b_at AND id {sign} :b_id))")
            where.append(f"failed_at {sign}= :b_at")  # else the index is read from its end
            values |= {"b_at": behind[0], "b_id": behind[1]}
        columns = f"id, failed_at, funcname, retried_as, message, {self.fingerprint} AS fingerprint"
        return (
            f"(SELECT {columns} FROM {self._table} WHERE {' AND '.join(where)} {_order(oldest)} LIMIT {int(rows)}) w",
            values,
        )

    def stretch(self, which: Filter, behind: Position | None, oldest: bool, rows: int) -> Stretch:
        """What fits among the next `rows` records."""
        window, values = self._window(which, behind, oldest, rows)
        where, searched = _searched(which)
        if not where:
            found = self._positions(f"SELECT failed_at, id FROM {window} {_order(oldest)}", values)
            return Stretch(found, found[-1] if len(found) == rows else None)
        found = self._positions(
            f"SELECT failed_at, id FROM {window} WHERE {' AND '.join(where)} {_order(oldest)}", values | searched
        )
        return Stretch(found, self._end(window, values, oldest, rows))

    def _end(self, window: str, values: dict[str, Any], oldest: bool, rows: int) -> Position | None:
        last = self._positions(f"SELECT failed_at, id FROM {window} {_order(oldest)} LIMIT 1 OFFSET {rows - 1}", values)
        return last[0] if last else None

    def _positions(self, sql: str, values: dict[str, Any]) -> list[Position]:
        return [(float(row[0]), int(row[1])) for row in self.db.rows(sql, values)]

    def count(self, which: Filter, most: int) -> int:
        """Of what is looked up; what is searched for is counted by stretches."""
        where, values = self._looked_up(which)
        inner = f"SELECT 1 FROM {self._table} WHERE {' AND '.join(where)} LIMIT {int(most)}"
        row = self.db.one(f"SELECT count(*) FROM ({inner}) t", values)
        return int(row[0]) if row else 0

    def _looked_up(self, which: Filter) -> tuple[list[str], dict[str, Any]]:
        """Conditions that one index has: of a fingerprint, else of a class, and the time."""
        conditions, values = ["1 = 1"], dict[str, Any]()
        if which.fingerprint is not None and not _by_class(which):
            conditions.append(f"{self.fingerprint} = :f_print")
            values["f_print"] = which.fingerprint
        elif which.funcname is not None:
            conditions.append("funcname = :f_name")
            values["f_name"] = which.funcname
        for key, sign, value in (("f_since", ">=", which.since), ("f_until", "<=", which.until)):
            if value is not None:
                conditions.append(f"failed_at {sign} :{key}")
                values[key] = value
        return conditions, values

    # -- groups --------------------------------------------------------------------------------------------------------

    def fingerprints(self, most: int) -> list[str]:
        """Those that there are, each found by one look into the index."""
        if self.fingerprint == "''":
            return [""]
        if self.db.dialect.name == "mysql":  # which jumps from one to the next by itself, and not in the way below
            found = self.db.rows(
                f"SELECT DISTINCT fingerprint FROM {self._table} ORDER BY fingerprint LIMIT {int(most)}"
            )
            return [str(row[0]) for row in found]
        following = f"SELECT min(fingerprint) FROM {self._table} WHERE fingerprint > g.f"
        found = self.db.rows(
            f"WITH RECURSIVE g (f, n) AS (SELECT min(fingerprint), 1 FROM {self._table} UNION ALL "
            f"SELECT ({following}), n + 1 FROM g WHERE g.f IS NOT NULL AND n < {int(most)}) "
            "SELECT f FROM g WHERE f IS NOT NULL"
        )
        return [str(row[0]) for row in found]

    def newest_of(self, prints: Sequence[str], which: Filter) -> list[Newest]:
        """Of each fingerprint the newest record within the filter's time."""
        time, values = self._looked_up(Filter(since=which.since, until=which.until))
        columns = f"{self.fingerprint} AS fingerprint, id, failed_at, funcname, substr(message, 1, {MESSAGE})"
        parts = [
            f"SELECT * FROM (SELECT {columns} FROM {self._table} WHERE {self.fingerprint} = :p{place} "
            f"AND {' AND '.join(time)} {_order(False)} LIMIT 1) t{place}"
            for place in range(len(prints))
        ]
        values |= {f"p{place}": each for place, each in enumerate(prints)}
        return [
            Newest(str(row[0]), int(row[1]), float(row[2]), row[3], row[4])
            for row in self.db.rows(" UNION ALL ".join(parts), values)
        ]

    def sizes_of(self, prints: Sequence[str], which: Filter, most: int) -> dict[str, tuple[int, float]]:
        """Of each fingerprint: how many within the filter's time, counted up to `most`, and when the oldest failed."""
        time, values = self._looked_up(Filter(since=which.since, until=which.until))
        parts = []
        for place, each in enumerate(prints):
            mine = f"FROM {self._table} WHERE {self.fingerprint} = :p{place} AND {' AND '.join(time)}"
            parts.append(
                f"SELECT {place}, (SELECT count(*) FROM (SELECT 1 {mine} LIMIT {int(most)}) t), "
                f"(SELECT min(failed_at) {mine})"
            )
            values[f"p{place}"] = each
        return {
            prints[int(row[0])]: (int(row[1]), float(row[2] or 0))
            for row in self.db.rows(" UNION ALL ".join(parts), values)
        }

    def grouped(
        self, which: Filter, behind: Position | None, rows: int
    ) -> tuple[list[tuple[str, str, int, float, float, int]], Position | None]:
        """What fits among the next `rows` records, newest first, by fingerprint and class: (fingerprint, class, count,
        first, last, greatest id); and where it ended."""
        window, values = self._window(which, behind, False, rows)
        where, searched = _searched(which)
        found = self.db.rows(
            f"SELECT fingerprint, funcname, count(*), min(failed_at), max(failed_at), max(id) FROM {window} "
            f"WHERE {' AND '.join(where) or '1 = 1'} GROUP BY fingerprint, funcname",
            values | searched,
        )
        groups = [(str(r[0]), str(r[1]), int(r[2]), float(r[3]), float(r[4]), int(r[5])) for r in found]
        return groups, self._end(window, values, False, rows)

    # -- records -------------------------------------------------------------------------------------------------------

    def _columns(self, arg: str, message: str) -> str:
        return (
            f"id, funcname, jobid, failed_at, insert_time, run_after, {arg}, {message}, attempt_count, priority, "
            f"uniqkey, {self.db.dialect.coalesce}, host, slot, retried_as, origin, {self.fingerprint}, length(arg)"
        )

    def glimpses(self, numbers: Iterable[int]) -> dict[int, FailedRow]:
        """For a list: argument and message are cut."""
        among = ",".join(map(str, map(int, numbers)))
        if not among:
            return {}
        columns = self._columns(f"substr(arg, 1, {GLIMPSE_BYTES})", f"substr(message, 1, {MESSAGE})")
        found = self.db.rows_literally(f"SELECT {columns} FROM {self._table} WHERE id IN ({among})")
        return {int(row[0]): self._record(row) for row in found}

    def whole(self, numbers: Iterable[int]) -> list[FailedRow]:
        """Inside a transaction: locked, for a retry; without their attempts."""
        among = ",".join(map(str, map(int, numbers)))
        found = self.db.rows_literally(
            f"SELECT {self._columns('arg', 'message')} FROM {self._table} WHERE id IN ({among}) ORDER BY id"
            f"{self.db.dialect.lock_rows}"
        )
        return [self._record(row) for row in found]

    def get(self, number: int) -> FailedRow:
        found: Any = self.db.one(
            f"SELECT {self._columns('arg', 'message')}, attempts FROM {self._table} WHERE id = :id", {"id": number}
        )
        if found is None:
            raise gone(f"{self.key}-{number}")
        attempts = tuple(AttemptRow(**attempt) for attempt in json.loads(found[-1] or "[]"))
        return self._record(found[:-1], attempts)

    def origins(self, numbers: Iterable[int]) -> dict[int, str | None]:
        """The names of the databases that they came from, in the daemon's own store."""
        among = ",".join(map(str, map(int, numbers)))
        found = self.db.rows(f"SELECT id, origin FROM {self._table} WHERE id IN ({among})")
        return {int(row[0]): row[1] for row in found}

    def retried_as(self, number: int) -> str | None:
        """Inside a transaction: locks the record, so that of two who retry it one sees the other."""
        found = self.db.one(
            f"SELECT retried_as FROM {self._table} WHERE id = :id{self.db.dialect.lock_rows}", {"id": number}
        )
        return None if found is None else found[0]

    def mark_retried(self, jobs: Sequence[tuple[int, str]]) -> None:
        """(id, the new job's id)"""
        if not jobs:
            return
        values: dict[str, Any] = {}
        for place, (number, job) in enumerate(padded(jobs)):
            values |= {f"n{place}": number, f"j{place}": job}
        places = range(len(values) // 2)
        cases = " ".join(f"WHEN :n{place} THEN :j{place}" for place in places)
        among = ", ".join(f":n{place}" for place in places)
        self.db.run(f"UPDATE {self._table} SET retried_as = CASE id {cases} END WHERE id IN ({among})", values)

    def delete(self, numbers: Iterable[int]) -> int:
        """How many there were."""
        among = ",".join(map(str, map(int, numbers)))
        return self.db.run_literally(f"DELETE FROM {self._table} WHERE id IN ({among})").rowcount

    def _record(self, row: Any, attempts: tuple[AttemptRow, ...] = ()) -> FailedRow:
        (number, funcname, jobid, failed_at, insert_time, run_after, arg, message, count, priority, uniqkey, coalesce,
         host, slot, retried_as, origin, fingerprint, size) = row  # fmt: skip
        return FailedRow(
            id=f"{self.key}-{number}", funcname=funcname, job=f"{self.db.index}-{jobid}" if jobid else origin or "",
            failed_at=float(failed_at),
            insert_time=float(insert_time), run_after=float(run_after), raw=bytes(arg or b""), error=message,
            attempt_count=int(count), priority=priority, uniqkey=uniqkey, coalesce=coalesce, host=host, slot=slot,
            retried_as=retried_as, attempts=attempts, fingerprint=fingerprint, size=int(size or 0),
        )  # fmt: skip


def _order(oldest: bool) -> str:
    return "ORDER BY failed_at, id" if oldest else "ORDER BY failed_at DESC, id DESC"


def _by_class(which: Filter) -> bool:
    """Records without a fingerprint are found by their class: a fingerprint is of one class, its absence is not."""
    return which.funcname is not None and which.fingerprint == ""


def _searched(which: Filter) -> tuple[list[str], dict[str, Any]]:
    """Conditions that no index has."""
    conditions, values = list[str](), dict[str, Any]()
    if which.fingerprint is not None and which.funcname is not None:
        by_class = _by_class(which)
        conditions.append("fingerprint = :s_other" if by_class else "funcname = :s_other")
        values["s_other"] = which.fingerprint if by_class else which.funcname
    if which.error is not None:
        conditions.append("lower(message) LIKE :s_error ESCAPE '!'")
        values["s_error"] = f"%{like(which.error.lower())}%"
    if which.retried is not None:
        conditions.append(f"retried_as IS {'NOT ' if which.retried else ''}NULL")
    return conditions, values
