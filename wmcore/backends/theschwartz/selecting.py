"""Which jobs come next: one class per statement, by the index (funcid, run_after)."""

from dataclasses import dataclass

from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.rows import Row

WINDOW = 5000
"""With `prioritize` and without an index for it: the order holds among so many of the oldest ready jobs."""
CANDIDATES = 50
"""As TheSchwartz: among so many of the first, those that nobody else holds."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the configuration says about it."""

    limit: int = 1
    prioritize: bool = False
    floor: int | None = None


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


def choose(db: Database, selection: Selection, funcid: int | None) -> list[Row]:
    """Inside a transaction: the next jobs of a class, locked where the database can."""
    if funcid is None:
        return []
    values: dict[str, object] = {"funcid": funcid}
    where = claimable(db, selection)
    order = "run_after"
    if selection.prioritize:
        ids = _first_by_priority(db, where, funcid)
        if not ids:
            return []
        where += f" AND jobid IN ({','.join(str(number) for number in ids)})"
        order = "COALESCE(priority, 0) DESC, jobid"
    lock = " FOR UPDATE SKIP LOCKED" if db.skip_locked else ""
    # Without SKIP LOCKED several children meet on the first row: look at more, compare-and-set decides.
    limit = selection.limit if db.skip_locked or db.dialect.name == "sqlite" else CANDIDATES
    found = db.rows(f"{rows.select(db)} WHERE {where} ORDER BY {order} LIMIT {limit}{lock}", values)
    return [rows.read(row) for row in found]


def _first_by_priority(db: Database, where: str, funcid: int) -> list[int]:
    """NULL priority (Perl's default) counts as 0, on every database."""
    window = f"SELECT jobid, priority FROM {db.table('job')} WHERE {where} ORDER BY run_after LIMIT {WINDOW}"
    found = db.rows(
        f"SELECT jobid FROM ({window}) w ORDER BY COALESCE(priority, 0) DESC, jobid LIMIT {CANDIDATES}",
        {"funcid": funcid},
    )
    return [int(row[0]) for row in found]
