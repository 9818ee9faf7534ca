"""A database as Perl's schema files leave it, with no table of ours."""

import threading

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, ONCE, A, B, Rig
from tests.waiting import until
from wmcore.backends.base import Closed
from wmcore.backends.records import Filter, NewJob, Wanted
from wmcore.backends.theschwartz import check, init_db
from wmcore.model import Failure, Outcome, RetryPolicy


@pytest.fixture
def bare(make_rig: MakeRig) -> Rig:
    rig = make_rig(tables=False)
    rig.init_bare()
    return rig


def test_the_operator_is_told(bare: Rig) -> None:
    (notice,) = bare.manager().probe(0)
    assert "wm_" in notice
    recommended = check(bare.config)
    assert any("wm_claim" in line for line in recommended)
    assert any("(funcid, priority, run_after)" in line for line in recommended)
    room = "ALTER TABLE job SET (fillfactor = 50)"
    assert any(room in line for line in recommended) is (bare.kind == "postgresql")
    init_db(bare.config, dry_run=False)
    assert not any("recommended" in line for line in check(bare.config))


def test_jobs_are_run_one_at_a_time(bare: Rig) -> None:
    bare.client().insert_many(A, range(5), priority=1)
    child, seen = bare.child(prioritize=True), []
    while jobs := child.turn((0, 1), GRAB_FOR).jobs:
        child.start(jobs[0])
        seen.append(int(jobs[0].raw))
        child.complete(jobs[0])
    assert sorted(seen) == list(range(5))
    assert bare.jobs() == []


def test_the_slot_knows_the_job(bare: Rig) -> None:
    bare.client().insert(A, 1)
    job = bare.claim(bare.child())
    place = bare.place()
    assert (place.noted_number, place.noted_class) == (job.number, 0)
    assert bare.jobs() == [(job.number, place.noted_lease)]


def test_retries_are_counted_by_error_rows(bare: Rig) -> None:
    bare.client().insert(A, {"foo": 1}, uniqkey="u")
    child, manager, policy = bare.child(), bare.manager(), RetryPolicy(max_retries=1)
    assert child.fail(bare.claim(child), Failure("first", "trace"), policy) is Outcome.RETRIED
    job = bare.claim(child)
    assert child.failures(job) == 1
    assert child.fail(job, Failure("second", "trace 2"), policy) is Outcome.FAILED
    assert bare.jobs() == []
    (row,) = manager.failed_page(Filter(), Wanted()).rows
    record = manager.failed_get(row.id)
    assert record.id.startswith("l-")
    assert (record.raw, record.uniqkey, record.error) == (b'{"foo":1}', "u", "second")
    assert [attempt.message for attempt in record.attempts] == ["first", "second"]
    assert record.attempts[-1].traceback == "trace 2"
    again = manager.failed_retry(record.id)
    assert bare.claim(child).id == again
    manager.failed_delete(record.id)
    assert manager.failed_count(Filter()) == 0


def test_declined_replaced_late(bare: Rig) -> None:
    bare.client().insert_many(A, [1, 2, 3])
    child = bare.child()
    assert child.decline(bare.claim(child), 2_000_000_000) is Outcome.DECLINED
    assert child.replace(bare.claim(child), [NewJob(B, b"9")]) is Outcome.REPLACED
    job = bare.claim(child)
    bare.sql("UPDATE job SET grabbed_until = grabbed_until + 100 WHERE grabbed_until > 0")
    child.complete(job)
    assert child.turn((1,), GRAB_FOR).late == {job.id}


def test_the_books_of_a_running_job(bare: Rig) -> None:
    bare.client().insert(A, 1)
    job = bare.claim(bare.child())
    closed = bare.manager().close_book(bare.book(policy=RetryPolicy(max_retries=1)))
    assert list(closed.attempts) == [(0, job.id, Outcome.RETRIED)]
    assert bare.jobs() == [(job.number, 0)]


def test_the_books_of_a_running_job_without_retries(bare: Rig) -> None:
    bare.client().insert(A, 1)
    job = bare.claim(bare.child())
    manager = bare.manager()
    assert list(manager.close_book(bare.book(policy=ONCE)).attempts) == [(0, job.id, Outcome.FAILED)]
    assert manager.failed_count(Filter(error="signal 9")) == 1
    assert bare.jobs() == []


