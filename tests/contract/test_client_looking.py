"""Handles, lists, and jobs that a client takes itself."""

import time
from dataclasses import replace

import pytest
from sqlalchemy import make_url

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, B, Rig
from wmcore import Job, TheSchwartzClient
from wmcore.backends.records import Filter, Wanted
from wmcore.errors import NotFound, QueueDown
from wmcore.model import Failure, RetryPolicy


def test_a_job_is_looked_up_by_its_handle(either: Rig) -> None:
    client = either.client()
    later = int(time.time()) + 500
    handle = client.insert(A, {"foo": "ä"}, uniqkey="u", coalesce="c", priority=3, run_after=later)
    assert handle is not None
    job = client.lookup_job(handle)
    assert job is not None
    assert (job.handle, job.funcname, job.arg) == (handle, A, {"foo": "ä"})
    assert (job.uniqkey, job.coalesce, job.priority, job.run_after) == ("u", "c", 3, later)
    assert (job.state, job.grabbed_until) == ("delayed", 0)
    assert abs(job.insert_time - time.time()) < 60


def test_a_job_in_work_knows_the_same_handle(either: Rig) -> None:
    handle = either.client().insert(A, 1)
    assert either.claim(either.child()).handle == handle


def test_a_handle_tells_what_became_of_its_job(either: Rig) -> None:
    client = either.client()
    text = client.insert(A, 1)
    assert text is not None
    handle = client.handle(text)
    assert str(handle) == text
    assert (handle.is_pending(), handle.exit_status(), handle.failures(), handle.failure_log()) == (True, None, 0, [])
    child = either.child()
    job = either.claim(child)
    found = handle.job()
    assert found is not None
    assert found.state == "running"
    child.fail(job, Failure("first"), RetryPolicy(max_retries=1))
    again = either.claim(child)
    assert child.failure_log(again) == ["first"]
    child.complete(again, keep_exit_status_seconds=100)
    child.turn((), GRAB_FOR)
    assert (handle.is_pending(), handle.exit_status(), handle.failure_log()) == (False, 0, ["first"])
    assert client.lookup_job(text) is None


def test_the_exit_status_of_a_final_failure(either: Rig) -> None:
    client = either.client()
    text = client.insert(A, 1)
    assert text is not None
    child = either.child()
    child.fail(either.claim(child), Failure("no", "", 7), RetryPolicy(keep_exit_status_seconds=100))
    assert (client.handle(text).exit_status(), client.handle(text).failures()) == (7, 1)


@pytest.mark.parametrize("wrong", ["", "abc", "0123-", f"{'0' * 32}-1", "-1", "1-x"])
def test_a_handle_of_nowhere_is_not_found(rig: Rig, wrong: str) -> None:
    client = rig.client()
    with pytest.raises(NotFound):
        client.lookup_job(wrong)
    with pytest.raises(NotFound):
        client.handle(wrong).exit_status()


def test_a_list_of_jobs(either: Rig) -> None:
    client, now = either.client(), int(time.time())
    client.insert_many(A, range(3), coalesce="ab")
    client.insert(A, 3, coalesce="ac", run_after=now + 1000)
    client.insert(B, 4, coalesce="ab")
    either.claim(either.child())

    def listed(*arguments: object, **options: object) -> list[int]:
        return [job.arg for job in client.list_jobs(*arguments, **options)]  # type: ignore[arg-type]

    assert listed(A) == [0, 1, 2, 3]
    assert listed([B, A]) == [0, 1, 2, 3, 4]
    assert listed(A, limit=2) == [0, 1]
    assert listed(A, run_after=now + 60) == [0, 1, 2]
    assert len(listed(A, grabbed_until=now)) == 3
    assert listed(A, coalesce="ab", limit=10) == [0, 1, 2]
    assert listed(A, coalesce="a", prefix=True) == [0, 1, 2, 3]
    assert listed("nothing.of.that.Name") == []


def test_jobs_of_several_databases(make_rig: MakeRig) -> None:
    rig = make_rig(databases=2)
    client = rig.client()
    handles = {client.insert(A, number): number for number in range(30)}
    assert len({str(handle).partition("-")[0] for handle in handles}) == 2
    assert sorted(job.arg for job in client.list_jobs(A)) == list(range(30))
    for handle, number in handles.items():
        job = client.lookup_job(str(handle))
        assert job is not None
        assert job.arg == number


def test_a_client_takes_a_job_by_its_coalescing_value(either: Rig) -> None:
    client = either.client()
    for value in ("foo", "bar", "food"):
        client.insert(A, value, coalesce=value)
    job = client.find_job_with_coalescing_value(A, "foo", grab_for=100)
    assert job is not None
    assert (job.arg, job.state) == ("foo", "running")
    assert 90 < job.grabbed_until - time.time() < 110
    assert client.find_job_with_coalescing_value(A, "foo") is None
    assert client.find_job_with_coalescing_value(B, "bar") is None
    other = client.find_job_with_coalescing_prefix(A, "foo")
    assert other is not None
    assert other.arg == "food"
    child = either.child()
    assert either.claim(child).raw == b'"bar"'
    assert job.completed(keep_exit_status_for=100) is True
    assert client.handle(job.handle).exit_status() == 0
    assert job.completed() is False, "it is not ours any more"


