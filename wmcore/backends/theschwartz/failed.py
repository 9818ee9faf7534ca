"""The failed-jobs store: `wm_failed` in a database, or in the daemon's own SQLite file where a database has none.

A `Store` is one such table. Its lists go by (failed_at, id). Class, fingerprint, time and whether there was a retry are
looked up in an index; a part of the message is searched for, in stretches of so many records of that index.

Each index begins with `retried`: it has a side of open records and one of those that were retried. A question that
means both is asked on both sides.
"""

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wmcore.backends.records import AttemptRow, FailedRow, Filter
from wmcore.backends.theschwartz.database import Database, padded
from wmcore.backends.theschwartz.rows import number_of
from wmcore.backends.theschwartz.selecting import like
from wmcore.errors import NotFound

Position = tuple[float, int]
"""failed_at, id."""

GLIMPSE_BYTES = 8192
"""Of an argument in a list."""
CLASSES_AT_ONCE = 50
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


class Store:
    """One `wm_failed` table."""

    def __init__(self, db: Database, key: str, places: Mapping[str, int] | None) -> None:
        """`key`: what its ids begin with. `places`: of the databases that its jobs came from, by their names: none
        where it is that database itself. None: they came from no database, and have no numbers."""
        self.db = db
        self.key = key
        self._places = places
        self._table = db.table("wm_failed")
        self.fingerprint = "fingerprint" if db.fingerprints else "''"
        self._looks_up_retried = db.knows_retried

    # -- conditions ----------------------------------------------------------------------------------------------------

    def searches(self, which: Filter) -> bool:
        """Is there a condition that no index knows?"""
        return bool(self._searched(which)[0])

    def _sides(self, which: Filter) -> list[str]:
        """Conditions, each of one side of the indexes."""
        if not self._looks_up_retried:
            return ["1 = 1"]
        return [f"retried = {side}" for side in (0, 1) if which.retried in (None, bool(side))]

    def _looked_up(self, which: Filter) -> tuple[str, dict[str, Any]]:
        """Conditions that one index has: of a fingerprint, else of a class, and the time."""
        conditions, values = ["1 = 1"], dict[str, Any]()
        if which.fingerprint is not None and not _by_class(which):
            conditions.append(f"{self.fingerprint} = :f_print")
            values["f_print"] = which.fingerprint
        elif which.funcname is not None:
            conditions.append("funcname = :f_name")
            values["f_name"] = which.funcname
        if which.job is not None:
            conditions.append(f"id IN ({','.join(map(str, self._ids_of(which.job))) or 0})")
        for key, sign, value in (("f_since", ">=", which.since), ("f_until", "<=", which.until)):
            if value is not None:
                conditions.append(f"failed_at {sign} :{key}")
                values[key] = value
        return " AND ".join(conditions), values

    def _searched(self, which: Filter) -> tuple[str, dict[str, Any]]:
        """Conditions that no index has."""
        conditions, values = list[str](), dict[str, Any]()
        if which.fingerprint is not None and which.funcname is not None:
            by_class = _by_class(which)
            conditions.append("fingerprint = :s_other" if by_class else "funcname = :s_other")
            values["s_other"] = which.fingerprint if by_class else which.funcname
        if which.error is not None:
            conditions.append("lower(message) LIKE :s_error ESCAPE '!'")
            values["s_error"] = f"%{like(which.error.lower())}%"
        if which.retried is not None and not self._looks_up_retried:
            conditions.append(f"retried_as IS {'NOT ' if which.retried else ''}NULL")
        return " AND ".join(conditions), values

    def _ids_of(self, job: str) -> list[int]:
        """The records of a job: one, or as many as databases of the daemon's gave one number to."""
        place, number = job.rpartition("-")[0], number_of(job)
        if self._places is None:  # jobs of a queue that has no numbers
            where, values = "jobid = 0 AND origin = :job", dict[str, Any](job=job)
        elif not place.isdecimal() or not number:
            return []
        elif self._places:
            names = [name for name, index in self._places.items() if index == int(place)]
            where, values = "jobid = :number AND origin = :name", {"number": number, "name": (*names, "")[0]}
        else:
            where, values = "jobid = :number", {"number": number if int(place) == self.db.index else 0}
        found = self.db.rows(f"SELECT id FROM {self._table} WHERE {where} LIMIT 100", values)
        return [int(row[0]) for row in found]

    # -- lists ---------------------------------------------------------------------------------------------------------

    def _window(self, which: Filter, behind: Position | None, oldest: bool, rows: int) -> tuple[str, dict[str, Any]]:
        """The next `rows` records of the index, from behind a position: SQL of a table."""
        where, values = self._looked_up(which)
        if behind is not None:
            sign = ">" if oldest else "<"
            where += f" AND (failed_at {sign} :b_at OR (failed_at = :b_at AND id {sign} :b_id))"
            where += f" AND failed_at {sign}= :b_at"  # else the index is read from its end
            values |= {"b_at": behind[0], "b_id": behind[1]}
        columns = f"id, failed_at, funcname, retried_as, message, {self.fingerprint} AS fingerprint"
        end = f"{_order(oldest)} LIMIT {int(rows)}"
        one, *other = (
            f"(SELECT {columns} FROM {self._table} WHERE {side} AND {where} {end})" for side in self._sides(which)
        )
        if other:
            one = f"(SELECT * FROM (SELECT * FROM {one} a UNION ALL SELECT * FROM {other[0]} b) u {end})"
        return f"{one} w", values

    def stretch(self, which: Filter, behind: Position | None, oldest: bool, rows: int) -> Stretch:
        """What fits among the next `rows` records."""
        window, values = self._window(which, behind, oldest, rows)
        where, searched = self._searched(which)
        if not where:
            found = self._positions(f"SELECT failed_at, id FROM {window} {_order(oldest)}", values)
            return Stretch(found, found[-1] if len(found) == rows else None)
        found = self._positions(
            f"SELECT failed_at, id FROM {window} WHERE {where} {_order(oldest)}", values | searched
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
        found = 0
        for side in self._sides(which):
            inner = f"SELECT 1 FROM {self._table} WHERE {side} AND {where} LIMIT {int(most)}"
            row = self.db.one(f"SELECT count(*) FROM ({inner}) t", values)
            found += int(row[0]) if row else 0
        return min(most, found)

    @property
    def looks_up_retried(self) -> bool:
        """Is what is open to be found by an index?"""
        return self._looks_up_retried

    def open_of(self, names: Sequence[str], most: int) -> list[int]:
        """How many records of each of these classes nobody has retried, counted up to `most`."""
        found = [0] * len(names)
        for start in range(0, len(names), CLASSES_AT_ONCE):
            some = range(start, min(len(names), start + CLASSES_AT_ONCE))
            parts = (
                f"SELECT {i}, (SELECT count(*) FROM (SELECT 1 FROM {self._table} WHERE retried = 0 "
                f"AND funcname = :n{i} LIMIT {int(most)}) t)"
                for i in some
            )
            for i, size in self.db.rows(" UNION ALL ".join(parts), {f"n{i}": names[i] for i in some}):
                found[int(i)] = int(size)
        return found

    # -- groups --------------------------------------------------------------------------------------------------------

    def fingerprints(self, which: Filter, most: int) -> list[str]:
        """Those that there are, each found by one look into the index. Of the filter only `retried` is looked at."""
        if self.fingerprint == "''":
            return [""]
        found = {str(row[0]) for side in self._sides(which) for row in self.db.rows(self._prints_sql(side, most))}
        return sorted(found)[:most]

    def _prints_sql(self, side: str, most: int) -> str:
        if self.db.dialect.name == "mysql":  # which jumps from one to the next by itself, and not in the way below
            leading = "fingerprint, retried" if self._looks_up_retried else "fingerprint"
            return f"SELECT DISTINCT {leading} FROM {self._table} WHERE {side} ORDER BY fingerprint LIMIT {int(most)}"
        least = f"SELECT min(fingerprint) FROM {self._table} WHERE {side}"
        return (
            f"WITH RECURSIVE g (f, n) AS ({least.replace(' min(fingerprint)', ' min(fingerprint), 1')} UNION ALL "
            f"SELECT ({least} AND fingerprint > g.f), n + 1 FROM g WHERE g.f IS NOT NULL AND n < {int(most)}) "
            "SELECT f FROM g WHERE f IS NOT NULL"
        )

    def newest_of(self, prints: Sequence[str], which: Filter) -> list[Newest]:
        """Of each fingerprint the newest record within the filter's time."""
        time, values = self._looked_up(Filter(since=which.since, until=which.until))
        columns = f"{self.fingerprint} AS fingerprint, id, failed_at, funcname, substr(message, 1, {MESSAGE})"
        parts = [
            f"SELECT * FROM (SELECT {columns} FROM {self._table} WHERE {side} AND {self.fingerprint} = :p{place} "
            f"AND {time} {_order(False)} LIMIT 1) t{place}"
            for place in range(len(prints))
            for side in self._sides(which)
        ]
        values |= {f"p{place}": each for place, each in enumerate(prints)}
        found: dict[str, Newest] = {}
        for row in self.db.rows(" UNION ALL ".join(parts), values):
            each = Newest(str(row[0]), int(row[1]), float(row[2]), row[3], row[4])
            before = found.get(each.fingerprint)
            if before is None or (before.failed_at, before.number) < (each.failed_at, each.number):
                found[each.fingerprint] = each
        return list(found.values())

    def sizes_of(self, prints: Sequence[str], which: Filter, most: int) -> dict[str, tuple[int, float]]:
        """Of each fingerprint: how many within the filter's time, counted up to `most`, and when the oldest failed."""
        time, values = self._looked_up(Filter(since=which.since, until=which.until))
        parts = []
        for place, each in enumerate(prints):
            for side in self._sides(which):
                mine = f"FROM {self._table} WHERE {side} AND {self.fingerprint} = :p{place} AND {time}"
                parts.append(
                    f"SELECT {place}, (SELECT count(*) FROM (SELECT 1 {mine} LIMIT {int(most)}) t), "
                    f"(SELECT min(failed_at) {mine})"
                )
            values[f"p{place}"] = each
        sizes: dict[str, tuple[int, float]] = {}
        for place, size, first in self.db.rows(" UNION ALL ".join(parts), values):
            if size:
                before = sizes.get(prints[int(place)], (0, math.inf))
                sizes[prints[int(place)]] = min(most, before[0] + int(size)), min(before[1], float(first))
        return {each: sizes.get(each, (0, 0.0)) for each in prints}

    def grouped(
        self, which: Filter, behind: Position | None, rows: int
    ) -> tuple[list[tuple[str, str, int, float, float, int]], Position | None]:
        """What fits among the next `rows` records, newest first, by fingerprint and class: (fingerprint, class, count,
        first, last, greatest id); and where it ended."""
        window, values = self._window(which, behind, False, rows)
        where, searched = self._searched(which)
        found = self.db.rows(
            f"SELECT fingerprint, funcname, count(*), min(failed_at), max(failed_at), max(id) FROM {window} "
            f"WHERE {where or '1 = 1'} GROUP BY fingerprint, funcname",
            values | searched,
        )
        groups = [(str(r[0]), str(r[1]), int(r[2]), float(r[3]), float(r[4]), int(r[5])) for r in found]
        return groups, self._end(window, values, False, rows)

    # -- records -------------------------------------------------------------------------------------------------------

    def _columns(self, arg: str, message: str) -> str:
        return (
            f"id, funcname, jobid, failed_at, insert_time, run_after, {arg}, {message}, attempt_count, priority, "
            f"uniqkey, {self.db.dialect.coalesce}, host, slot, retried_as, origin, {self.fingerprint}, length(arg), "
            f"{'retried_at' if self._looks_up_retried else 'NULL'}"
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

    def records_of(self, numbers: Sequence[int], origins: Sequence[str] = ()) -> dict[tuple[int, str], str]:
        """The newest record of each of these jobs that has one, by number and origin. `origins`: only those."""
        among, some = ",".join(map(str, numbers)), padded(origins) if origins else ()
        values = {f"o{place}": each for place, each in enumerate(some)}
        mine = f" AND origin IN ({', '.join(f':{name}' for name in values)})" if origins else ""
        found = self.db.rows(
            f"SELECT jobid, origin, max(id) FROM {self._table} WHERE jobid IN ({among}){mine} GROUP BY jobid, origin",
            values,
        )
        return {(int(row[0]), str(row[1] or "")): f"{self.key}-{row[2]}" for row in found}

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
        noted = f", retried = 1, retried_at = {self.db.dialect.now}" if self._looks_up_retried else ""
        values: dict[str, Any] = {}
        for place, (number, job) in enumerate(padded(jobs)):
            values |= {f"n{place}": number, f"j{place}": job}
        places = range(len(values) // 2)
        cases = " ".join(f"WHEN :n{place} THEN :j{place}" for place in places)
        among = ", ".join(f":n{place}" for place in places)
        self.db.run(f"UPDATE {self._table} SET retried_as = CASE id {cases} END{noted} WHERE id IN ({among})", values)

    def delete(self, numbers: Iterable[int]) -> int:
        """How many there were."""
        among = ",".join(map(str, map(int, numbers)))
        return self.db.run_literally(f"DELETE FROM {self._table} WHERE id IN ({among})").rowcount

    def _record(self, row: Any, attempts: tuple[AttemptRow, ...] = ()) -> FailedRow:
        (number, funcname, jobid, failed_at, insert_time, run_after, arg, message, count, priority, uniqkey, coalesce,
         host, slot, retried_as, origin, fingerprint, size, retried_at) = row  # fmt: skip
        return FailedRow(
            id=f"{self.key}-{number}", funcname=funcname,
            job=f"{(self._places or {}).get(origin, self.db.index)}-{jobid}" if jobid else origin or "",
            failed_at=float(failed_at),
            insert_time=float(insert_time), run_after=float(run_after), raw=bytes(arg or b""), error=message,
            attempt_count=int(count), priority=priority, uniqkey=uniqkey, coalesce=coalesce, host=host, slot=slot,
            retried_as=retried_as, attempts=attempts, fingerprint=fingerprint, size=int(size or 0),
            retried_at=None if retried_at is None else float(retried_at),
        )  # fmt: skip


def _order(oldest: bool) -> str:
    return "ORDER BY failed_at, id" if oldest else "ORDER BY failed_at DESC, id DESC"


def _by_class(which: Filter) -> bool:
    """Records without a fingerprint are found by their class: a fingerprint is of one class, its absence is not."""
    return which.funcname is not None and which.fingerprint == ""
