"""The manager's side: questions, books, the failed list. Called from several threads, each with its own connections."""

import threading
import time
from collections.abc import Collection, Sequence
from dataclasses import replace

from wmcore.backends.base import Book, Closed, Due, SlowBatch
from wmcore.backends.local import LOCAL, local_path, local_store, prepare_local
from wmcore.backends.records import Chunk, FailedGroups, FailedPage, FailedRow, Filter, JobFilter, JobPage, Wanted
from wmcore.backends.theschwartz import (
    cleaning,
    failed,
    failedchanges,
    failedgroups,
    failedpages,
    fates,
    joblist,
    rows,
)
from wmcore.backends.theschwartz.closing import Closer
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.failed import Store
from wmcore.backends.theschwartz.notifying import Ear
from wmcore.backends.theschwartz.ordering import Selection
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.backends.theschwartz.selecting import counts
from wmcore.backends.theschwartz.trimming import trim
from wmcore.config.records import Config
from wmcore.errors import NotFound, QueueDown
from wmcore.model import COUNT_LIMIT, QueueFigures

WINDOW = COUNT_LIMIT + 1000
"""So many of a class's oldest due rows are looked at to count the ready and the running ones."""


class _Connections(threading.local):
    """Each thread's databases."""

    def __init__(self, config: Config) -> None:
        self.databases = [Database(entry, index) for index, entry in enumerate(config.databases)]
        self.funcids = [Funcids(db) for db in self.databases]
        self.local = local_store(config.state_dir)
        self.marks: dict[int, int] = {}


