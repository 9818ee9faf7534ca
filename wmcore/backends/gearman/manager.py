"""The manager's side: is each server there, what stands in it, the books of the dead, the failed list."""

import socket
import threading
import time
import zlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace

from wmcore.backends.base import Book, Closed, Due, Place, SlowBatch
from wmcore.backends.gearman import packets
from wmcore.backends.gearman.child import key_of
from wmcore.backends.gearman.chore import Chore
from wmcore.backends.gearman.parked import Parked, Parking
from wmcore.backends.gearman.running import Running, stamp_of
from wmcore.backends.gearman.submitting import new_unique, node_of, submit_anywhere
from wmcore.backends.gearman.talk import Talk
from wmcore.backends.local import LOCAL
from wmcore.backends.records import (
    Chunk,
    FailedGroups,
    FailedPage,
    FailedRow,
    Filter,
    JobFilter,
    JobPage,
    JobRow,
    NewJob,
    Wanted,
)
from wmcore.backends.theschwartz import cleaning, failed, failedgroups, failedpages, fates, outcomes, rows
from wmcore.backends.theschwartz.failed import Store
from wmcore.backends.theschwartz.outcomes import Who
from wmcore.config.records import Config
from wmcore.errors import QueueDown, Refused
from wmcore.model import COUNT_LIMIT, Fate, QueueFigures

STATUS_SECONDS = 1.0
"""So often a server is asked whether work waits while children are idle: it wakes them itself, but for what fell due
and for what it forgot."""


class _Here(threading.local):
    """A thread's connections."""

    def __init__(self, config: Config) -> None:
        self.talks = [Talk(server) for server in config.job_servers]
        self.parking = Parking(config.state_dir)