def test_the_books_of_a_finished_job(bare: Rig) -> None:
    bare.client().insert(A, 1)
    child = bare.child()
    job = bare.claim(child)
    child.complete(job)
    assert list(bare.manager().close_book(bare.book()).completed) == [(0, job.id)]
    assert bare.jobs() == []


def test_the_books_of_a_job_that_was_not_started(bare: Rig) -> None:
    bare.client().insert(A, 1)
    (job,) = bare.child().turn((0,), GRAB_FOR).jobs
    assert list(bare.manager().close_book(bare.book()).released) == [job.id]
    assert bare.jobs() == [(job.number, 0)]


def test_errors_of_waiting_jobs_are_never_cleaned(bare: Rig) -> None:
    bare.client().insert(A, 1)
    child = bare.child()
    child.fail(bare.claim(child), Failure("no"), RetryPolicy(max_retries=3))
    bare.sql("UPDATE error SET error_time = 5")
    bare.sql("INSERT INTO error (error_time, jobid, message, funcid) VALUES (5, 4711, 'of a job that is gone', 1)")
    bare.manager().clean(90)
    assert child.failures(bare.claim(child)) == 1
    assert bare.count("error") == 1


def test_init_db_adds_what_is_missing_and_touches_nothing_else(bare: Rig) -> None:
    bare.client().insert(A, 1, uniqkey="before")
    planned = init_db(bare.config, dry_run=True)
    assert bare.manager().probe(0)
    assert init_db(bare.config, dry_run=False) == planned
    assert init_db(bare.config, dry_run=False) == []
    assert not bare.manager().probe(0)
    assert check(bare.config) == []
    job = bare.claim(bare.child())
    assert (job.raw, job.uniqkey) == (b"1", "before")
    assert not [line for line in planned if "CREATE TABLE" in line and "wm_" not in line]


def test_what_perl_sees_after_init_db(bare: Rig) -> None:
    """Its statements name their columns: an extra one does no harm."""
    bare.init()
    bare.sql("INSERT INTO funcmap (funcname) VALUES ('contract.A')")
    bare.sql(
        "INSERT INTO job (funcid, arg, uniqkey, insert_time, run_after, grabbed_until) "
        "SELECT funcid, '5', NULL, 1500000000, 1500000000, 0 FROM funcmap"
        if bare.kind != "postgresql"
        else "INSERT INTO job (funcid, arg, uniqkey, insert_time, run_after, grabbed_until) "
        "SELECT funcid, CAST('5' AS bytea), NULL, 1500000000, 1500000000, 0 FROM funcmap"
    )
    job = bare.claim(bare.child())
    assert (job.raw, job.insert_time, job.priority) == (b"5", 1_500_000_000, None)


@pytest.mark.parametrize("index", ["wm_job_jobid", "wm_job_priority"])
@pytest.mark.parametrize("make_rig", ["postgresql"], indirect=True)
def test_an_index_whose_building_was_interrupted_is_built_anew(make_rig: MakeRig, index: str) -> None:
    rig = make_rig(tables=False)
    rig.init_bare()
    rig.init()
    assert init_db(rig.config, dry_run=True) == []
    rig.sql(f"UPDATE pg_index SET indisvalid = false WHERE indexrelid = to_regclass('{index}')")
    assert [statement.split()[0] for statement in init_db(rig.config, dry_run=True)] == ["DROP", "CREATE"]
    rig.init()
    assert init_db(rig.config, dry_run=True) == []


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_books_wait_for_a_commit_that_is_on_its_way(bare: Rig) -> None:
    """The child was killed when it had sent the COMMIT: read at once, the row was still free, and it stayed claimed
    by nobody afterwards."""
    bare.client().insert(A, 1)
    child = bare.child()
    job = bare.claim(child)
    lease = bare.place().noted_lease
    bare.sql("UPDATE job SET grabbed_until = 0")
    closed: list[Closed] = []
    with bare.holding(f"UPDATE job SET grabbed_until = {lease}"):
        closer = threading.Thread(target=lambda: closed.append(bare.manager().close_book(bare.book(counts=False))))
        closer.start()
        until(lambda: waits_for_a_lock(bare), 20, "the closer to wait")
        assert not closed
    closer.join(20)
    assert list(closed[0].released) == [job.id]
    assert [grabbed for _, grabbed in bare.jobs()] == [0]


def waits_for_a_lock(rig: Rig) -> bool:
    if rig.kind == "postgresql":
        return bool(rig.sql("SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock'"))
    return bool(rig.sql("SELECT 1 FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'"))
