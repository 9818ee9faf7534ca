"""Nothing that is sent again and again goes through a whole class, or sorts it: the databases' own word for it."""

from dataclasses import replace

import pytest

from tests.bench import failing
from tests.bench.filling import fill
from tests.contract.conftest import MakeRig
from tests.contract.plans import Plan, plans, sent
from tests.contract.rig import GRAB_FOR, NAMES, A, B, C, Rig
from wmcore.backends.records import Filter, JobFilter, Wanted

MOST = (50, 50, 50)


def fill_all(rig: Rig) -> None:
    """20,000 jobs of one class and 4,000 of each other: ready, delayed, with and without priority."""
    for name, count in ((B, 2_000), (C, 2_000), (A, 10_000)):
        fill(rig.config.databases[0].url, name, count, count, priorities=True)


def work(rig: Rig) -> list[Plan]:
    """What a child and the manager send: claims, an acknowledgement with jobs given back, questions."""
    child, manager = rig.child(), rig.manager()
    with sent() as statements:
        for order in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
            for job in child.turn(order, GRAB_FOR, MOST).jobs[:20]:
                child.start(job)
                child.complete(job)
        child.turn((), GRAB_FOR)
        manager.ask(0, range(len(NAMES)), 100)
        manager.figures(0)
    return plans(rig, statements)


def faults(found: list[Plan]) -> str:
    return "\n".join(f"{plan.statement}\n    " + "\n    ".join(plan.faults) for plan in found if plan.faults)


def heads(found: list[Plan]) -> set[str]:
    return {plan.statement.split()[0] for plan in found}


@pytest.mark.parametrize("strict", [False, True], ids=["in turn", "strict"])
@pytest.mark.parametrize("floor", [None, 5], ids=["no floor", "floor"])
@pytest.mark.parametrize("prioritize", [False, True], ids=["by age", "by priority"])
def test_after_init_db(make_rig: MakeRig, prioritize: bool, floor: int | None, strict: bool) -> None:
    rig = make_rig(prioritize=prioritize, floor=floor, strict_remove_ability=strict)
    fill_all(rig)
    found = work(rig)
    assert not faults(found), faults(found)
    assert {"SELECT", "UPDATE", "DELETE"} <= heads(found)
    by_priority = any("wm_job_priority" in line for plan in found for line in plan.lines)
    assert by_priority == (prioritize or floor is not None)


def test_a_job_is_found_by_its_id_and_by_its_uniqkey(make_rig: MakeRig) -> None:
    """And the few that are found may be sorted."""
    rig = make_rig()
    fill_all(rig)
    manager = rig.manager()
    with sent() as statements:
        for which in (JobFilter(id="0-77"), JobFilter(uniqkey="u"), JobFilter(A, uniqkey="u")):
            manager.jobs(which, Wanted())
    found = plans(rig, statements)
    few = ("TEMP B-TREE", "range funcid 1027")
    bad = [line for plan in found for line in plan.faults if not any(each in line for each in few)]
    assert not bad, faults(found)
    assert len(found) >= 3


@pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
def test_claims_by_age_with_perls_tables_alone(make_rig: MakeRig) -> None:
    """What its schema has an index for. By priority a window is sorted, and PostgreSQL has none for a jobid there."""
    rig = make_rig(tables=False)
    rig.init_bare()
    rig.sql("ALTER TABLE job ADD COLUMN wm_insert_time DOUBLE PRECISION")  # which the filling names
    fill_all(rig)
    found = [plan for plan in work(rig) if plan.statement.startswith("SELECT")]
    assert not faults(found), faults(found)
    assert found


@pytest.mark.parametrize("index", ["job_funcid_run_after", "wm_job_priority"])
def test_an_index_that_is_missing_is_missed(make_rig: MakeRig, index: str) -> None:
    """The guard itself: it can fail."""
    rig = make_rig(prioritize=index == "wm_job_priority")
    fill_all(rig)
    child, manager = rig.child(), rig.manager()
    with sent() as statements:
        child.turn((0, 1, 2), GRAB_FOR, MOST)
        manager.ask(0, range(len(NAMES)), 100)
    assert not faults(plans(rig, statements))
    rig.sql(f"DROP INDEX {index}" + (" ON job" if rig.kind == "mariadb" else ""))
    if rig.kind == "postgresql":
        assert faults(plans(rig, statements))
    else:  # whose statements name the index, or mean another one then
        rig.sql("ANALYZE TABLE job" if rig.kind == "mariadb" else "ANALYZE")
        without = {each.replace(f" INDEXED BY {index}", ""): values for each, values in statements.items()}
        hints = (f" FORCE INDEX (`{index}`)", f" FORCE INDEX ({index})")
        for hint in hints:
            without = {each.replace(hint, ""): values for each, values in without.items()}
        assert faults(plans(rig, without))


@pytest.mark.parametrize("retried", [False, True, None], ids=["open", "retried", "both"])
def test_failed_jobs(make_rig: MakeRig, retried: bool | None) -> None:
    """Lists, counts, groups and fates of 20,000, a third of them retried."""
    rig = make_rig()
    failing.fill_failed(rig.config.databases[0].url, 20_000)
    rig.sql("UPDATE wm_failed SET retried = 1, retried_as = '0-5' WHERE id % 3 = 0")
    rig.sql("ANALYZE TABLE wm_failed" if rig.kind == "mariadb" else "ANALYZE")
    manager, one = rig.manager(), failing.CLASSES[0]
    print_ = manager.failed_get("0-1").fingerprint
    with sent() as statements:
        for which in (Filter(), Filter(funcname=one), Filter(fingerprint=print_), Filter(error="deadlock")):
            which = replace(which, retried=retried)
            page = manager.failed_page(which, Wanted(None, 20, count=True))
            manager.failed_page(which, Wanted(page.older, 20))
            manager.failed_page(which, Wanted(None, 20, backwards=True))
            assert manager.failed_groups(which, 100).groups
        manager.failed_open()
        manager.failed_page(Filter(job="0-77", retried=retried), Wanted(None, 20, count=True))
    found = plans(rig, statements, "wm_failed")
    both = retried is None  # then two ends of as many records as are wanted are merged by a sort
    bad = [line for plan in found for line in plan.faults if not (both and "TEMP B-TREE" in line)]
    assert not bad, faults(found)
    assert len(found) > 15
