"""PostgreSQL: a busy child's turn is one statement; where that would be wrong, it is several."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, B, Rig
from wmcore.backends.base import ChildQueue, Turn
from wmcore.errors import Fenced

pytestmark = pytest.mark.parametrize("make_rig", ["postgresql"], indirect=True)
LONG = (600, 600, 600)
MOST = (5, 5, 5)


@contextmanager
def statements() -> Iterator[list[str]]:
    """What anybody sends meanwhile."""
    seen: list[str] = []

    def see(connection: Any, cursor: Any, sql: str, *others: Any) -> None:
        seen.append(sql)

    event.listen(Engine, "before_cursor_execute", see)
    try:
        yield seen
    finally:
        event.remove(Engine, "before_cursor_execute", see)


def run(child: ChildQueue, turn: Turn) -> list[str]:
    for job in turn.jobs:
        assert child.start(job)
        child.complete(job)
    return [job.id for job in turn.jobs]


@pytest.fixture
def patient(make_rig: MakeRig) -> Rig:
    """However slow the machine is, a batch is young."""
    return make_rig(batch_ms=60_000)


def test_a_turn_is_one_statement(patient: Rig) -> None:
    patient.client().insert_many(A, range(20))
    child = patient.child()
    run(child, child.turn((0,), LONG, MOST))
    with statements() as sent:
        done = [job for _ in range(3) for job in run(child, child.turn((0,), LONG, MOST))]
    assert len(sent) == 3
    assert done == [f"0-{number}" for number in range(6, 21)]
    child.turn((), LONG)
    assert patient.jobs() == []


def test_a_replaced_child_costs_four_statements(patient: Rig) -> None:
    """What is there, the number of the class, its row, and a whole turn."""
    patient.client().insert_many(A, range(20))
    child = patient.child()
    run(child, child.turn((0,), LONG, MOST))
    child.turn((), LONG)
    child.close()
    with statements() as sent:
        newborn = patient.child()
        run(newborn, newborn.turn((0,), LONG, MOST))
    assert len(sent) == 4, sent
    assert len(patient.jobs()) == 15
    newborn.turn((), LONG)
    assert len(patient.jobs()) == 10


def test_a_class_that_was_empty_costs_no_more(patient: Rig) -> None:
    patient.client().insert_many(A, range(20))
    patient.client().insert(B, 1)  # so that there is such a class
    child = patient.child()
    run(child, child.turn((1,), LONG, MOST))
    run(child, child.turn((1, 0), LONG, MOST))  # which finds that B is empty
    run(child, child.turn((1, 0), LONG, MOST))
    with statements() as sent:
        assert run(child, child.turn((1, 0), LONG, MOST))
    assert len(sent) == 1


def test_the_row_names_the_jobs_in_the_order_in_which_they_run(patient: Rig) -> None:
    client = patient.client()
    for after in (30, 10, 20):
        client.insert(A, after, run_after=after)
    jobs = patient.child().turn((0,), LONG, MOST).jobs
    assert [job.run_after for job in jobs] == [10, 20, 30]
    assert patient.sql("SELECT ids FROM wm_claim") == [(",".join(str(job.number) for job in jobs),)]


def test_a_lease_that_is_over(patient: Rig) -> None:
    """The job in hand could be claimed by the statement that deletes it."""
    patient.client().insert(A, 1)
    child = patient.child()
    run(child, child.turn((0,), (0, 0, 0), MOST))
    assert child.turn((0,), LONG, MOST) == Turn()
    assert patient.jobs() == []


def test_a_lease_that_went_to_somebody_else(patient: Rig) -> None:
    patient.client().insert_many(A, range(3))
    child = patient.child()
    second = run(child, child.turn((0,), LONG, MOST))[1]
    patient.sql("UPDATE job SET grabbed_until = grabbed_until + 7 WHERE jobid = 2")
    assert child.turn((0,), LONG, MOST) == Turn((), frozenset({second}))
    assert [jobid for jobid, _ in patient.jobs()] == [2]


def test_a_row_of_another_life(patient: Rig) -> None:
    patient.client().insert_many(A, range(10))
    child = patient.child()
    run(child, child.turn((0,), LONG, MOST))
    patient.sql("UPDATE wm_claim SET owner = 'somebody'")
    with pytest.raises(Fenced):
        child.turn((0,), LONG, MOST)
    assert len(patient.jobs()) == 10


def test_a_partitioned_table(patient: Rig) -> None:
    """Rows of two partitions may have the same ctid."""
    client = patient.client()
    client.insert(A, 0)
    client.insert(B, 0)
    for statement in (
        "ALTER TABLE job RENAME TO job_before",
        "CREATE TABLE job (LIKE job_before INCLUDING DEFAULTS) PARTITION BY LIST (funcid)",
        "CREATE TABLE job_1 PARTITION OF job FOR VALUES IN (1)",
        "CREATE TABLE job_2 PARTITION OF job FOR VALUES IN (2)",
        "CREATE UNIQUE INDEX ON job (funcid, uniqkey)",
        "CREATE INDEX ON job (funcid, run_after)",
    ):
        patient.sql(statement)
    client.insert_many(A, range(3))
    client.insert_many(B, range(3))
    assert [job.funcname for job in patient.child(1).turn((1,), LONG, (2, 2, 2)).jobs] == [B, B]
    assert [job.funcname for job in patient.child(0).turn((0,), LONG, (2, 2, 2)).jobs] == [A, A]


def test_a_claim_finds_room_on_the_page(patient: Rig) -> None:
    """So no index has to be told of it (PostgreSQL's HOT updates), which is most of what a claim costs."""
    assert patient.sql("SELECT reloptions FROM pg_class WHERE oid = to_regclass('job')") == [(["fillfactor=50"],)]
    patient.client().insert_many(A, range(200))
    pages = "SELECT jobid, (CAST(CAST(ctid AS text) AS point))[0] FROM job ORDER BY jobid"
    before = patient.sql(pages)
    child = patient.child()
    assert len(child.turn((0,), LONG, (50, 50, 50)).jobs) == 50
    assert patient.sql(pages) == before, "no row has moved to another page"
