"""How an attempt ends: retried, finally failed, declined, replaced; late; fenced."""

import time

import pytest

from tests.contract.rig import GRAB_FOR, ONCE, A, B, Rig
from wmcore.backends.records import Filter, NewJob, Wanted
from wmcore.errors import Fenced
from wmcore.model import Failure, Outcome, RetryPolicy

BOOM = Failure("KeyError: 'foo'", "Traceback (most recent call last): ...", 3)


def steal(rig: Rig) -> None:
    """The lease ran out and somebody else took the job."""
    rig.sql("UPDATE job SET grabbed_until = grabbed_until + 7")


def test_a_failure_is_retried_after_its_delay(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child(slot=3)
    job = rig.claim(child)
    assert child.failures(job) == 0
    assert child.fail(job, BOOM, RetryPolicy(max_retries=1, retry_delay_seconds=100)) is Outcome.RETRIED
    ((run_after, grabbed_until),) = rig.sql("SELECT run_after, grabbed_until FROM job")
    assert grabbed_until == 0
    assert 98 <= run_after - job.claimed_at <= 102
    assert rig.sql("SELECT jobid, message FROM error") == [(job.number, BOOM.message)]
    ((message, traceback, status, slot),) = rig.sql("SELECT message, traceback, exit_status, slot FROM wm_attempt")
    assert (message, traceback, status, slot) == (BOOM.message, BOOM.traceback, 3, 3)
    assert (rig.place(3).started, rig.place(3).finished) == (1, 1)
    assert not child.turn((0,), GRAB_FOR).jobs


def test_the_last_failure_keeps_arguments_and_all_attempts(rig: Rig) -> None:
    rig.client().insert(A, {"foo": 1}, uniqkey="u", coalesce="c", priority=7)
    child = rig.child(slot=2)
    for number in range(3):
        job = rig.claim(child)
        assert child.failures(job) == number
        outcome = child.fail(job, Failure(f"no {number}", f"trace {number}", 1), RetryPolicy(max_retries=2))
        assert outcome is (Outcome.FAILED if number == 2 else Outcome.RETRIED)
    assert rig.jobs() == []
    assert rig.count("wm_attempt") == 0
    manager = rig.manager()
    (listed,) = manager.failed_page(Filter(), Wanted()).rows
    record = manager.failed_get(listed.id)
    assert (record.raw, record.uniqkey, record.coalesce, record.priority) == (b'{"foo":1}', "u", "c", 7)
    assert (record.funcname, record.job, record.error, record.slot) == (A, job.id, "no 2", 2)
    assert record.attempt_count == 3
    assert [(attempt.message, attempt.traceback) for attempt in record.attempts] == [
        ("no 0", "trace 0"), ("no 1", "trace 1"), ("no 2", "trace 2")
    ]  # fmt: skip


def test_a_permanent_failure_is_not_retried(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    assert child.fail(rig.claim(child), BOOM, RetryPolicy(max_retries=5, permanent=True)) is Outcome.FAILED


def test_attempts_count_even_when_perl_cleaned_the_errors_away(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    child.fail(rig.claim(child), BOOM, RetryPolicy(max_retries=5))
    rig.sql("DELETE FROM error")
    assert child.failures(rig.claim(child)) == 1


def test_perls_attempts_count(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    rig.sql("INSERT INTO error (error_time, jobid, message, funcid) SELECT 1, jobid, 'by Perl', funcid FROM job")
    assert child.failures(job) == 1
    assert child.fail(job, BOOM, RetryPolicy(max_retries=1)) is Outcome.FAILED
    record = rig.manager().failed_get("0-1")
    assert [attempt.message for attempt in record.attempts] == ["by Perl", BOOM.message]


@pytest.mark.parametrize(
    "message",
    ["x" * 5000, "日本語の失敗 🐟", "a\0b", "surrogate \udcff", "", "back\\u0000slash \\x00"],
    ids=["long", "unicode", "nul", "surrogate", "empty", "backslash"],
)
def test_any_message_can_be_kept(rig: Rig, message: str) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    assert child.fail(rig.claim(child), Failure(message, message), ONCE) is Outcome.FAILED
    ((stored,),) = rig.sql("SELECT message FROM error")
    assert stored.startswith(message[:9]) or not message.isprintable()
    record = rig.manager().failed_get("0-1")
    assert len(record.attempts) == 1
    if message.isprintable():
        assert record.error == message


def test_exit_status_of_a_failure(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    child.fail(job, Failure("no", "", 70000), RetryPolicy(keep_exit_status_seconds=50))
    ((jobid, status),) = rig.sql("SELECT jobid, status FROM exitstatus")
    assert jobid == job.number
    assert status > 0


def test_a_declined_job_waits_and_counts_nothing(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    later = int(time.time()) + 500
    assert child.decline(job, later) is Outcome.DECLINED
    assert rig.sql("SELECT run_after, grabbed_until FROM job") == [(later, 0)]
    assert child.failures(job) == 0
    assert not child.turn((0,), GRAB_FOR).jobs


def test_a_job_declined_without_a_time_comes_again(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    assert child.decline(rig.claim(child), None) is Outcome.DECLINED
    assert rig.claim(child).raw == b"1"


def test_replacing_inserts_and_completes_in_one(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    assert child.replace(rig.claim(child), [NewJob(B, b"2"), NewJob(B, b"3", priority=4)]) is Outcome.REPLACED
    assert [bytes(arg) for (arg,) in rig.sql("SELECT arg FROM job ORDER BY jobid")] == [b"2", b"3"]
    assert rig.claim(child, 1).raw == b"2"


def test_a_replaced_job_keeps_its_exit_status(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    child.replace(rig.claim(child), [NewJob(B, b"2")], keep_exit_status_seconds=100)
    assert rig.sql("SELECT status FROM exitstatus") == [(0,)]


def test_a_job_may_be_replaced_by_one_with_its_own_uniqkey(rig: Rig) -> None:
    rig.client().insert(A, 1, uniqkey="me")
    child = rig.child()
    assert child.replace(rig.claim(child), [NewJob(A, b"2", uniqkey="me")]) is Outcome.REPLACED
    assert rig.claim(child).raw == b"2"


def test_a_replacement_that_is_too_late_inserts_nothing(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    steal(rig)
    assert child.replace(job, [NewJob(B, b"2")]) is Outcome.LATE
    assert len(rig.jobs()) == 1


def test_a_late_completion_is_told_and_writes_nothing(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    steal(rig)
    child.complete(job)
    assert child.turn((0,), GRAB_FOR).late == {job.id}
    assert len(rig.jobs()) == 1


def test_a_late_failure_writes_nothing(rig: Rig) -> None:
    rig.client().insert(A, 1)
    child = rig.child()
    job = rig.claim(child)
    steal(rig)
    assert child.fail(job, BOOM, ONCE) is Outcome.LATE
    assert (len(rig.jobs()), rig.count("error"), rig.count("wm_failed")) == (1, 0, 0)
    assert not child.turn((0,), GRAB_FOR).jobs


def test_a_child_whose_row_was_taken_is_fenced(rig: Rig) -> None:
    rig.client().insert_many(A, [1, 2])
    child = rig.child()
    job = rig.claim(child)
    rig.sql("UPDATE wm_claim SET owner = 'another'")
    with pytest.raises(Fenced):
        child.fail(job, BOOM, ONCE)
    assert rig.count("error") == 0
    child.complete(job)
    with pytest.raises(Fenced):
        child.turn((0,), GRAB_FOR)
    assert len(rig.jobs()) == 2
    assert sum(1 for _, grabbed in rig.jobs() if grabbed) == 1
