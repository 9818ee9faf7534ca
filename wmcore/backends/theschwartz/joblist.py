"""The jobs in the queue, by pages, database by database: of one class in the order in which they fall due, else by
number, each by an index. Bounded, however long the queue is: a search reads stretch after stretch, and where it stops
at its bound it says so and goes on from there when it is asked again."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from wmcore.backends.arguments import readable
from wmcore.backends.records import JobFilter, JobPage, JobRow, Wanted
from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.bounds import LONGEST_DECODED, Bounds
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.errors import Refused

GLIMPSE_BYTES = 8192
"""Of an argument; a search looks no further either."""
STATES = ("ready", "delayed", "running")

Position = tuple[int, int]
"""run_after (0 where the order is by number), jobid."""


def page(databases: Sequence[Database], which: JobFilter, wanted: Wanted) -> JobPage:
    """Raises QueueDown where a database that it comes to does not answer."""
    if which.state not in (None, *STATES):
        raise Refused(f"a job is ready, delayed or running, never {which.state!r}")
    begin = _read_cursor(wanted.cursor, len(databases))
    bounds = Bounds(longest=LONGEST_DECODED if which.text else None)
    found: list[tuple[int, Position, JobRow]] = []
    edge: tuple[int, Position] | None = None
    for place, behind in _itinerary(begin, len(databases), wanted.backwards):
        if which.id is not None and which.id.rpartition("-")[0] != str(databases[place].index):
            continue
        search = _Search(databases[place], which, wanted.backwards)
        found += ((place, position, row) for position, row in search.run(behind, wanted.limit - len(found), bounds))
        if len(found) == wanted.limit:
            edge = found[-1][:2]
            break
        if search.end is not None:
            edge = place, search.end
            break
    partial = edge is not None and len(found) < wanted.limit
    ahead = None if edge is None else _cursor(*edge)
    back = None if begin is None else _cursor(*found[0][:2]) if found else wanted.cursor
    jobs = [row for _, _, row in found]
    return JobPage(
        rows=jobs[::-1] if wanted.backwards else jobs,
        behind=back if wanted.backwards else ahead,
        before=ahead if wanted.backwards else back,
        scanned=bounds.scanned if partial else None,
    )


def _itinerary(
    begin: tuple[int, Position] | None, databases: int, backwards: bool
) -> Iterator[tuple[int, Position | None]]:
    """Which databases are looked at, from where on."""
    first = begin[0] if begin is not None else databases - 1 if backwards else 0
    for place in range(first, -1, -1) if backwards else range(first, databases):
        yield place, begin[1] if begin is not None and place == first else None


@dataclass
class _Search:
    """Through one database."""

    db: Database
    which: JobFilter
    backwards: bool
    end: Position | None = None  # it stopped here, at its bound
    _values: dict[str, Any] = field(default_factory=dict)
    _funcids: list[int] = field(default_factory=list)

    def run(self, behind: Position | None, limit: int, bounds: Bounds) -> list[tuple[Position, JobRow]]:
        """The next `limit` that fit."""
        funcids = Funcids(self.db)
        if self.which.id is not None:
            self._values["number"] = rows.number_of(self.which.id)
        if self.which.uniqkey is not None:
            self._values["uniqkey"] = self.which.uniqkey
        if self.which.funcname is not None:
            funcid = funcids.get(self.which.funcname)
            if funcid is None:
                return []
            self._values["funcid"] = funcid
        names, found = funcids.names(), list[tuple[Position, JobRow]]()
        self._funcids = list(names)
        while True:
            length = bounds.stretch()
            window, values = self._window(behind, length)
            for row in self.db.run(f"SELECT * FROM {window}{self._searched()} {self._order}", values).all():
                job = _job_row(self.db, row, names)
                if len(found) < limit and self._says(job):
                    found.append((self._position(row), job))
            if len(found) >= limit:
                return found
            last = self.db.one(f"SELECT * FROM {window} {self._order} LIMIT 1 OFFSET {length - 1}", values)
            if last is None:
                return found
            behind = self._position(last)
            if bounds.over:
                self.end = behind
                return found

    @property
    def _by_due(self) -> bool:
        return self.which.funcname is not None and not self._is_pointed

    @property
    def _is_pointed(self) -> bool:
        """At a few rows at most, of an index of their own."""
        return self.which.id is not None or self.which.uniqkey is not None

    def _position(self, row: Any) -> Position:
        return (int(row.run_after or 0) if self._by_due else 0, int(row.jobid))

    @property
    def _order(self) -> str:
        down = " DESC" if self.backwards else ""
        return f"ORDER BY run_after{down}, jobid{down}" if self._by_due else f"ORDER BY jobid{down}"

    def _window(self, behind: Position | None, length: int) -> tuple[str, dict[str, Any]]:
        """The next `length` jobs of the index: SQL of a table."""
        db, sign, second = self.db, "<" if self.backwards else ">", self.db.dialect.second
        where, values = ["1 = 1"], dict(self._values)
        if self.which.id is not None:
            where.append("jobid = :number")
        if self.which.uniqkey is not None:  # the index begins with the class
            of = ":funcid" if self.which.funcname is not None else ",".join(map(str, self._funcids)) or "0"
            where.append(f"funcid IN ({of}) AND uniqkey = :uniqkey")
        elif self.which.id is not None and self.which.funcname is not None:
            where.append("funcid = :funcid")
        if self._by_due:
            where.append("funcid = :funcid")
            if self.which.state == "ready":
                where.append(f"run_after <= {second}")
            elif self.which.state == "delayed":
                where.append(f"run_after > {second}")
        if behind is not None and self._by_due:
            where.append(f"run_after {sign}= :after AND (run_after {sign} :after OR jobid {sign} :behind)")
            values |= {"after": behind[0], "behind": behind[1]}
        elif behind is not None:
            where.append(f"jobid {sign} :behind")
            values["behind"] = behind[1]
        columns = (
            f"jobid, funcid, substr(arg, 1, {GLIMPSE_BYTES}) AS arg, length(arg) AS size, uniqkey, insert_time, "
            f"{'wm_insert_time' if db.fine_insert_time else 'NULL'} AS fine, run_after, grabbed_until, priority, "
            f"{db.dialect.now} AS now"
        )
        return (
            f"(SELECT {columns} FROM {db.table('job')} WHERE {' AND '.join(where)} {self._order} LIMIT {length}) w",
            values,
        )

    def _searched(self) -> str:
        """Conditions that no index has."""
        second = self.db.dialect.second
        return {
            None: "",
            "ready": f" WHERE run_after <= {second} AND grabbed_until <= {second}",
            "delayed": f" WHERE run_after > {second} AND grabbed_until <= {second}",
            "running": f" WHERE grabbed_until > {second}",
        }[self.which.state]

    def _says(self, job: JobRow) -> bool:
        if self.which.text is None:
            return True
        text = self.which.text.lower()
        return text in (job.uniqkey or "").lower() or text in readable(job.raw, GLIMPSE_BYTES).lower()


def _job_row(db: Database, row: Any, names: dict[int, str]) -> JobRow:
    return JobRow(
        id=rows.job_id(db, row.jobid), funcname=names.get(row.funcid, f"funcid {row.funcid}"),
        insert_time=float(row.fine if row.fine is not None else row.insert_time or 0),
        run_after=float(row.run_after or 0), grabbed_until=float(row.grabbed_until or 0),
        priority=None if row.priority is None else int(row.priority), uniqkey=row.uniqkey,
        raw=rows.as_bytes(row.arg), now=float(row.now), size=int(row.size or 0),
    )  # fmt: skip


def _cursor(place: int, position: Position) -> str:
    return f"{place}|{position[0]}|{position[1]}"


def _read_cursor(cursor: str | None, databases: int) -> tuple[int, Position] | None:
    if cursor is None:
        return None
    parts = cursor.split("|")
    if len(parts) != 3 or not all(part.isdecimal() for part in parts) or int(parts[0]) >= databases:
        raise Refused(f"{cursor!r} is no cursor of this list")
    place, after, behind = map(int, parts)
    return place, (after, behind)
