"""A failed job that was retried is not open any more; what became of it can be seen."""

import time

from tests.contract import schemas
from tests.contract.conftest import MakeRig
from tests.contract.rig import ONCE, A, B, Rig
from tests.contract.test_failed_list import backwards, everything, fail
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import FailedRow, Filter, Wanted
from wmcore.model import Failure, Fate

OPEN, RETRIED, ALL = Filter(retried=False), Filter(retried=True), Filter()


def fate(manager: ManagerQueue, failed_id: str) -> tuple[Fate | None, str | None]:
    """As the record, a page and a look at this record tell it: they agree."""
    (listed,) = [row for row in manager.failed_page(ALL, Wanted()).rows if row.id == failed_id]
    told = {(row.fate, row.failed_as) for row in (manager.failed_get(failed_id), listed, *some(manager, failed_id))}
    assert len(told) == 1
    return told.pop()


def some(manager: ManagerQueue, *failed_ids: str) -> list[FailedRow]:
    return manager.failed_some(failed_ids)


def test_a_record_that_was_retried_is_not_open(rig: Rig) -> None:
    fail(rig, 5)
    manager = rig.manager()
    before = time.time()
    manager.failed_retry("0-2")
    assert (manager.failed_count(OPEN), manager.failed_count(RETRIED), manager.failed_count(ALL)) == (4, 1, 5)
    assert everything(manager, OPEN) == backwards(manager, OPEN) == ["0-5", "0-4", "0-3", "0-1"]
    assert everything(manager, RETRIED) == backwards(manager, RETRIED) == ["0-2"]
    assert everything(manager, ALL) == backwards(manager, ALL) == [f"0-{number}" for number in (5, 4, 3, 2, 1)]
    assert abs((manager.failed_get("0-2").retried_at or 0.0) - before) < 60
    assert manager.failed_get("0-1").retried_at is None


def test_the_fate_of_a_retry(rig: Rig) -> None:
    fail(rig, 2)
    child, manager = rig.child(), rig.manager()
    assert fate(manager, "0-1") == (None, None)
    manager.failed_retry("0-1")
    assert fate(manager, "0-1") == (Fate.WAITING, None)
    job = rig.claim(child)
    assert fate(manager, "0-1") == (Fate.RUNNING, None)
    child.fail(job, Failure("no"), ONCE)
    assert fate(manager, "0-1") == (Fate.FAILED, "0-3")
    manager.failed_retry("0-3")
    child.complete(rig.claim(child))
    child.turn((), (1, 1, 1))
    assert fate(manager, "0-3") == (Fate.DONE, None)
    assert everything(manager, OPEN) == ["0-2"]


def test_the_fate_is_unknown_where_its_database_is_not_ours_any_more(rig: Rig) -> None:
    fail(rig, 1)
    rig.sql("UPDATE wm_failed SET retried = 1, retried_as = '7-12'")
    assert fate(rig.manager(), "0-1") == (Fate.UNKNOWN, None)


def test_records_that_are_gone_are_left_out(rig: Rig) -> None:
    fail(rig, 2)
    assert [row.id for row in some(rig.manager(), "0-2", "0-9")] == ["0-2"]


def test_a_run_through_the_open_ones(rig: Rig) -> None:
    fail(rig, 5)
    manager = rig.manager()
    manager.failed_retry("0-3")
    step = manager.failed_chunk("retry", OPEN, None, 3)
    assert (step.done, len(step.refused)) == (3, 0)
    step = manager.failed_chunk("retry", OPEN, step.cursor, 3)
    assert (step.done, step.cursor) == (1, None)
    assert (manager.failed_count(OPEN), manager.failed_count(RETRIED)) == (0, 5)


def test_what_is_open_is_counted_by_class(rig: Rig) -> None:
    fail(rig, 3)
    fail(rig, 2, B)
    manager = rig.manager()
    assert manager.failed_open() == {0: 3, 1: 2, 2: 0}
    manager.failed_retry("0-2")
    assert manager.failed_open() == {0: 2, 1: 2, 2: 0}


def test_both_are_forgotten_when_they_are_old(rig: Rig) -> None:
    fail(rig, 3)
    manager = rig.manager()
    manager.failed_retry("0-1")
    rig.sql("UPDATE wm_failed SET failed_at = failed_at - 1000000 WHERE id < 3")
    manager.clean(10)
    assert everything(manager) == ["0-3"]


def test_the_fate_of_a_job_whose_record_stands_in_the_daemons_own_store(make_rig: MakeRig) -> None:
    rig = make_rig(tables=False, databases=2)
    for database in (0, 1):
        for statement in schemas.of(rig.kind):
            rig.sql(statement, database=database)
    client, child, manager = rig.client(), rig.child(), rig.manager()
    for number in range(6):
        client.insert(A, number)
    for _ in range(6):
        child.fail(rig.claim(child), Failure("no"), ONCE)
    assert len(everything(manager, OPEN)) == 6
    jobs = {row.job for row in manager.failed_page(OPEN, Wanted()).rows}
    assert len(jobs) == 6, "each is named by its own database"
    for job in jobs:
        assert [row.job for row in manager.failed_page(Filter(job=job), Wanted()).rows] == [job]
    for row in manager.failed_page(OPEN, Wanted()).rows:
        new = manager.failed_retry(row.id)
        assert new.partition("-")[0] == row.job.partition("-")[0], "it goes back to where it came from"
        assert fate(manager, row.id) == (Fate.WAITING, None)
    child.fail(rig.claim(child), Failure("no"), ONCE)
    told = sorted(str(row.fate) for row in manager.failed_page(RETRIED, Wanted()).rows)
    assert told == ["failed"] + ["waiting"] * 5
    (again,) = manager.failed_page(OPEN, Wanted()).rows
    assert again.id in [row.failed_as for row in manager.failed_page(RETRIED, Wanted()).rows]
