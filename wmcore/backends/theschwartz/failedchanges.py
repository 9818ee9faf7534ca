"""What is done with failed jobs: retried and deleted, one by one or a chunk in a transaction."""

from collections.abc import Callable, Iterator, Sequence

from wmcore.backends.records import Chunk, FailedRow, Filter, NewJob, Wanted
from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.failed import Store
from wmcore.backends.theschwartz.failedpages import page
from wmcore.backends.theschwartz.insert import insert_jobs
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.errors import QueueDown, Refused

Homes = Callable[[Store, Sequence[int]], dict[int, Database]]
"""Of records of a store: the database that each one's job came from."""
Refusals = list[tuple[str, str]]

BYTES_AT_ONCE = 16 * 1024 * 1024
"""Of arguments in one transaction; a single larger one goes alone."""


def retry(store: Store, home: Database, number: int) -> str:
    """Insert the job anew, with no attempts, and note it on the record: in one transaction where the record stands in
    the same database (`home`). Returns the new job's id. Raises NotFound, Refused."""
    record = store.get(number)
    funcids = Funcids(home)

    def work() -> str:
        before = store.retried_as(number)
        if before is not None and _waits(home, before):
            raise Refused(f"{record.id} was retried already, as job {before}, which is still in the queue")
        jobid = insert_jobs(home, funcids, [_anew(record)])[0]
        if jobid is None:
            raise Refused(_taken(record))
        job = rows.job_id(home, jobid)
        if store.db is home:
            store.mark_retried([(number, job)])
        return job

    try:
        funcids.make(record.funcname)
        job = home.atomically(work)
    except QueueDown as error:
        raise Refused(f"{record.id}: {error}") from None
    if store.db is not home:
        store.mark_retried([(number, job)])
    return job


def _anew(record: FailedRow) -> NewJob:
    return NewJob(
        record.funcname, record.raw, priority=record.priority, uniqkey=record.uniqkey, coalesce=record.coalesce
    )


def _taken(record: FailedRow) -> str:
    return f"{record.id}: its uniqkey {record.uniqkey!r} is taken by another job in the queue"


def _waits(home: Database, job: str) -> bool:
    place, number = rows.split_id(job, "job")
    if place != str(home.index):
        return False
    return home.one(f"SELECT 1 FROM {home.table('job')} WHERE jobid = :id", {"id": number}) is not None


# -- a chunk ----------------------------------------------------------------------------------------------------------


def chunk(stores: Sequence[Store], homes: Homes, action: str, which: Filter, cursor: str | None, limit: int) -> Chunk:
    """The next `limit` records of the filter, newest first; what has failed since a run began is never reached by it.
    Raises QueueDown: what the chunks before did stays done."""
    found = page(stores, which, Wanted(cursor, limit))
    done, refused = 0, Refusals()
    for store in stores:
        for numbers in _portions(store, found.rows):
            done += _delete_all(store, numbers) if action == "delete" else _retry_all(store, homes, numbers, refused)
    return Chunk(done, refused, found.older)


def _portions(store: Store, found: Sequence[FailedRow]) -> Iterator[list[int]]:
    """The numbers of those that stand in `store`, as many at a time as have arguments that fit into memory."""
    numbers: list[int] = []
    size = 0
    for row in found:
        key, number = rows.split_id(row.id, "failed")
        if key != store.key:
            continue
        if numbers and size + row.size > BYTES_AT_ONCE:
            yield numbers
            numbers, size = [], 0
        numbers.append(number)
        size += row.size
    if numbers:
        yield numbers


def _delete_all(store: Store, numbers: Sequence[int]) -> int:
    return store.db.atomically(lambda: store.delete(numbers))


def _retry_all(store: Store, homes: Homes, numbers: Sequence[int], refused: Refusals) -> int:
    by_home: dict[Database, list[int]] = {}
    for number, home in homes(store, numbers).items():
        by_home.setdefault(home, []).append(number)
    done = 0
    for home, mine in by_home.items():
        try:
            jobs, reasons = _retry_together(store, home, mine)
        except Refused:  # one of them spoils it: who?
            jobs, reasons = _retry_singly(store, home, mine)
        done += jobs
        refused += reasons
    return done


def _retry_together(store: Store, home: Database, numbers: Sequence[int]) -> tuple[int, Refusals]:
    funcids = Funcids(home)
    for name in {row.funcname for row in store.glimpses(numbers).values()}:
        funcids.make(name)

    def work() -> tuple[list[tuple[int, str]], Refusals]:
        refused, fresh = Refusals(), list[FailedRow]()
        for record in store.whole(numbers):
            if record.retried_as is None:
                fresh.append(record)
            else:
                refused.append((record.id, f"{record.id} was retried already, as job {record.retried_as}"))
        jobs: list[tuple[int, str]] = []
        for record, jobid in zip(fresh, insert_jobs(home, funcids, [_anew(record) for record in fresh]), strict=True):
            if jobid is None:
                refused.append((record.id, _taken(record)))
            else:
                jobs.append((rows.split_id(record.id, "failed")[1], rows.job_id(home, jobid)))
        if store.db is home:
            store.mark_retried(jobs)
        return jobs, refused

    jobs, refused = home.atomically(work)
    if store.db is not home:
        store.db.atomically(lambda: store.mark_retried(jobs))
    return len(jobs), refused


def _retry_singly(store: Store, home: Database, numbers: Sequence[int]) -> tuple[int, Refusals]:
    done, refused = 0, Refusals()
    for number in numbers:
        failed_id = f"{store.key}-{number}"
        try:
            if (before := store.get(number).retried_as) is not None:
                raise Refused(f"{failed_id} was retried already, as job {before}")
            retry(store, home, number)
            done += 1
        except Refused as error:
            refused.append((failed_id, str(error)))
    return done, refused
