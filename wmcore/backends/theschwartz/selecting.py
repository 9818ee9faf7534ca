"""Which jobs come next, and how they become ours: one class per statement, by the index (funcid, run_after)."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.database import Database, padded
from wmcore.backends.theschwartz.rows import Row

MOST_AT_ONCE = 1000
"""Ids in one statement."""
WINDOW = 5000
"""With `prioritize` and without an index for it: the order holds among so many of the oldest ready jobs."""


_PRIORITY = "COALESCE(priority, 0) DESC"
"""NULL priority (Perl's default) counts as 0, on every database."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the configuration says about it."""

    limit: int = 1
    prioritize: bool = False
    floor: int | None = None
    candidates: int = 50  # TheSchwartz' batch_size: among so many of the first, those that nobody else holds


def claimable(db: Database, selection: Selection) -> str:
    floor = "" if selection.floor is None else f" AND priority >= {int(selection.floor)}"
    second = db.dialect.second
    return f"funcid = :funcid AND run_after <= {second} AND grabbed_until <= {second}{floor}"


def due(db: Database, selection: Selection, funcid: int | None) -> bool:
    """Is there any? A plain question, no lock: what idle children ask."""
    if funcid is None:
        return False
    sql = f"SELECT 1 FROM {db.table('job')} WHERE {claimable(db, selection)} LIMIT 1"
    return db.one(sql, {"funcid": funcid}) is not None


def first(db: Database, selection: Selection, funcid: int | None) -> tuple[int, float, int] | None:
    """A key by which the next jobs of several classes can be sorted; None where there is none."""
    if funcid is None:
        return None
    where, values = claimable(db, selection), {"funcid": funcid}
    if selection.prioritize:
        row = db.one(f"{_by_priority_sql(db, where)} LIMIT 1", values)
        return None if row is None else (-int(row[1] or 0), 0.0, int(row[0]))
    row = db.one(
        f"SELECT jobid, run_after FROM {db.table('job')}{db.claim_index} WHERE {where} ORDER BY run_after LIMIT 1",
        values,
    )
    return None if row is None else (0, float(row[1]), int(row[0]))


def take(db: Database, selection: Selection, funcid: int | None, grab_for: int) -> tuple[list[Row], int]:
    """Inside a transaction: the next jobs of a class become ours. Returns them and their lease."""
    ours: list[Row] = []
    lease = 0
    for chunk in _candidates(db, selection, funcid) if funcid is not None else ():
        if chunk:
            lease = lease or int(chunk[0].now) + grab_for
            ours += _grab_all(db, chunk, lease, selection.limit - len(ours))
        if len(ours) == selection.limit:
            break
    return ours, lease


def _grab_all(db: Database, found: Sequence[Row], lease: int, limit: int) -> list[Row]:
    """At most `limit` of them become ours."""
    if db.skip_locked or db.dialect.name == "sqlite":  # nobody else can have them: they, or everything, are locked
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
    order = f"{_PRIORITY}, jobid" if selection.prioritize else "jobid"
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


def _candidates(db: Database, selection: Selection, funcid: int) -> Iterator[list[Row]]:
    """Rows in the order of preference, locked where the database can, no more of them than we want at a time."""
    if selection.prioritize:
        yield from _by_priority(db, selection, funcid)
        return
    where, values = claimable(db, selection), {"funcid": funcid}
    if db.skip_locked or db.dialect.name == "sqlite":
        yield _read(db, where, "run_after", selection.limit, values)
        return
    # Without SKIP LOCKED all children would meet at the first row, each waiting for the other's COMMIT.
    some = _read(db, where, "run_after", max(selection.candidates, selection.limit), values)
    random.shuffle(some)
    yield some


def _by_priority(db: Database, selection: Selection, funcid: int) -> Iterator[list[Row]]:
    where, values = claimable(db, selection), {"funcid": funcid}
    found = db.rows(f"{_by_priority_sql(db, where)} LIMIT {max(selection.candidates, selection.limit)}", values)
    ids = [int(row[0]) for row in found]
    # MariaDB locks every row that it sorts: others would find nothing. So: no more rows at a time than we want.
    step = selection.limit if db.dialect.name == "mysql" and db.skip_locked else len(ids)
    for start in range(0, len(ids), max(1, step)):
        chosen = ids[start : start + step]
        limit = selection.limit if db.skip_locked or db.dialect.name == "sqlite" else len(chosen)
        yield _among(db, chosen, where, f"{_PRIORITY}, jobid", limit, values)


def _among(
    db: Database, ids: Sequence[int], where: str, order: str, limit: int, values: Mapping[str, int | str]
) -> list[Row]:
    """Those of `ids` that are still free, locked where the database can."""
    if not ids:
        return []
    bound = {f"id{number}": jobid for number, jobid in enumerate(padded(ids))}
    among, values = ",".join(f":{name}" for name in bound), {**values, **bound}
    return _read(db, f"jobid IN ({among}) AND {where}", order, limit, values, index=_primary(db))


def _read(
    db: Database, where: str, order: str, limit: int, values: Mapping[str, int | str], *, index: str | None = None
) -> list[Row]:
    lock = " FOR UPDATE SKIP LOCKED" if db.skip_locked else ""
    hint = db.claim_index if index is None else index
    found = db.rows(f"{rows.select(db)}{hint} WHERE {where} ORDER BY {order} LIMIT {limit}{lock}", values)
    return [rows.read(row) for row in found]


def _primary(db: Database) -> str:
    return " FORCE INDEX (PRIMARY)" if db.dialect.name == "mysql" else ""


def _by_priority_sql(db: Database, where: str) -> str:
    window = f"SELECT jobid, priority FROM {db.table('job')} WHERE {where} ORDER BY run_after LIMIT {WINDOW}"
    return f"SELECT jobid, priority FROM ({window}) w ORDER BY {_PRIORITY}, jobid"
