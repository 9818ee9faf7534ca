"""Jobs that the daemon keeps in mind, because gearmand cannot: `wm_parked` in the daemon's own store.

A row is one of:

    waiting    failed, and tried again at `due`: it stands only here, and the manager submits it
    submitted  it was, under the unique id `key`: what is kept here is its history
    died       it killed its child, and gearmand gave it to another one by itself: its attempts are counted here. Before
               `due` it may not run again, then it is taken over
    exhausted  the same, and it may not run again at all

The first two are known by their unique id, the others by server, handle and a checksum.
"""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from wmcore.backends.local import local_path, local_store, prepare, prepare_local
from wmcore.backends.records import Claimed, JobFilter
from wmcore.backends.theschwartz import outcomes, rows
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.outcomes import Who
from wmcore.backends.theschwartz.rows import Row
from wmcore.backends.theschwartz.selecting import like
from wmcore.model import Failure, Outcome

Attempt = dict[str, object]

TABLE = [
    "CREATE TABLE wm_parked (id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, state TEXT NOT NULL, "
    "funcname TEXT NOT NULL, arg BLOB, uniqkey TEXT, insert_time DOUBLE PRECISION, attempts TEXT NOT NULL, "
    "due DOUBLE PRECISION NOT NULL, changed DOUBLE PRECISION NOT NULL)",
    "CREATE INDEX wm_parked_due ON wm_parked (state, due)",
]
KEPT_SECONDS = 7 * 86400.0
"""So long the history of a job is kept that somebody else may have ended."""


@dataclass(frozen=True, slots=True)
class Parked:
    id: int
    key: str
    state: str
    funcname: str
    raw: bytes
    uniqkey: str | None
    insert_time: float | None
    attempts: list[Attempt]
    due: float
    changed: float = 0.0

    @property
    def known_since(self) -> float:
        """Its insert, or where that is unknown the first that was seen of it."""
        return self.insert_time or min([self.changed, *(float(str(attempt["at"])) for attempt in self.attempts)])

    @property
    def in_gearmand(self) -> bool:
        """It is there as its client submitted it; only its deaths are noted here."""
        return self.state in ("died", "exhausted")


_COLUMNS = "id, key, state, funcname, arg, uniqkey, insert_time, attempts, due, changed"


