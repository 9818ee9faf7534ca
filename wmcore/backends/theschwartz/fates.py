"""What became of the jobs that retries made of failed ones. Nobody writes it down: a job that stands in its queue waits
or runs, one with a record of its own has failed again, any other is done."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from wmcore.backends.local import LOCAL
from wmcore.backends.records import FailedRow
from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.failed import Store
from wmcore.errors import NotFound, QueueDown
from wmcore.model import Fate

Found = tuple[Fate, str | None]
"""And the record of a job that has failed again."""


def told(records: Iterable[FailedRow], found: Mapping[str, Found]) -> list[FailedRow]:
    """`found`: by the ids of the new jobs."""
    return [_with_fate(record, found) if record.retried_as else record for record in records]


def _with_fate(record: FailedRow, found: Mapping[str, Found]) -> FailedRow:
    fate, failed_as = found.get(record.retried_as or "", (Fate.UNKNOWN, None))
    return replace(record, fate=fate, failed_as=failed_as)


def look(records: Sequence[FailedRow], databases: Sequence[Database], stores: Sequence[Store]) -> list[FailedRow]:
    """The records with the fates of their retries: two questions to each database that has such jobs."""
    numbers: dict[int, list[int]] = {}
    for record in records:
        if (home := _home(record.retried_as, len(databases))) is not None:
            numbers.setdefault(home[0], []).append(home[1])
    found: dict[str, Found] = {}
    for place, mine in numbers.items():
        try:
            found |= _in_database(databases[place], mine, stores)
        except QueueDown:
            continue
    return told(records, found)


def _home(job: str | None, databases: int) -> tuple[int, int] | None:
    """The place of the database and the number there."""
    try:
        place, number = rows.split_id(job or "", "job")
    except NotFound:
        return None
    return (int(place), number) if place.isdecimal() and int(place) < databases else None


def _in_database(db: Database, numbers: Sequence[int], stores: Sequence[Store]) -> dict[str, Found]:
    """The queue first: a job goes from it into the store in one transaction."""
    among = ",".join(map(str, numbers))
    there = {
        int(jobid): Fate.RUNNING if int(grabbed_until) > int(second) else Fate.WAITING
        for jobid, grabbed_until, second in db.rows_literally(
            f"SELECT jobid, grabbed_until, {db.dialect.second} FROM {db.table('job')} WHERE jobid IN ({among})"
        )
    }
    again = dict(_failed_again(db, [number for number in numbers if number not in there], stores))
    found: dict[str, Found] = {}
    for number in numbers:
        gone = (Fate.FAILED, again[number]) if number in again else (Fate.DONE, None)
        found[rows.job_id(db, number)] = (there[number], None) if number in there else gone
    return found


def _failed_again(db: Database, numbers: Sequence[int], stores: Sequence[Store]) -> Iterator[tuple[int, str]]:
    for store in stores:
        if numbers and (store.db is db or store.key == LOCAL):
            origins = [db.name[:255]] if store.key == LOCAL else []
            yield from ((number, record) for (number, _), record in store.records_of(numbers, origins).items())
