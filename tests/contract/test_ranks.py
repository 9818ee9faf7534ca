"""The order of jobs with priorities: by the index of --init-db, and without it."""

import time

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, B, Rig
from tests.contract.test_claim import take_all
from wmcore.backends.theschwartz import selecting
from wmcore.backends.theschwartz.ordering import MOST_RANKS


@pytest.fixture(params=["index", "window"])
def ranked(request: pytest.FixtureRequest, make_rig: MakeRig) -> Rig:
    rig = make_rig(prioritize=True)
    if request.param == "window":
        drop_index(rig)
    return rig


def drop_index(rig: Rig) -> None:
    rig.sql("DROP INDEX wm_job_priority" + (" ON job" if rig.kind == "mariadb" else ""))


def insert(rig: Rig, *priorities: int | None) -> None:
    """Job n has the n-th priority; each fell due a second after the one before."""
    client, begin = rig.client(), time.time() - 1000
    for number, priority in enumerate(priorities):
        client.insert(A, number, priority=priority, run_after=begin + number)


def batch(rig: Rig, most: int, **changes: object) -> list[int]:
    """What another child would get."""
    child = rig.child(len(rig.owners), **changes)
    return [int(job.raw) for job in child.turn((0,), GRAB_FOR, (most,) * 3).jobs]


def test_in_one_batch(ranked: Rig) -> None:
    insert(ranked, 1, 9, None, 9, 0, None, 3)
    assert batch(ranked, 7) == [1, 3, 6, 0, 2, 4, 5]


def test_none_and_zero_are_one_rank(ranked: Rig) -> None:
    insert(ranked, None, 0, None, 0, 0, None)
    assert batch(ranked, 3) == [0, 1, 2]
    assert batch(ranked, 3) == [3, 4, 5]


def test_one_by_one(ranked: Rig) -> None:
    insert(ranked, 1, 9, None, 9, 0, None, 3)
    assert take_all(ranked, prioritize=True) == [1, 3, 6, 0, 2, 4, 5]


@pytest.mark.parametrize("make_rig", ["sqlite", "postgresql"], indirect=True)
def test_below_zero(ranked: Rig) -> None:
    """Which MySQL's column can't hold."""
    insert(ranked, -7, None, -1, 5, 0)
    assert batch(ranked, 5) == [3, 1, 4, 2, 0]


def test_what_cannot_be_claimed_hides_nothing(ranked: Rig) -> None:
    client, later = ranked.client(), time.time() + 1000
    client.insert(A, 0, priority=9, run_after=later)
    client.insert(A, 1, priority=8, grabbed_until=later)
    client.insert(A, 2, run_after=later)
    client.insert(B, 3, priority=9)
    client.insert(A, 4, priority=2)
    client.insert(A, 5)
    assert batch(ranked, 9) == [4, 5]


def test_a_new_priority_is_seen_at_once(ranked: Rig) -> None:
    insert(ranked, 1, 1, 1)
    child = ranked.child()
    child.complete(ranked.claim(child))
    ranked.client().insert(A, 9, priority=7)
    assert ranked.claim(child).priority == 7


def test_floor_by_priority_and_by_age(ranked: Rig) -> None:
    insert(ranked, 1, 6, None, 9, 5, 6)
    assert batch(ranked, 2, floor=5) == [3, 1]
    ranked.sql("UPDATE job SET grabbed_until = 0")
    assert batch(ranked, 3, floor=5, prioritize=False) == [1, 3, 4]
    assert batch(ranked, 3, floor=5, prioritize=False) == [5]


def test_strictly_by_priority_over_classes(ranked: Rig) -> None:
    insert(ranked, 3, 7)
    ranked.client().insert(B, 2, priority=5)
    child, order = ranked.child(strict_remove_ability=True), []
    while jobs := child.turn((0, 1), GRAB_FOR).jobs:
        child.complete(jobs[0])
        order.append(int(jobs[0].raw))
    assert order == [1, 2, 0]


def test_more_priorities_than_are_told_apart(make_rig: MakeRig) -> None:
    rig = make_rig(prioritize=True)
    insert(rig, *range(1, 101))
    highest = list(range(99, 99 - MOST_RANKS, -1))
    assert batch(rig, MOST_RANKS) == highest
    rig.sql("UPDATE job SET grabbed_until = 0")
    found = batch(rig, 100)
    assert found[:MOST_RANKS] == highest
    assert len(found) == 100
    rig.sql("UPDATE job SET grabbed_until = 0")
    assert sorted(batch(rig, MOST_RANKS + 10)[MOST_RANKS:]) == list(range(10))


@pytest.mark.parametrize("changes", [{}, {"floor": 1}, {"floor": 1, "prioritize": False}])
def test_many_priorities_of_which_the_highest_are_not_due(make_rig: MakeRig, changes: dict[str, object]) -> None:
    rig = make_rig(prioritize=True)
    insert(rig, *range(1, 101))
    rig.sql(f"UPDATE job SET run_after = {int(time.time()) + 1000} WHERE priority > 50")
    assert rig.manager(**changes).ask(0, [0], 70).ready == {0: 50}
    assert sorted(batch(rig, 100, **changes)) == list(range(50))
    assert rig.manager(**changes).ask(0, [0], 70).ready == {}
    assert batch(rig, 100, **changes) == []


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_rows_that_others_hold_are_stepped_over(make_rig: MakeRig) -> None:
    rig = make_rig(prioritize=True)
    insert(rig, 9, 9, 9, 5, None)
    with rig.holding("SELECT jobid FROM job WHERE jobid = 2 FOR UPDATE"):
        assert batch(rig, 3) == [0, 2, 3]
    assert batch(rig, 3) == [1, 4]


@pytest.mark.parametrize("make_rig", ["mariadb"], indirect=True)
@pytest.mark.parametrize(("seconds", "order"), [(0.0, [0, 1, 9, 2, 3, 4]), (1000.0, [0, 1, 2, 3, 9, 4])])
def test_what_is_older_than_the_low_water_mark(
    make_rig: MakeRig, monkeypatch: pytest.MonkeyPatch, seconds: float, order: list[int]
) -> None:
    """It is found when the mark is old enough, and at the latest when a claim comes back short."""
    monkeypatch.setattr(selecting, "MARK_SECONDS", seconds)
    rig = make_rig()
    insert(rig, *[None] * 5)
    child, found = rig.child(), []
    while jobs := child.turn((0,), GRAB_FOR, (2, 2, 2)).jobs:
        for job in jobs:
            child.start(job)
            child.complete(job)
        found += [int(job.raw) for job in jobs]
        if found == [0, 1]:
            rig.client().insert(A, 9, run_after=1000)
    assert found == order