class TheSchwartzManager:
    """Implements `backends.base.ManagerQueue`."""

    word = "database"
    failed_apart = False

    def __init__(self, config: Config, names: Sequence[str], daemon: str) -> None:
        self._names = list(names)
        self._daemon = daemon
        self._selection = Selection(prioritize=config.prioritize, floor=config.floor)
        self._local_path = local_path(config.state_dir)
        self._here = _Connections(config)
        self._ears = {
            db.index: Ear(Database(db.config, db.index))
            for db in self._here.databases
            if db.dialect.name == "postgresql"
        }
        self._born = time.monotonic()
        self.databases = [entry.name for entry in config.databases]

    # -- is there work? ------------------------------------------------------------------------------------------------

    def probe(self, database: int) -> list[str]:
        db = self._here.databases[database]
        db.drop()
        db.require_schema()
        if database in self._ears:
            self._ears[database].begin_anew()
        if db.bare:
            return [
                f"database {db.name} has no wm_ tables: jobs are claimed one at a time and failed jobs are kept in "
                "state_dir; wmcore --init-db adds them"
            ]
        if not (db.fingerprints and db.knows_retried):
            return [
                f"database {db.name}: wm_failed is an earlier version's, groups and open records are searched for; "
                "wmcore --init-db brings it up to date"
            ]
        return []

    def changed(self, database: int) -> bool:
        db = self._here.databases[database]
        if database in self._ears:
            return self._ears[database].changed(db)
        if db.dialect.name != "sqlite":
            return True
        row = db.one("PRAGMA data_version")
        version = int(row[0]) if row else 0
        before = self._here.marks.get(database)
        self._here.marks[database] = version
        return before != version

    def ear(self, database: int) -> int | None:
        return self._ears[database].fd if database in self._ears else None

    def ask(self, database: int, classes: Sequence[int], limit: int) -> Due:
        """One statement, however many classes there are, and whether jobs of them were ever inserted or not."""
        db, funcids = self._here.databases[database], self._here.funcids[database]
        parts, names = [], dict[str, str]()
        for index in classes:
            known = funcids.known(self._names[index])
            if known is None:
                names[f"name{index}"] = self._names[index]
            parts.append(self._due_sql(db, index, known, limit))
        found = db.rows(" UNION ALL ".join(parts), names) if parts else []
        for index, funcid, *_ in found:
            if funcid is not None:
                funcids.learn(self._names[index], int(funcid))
        ready = {int(row[0]): min(limit, max(int(row[2]), int(row[3]))) for row in found if row[2] or row[3]}
        waits = [float(moment) - float(now) for *_, due, lease, now in found for moment in (due, lease) if moment]
        return Due(ready, max(0.0, min(waits)) if waits else None)

    def _due_sql(self, db: Database, index: int, funcid: int | None, limit: int) -> str:
        """Of a class: its index and funcid, how many jobs can be claimed (twice, see `counts`), when the next one falls
        due and when the next lease of the oldest due ones runs out, the clock."""
        job, second = f"{db.table('job')}{db.claim_index}", db.dialect.second
        wanted = funcid or f"(SELECT funcid FROM {db.table('funcmap')} WHERE funcname = :name{index})"
        mine = f"funcid = {wanted} AND run_after"
        oldest_due = f"SELECT grabbed_until FROM {job} WHERE {mine} <= {second} ORDER BY run_after LIMIT {limit}"
        return (
            f"SELECT {index}, {wanted}, {', '.join(counts(db, self._selection, wanted, limit))}, "
            f"(SELECT min(run_after) FROM {job} WHERE {mine} > {second}), "
            f"(SELECT min(grabbed_until) FROM ({oldest_due}) o WHERE grabbed_until > {second}), {db.dialect.now}"
        )

    def _funcid(self, database: int, index: int) -> int | None:
        return self._here.funcids[database].get(self._names[index])

    def figures(self, database: int) -> dict[int, QueueFigures]:
        db = self._here.databases[database]
        return {
            index: QueueFigures() if funcid is None else self._class_figures(db, funcid)
            for index in range(len(self._names))
            for funcid in [self._funcid(database, index)]
        }

    def _class_figures(self, db: Database, funcid: int) -> QueueFigures:
        """In bounded time, however long the queue is: counted is within the oldest due rows."""
        job, second = f"{db.table('job')}{db.claim_index}", db.dialect.second
        mine = f"funcid = {funcid} AND run_after"
        oldest_due = (
            f"SELECT insert_time, run_after, grabbed_until, priority FROM {job} WHERE {mine} <= {second} "
            f"ORDER BY run_after LIMIT {WINDOW}"
        )
        above = "" if self._selection.floor is None else f" AND priority >= {int(self._selection.floor)}"
        is_free = f"grabbed_until <= {second}{above}"
        # A job whose lease ran out can be claimed since then.
        since = "CASE WHEN insert_time > run_after THEN insert_time ELSE run_after END"
        since = f"CASE WHEN grabbed_until > {since} THEN grabbed_until ELSE {since} END"
        row = db.one(
            f"SELECT SUM(CASE WHEN {is_free} THEN 1 ELSE 0 END), SUM(CASE WHEN grabbed_until > {second} THEN 1 ELSE 0 "
            f"END), MIN(CASE WHEN {is_free} THEN {since} END), "
            f"(SELECT count(*) FROM (SELECT 1 FROM {job} WHERE {mine} > {second} LIMIT {COUNT_LIMIT}) d), "
            f"{db.dialect.now} FROM ({oldest_due}) t"
        )
        assert row is not None
        oldest = None if row[2] is None else max(0.0, (float(row[4]) - float(row[2])) * 1000)
        ready, running = (min(COUNT_LIMIT, int(number or 0)) for number in row[:2])
        return QueueFigures(ready, int(row[3]), running, oldest)

    # -- books ---------------------------------------------------------------------------------------------------------

    def trim(self, batch: SlowBatch) -> list[str]:
        db = self._here.databases[batch.database]
        return db.atomically(lambda: trim(db, self._daemon, batch))

    def _closer(self) -> Closer:
        return Closer(self._daemon, self._names, lambda: prepare_local(self._here.local), self._born)

    def close_book(self, book: Book) -> Closed:
        return self._closer().close(self._here.databases, book)

    def release_strays(self, database: int, known: Collection[str]) -> list[str]:
        return self._closer().release_strays(self._here.databases[database], frozenset(known))

    # -- lists ---------------------------------------------------------------------------------------------------------

    def jobs(self, which: JobFilter, wanted: Wanted) -> JobPage:
        return joblist.page(self._here.databases, which, wanted)

    def _stores(self) -> list[Store]:
        """Of the databases that answer; the daemon's own too where one of them has, or once had, no table for it."""
        stores, bare = [], False
        trouble: QueueDown | None = None
        for db in self._here.databases:
            try:
                db.require_schema()
            except QueueDown as error:
                trouble = error
                continue
            if db.has("wm_failed"):
                stores.append(Store(db, str(db.index), {}))
            bare = bare or db.bare
        if bare or self._local_path.exists():
            places = {db.name[:255]: db.index for db in self._here.databases}
            stores.append(Store(prepare_local(self._here.local), LOCAL, places))
        if not stores and trouble is not None:
            raise trouble
        return stores

    def failed_count(self, which: Filter) -> int:
        return failedpages.total(self._stores(), which, COUNT_LIMIT)[0]

    def failed_total(self, which: Filter, most: int) -> tuple[int, bool]:
        return failedpages.total(self._stores(), which, most)

    def failed_page(self, which: Filter, wanted: Wanted) -> FailedPage:
        stores = self._stores()
        page = failedpages.page(stores, which, wanted)
        return replace(page, rows=fates.look(page.rows, self._here.databases, stores))

    def failed_groups(self, which: Filter, limit: int) -> FailedGroups:
        return failedgroups.groups(self._stores(), which, limit)

    def failed_chunk(self, action: str, which: Filter, cursor: str | None, limit: int) -> Chunk:
        return failedchanges.chunk(self._stores(), self._homes, action, which, cursor, limit)

    def _store_of(self, failed_id: str) -> tuple[Store, int]:
        key, number = rows.split_id(failed_id, "failed")
        for store in self._stores():
            if store.key == key:
                return store, number
        raise NotFound(f"there is no failed job {failed_id}, or its database is down")

    def failed_open(self) -> dict[int, int]:
        return failedpages.open_of(self._stores(), self._names)

    def failed_get(self, failed_id: str) -> FailedRow:
        store, number = self._store_of(failed_id)
        return fates.look([store.get(number)], self._here.databases, self._stores())[0]

    def failed_some(self, failed_ids: Sequence[str]) -> list[FailedRow]:
        stores = self._stores()
        return fates.look(failedpages.some(stores, failed_ids), self._here.databases, stores)

    def failed_retry(self, failed_id: str) -> str:
        store, number = self._store_of(failed_id)
        homes = self._homes(store, [number])
        if number not in homes:
            raise failed.gone(failed_id)
        return failedchanges.retry(store, homes[number], number)

    def _homes(self, store: Store, numbers: Sequence[int]) -> dict[int, Database]:
        """The databases that records came from; for those of the daemon's own store the first one, where theirs is not
        used any more."""
        if store.key != LOCAL:
            return dict.fromkeys(numbers, store.db)
        by_name = {db.name: db for db in self._here.databases}
        first = self._here.databases[0]
        return {number: by_name.get(name or "", first) for number, name in store.origins(numbers).items()}

    def failed_delete(self, failed_id: str) -> None:
        store, number = self._store_of(failed_id)
        if not store.delete([number]):
            raise failed.gone(failed_id)

    def clean(self, failed_keep_days: float) -> None:
        cleaning.forget_failed([store.db for store in self._stores()], failed_keep_days)
        for db in self._here.databases:
            try:
                db.require_schema()
            except QueueDown:
                continue
            cleaning.clean(db)

    def close(self) -> None:
        for ear in self._ears.values():
            ear.close()
        for db in [*self._here.databases, self._here.local]:
            db.close()