def test_a_taken_job_can_fail_and_be_tried_again(either: Rig) -> None:
    client = either.client()
    client.insert(A, 1, coalesce="c")
    job = client.find_job_with_coalescing_value(A, "c")
    assert job is not None
    assert job.failed("not yet", max_retries=1)
    child = either.child()
    again = either.claim(child)
    assert child.failures(again) == 1
    child.decline(again, None)
    job = client.find_job_with_coalescing_value(A, "c")
    assert job is not None
    assert job.permanent_failure("never", 9)
    assert either.jobs() == []


def test_a_taken_job_that_fails_finally_is_kept(rig: Rig) -> None:
    client = rig.client()
    client.insert(A, {"foo": 1}, coalesce="c")
    job = client.find_job_with_coalescing_value(A, "c")
    assert job is not None
    job.failed("no", 3)
    (row,) = rig.manager().failed_page(Filter(), Wanted()).rows
    assert (row.raw, row.error, row.slot) == (b'{"foo":1}', "no", None)


def test_a_taken_job_can_be_declined_or_replaced(either: Rig) -> None:
    client = either.client()
    client.insert(A, 1, coalesce="c")
    job = client.find_job_with_coalescing_value(A, "c")
    assert job is not None
    assert job.declined()
    job = client.find_job_with_coalescing_value(A, "c")
    assert job is not None
    assert job.replace_with(Job.new(B, 2), Job.new("contract.New", 3))
    assert [found.arg for found in client.list_jobs([A, B, "contract.New"])] == [2, 3]


def test_a_job_whose_lease_ran_out_is_not_ended(rig: Rig) -> None:
    client = rig.client()
    client.insert(A, 1, coalesce="c")
    job = client.find_job_with_coalescing_value(A, "c")
    assert job is not None
    rig.sql("UPDATE job SET grabbed_until = grabbed_until + 5")
    assert (job.completed(), job.failed("no"), job.declined(), job.replace_with(Job.new(B))) == (False,) * 4
    assert len(rig.jobs()) == 1


def test_questions_to_a_database_that_is_down(rig: Rig) -> None:
    client = rig.client()
    handle = client.insert(A, 1)
    client.close()
    with rig.unreachable():
        with pytest.raises(QueueDown):
            client.lookup_job(str(handle))
        with pytest.raises(QueueDown):
            client.list_jobs(A)
    assert client.lookup_job(str(handle)) is not None




def test_an_outcome_is_given_once(rig: Rig) -> None:
    """Whoever takes the job in the same second has the same lease."""
    client, other = rig.client(), rig.client()
    client.insert(A, 1, coalesce="c")
    ours = client.find_job_with_coalescing_value(A, "c")
    assert ours is not None
    assert ours.declined()
    theirs = other.find_job_with_coalescing_value(A, "c")
    assert theirs is not None
    rig.sql(f"UPDATE job SET grabbed_until = {ours.grabbed_until}")
    assert ours.completed() is False
    assert len(rig.jobs()) == 1


def test_a_key_meets_the_one_that_has_it_in_whatever_database(make_rig: MakeRig) -> None:
    rig = make_rig(databases=3)
    for number in range(20):
        made = [rig.client().insert(A, 1, uniqkey=f"k{number}") for _ in range(3)]
        assert sorted(handle is None for handle in made) == [False, True, True]
    used = [len(rig.sql("SELECT 1 FROM job", database=database)) for database in range(3)]
    assert sum(used) == 20
    assert max(used) < 20


def test_a_list_leaves_out_a_database_that_is_down(make_rig: MakeRig) -> None:
    rig = make_rig(databases=2)
    client = rig.client()
    client.insert_many(A, range(3))
    entry = rig.config.databases[1]
    url = make_url(entry.url)
    away = url.set(database="/nowhere/q.db") if rig.kind == "sqlite" else url.set(port=1)
    wrong = replace(entry, url=away.render_as_string(hide_password=False))
    rig.config = replace(rig.config, databases=(rig.config.databases[0], wrong))
    assert len(rig.client().list_jobs(A)) == len(rig.sql("SELECT 1 FROM job"))


def test_what_is_taken_first_and_not_at_all(make_rig: MakeRig) -> None:
    rig = make_rig()
    client = TheSchwartzClient(rig.config.databases, prioritize=True, floor=2)
    for priority in (1, 3, 9, None):
        client.insert(A, priority, priority=priority, coalesce="c")
    taken = [client.find_job_with_coalescing_value(A, "c") for _ in range(3)]
    assert [job and job.priority for job in taken] == [9, 3, None]
    client.close()
