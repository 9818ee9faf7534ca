"""Failed jobs by class and error."""

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import ONCE, A, B, Rig
from tests.contract.test_failed_list import fail
from wmcore.backends.records import Filter, Wanted
from wmcore.backends.theschwartz import bounds, failedgroups
from wmcore.model import Failure

ALL = Filter()


def sizes(rig: Rig, which: Filter = ALL) -> dict[tuple[str | None, str], int]:
    return {(each.funcname, each.error): each.count for each in rig.manager().failed_groups(which, 100).groups}


def mixed(rig: Rig) -> None:
    for number in range(3):
        fail(rig, 1, A, f"timeout after {number} s")
    fail(rig, 2, B, "timeout after 9 s")
    fail(rig, 1, A, "KeyError: 'user_7'\nand more of it")


def test_groups(rig: Rig) -> None:
    mixed(rig)
    found = rig.manager().failed_groups(ALL, 100)
    assert not found.partial
    assert [(each.funcname, each.error, each.count, each.newest) for each in found.groups] == [
        (A, "KeyError: '…'", 1, "0-6"),
        (B, "timeout after N s", 2, "0-5"),
        (A, "timeout after N s", 3, "0-3"),
    ]
    timeouts = found.groups[2]
    first, last = rig.sql("SELECT min(failed_at), max(failed_at) FROM wm_failed WHERE id <= 3")[0]
    assert (timeouts.first, timeouts.last, timeouts.at_least) == (first, last, False)
    page = rig.manager().failed_page(Filter(fingerprint=timeouts.fingerprint), Wanted(count=True))
    assert ([row.id for row in page.rows], page.total) == (["0-3", "0-2", "0-1"], 3)


def test_groups_of_a_filter(rig: Rig) -> None:
    mixed(rig)
    assert sizes(rig, Filter(funcname=B)) == {(B, "timeout after N s"): 2}
    assert sizes(rig, Filter(error="TIMEOUT")) == {(A, "timeout after N s"): 3, (B, "timeout after N s"): 2}
    assert sizes(rig, Filter(funcname=A, error="after 1")) == {(A, "timeout after N s"): 1}
    after = rig.sql("SELECT failed_at FROM wm_failed WHERE id = 3")[0][0]
    assert sizes(rig, Filter(funcname=A, since=after)) == {(A, "timeout after N s"): 1, (A, "KeyError: '…'"): 1}
    rig.manager().failed_retry("0-4")
    assert sizes(rig, Filter(retried=True)) == {(B, "timeout after N s"): 1}
    assert sizes(rig, Filter(funcname=B, retried=False)) == {(B, "timeout after N s"): 1}
    assert sizes(rig, Filter(funcname=B)) == {(B, "timeout after N s"): 2}
    manager = rig.manager()
    for failed_id in ("0-5", "0-6"):
        manager.failed_retry(failed_id)
    assert sizes(rig, Filter(retried=False)) == {(A, "timeout after N s"): 3}, "nothing of the others is open"
    both = manager.failed_groups(ALL, 100).groups
    assert [(each.newest, each.count) for each in both] == [("0-6", 1), ("0-5", 2), ("0-3", 3)]


def test_what_exceeds_the_bounds_comes_partial(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    mixed(rig)
    manager = rig.manager()
    two = manager.failed_groups(ALL, 2)
    assert ([each.newest for each in two.groups], two.partial) == (["0-6", "0-5"], True)
    monkeypatch.setattr(failedgroups, "COUNT_LIMIT", 2)
    assert [(each.count, each.at_least) for each in manager.failed_groups(ALL, 9).groups] == [
        (1, False), (2, True), (2, True),
    ]  # fmt: skip
    monkeypatch.setattr(bounds, "FIRST_STRETCH", 2)
    monkeypatch.setattr(bounds, "MOST_SCANNED", 2)
    searched = manager.failed_groups(Filter(error="timeout"), 9)
    assert ([each.count for each in searched.groups], searched.partial, searched.scanned) == ([1], True, 2)


def test_the_same_group_in_two_databases(make_rig: MakeRig) -> None:
    rig = make_rig(databases=2)
    for number in range(4):
        rig.client().insert(A, number)
    child = rig.child()
    for number in range(4):
        child.fail(rig.claim(child), Failure(f"no {number}"), ONCE)
    for database in (0, 1):  # wherever the client put them
        if not rig.sql("SELECT count(*) FROM wm_failed", database=database)[0][0]:
            rig.sql("INSERT INTO wm_failed SELECT * FROM wm_failed", database=database)
    assert sizes(rig) == {(A, "no N"): 4}
