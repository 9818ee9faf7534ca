"""In which order the jobs of a class come, as SQL. Nothing is sent here: that is `selecting`'s part.

By age, by the index (funcid, run_after); or by priority and then by age, where `--init-db` has made the index (funcid,
priority, run_after): one range of it after the other, from the highest priority down, so that no class is ever sorted
and no row is looked at (MariaDB: locked) that is not wanted. Which priorities there are is found by stepping through
the index from one to the next.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from wmcore.backends.theschwartz.database import Database

MOST_RANKS = 64
"""So many priorities of a class are told apart, from the highest down; what lies below them comes by age."""
WINDOW = 5000
"""With `prioritize` and without an index for it: the order holds among so many of the oldest ready jobs."""
LOOK, LOOK_LEAST = 2000, 500
"""Whether there is work is asked among so many of the oldest due jobs, and of the newest; of each priority, where that
is what one goes by, so many in all, but not fewer than that."""
BY_PRIORITY = "COALESCE(priority, 0) DESC"
"""No priority (Perl's default) counts as 0, on every database."""


@dataclass(frozen=True, slots=True)
class Selection:
    """What the configuration says about it."""

    limit: int = 1
    prioritize: bool = False
    floor: int | None = None
    candidates: int = 50  # TheSchwartz' batch_size: among so many of the first, those that nobody else holds


def claimable(db: Database, selection: Selection, funcid: int | str = ":funcid") -> str:
    return f"{_free(db, funcid)}{_above(selection)}"


def _free(db: Database, funcid: int | str = ":funcid") -> str:
    second = db.dialect.second
    return f"funcid = {funcid} AND run_after <= {second} AND grabbed_until <= {second}"


def above(selection: Selection) -> str:
    return "" if selection.floor is None else f"priority >= {selection.floor}"


def _above(selection: Selection) -> str:
    return "" if selection.floor is None else f" AND {above(selection)}"


def in_window(db: Database, selection: Selection) -> str:
    """Without an index for priorities: jobid, priority, run_after of the oldest jobs of class :funcid, in order."""
    where = claimable(db, selection)
    window = f"SELECT jobid, priority, run_after FROM {db.table('job')} WHERE {where} ORDER BY run_after LIMIT {WINDOW}"
    return f"SELECT jobid, priority, run_after FROM ({window}) w ORDER BY {BY_PRIORITY}, run_after, jobid"


# -- by the index ------------------------------------------------------------------------------------------------------


def has_ranges(db: Database, selection: Selection) -> bool:
    """Is it the index with the priorities that leads to the jobs? Under a floor also where they come by age: the other
    one would lead past all that lies below."""
    return db.priority_index is not None and (selection.prioritize or selection.floor is not None)


@dataclass(frozen=True, slots=True)
class Rank:
    """Jobs of one priority; or, at the end, of all that are left."""

    priority: int
    rest: bool = False

    def conditions(self, db: Database, selection: Selection) -> list[str]:
        """One range of the index each."""
        if self.rest:
            return [f"COALESCE(priority, 0) <= {self.priority}{_above(selection)}"]
        if self.priority or selection.floor is not None:
            return [exactly(db, self.priority)]
        return [exactly(db, 0), "priority IS NULL"]


def exactly(db: Database, priority: int | str) -> str:
    """PostgreSQL knows no hints: so said that only one index has the order at hand, and its range is exact. By its
    statistics it would take the other one for a priority that is usual but has no job that is due."""
    if db.dialect.name == "postgresql":
        return f"priority >= {priority} AND (priority, run_after) <= ({priority}, {db.dialect.second})"
    return f"priority = {priority}"


def ranks_of(found: Iterable[tuple[int | None, int]]) -> list[Rank]:
    """Of what `due_priorities` found, from the highest down."""
    last = {priority or 0: bool(rest) for priority, rest in found}
    values = sorted(last, reverse=True)[: MOST_RANKS + 1]
    return [Rank(value, last[value] or place == MOST_RANKS) for place, value in enumerate(values)]


def due_priorities(db: Database, selection: Selection) -> str:
    """Those of class :funcid of which some job is due, be it in somebody's hands; and whether it is not said what lies
    below."""
    job, second = f"{db.table('job')}{db.priority_index}", db.dialect.second
    if db.dialect.name == "mysql":  # GROUP BY steps through an index by itself, where it names all the columns
        return (
            f"SELECT priority, 0 FROM {job} WHERE funcid = :funcid{_above(selection)} GROUP BY funcid, priority "
            f"HAVING MIN(run_after) <= {second}"
        )
    oldest, by_index = f"SELECT run_after FROM {job} WHERE funcid = :funcid AND", "ORDER BY priority, run_after LIMIT 1"
    some_due = f"({oldest} priority >= ranks.priority {by_index}) <= {second}"
    if selection.floor is None:
        some_due += f" OR ranks.priority = 0 AND ({oldest} priority IS NULL {by_index}) <= {second}"
    return (
        f"WITH {_walk(db, selection)} SELECT priority, place = {MOST_RANKS} FROM ranks "
        f"WHERE priority IS NOT NULL AND ({some_due} OR place = {MOST_RANKS})"
    )


def _walk(db: Database, selection: Selection) -> str:
    """`RECURSIVE ranks (priority, place)`: from one priority of class :funcid to the next lower one. Without a floor 0
    is always among them, for the jobs that have none."""
    job = f"{db.table('job')}{db.priority_index}"
    below = f"SELECT priority FROM {job} WHERE funcid = :funcid{_above(selection)} AND priority"
    highest = f"({below} IS NOT NULL ORDER BY priority DESC LIMIT 1)"
    lower = f"({below} < ranks.priority ORDER BY priority DESC LIMIT 1)"
    if selection.floor is None:
        greatest = "max" if db.dialect.name == "sqlite" else "greatest"
        highest = f"{greatest}(COALESCE({highest}, 0), 0)"
        lower = f"CASE WHEN ranks.priority > 0 THEN {greatest}(COALESCE({lower}, 0), 0) ELSE {lower} END"
    return (
        f"RECURSIVE ranks (priority, place) AS (SELECT {highest}, 0 UNION ALL "
        f"SELECT {lower}, place + 1 FROM ranks WHERE priority IS NOT NULL AND place < {MOST_RANKS})"
    )


def of_condition(db: Database, what: str, condition: str) -> str:
    """The claimable jobs of class :funcid that fulfil it, the oldest first. `what`: a SELECT up to its table's name."""
    index, order = _way(db, condition)
    return f"{what}{index} WHERE {_free(db)} AND {condition} ORDER BY {order.format('')}"


def count_free(db: Database, funcid: int | str, condition: str, newest: str, look: int, limit: int) -> str:
    """How many of the first `look` due jobs of a class can be claimed, `limit` at most. `newest`: DESC or nothing."""
    second, (index, order) = db.dialect.second, _way(db, condition)
    first = (
        f"SELECT grabbed_until FROM {db.table('job')}{index} WHERE funcid = {funcid} AND run_after <= {second}"
        f"{condition and f' AND {condition}'} ORDER BY {order.format(newest)} LIMIT {look}"
    )
    return f"(SELECT count(*) FROM (SELECT 1 FROM ({first}) f WHERE grabbed_until <= {second} LIMIT {limit}) c)"


def _way(db: Database, condition: str) -> tuple[str, str]:
    """To the jobs of a condition: the hint behind the table's name, and the order that the index has."""
    if db.priority_index is None or not condition.startswith("priority"):
        return db.claim_index, "run_after {}"
    return db.priority_index, "priority {0}, run_after {0}"


# -- PostgreSQL --------------------------------------------------------------------------------------------------------


def next_numbers(db: Database, selection: Selection, lock: str = " FOR UPDATE SKIP LOCKED") -> str:
    """The whole choice in one SELECT jobid, for use as ARRAY(...): the next `selection.limit` jobs of class :funcid. No
    range is looked into, and no row locked, before the ranges above it are exhausted."""
    limit, job = selection.limit, db.table("job")
    if not has_ranges(db, selection):
        return f"SELECT jobid FROM {job} WHERE {claimable(db, selection)} ORDER BY run_after LIMIT {limit}{lock}"

    def oldest(condition: str) -> str:
        found = of_condition(db, f"SELECT jobid, run_after FROM {job}", condition)
        # What stands in a UNION itself can't be locked.
        return f"SELECT * FROM ({found} LIMIT {limit}{lock}) oldest"

    exact = f"{exactly(db, 'ranks.priority')} AND ranks.place < {MOST_RANKS}"
    choice = oldest(f"COALESCE(priority, 0) <= ranks.priority AND ranks.place = {MOST_RANKS}{_above(selection)}")
    if selection.floor is None:
        none = f"priority IS NULL AND ranks.priority = 0 AND ranks.place < {MOST_RANKS}"
        zero = f"{oldest(f'{exact} AND ranks.priority = 0')} UNION ALL {oldest(none)}"
        choice += f" UNION ALL (SELECT * FROM ({zero}) z ORDER BY run_after LIMIT {limit})"
        exact += " AND ranks.priority <> 0"
    choice += f" UNION ALL {oldest(exact)}"
    order = "" if selection.prioritize else " ORDER BY run_after"
    return (
        f"WITH {_walk(db, selection)} SELECT jobid FROM ranks CROSS JOIN LATERAL ({choice}) each{order} LIMIT {limit}"
    )