class GearmanManager:
    """Implements `backends.base.ManagerQueue`."""

    word = "job server"
    failed_apart = True

    def __init__(self, config: Config, names: Sequence[str], chores: Sequence[Chore] = ()) -> None:
        """`chores`: what is to be done beside, as long as this is open."""
        self._names = list(names)
        self._prefix = config.prefix
        self._functions = [packets.wire_name(config.prefix, name).decode() for name in names]
        self._here = _Here(config)
        self._running = Running(config.state_dir)
        self._id = zlib.crc32(f"{socket.gethostname()} {config.state_dir}".encode())
        self._down: set[int] = set()
        self._waiting: dict[str, int] = {}
        self._asked_at = [0.0] * len(config.job_servers)
        self.databases = list(config.job_servers)
        self._chores = chores
        for chore in chores:
            chore.start()

    # -- is there work? ------------------------------------------------------------------------------------------------

    @contextmanager
    def _asking(self, database: int) -> Iterator[Talk]:
        """Whatever it is asked, its answer says that it is there."""
        try:
            yield self._here.talks[database]
        except QueueDown:
            self._down.add(database)
            raise
        self._down.discard(database)

    def probe(self, database: int) -> list[str]:
        with self._asking(database) as talk:
            talk.close()
            talk.version()
        return []

    def changed(self, database: int) -> bool:
        with self._asking(database) as talk:
            talk.check()
        return time.monotonic() - self._asked_at[database] > STATUS_SECONDS

    def ear(self, database: int) -> int | None:
        """The server wakes children itself."""
        return None

    def ask(self, database: int, classes: Sequence[int], limit: int) -> Due:
        """One child of each class that has work is woken, no more: gearmand counts what is put off among what waits."""
        if time.monotonic() - self._asked_at[database] < STATUS_SECONDS:
            return Due()
        self._asked_at[database] = time.monotonic()
        with self._asking(database) as talk:
            status = talk.status()
        found = {index: status.get(self._functions[index]) for index in classes}
        return Due({index: 1 for index, told in found.items() if told is not None and told.total > told.running})

    def figures(self, database: int) -> dict[int, QueueFigures]:
        with self._asking(database) as talk:
            status = talk.status()
        # What waits here belongs to no server: the first one that answers has it among its figures.
        first = next(place for place in range(len(self.databases)) if place == database or place not in self._down)
        delayed = self._waiting_counts() if database == first else {}
        found = {}
        for index, (name, function) in enumerate(zip(self._names, self._functions, strict=True)):
            told = status.get(function)
            ready, running, workers = (told.total - told.running, told.running, told.workers) if told else (0, 0, 0)
            found[index] = QueueFigures(max(0, ready), delayed.get(name, 0), running, workers=workers)
        return found

    def _waiting_counts(self) -> dict[str, int]:
        """As they are known: that the daemon's own store does not answer is no server's trouble."""
        with suppress(QueueDown):
            self._waiting = self._here.parking.waiting_counts() if self._here.parking.exists else {}
        return self._waiting

    # -- the books of the dead -----------------------------------------------------------------------------------------

    def trim(self, batch: SlowBatch) -> list[str]:
        return []

    def close_book(self, book: Book) -> Closed:
        """gearmand has given the job to somebody else by now. That its child died of it is noted, for whoever gets
        it next."""
        place = book.place
        if place.noted_class < 0 or not book.job or place.started <= place.finished:
            return Closed()
        closed = self._close(book, place)
        if not closed.remaining:  # whoever has it by now waits for this
            self._running.ended(stamp_of(book.job.partition("-")[2].encode(), place.noted_number))
        return closed

    def _close(self, book: Book, place: Place) -> Closed:
        if not book.counts or place.database >= len(self.databases) or place.noted_class >= len(self._names):
            return Closed(released=[book.job])
        handle = book.job.partition("-")[2]
        key = key_of(self.databases[place.database], handle, place.noted_number)
        now, policy = time.time(), book.policy

        def decide(deaths: int) -> tuple[str, float]:
            if policy.retries(place.noted_lease + deaths):
                return "died", now + policy.retry_delay_seconds
            return "exhausted", 0.0

        attempt = outcomes.attempt(now, outcomes.storable(book.failure), Who(book.slot, book.pid))
        try:
            outcome = self._here.parking.died(key, self._names[place.noted_class], decide, attempt)
        except QueueDown:
            return Closed(remaining=(place.database,))
        self._running.died()
        return Closed(attempts=[(place.noted_class, book.job, outcome)])

    def release_strays(self, database: int, known: Collection[str]) -> list[str]:
        """A connection that is gone has given its job back."""
        return []

    # -- jobs ----------------------------------------------------------------------------------------------------------

    def jobs(self, which: JobFilter, wanted: Wanted) -> JobPage:
        """Those that the daemon keeps until they are tried again: gearmand lists none by function."""
        if which.state not in (None, "delayed") or not self._here.parking.exists:
            return JobPage(())
        begin = None if wanted.cursor is None else rows.split_id(wanted.cursor, "job")[1]
        found = self._here.parking.waiting(which, begin, wanted.limit, backwards=wanted.backwards)
        now = time.time()
        jobs = [_job_row(row, now) for row in found]
        ahead = jobs[-1].id if len(jobs) == wanted.limit else None
        back = None if begin is None or not jobs else jobs[0].id
        if wanted.backwards:
            return JobPage(jobs[::-1], behind=back, before=ahead)
        return JobPage(jobs, behind=ahead, before=back)

    # -- the failed list -----------------------------------------------------------------------------------------------

    def _stores(self) -> list[Store]:
        return [Store(self._here.parking.db, LOCAL, None)]

    def failed_count(self, which: Filter) -> int:
        return self.failed_total(which, COUNT_LIMIT)[0]

    def failed_total(self, which: Filter, most: int) -> tuple[int, bool]:
        return failedpages.total(self._stores(), which, most)

    def failed_page(self, which: Filter, wanted: Wanted) -> FailedPage:
        page = failedpages.page(self._stores(), which, wanted)
        return replace(page, rows=self._with_fates(page.rows))

    def _with_fates(self, records: Sequence[FailedRow]) -> list[FailedRow]:
        """A job that the server does not know may be done, or the daemon keeps it until it is tried again, under
        another handle."""
        jobs = [record.retried_as for record in records if record.retried_as]
        found: dict[str, fates.Found] = {}
        silent = set[str]()
        for job in jobs:
            server = job.partition("-")[0]
            try:
                if server not in silent:
                    found[job] = (Fate.WAITING if self._is_known(job) else Fate.GONE), None
            except QueueDown:
                silent.add(server)
        gone = {job for job, (fate, _) in found.items() if fate is Fate.GONE}
        unknown = {_number(row.id): str(row.retried_as) for row in records if row.retried_as in gone}
        for number in self._kept(list(unknown)):
            found[unknown[number]] = Fate.WAITING, None
        newest = self._stores()[0].records_of([0], jobs) if jobs else {}
        for record in records:
            again = newest.get((0, record.retried_as or ""))
            if again and record.retried_as and _number(again) > _number(record.id):  # else of a server's former life
                found[record.retried_as] = Fate.FAILED, again
        return fates.told(records, found)

    def failed_groups(self, which: Filter, limit: int) -> FailedGroups:
        return failedgroups.groups(self._stores(), which, limit)

    def failed_chunk(self, action: str, which: Filter, cursor: str | None, limit: int) -> Chunk:
        found = failedpages.page(self._stores(), which, Wanted(cursor, limit))
        if action == "delete":
            return Chunk(self._stores()[0].delete(_number(row.id) for row in found.rows), (), found.older)
        refused: list[tuple[str, str]] = []
        for row in found.rows:
            if row.retried_as is not None:
                refused.append((row.id, f"{row.id} was retried already, as job {row.retried_as}"))
                continue
            try:
                self.failed_retry(row.id)
            except Refused as error:
                refused.append((row.id, str(error)))
        return Chunk(len(found.rows) - len(refused), refused, found.older)

    def failed_open(self) -> dict[int, int]:
        return failedpages.open_of(self._stores(), self._names)

    def failed_get(self, failed_id: str) -> FailedRow:
        return self._with_fates([self._stores()[0].get(_number(failed_id))])[0]

    def failed_some(self, failed_ids: Sequence[str]) -> list[FailedRow]:
        return self._with_fates(failedpages.some(self._stores(), failed_ids))

    def failed_retry(self, failed_id: str) -> str:
        store, number = self._stores()[0], _number(failed_id)
        record = store.get(number)
        try:
            if record.retried_as is not None and (self._is_known(record.retried_as) or self._kept([number])):
                raise Refused(
                    f"{record.id} was retried already, as job {record.retried_as}, which is still in the queue"
                )
            own = new_unique(node=node_of(self._id, number))
            job = submit_anywhere(self._here.talks, self._prefix, NewJob(record.funcname, record.raw, uniqkey=own))
        except QueueDown as error:
            raise Refused(f"{record.id}: {error}") from None
        store.mark_retried([(number, job)])
        return job

    def _kept(self, numbers: Sequence[int]) -> set[int]:
        """Of these records those whose retry has failed and is to be tried again: here, or in gearmand under another
        handle by now."""
        nodes = {node_of(self._id, number): number for number in numbers}
        rows = self._here.parking.of_nodes(list(nodes)) if nodes and self._here.parking.exists else []
        return {nodes[node] for node, state, key in rows if state == "waiting" or self._is_there(key)}

    def _is_there(self, unique_id: str) -> bool:
        for talk in self._here.talks:
            with suppress(QueueDown):
                if talk.is_known_by(unique_id):
                    return True
        return False

    def _is_known(self, job: str) -> bool:
        place, _, handle = job.partition("-")
        if not place.isdecimal() or int(place) >= len(self._here.talks):
            return False
        return self._here.talks[int(place)].is_known(handle)

    def failed_delete(self, failed_id: str) -> None:
        if not self._stores()[0].delete([_number(failed_id)]):
            raise failed.gone(failed_id)

    def clean(self, failed_keep_days: float) -> None:
        cleaning.forget_failed([self._here.parking.db], failed_keep_days)
        self._here.parking.clean(time.time())

    def close(self) -> None:
        for chore in self._chores:
            chore.leave()
        for chore in self._chores:
            chore.join()
        for talk in self._here.talks:
            talk.close()
        self._here.parking.close()


def _number(failed_id: str) -> int:
    return rows.split_id(failed_id, "failed")[1]


def _job_row(row: Parked, now: float) -> JobRow:
    return JobRow(
        id=f"{LOCAL}-{row.id}", funcname=row.funcname, insert_time=row.known_since, run_after=row.due,
        grabbed_until=0.0, priority=None, uniqkey=row.uniqkey, raw=row.raw, now=now,
    )  # fmt: skip