class Parking:
    """One process's view of the table. Opens the store when it is first needed; QueueDown where that fails."""

    def __init__(self, state_dir: Path) -> None:
        self._state_dir = state_dir

    @cached_property
    def db(self) -> Database:
        return prepare(prepare_local(local_store(self._state_dir)), {"wm_parked": TABLE})

    @property
    def exists(self) -> bool:
        return local_path(self._state_dir).exists()

    def marked(self) -> frozenset[str]:
        """The keys of the jobs that killed a child."""
        found = self.db.rows("SELECT key FROM wm_parked WHERE state IN ('died', 'exhausted')")
        return frozenset(str(row[0]) for row in found)

    # -- rows ----------------------------------------------------------------------------------------------------------

    def find(self, *keys: str) -> list[Parked]:
        wanted = {f"k{number}": key for number, key in enumerate(keys)}
        places = ", ".join(f":{name}" for name in wanted)
        return self._read(f"SELECT {_COLUMNS} FROM wm_parked WHERE key IN ({places}) ORDER BY id", wanted)

    def due(self, now: float, limit: int) -> list[Parked]:
        return self._read(
            f"SELECT {_COLUMNS} FROM wm_parked WHERE state = 'waiting' AND due <= :now ORDER BY due LIMIT {limit}",
            {"now": now},
        )

    def waiting(self, which: JobFilter, begin: int | None, limit: int, *, backwards: bool = False) -> list[Parked]:
        """By id, from behind `begin`; backwards: the highest first."""
        where, values = "state = 'waiting'", dict[str, Any]()
        if begin is not None:
            where, values = f"{where} AND id {'<' if backwards else '>'} :begin", {"begin": begin}
        if which.funcname is not None:
            where, values = f"{where} AND funcname = :funcname", {**values, "funcname": which.funcname}
        if which.id is not None:
            where, values = f"{where} AND id = :id", {**values, "id": rows.number_of(which.id)}
        if which.uniqkey is not None:
            where, values = f"{where} AND uniqkey = :whole", {**values, "whole": which.uniqkey}
        if which.text is not None:
            where += " AND (uniqkey LIKE :text ESCAPE '!' OR CAST(arg AS TEXT) LIKE :text ESCAPE '!')"
            values["text"] = f"%{like(which.text)}%"
        order = "DESC" if backwards else "ASC"
        return self._read(f"SELECT {_COLUMNS} FROM wm_parked WHERE {where} ORDER BY id {order} LIMIT {limit}", values)

    def of_nodes(self, nodes: Sequence[int]) -> list[tuple[int, str, str]]:
        """Node, state and key of jobs that came with a time-based id of one of these nodes."""
        wanted = {f"n{number}": f"{node:012x}" for number, node in enumerate(nodes)}
        places = ", ".join(f":{name}" for name in wanted)
        found = self.db.rows(
            "SELECT substr(uniqkey, 25), state, key FROM wm_parked WHERE state IN ('waiting', 'submitted') "
            f"AND length(uniqkey) = 36 AND substr(uniqkey, 25) IN ({places})",
            wanted,
        )
        return [(int(node, 16), state, key) for node, state, key in found]

    def waiting_counts(self) -> dict[str, int]:
        found = self.db.rows("SELECT funcname, count(*) FROM wm_parked WHERE state = 'waiting' GROUP BY funcname")
        return {str(name): int(count) for name, count in found}

    def _read(self, sql: str, values: dict[str, Any]) -> list[Parked]:
        return [
            Parked(number, key, state, funcname, bytes(arg or b""), uniqkey, inserted, json.loads(attempts), *when)
            for number, key, state, funcname, arg, uniqkey, inserted, attempts, *when in self.db.rows(sql, values)
        ]

    # -- what happens to a job -----------------------------------------------------------------------------------------

    def wait(self, old: Iterable[str], row: Parked, now: float) -> None:
        """The job stands here now, in place of what was known of it before under `old`."""
        self.db.atomically(lambda: self._replace(old, row, now))

    def _replace(self, old: Iterable[str], row: Parked, now: float) -> None:
        self.forget(old)
        self.db.run(
            "INSERT INTO wm_parked (key, state, funcname, arg, uniqkey, insert_time, attempts, due, changed) "
            "VALUES (:key, :state, :funcname, :arg, :uniqkey, :insert_time, :attempts, :due, :changed)",
            {
                "key": row.key, "state": row.state, "funcname": row.funcname, "arg": row.raw, "uniqkey": row.uniqkey,
                "insert_time": row.insert_time, "attempts": json.dumps(row.attempts, default=str), "due": row.due,
                "changed": now,
            },
        )  # fmt: skip

    def died(self, key: str, funcname: str, decide: Callable[[int], tuple[str, float]], attempt: Attempt) -> Outcome:
        """Its child died of it: one attempt more. `decide`: from the number of such attempts to state and `due`.
        FAILED: it will not run again; said once, though gearmand may have given it out once more by then."""

        def work() -> Outcome:
            before = self.find(key)
            attempts = [*(before[0].attempts if before else []), attempt]
            state, due = decide(len(attempts))
            now = float(str(attempt["at"]))
            self._replace([key], Parked(0, key, state, funcname, b"", None, None, attempts, due), now)
            known = bool(before) and before[0].state == "exhausted"
            return Outcome.FAILED if state == "exhausted" and not known else Outcome.RETRIED

        return self.db.atomically(work)

    def fail(
        self, old: Collection[str], job: Claimed, failure: Failure, attempts: list[Attempt], who: Who, now: float
    ) -> None:
        """Finally: into the failed list, with everything."""
        row = Row(
            jobid=0, funcid=0, raw=job.raw, uniqkey=job.uniqkey, insert_time=job.insert_time,
            run_after=job.run_after or job.insert_time, grabbed_until=0, priority=None, coalesce=None, now=now,
        )  # fmt: skip

        def work() -> None:
            outcomes.write_failed(self.db, row, job.funcname, failure, attempts, who, job.id)
            self.forget(old)

        self.db.atomically(work)

    def forget(self, keys: Iterable[str]) -> None:
        for key in keys:
            self.db.run("DELETE FROM wm_parked WHERE key = :key", {"key": key})

    def submitted(self, some: Sequence[Parked], now: float) -> None:
        """gearmand has them now, those that have not ended already."""

        def work() -> None:
            for row in some:
                self.db.run(
                    "UPDATE wm_parked SET state = 'submitted', changed = :now WHERE id = :id AND state = 'waiting'",
                    {"id": row.id, "now": now},
                )

        if some:
            self.db.atomically(work)

    def put_off(self, row: Parked, due: float) -> None:
        """It stays here until then."""
        self.db.run(
            "UPDATE wm_parked SET due = :due WHERE id = :id AND state = 'waiting'", {"id": row.id, "due": due}
        )

    def clean(self, now: float) -> None:
        """What others may have ended long ago."""
        self.db.run(
            "DELETE FROM wm_parked WHERE state <> 'waiting' AND changed < :before", {"before": now - KEPT_SECONDS}
        )

    def close(self) -> None:
        if "db" in self.__dict__:
            self.db.close()
            del self.__dict__["db"]
