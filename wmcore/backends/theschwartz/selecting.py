"""Which jobs come next, and how they become ours: one class at a time, in the order that `ordering` spells out."""

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wmcore.backends.theschwartz import ordering, rows
from wmcore.backends.theschwartz.database import Database, padded
from wmcore.backends.theschwartz.ordering import BY_PRIORITY, Rank, Selection, claimable
from wmcore.backends.theschwartz.rows import Row

MOST_AT_ONCE = 1000
"""Ids in one statement."""
MARK_SECONDS = 1.0
"""What falls behind the low-water mark waits so long at most."""


@dataclass(slots=True)
class LowWater:
    """Where a child's last full claim of a class began, by run_after. MariaDB walks at every claim over all that was
    deleted at the head of the index and not yet purged; from the mark on it need not. What is older than the mark (jobs
    inserted late, retried, given back) is looked for when a claim comes back short, and every MARK_SECONDS."""

    _marks: dict[int, tuple[int, float]] = field(default_factory=dict)

    def get(self, funcid: int) -> int:
        mark, until = self._marks.get(funcid, (0, 0.0))
        return mark if time.monotonic() < until else 0

    def set(self, funcid: int, found: Sequence[Row], limit: int) -> None:
        if len(found) < limit:
            self._marks.pop(funcid, None)
            return
        until = self._marks[funcid][1] if self.get(funcid) else time.monotonic() + MARK_SECONDS
        self._marks[funcid] = int(found[0].run_after), until


def due(db: Database, selection: Selection, funcid: int | None) -> bool:
    """Is there any? A plain question, no lock, before a child opens a transaction."""
    if funcid is None:
        return False
    if selection.floor is not None and ordering.has_ranges(db, selection):
        return bool(_by_ranges(db, replace(selection, limit=1, prioritize=True), funcid, lock=""))
    job = f"{db.table('job')}{db.claim_index}"
    # In order: else PostgreSQL goes through the table, where it expects one soon.
    sql = f"SELECT 1 FROM {job} WHERE {claimable(db, selection)} ORDER BY run_after LIMIT 1"
    return db.one(sql, {"funcid": funcid}) is not None


