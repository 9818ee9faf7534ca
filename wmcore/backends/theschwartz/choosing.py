"""What a child's turn asks for, of which class first, and the jobs that are made of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from wmcore.backends.records import Claimed
from wmcore.backends.theschwartz import oneturn, rows
from wmcore.backends.theschwartz.batch import Side
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.oneturn import Ended
from wmcore.backends.theschwartz.ordering import Selection
from wmcore.backends.theschwartz.rows import Row
from wmcore.backends.theschwartz.selecting import due, first, take


@dataclass(frozen=True, slots=True)
class Wish:
    """What a turn asks for. By class index: the lease in seconds, and the number of jobs (None: one)."""

    classes: Sequence[int]  # in the order of preference
    grab_for: Sequence[int]
    most: Sequence[int] | None = None

    def limit(self, index: int) -> int:
        return 1 if self.most is None else self.most[index]


@dataclass(frozen=True, slots=True)
class Found:
    """Rows of one class that became ours, under one lease."""

    rows: Sequence[Row] = ()
    index: int = 0
    lease: int = 0

    @property
    def funcid(self) -> int:
        return self.rows[0].funcid if self.rows else 0

    @property
    def numbers(self) -> list[int]:
        return [row.jobid for row in self.rows]


NOTHING = Found()


@dataclass(frozen=True, slots=True)
class Chooser:
    """By which rules a child claims. `names`: of the classes; `strict`: one order over all of them, instead of each in
    turn; `bound_seconds`: so long a class that had nothing is asked last."""

    names: Sequence[str]
    selection: Selection
    strict: bool
    bound_seconds: float

    def funcid(self, place: Side, index: int) -> int | None:
        return place.funcids.get(self.names[index])

    def with_work(self, place: Side, classes: Sequence[int]) -> Sequence[int]:
        """Those that have a job that is due: plain questions, no lock."""
        return [index for index in classes if due(place.db, self.selection, self.funcid(place, index))]

    def ranked(self, place: Side, classes: Sequence[int]) -> Sequence[int]:
        """In the order in which they are asked: as they come, in turn; strictly: by the next job of each."""
        if not self.strict:
            return place.likely_first(classes)
        firsts = [(first(place.db, self.selection, self.funcid(place, index)), index) for index in classes]
        return [index for _, index in sorted((key, index) for key, index in firsts if key is not None)] or classes

    def can_at_once(self, place: Side) -> bool:
        """A whole turn in one statement?"""
        return not self.strict and oneturn.can(place.db, self.selection)

    def at_once(self, place: Side, wish: Wish, ended: Ended) -> tuple[Found, frozenset[int] | None] | None:
        """In one statement, for the class that comes first; and which of `ended` were still ours (None: all of them).
        None: nothing is done, not in this way."""
        index = self.ranked(place, wish.classes)[0]
        funcid = self.funcid(place, index)
        if funcid is None:
            return None
        wanted = replace(self.selection, limit=wish.limit(index))
        done = oneturn.turn(place.db, place.claim.keys, wanted, ended, funcid, wish.grab_for[index])
        if done is None:
            return None
        if not done.rows:
            place.found_empty(index, self.bound_seconds)
        return Found(done.rows, index, done.rows[0].grabbed_until if done.rows else 0), done.deleted

    def take(self, place: Side, wish: Wish) -> Found:
        """Inside a transaction: the rows of the first class that has any become ours."""
        for index in self.ranked(place, wish.classes):
            wanted = replace(self.selection, limit=wish.limit(index))
            found, lease = take(place.db, wanted, self.funcid(place, index), wish.grab_for[index], place.low_water)
            if found:
                return Found(found, index, lease)
            place.found_empty(index, self.bound_seconds)
        return NOTHING

    def take_one(self, place: Side, index: int, grab_for: int) -> tuple[list[Row], int]:
        """The same, one job of one class: its row, if any, and its lease."""
        return take(place.db, self.selection, self.funcid(place, index), grab_for)

    def jobs(self, db: Database, found: Sequence[Row], index: int) -> list[Claimed]:
        """What the child is handed."""
        name = self.names[index]
        return [
            Claimed(
                rows.job_id(db, row.jobid), index, name, row.raw, row.insert_time, row.run_after, row.now,
                row.priority, row.uniqkey, row.coalesce, row.jobid, db.index, rows.handle(db, row.jobid),
            )
            for row in found
        ]  # fmt: skip
