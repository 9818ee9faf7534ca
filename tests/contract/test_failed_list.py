"""Finally failed jobs: list, look, retry, delete, forget."""

import time

import pytest

from tests.contract.rig import ONCE, A, B, Rig
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import Filter, Wanted
from wmcore.backends.theschwartz import bounds, failedpages
from wmcore.errors import NotFound, Refused
from wmcore.model import Failure

ALL = Filter()


def fail(rig: Rig, count: int = 1, name: str = A, message: str = "no", **options: object) -> None:
    rig.client().insert_many(name, range(count), **options)
    child = rig.child()
    for _ in range(count):
        child.fail(rig.claim(child, 0 if name == A else 1), Failure(message), ONCE)
    child.close()


def test_newest_first_in_pages(rig: Rig) -> None:
    fail(rig, 25)
    manager = rig.manager()
    assert manager.failed_count(ALL) == 25
    seen, cursor = [], None
    while True:
        page = manager.failed_page(ALL, Wanted(cursor, 10))
        seen, cursor = seen + [int(row.raw) for row in page.rows], page.older
        if cursor is None:
            break
    assert len(seen) == 25
    assert seen == sorted(seen, reverse=True)


def test_pages_when_all_failed_at_one_moment(rig: Rig) -> None:
    fail(rig, 25)
    rig.sql("UPDATE wm_failed SET failed_at = 1700000000.25")
    manager, seen, cursor = rig.manager(), [], None
    while True:
        page = manager.failed_page(ALL, Wanted(cursor, 4))
        seen, cursor = seen + [row.id for row in page.rows], page.older
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 25


def everything(manager: ManagerQueue, which: Filter = ALL, limit: int = 3) -> list[str]:
    """Ids by pages, newest first."""
    seen, page = [], manager.failed_page(which, Wanted(None, limit))
    while True:
        seen += [row.id for row in page.rows]
        if page.older is None:
            return seen
        page = manager.failed_page(which, Wanted(page.older, limit))


def backwards(manager: ManagerQueue, which: Filter = ALL, limit: int = 3) -> list[str]:
    """The same from the oldest page on."""
    page = manager.failed_page(which, Wanted(None, limit, backwards=True))
    assert page.older is None
    seen = [row.id for row in page.rows]
    while page.newer is not None:
        page = manager.failed_page(which, Wanted(page.newer, limit, backwards=True))
        seen = [row.id for row in page.rows] + seen
    return seen


@pytest.mark.parametrize("at_one_moment", [False, True])
@pytest.mark.parametrize("which", [ALL, Filter(funcname=A), Filter(error="NO"), Filter(funcname=A, error="no")])
def test_both_ways(rig: Rig, which: Filter, at_one_moment: bool) -> None:
    fail(rig, 10)
    if at_one_moment:
        rig.sql("UPDATE wm_failed SET failed_at = 1700000000.25")
    manager, ids = rig.manager(), [f"0-{number}" for number in range(10, 0, -1)]
    assert everything(manager, which) == ids
    assert backwards(manager, which) == ids
    home = manager.failed_page(which, Wanted(None, 3))
    assert home.newer is None
    following = manager.failed_page(which, Wanted(home.older, 3))
    before = manager.failed_page(which, Wanted(following.newer, 3, backwards=True))
    assert before.rows == home.rows
    assert manager.failed_page(which, Wanted(before.older, 3)).rows == following.rows


