"""The jobs in the queue: pages both ways, conditions, searches that stop at their bound."""

import time

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, B, Rig
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import JobFilter, Wanted
from wmcore.backends.theschwartz import bounds, joblist
from wmcore.errors import Refused

ALL = JobFilter()


def ids(manager: ManagerQueue, which: JobFilter = ALL, wanted: Wanted | None = None) -> list[str]:
    return [row.id for row in manager.jobs(which, wanted or Wanted()).rows]


def numbered(*numbers: int) -> list[str]:
    return [f"0-{number}" for number in numbers]


def test_what_is_known_of_each(rig: Rig) -> None:
    client = rig.client()
    client.insert_many(A, range(5))
    client.insert(B, {"foo": 1}, uniqkey="u", priority=2, run_after=time.time() + 500)
    rig.child().turn((0,), GRAB_FOR)
    rows = rig.manager().jobs(ALL, Wanted()).rows
    assert [row.id for row in rows] == numbered(*range(1, 7))
    assert [row.state for row in rows] == ["running", *["ready"] * 4, "delayed"]
    last = rows[-1]
    assert (last.funcname, last.raw, last.size, last.uniqkey, last.priority) == (B, b'{"foo":1}', 9, "u", 2)
    assert -5 < last.insert_time - last.now < 5
    assert 490 < last.run_after - last.now <= 501


def test_conditions(rig: Rig) -> None:
    client = rig.client()
    client.insert_many(A, range(3))
    client.insert(B, {"name": "Müller"}, uniqkey="Key-7", run_after=time.time() + 500)
    rig.child().turn((0,), GRAB_FOR)
    manager = rig.manager()
    assert ids(manager, JobFilter(B)) == numbered(4)
    assert ids(manager, JobFilter(state="running")) == ids(manager, JobFilter(A, "running")) == numbered(1)
    assert ids(manager, JobFilter(state="ready")) == ids(manager, JobFilter(A, "ready")) == numbered(2, 3)
    assert ids(manager, JobFilter(state="delayed")) == ids(manager, JobFilter(B, "delayed")) == numbered(4)
    assert ids(manager, JobFilter(text="mÜLL")) == ids(manager, JobFilter(text="key-7")) == numbered(4)
    assert ids(manager, JobFilter(A, text="key-7")) == ids(manager, JobFilter("unknown")) == []
    assert ids(manager, JobFilter(id="0-2")) == ids(manager, JobFilter(A, id="0-2")) == numbered(2)
    assert ids(manager, JobFilter(uniqkey="Key-7")) == ids(manager, JobFilter(B, uniqkey="Key-7")) == numbered(4)
    assert ids(manager, JobFilter(id="0-4", uniqkey="Key-7", state="delayed")) == numbered(4)
    for nothing in (
        JobFilter(B, id="0-2"), JobFilter(A, uniqkey="Key-7"), JobFilter(uniqkey="Key"), JobFilter(id="1-2"),
        JobFilter(id="0-99"), JobFilter(id="0-" + "9" * 30), JobFilter(id="nonsense"),
        JobFilter(id="0-2", state="delayed"),
    ):  # fmt: skip
        assert ids(manager, nothing) == []
    with pytest.raises(Refused):
        manager.jobs(JobFilter(state="nonsense"), Wanted())
    for wrong in ("nonsense", "0|1", "9|0|1", "0-1"):
        with pytest.raises(Refused, match="cursor"):
            manager.jobs(ALL, Wanted(wrong))


@pytest.mark.parametrize("name", [None, A])
def test_pages_both_ways(make_rig: MakeRig, name: str | None) -> None:
    """Over two databases; a class's jobs in the order in which they fall due."""
    rig = make_rig(databases=2)
    for database in (0, 1):
        rig.sql("INSERT INTO funcmap (funcname) VALUES ('contract.A')", database=database)
        for number in range(1, 6):
            due = 1_700_000_000 + (10 - number) // 2
            rig.sql(
                "INSERT INTO job (funcid, arg, insert_time, run_after, grabbed_until) VALUES (1, :a, 1, :due, 0)",
                {"a": b"1", "due": due}, database,
            )  # fmt: skip
    manager, which = rig.manager(), JobFilter(name)
    order = [5, 3, 4, 1, 2] if name else [1, 2, 3, 4, 5]
    whole = [f"{database}-{number}" for database in (0, 1) for number in order]
    assert ids(manager, which) == whole

    pages, cursor = [], None
    while True:
        page = manager.jobs(which, Wanted(cursor, 3))
        pages.append(page)
        cursor = page.behind
        if cursor is None:
            break
    assert [row.id for page in pages for row in page.rows] == whole
    assert pages[0].before is None

    last = manager.jobs(which, Wanted(None, 3, backwards=True))
    assert [row.id for row in last.rows] == whole[-3:]
    assert last.behind is None
    seen, cursor = [row.id for row in last.rows], last.before
    while cursor is not None:
        page = manager.jobs(which, Wanted(cursor, 3, backwards=True))
        seen, cursor = [row.id for row in page.rows] + seen, page.before
    assert seen == whole
    assert [row.id for row in manager.jobs(which, Wanted(pages[1].before, 3, backwards=True)).rows] == whole[:3]


def test_a_search_stops_at_its_bound_and_goes_on(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "FIRST_STRETCH", 3)
    monkeypatch.setattr(joblist, "LONGEST_DECODED", 3)
    monkeypatch.setattr(bounds, "MOST_SCANNED", 6)
    rig.client().insert_many(A, [{"n": "rare" if number in (4, 14) else "usual"} for number in range(20)])
    manager, which = rig.manager(), JobFilter(text="rare")
    page = manager.jobs(which, Wanted(None, 2))
    assert ([row.id for row in page.rows], page.scanned) == (numbered(5), 6)
    found = [row.id for row in page.rows]
    while page.behind is not None:
        page = manager.jobs(which, Wanted(page.behind, 2))
        found += [row.id for row in page.rows]
    assert found == numbered(5, 15)
    assert page.scanned is None


def test_a_large_argument_is_cut(rig: Rig) -> None:
    rig.client().insert(A, "x" * 100_000)
    (row,) = rig.manager().jobs(ALL, Wanted()).rows
    assert row.size == 100_002
    assert len(row.raw) < 10_000
