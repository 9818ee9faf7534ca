"""PostgreSQL: a whole turn in one statement, one round trip and one COMMIT for a batch.

What the general way does in a transaction of several statements, this does as parts of one: lock the child's claim row
where it still stands as we left it, delete what is finished, claim from one class, write the row's next `seq`. All
parts see the queue as it was at the beginning; that is right because the batch in hand is finished as a whole (nobody
trims it) and its lease is not over (nobody else has its rows).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from wmcore.backends.theschwartz import ordering, rows
from wmcore.backends.theschwartz.claimrow import OWN, ClaimRow
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.dialects import POSTGRESQL
from wmcore.backends.theschwartz.ordering import BY_PRIORITY, Selection
from wmcore.backends.theschwartz.rows import Row


@dataclass(frozen=True, slots=True)
class Ended:
    """The batch in hand: all of it is finished, nothing has to be kept of it."""

    ids: Sequence[int]
    funcid: int
    lease: int


NOTHING = Ended((), 0, 0)


@dataclass(frozen=True, slots=True)
class Done:
    rows: list[Row]
    deleted: frozenset[int] | None  # None: all of them were still ours


def can(db: Database, selection: Selection) -> bool:
    """By priority only where there is an index for it: else a claim takes several statements."""
    has_way = not selection.prioritize or ordering.has_ranges(db, selection)
    return db.dialect.name == "postgresql" and not db.bare and has_way


def turn(
    db: Database, keys: Mapping[str, str | int], selection: Selection, ended: Ended, funcid: int, grab_for: int
) -> Done | None:
    """`keys`: of the claim row. None: not in this way, nothing is done; the row is not as we left it, or the lease is
    over. Raises CommitInDoubt."""
    values: dict[str, Any] = {
        **keys, "ended": list(ended.ids), "ended_funcid": ended.funcid, "ended_lease": ended.lease,
        "funcid": funcid, "grab_for": grab_for,
    }  # fmt: skip
    found = db.at_once(_sql(db, selection), values)
    if not found or not found[0][0]:
        return None
    deleted = None if found[0][1] is None else frozenset(found[0][1])
    return Done([rows.read(row[2:]) for row in found if row[2] is not None], deleted)


def rehearse(db: Database, selection: Selection) -> None:
    """A turn for a claim row that there is not: it finds and writes nothing, but the server has then looked up what it
    has to know of tables, indexes and functions, which takes milliseconds on a new connection."""
    if can(db, selection):
        claim = ClaimRow(db, "", -1, "")
        claim.rehearse()
        turn(db, claim.keys, selection, NOTHING, -1, 0)


def _sql(db: Database, selection: Selection) -> str:
    return _composed(
        db.table("job"), db.table("wm_claim"), ordering.next_numbers(db, selection),
        f"{BY_PRIORITY}, run_after, jobid" if selection.prioritize else "run_after, jobid", rows.columns(db),
    )  # fmt: skip


@lru_cache(maxsize=256)
def _composed(job: str, claim: str, choice: str, order: str, columns: str) -> str:
    second, now = POSTGRESQL.second, POSTGRESQL.now
    parts = {
        "me": f"SELECT 1 AS here FROM {claim} WHERE {OWN} AND owner = :owner AND seq = :seq "
        f"AND (:ended_lease = 0 OR :ended_lease > {second}) FOR UPDATE",
        "gone": f"DELETE FROM {job} USING me WHERE jobid = ANY(CAST(:ended AS bigint[])) AND funcid = :ended_funcid "
        "AND grabbed_until = :ended_lease RETURNING jobid",
        "next": f"SELECT jobid FROM ({choice}) c WHERE EXISTS (SELECT 1 FROM me)",
        # By number and not by ctid, which names a row only within one partition of a table.
        "ours": f"UPDATE {job} SET grabbed_until = {second} + :grab_for "
        f"WHERE jobid = ANY(ARRAY(SELECT jobid FROM next)) AND funcid = :funcid RETURNING {columns}",
        "moved": f"UPDATE {claim} SET seq = seq + 1, acked = 0, heartbeat = {now}, "
        "lease = COALESCE((SELECT max(grabbed_until) FROM ours), 0), "
        "funcid = COALESCE((SELECT max(funcid) FROM ours), 0), "
        f"ids = COALESCE((SELECT string_agg(CAST(jobid AS text), ',' ORDER BY {order}) FROM ours), '') "
        f"FROM me WHERE {OWN}",
    }
    late = "CASE WHEN count(*) < cardinality(CAST(:ended AS bigint[])) THEN COALESCE(array_agg(jobid), '{}') END"
    return (
        f"WITH {', '.join(f'{name} AS MATERIALIZED ({sql})' for name, sql in parts.items())} "
        f"SELECT (SELECT here FROM me), (SELECT {late} FROM gone), ours.* "
        f"FROM (VALUES (1)) always LEFT JOIN ours ON true ORDER BY {order}"
    )