def test_totals(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    fail(rig, 8)
    manager = rig.manager()

    def total(which: Filter = ALL, wanted: Wanted | None = None) -> tuple[int | None, bool]:
        page = manager.failed_page(which, wanted or Wanted(None, 2, count=True))
        return page.total, page.at_least

    assert total() == total(Filter(error="no")) == (8, False)
    assert total(wanted=Wanted()) == (None, False)
    monkeypatch.setattr(failedpages, "TOTAL_LIMIT", 5)
    assert total() == (5, True)
    monkeypatch.setattr(bounds, "FIRST_STRETCH", 2)
    monkeypatch.setattr(bounds, "MOST_SCANNED", 4)
    assert total(Filter(error="no")) == (6, True), "2 and 4 were looked at"
    assert manager.failed_total(Filter(error="no"), 100) == (8, True)
    assert manager.failed_total(ALL, 3) == (3, False)


def test_a_search_stops_at_its_bound_and_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FIRST_STRETCH", 4)
    monkeypatch.setattr(bounds, "MOST_SCANNED", 4)
    fail(rig, 1, message="rare")
    fail(rig, 9)
    manager, which = rig.manager(), Filter(error="rare")
    page = manager.failed_page(which, Wanted())
    assert (list(page.rows), page.scanned, page.newer) == ([], 4, None)
    assert page.older is not None
    assert everything(manager, which) == ["0-1"]
    assert backwards(manager, which) == ["0-1"]


def test_a_cursor_of_something_else_is_refused(rig: Rig) -> None:
    for wrong in ("nonsense", "1.5|", "x|0-1", "0-1"):
        with pytest.raises(Refused, match="cursor"):
            rig.manager().failed_page(ALL, Wanted(wrong))


def test_filters(rig: Rig) -> None:
    fail(rig, 2, A, "disk 100% full_of Bits")
    fail(rig, 3, B, "timeout")
    manager = rig.manager()
    assert manager.failed_count(Filter(funcname=A)) == 2
    assert manager.failed_count(Filter(error="100% FULL_of")) == 2
    assert manager.failed_count(Filter(error="100_")) == 0
    assert manager.failed_count(Filter(since=time.time() + 100)) == 0
    assert manager.failed_count(Filter(funcname=B, error="TIME", until=time.time() + 100)) == 3
    manager.failed_retry("0-4")
    assert everything(manager, Filter(retried=True)) == ["0-4"]
    assert everything(manager, Filter(funcname=B, retried=False)) == ["0-5", "0-3"]
    known = manager.failed_get("0-1").fingerprint
    assert everything(manager, Filter(fingerprint=known)) == ["0-2", "0-1"]
    assert everything(manager, Filter(funcname=B, fingerprint=known)) == []
    assert everything(manager, Filter(fingerprint="")) == []
    job = manager.failed_get("0-2").job
    assert everything(manager, Filter(job=job)) == everything(manager, Filter(job=job, error="disk")) == ["0-2"]
    assert manager.failed_count(Filter(job=job)) == 1
    assert [group.newest for group in manager.failed_groups(Filter(job=job), 9).groups] == ["0-2"]
    for nothing in (Filter(job=job, retried=True), Filter(job="1-2"), Filter(job="0-99"), Filter(job="H:x:1")):
        assert everything(manager, nothing) == []


def test_a_list_has_large_arguments_cut(rig: Rig) -> None:
    rig.client().insert(A, "x" * 100_000)
    child, manager = rig.child(), rig.manager()
    child.fail(rig.claim(child), Failure("m" * 9000), ONCE)
    (row,) = manager.failed_page(ALL, Wanted()).rows
    assert (row.size, len(row.raw) < 10_000, len(row.error) < 3000) == (100_002, True, True)
    whole = manager.failed_get(row.id)
    assert (len(whole.raw), len(whole.error)) == (100_002, 9000)


def test_a_retry_is_a_new_job_linked_to_the_record(rig: Rig) -> None:
    fail(rig, uniqkey="u", priority=4, coalesce="c")
    manager = rig.manager()
    job = manager.failed_retry("0-1")
    assert manager.failed_get("0-1").retried_as == job
    child = rig.child()
    again = rig.claim(child)
    assert (again.id, again.raw, again.uniqkey, again.priority, again.coalesce) == (job, b"0", "u", 4, "c")
    assert child.failures(again) == 0


def test_a_retry_is_refused_while_the_first_still_waits(rig: Rig) -> None:
    fail(rig)
    manager = rig.manager()
    manager.failed_retry("0-1")
    with pytest.raises(Refused, match="already"):
        manager.failed_retry("0-1")
    assert len(rig.jobs()) == 1
    rig.sql("DELETE FROM job")
    manager.failed_retry("0-1")


def test_a_retry_is_refused_while_the_uniqkey_is_taken(rig: Rig) -> None:
    fail(rig, uniqkey="u")
    rig.client().insert(A, 5, uniqkey="u")
    manager = rig.manager()
    with pytest.raises(Refused, match="uniqkey"):
        manager.failed_retry("0-1")
    assert manager.failed_get("0-1").retried_as is None


def test_delete(rig: Rig) -> None:
    fail(rig)
    manager = rig.manager()
    manager.failed_delete("0-1")
    assert manager.failed_count(ALL) == 0
    with pytest.raises(NotFound):
        manager.failed_delete("0-1")


@pytest.mark.parametrize("wrong", ["0-99", "x-1", "nonsense", "l-1", "7-1", "-"])
def test_what_is_not_there(rig: Rig, wrong: str) -> None:
    manager = rig.manager()
    for act in (manager.failed_get, manager.failed_retry, manager.failed_delete):
        with pytest.raises(NotFound):
            act(wrong)


def test_clean_forgets_what_is_old(rig: Rig) -> None:
    fail(rig, 2)
    rig.sql("UPDATE wm_failed SET failed_at = failed_at - 100 * 86400 WHERE id = 1")
    rig.sql("UPDATE error SET error_time = error_time - 8 * 86400")
    rig.sql("INSERT INTO exitstatus (jobid, funcid, status, completion_time, delete_after) VALUES (1, 1, 0, 5, 6)")
    manager = rig.manager()
    manager.clean(90)
    assert manager.failed_count(ALL) == 1
    assert (rig.count("error"), rig.count("exitstatus")) == (0, 0)


def test_clean_takes_thousands_in_small_bites(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A table of Perl's that nobody ever cleaned."""
    fail(rig, 1)
    for power in range(12):  # 2 ** 12 rows
        rig.sql(f"INSERT INTO error (error_time, jobid, message, funcid) SELECT {power + 1}, 1, 'old', 1 FROM error")
    before = rig.count("error")
    assert before > 4000
    monkeypatch.setattr("wmcore.backends.theschwartz.cleaning.MOST", 2000)
    manager = rig.manager()
    manager.clean(90)
    assert rig.count("error") == before - 2000
    manager.clean(90)
    manager.clean(90)
    assert rig.count("error") == 1, "what is not old stays"