def counts(db: Database, selection: Selection, funcid: int | str, limit: int) -> tuple[str, str]:
    """SQL (`funcid` may be such too), for the manager: how many jobs of a class can be claimed among its oldest due
    ones, and among its newest; counting ends a little above `limit`. So it costs little also where all are in
    somebody's hands, and is wrong only where thousands are, at both ends, and some between them are free."""
    if selection.floor is not None and isinstance(funcid, int) and ordering.has_ranges(db, selection):
        ranks = _due_ranks(db, selection, funcid)
        conditions = [condition for rank in ranks for condition in rank.conditions(db, selection)]
    else:
        conditions = [ordering.above(selection)]
    look = max(ordering.LOOK_LEAST, ordering.LOOK // max(1, len(conditions)))
    oldest, newest = (
        " + ".join(ordering.count_free(db, funcid, each, newest, look, limit) for each in conditions) or "0"
        for newest in ("", "DESC")
    )
    return oldest, newest


def first(db: Database, selection: Selection, funcid: int | None) -> tuple[int, float, int] | None:
    """A key by which the next jobs of several classes can be sorted; None where there is none."""
    if funcid is None:
        return None
    one = replace(selection, limit=1)
    if ordering.has_ranges(db, one):
        found = [_key(one, row) for row in _by_ranges(db, one, funcid, lock="")]
    elif one.prioritize:
        found = [(-int(row[1] or 0), float(row[2]), int(row[0])) for row in _window(db, one, funcid, 1)]
    else:
        found = [_key(one, row) for row in _by_age(db, one, funcid, lock="")]
    return found[0] if found else None


def take(
    db: Database, selection: Selection, funcid: int | None, grab_for: int, low_water: LowWater | None = None
) -> tuple[list[Row], int]:
    """Inside a transaction: the next jobs of a class become ours. Returns them and their lease."""
    ours: list[Row] = []
    lease = 0
    for chunk in _candidates(db, selection, funcid, low_water) if funcid is not None else ():
        if chunk:
            lease = lease or int(chunk[0].now) + grab_for
            ours += _grab_all(db, chunk, lease, selection.limit - len(ours))
        if len(ours) == selection.limit:
            break
    return ours, lease


def _grab_all(db: Database, found: Sequence[Row], lease: int, limit: int) -> list[Row]:
    """At most `limit` of them become ours."""
    if _exclusive(db):
        ours = list(found[:limit])
        db.run_literally(
            f"UPDATE {db.table('job')} SET grabbed_until = {lease} "
            f"WHERE {rows.among(db, [row.jobid for row in ours], ours[0].funcid)}"
        )
        return ours
    ours = []
    for row in found:
        if len(ours) == limit:
            break
        if _grab(db, row, lease):
            ours.append(row)
    return ours


@dataclass(frozen=True, slots=True)
class Coalescing:
    """Jobs of a class that belong together."""

    funcid: int
    value: str
    prefix: bool  # whether `value` is only how it begins

    def condition(self, db: Database) -> str:
        column = db.dialect.coalesce
        if not self.prefix:
            return f"{column} = :value"
        if db.dialect.name == "sqlite":  # whose LIKE does not tell upper from lower case
            return f"substr({column}, 1, length(:value)) = :value"
        return f"{column} LIKE :value ESCAPE '!'"

    def values(self, db: Database) -> dict[str, int | str]:
        pattern = self.prefix and db.dialect.name != "sqlite"
        return {"funcid": self.funcid, "value": f"{like(self.value)}%" if pattern else str(self.value)}


def like(text: str) -> str:
    """`text` itself in a pattern of LIKE ... ESCAPE '!'."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def take_coalescing(db: Database, selection: Selection, wanted: Coalescing, lease: int, limit: int) -> list[Row]:
    """Inside a transaction: up to `limit` due jobs become ours under `lease`, in the order of the queue."""
    limit = min(limit, MOST_AT_ONCE)
    where = f"{claimable(db, selection)} AND {wanted.condition(db)}"
    order = f"{BY_PRIORITY}, jobid" if selection.prioritize else "jobid"
    found = db.rows(
        f"SELECT jobid FROM {db.table('job')} WHERE {where} ORDER BY {order} LIMIT {int(limit)}", wanted.values(db)
    )
    ids = [int(row[0]) for row in found]
    ours = [row for row in _among(db, ids, where, order, limit, wanted.values(db)) if lease > row.now]
    return [row for row in ours if _grab(db, row, lease)]


def _grab(db: Database, row: Row, lease: int) -> bool:
    """Compare and set, as Perl does: right with and without SKIP LOCKED."""
    done = db.run(
        f"UPDATE {db.table('job')} SET grabbed_until = :lease "
        f"WHERE jobid = :jobid AND funcid = :funcid AND grabbed_until = :before",
        {"lease": lease, "jobid": row.jobid, "funcid": row.funcid, "before": row.grabbed_until},
    )
    return done.rowcount == 1


def _exclusive(db: Database) -> bool:
    """What we read in a transaction nobody else can have: it is locked and others step over it, or all is locked."""
    return db.skip_locked or db.dialect.name == "sqlite"


def _candidates(
    db: Database, selection: Selection, funcid: int, low_water: LowWater | None = None
) -> Iterator[list[Row]]:
    """Rows in the order of preference, locked where the database can, no more of them than we want at a time."""
    if ordering.has_ranges(db, selection):
        yield _by_ranges(db, selection, funcid, _lock(db))
    elif selection.prioritize:
        yield from _by_window(db, selection, funcid)
    elif not _exclusive(db):
        # Without SKIP LOCKED all children would meet at the first row, each waiting for the other's COMMIT.
        some = _by_age(db, replace(selection, limit=max(selection.candidates, selection.limit)), funcid, lock="")
        random.shuffle(some)
        yield some
    elif db.dialect.name == "mysql" and low_water is not None:
        yield _from_mark(db, selection, funcid, low_water)
    else:
        yield _by_age(db, selection, funcid, _lock(db))


def _by_age(db: Database, selection: Selection, funcid: int, lock: str, marked: str = "", mark: int = 0) -> list[Row]:
    """`marked`: a condition with :mark."""
    where, values = f"{claimable(db, selection)}{marked}", {"funcid": funcid, "mark": mark}
    return _read(db, where, "run_after", selection.limit, values, db.claim_index, lock)


def _from_mark(db: Database, selection: Selection, funcid: int, low_water: LowWater) -> list[Row]:
    """By age, from the low-water mark on; from the beginning where that brings too few."""
    mark, lock = low_water.get(funcid), _lock(db)
    found = _by_age(db, selection, funcid, lock, " AND run_after >= :mark", mark)
    if mark and len(found) < selection.limit:
        rest = replace(selection, limit=selection.limit - len(found))
        found = _by_age(db, rest, funcid, lock, " AND run_after < :mark", mark) + found
    low_water.set(funcid, found, selection.limit)
    return found


def _by_ranges(db: Database, selection: Selection, funcid: int, lock: str) -> list[Row]:
    """By the index with the priorities: from the highest down, until there are enough. Under a floor and by age, the
    oldest of all."""
    if db.dialect.name == "postgresql":
        chosen = f"jobid = ANY(ARRAY({ordering.next_numbers(db, selection, lock)})) AND funcid = :funcid"
        found = [rows.read(row) for row in db.rows(f"{rows.select(db)} WHERE {chosen}", {"funcid": funcid})]
        return sorted(found, key=lambda row: _key(selection, row))
    found = []
    for rank in _due_ranks(db, selection, funcid):
        wanted = selection.limit - (len(found) if selection.prioritize else 0)
        for condition in rank.conditions(db, selection):
            sql = ordering.of_condition(db, rows.select(db), condition)
            found += [rows.read(row) for row in db.rows(f"{sql} LIMIT {wanted}{lock}", {"funcid": funcid})]
        if selection.prioritize and len(found) >= selection.limit:
            break
    return sorted(found, key=lambda row: _key(selection, row))[: selection.limit]


def _due_ranks(db: Database, selection: Selection, funcid: int) -> list[Rank]:
    found = db.rows(ordering.due_priorities(db, selection), {"funcid": funcid})
    return ordering.ranks_of((row[0], row[1]) for row in found)


def _key(selection: Selection, row: Row) -> tuple[int, float, int]:
    """The order, once more, for rows at hand."""
    return -(row.priority or 0) if selection.prioritize else 0, row.run_after, row.jobid


def _by_window(db: Database, selection: Selection, funcid: int) -> Iterator[list[Row]]:
    found = _window(db, selection, funcid, max(selection.candidates, selection.limit))
    ids = [int(row[0]) for row in found]
    # MariaDB locks every row that it sorts: others would find nothing. So: no more rows at a time than we want.
    step = selection.limit if db.dialect.name == "mysql" and db.skip_locked else len(ids)
    for start in range(0, len(ids), max(1, step)):
        chosen = ids[start : start + step]
        limit = selection.limit if _exclusive(db) else len(chosen)
        order = f"{BY_PRIORITY}, run_after, jobid"
        yield _among(db, chosen, claimable(db, selection), order, limit, {"funcid": funcid})


def _window(db: Database, selection: Selection, funcid: int, limit: int) -> list[Any]:
    return db.rows(f"{ordering.in_window(db, selection)} LIMIT {limit}", {"funcid": funcid})


def _among(
    db: Database, ids: Sequence[int], where: str, order: str, limit: int, values: Mapping[str, int | str]
) -> list[Row]:
    """Those of `ids` that are still free, locked where the database can."""
    if not ids:
        return []
    bound = {f"id{number}": jobid for number, jobid in enumerate(padded(ids))}
    among, values = ",".join(f":{name}" for name in bound), {**values, **bound}
    primary = " FORCE INDEX (PRIMARY)" if db.dialect.name == "mysql" else ""
    return _read(db, f"jobid IN ({among}) AND {where}", order, limit, values, primary, _lock(db))


def _read(
    db: Database, where: str, order: str, limit: int, values: Mapping[str, int | str], index: str, lock: str
) -> list[Row]:
    found = db.rows(f"{rows.select(db)}{index} WHERE {where} ORDER BY {order} LIMIT {limit}{lock}", values)
    return [rows.read(row) for row in found]


def _lock(db: Database) -> str:
    return " FOR UPDATE SKIP LOCKED" if db.skip_locked else ""
