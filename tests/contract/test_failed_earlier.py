"""A database that an earlier version made: failed jobs have no fingerprint, or do not say that they were retried."""

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, B, Rig
from tests.contract.test_failed_groups import mixed, sizes
from tests.contract.test_failed_list import everything, fail
from wmcore.backends.records import FailedGroup, Filter, Wanted
from wmcore.backends.theschwartz import init_db, schema
from wmcore.backends.theschwartz import manager as manager_module

ALL = Filter()
FORMER = {"wm_failed_at": "failed_at", "wm_failed_class": "funcname, failed_at",
          "wm_failed_group": "fingerprint, failed_at"}  # fmt: skip


def before_retries(kind: str) -> list[str]:
    """The table as it was before records said that they were retried."""
    on = " ON wm_failed" if kind == "mariadb" else ""
    return [
        *(f"DROP INDEX {name}{on}" for name in schema.FAILED_INDEXES),
        *(f"ALTER TABLE wm_failed DROP COLUMN {column}" for column in ("retried", "retried_at")),
        *(f"CREATE INDEX {name} ON wm_failed ({columns})" for name, columns in FORMER.items()),
    ]


def before_groups(kind: str) -> list[str]:
    """And before they had fingerprints."""
    on = " ON wm_failed" if kind == "mariadb" else ""
    return [
        *before_retries(kind),
        *(f"DROP INDEX {name}{on}" for name in ("wm_failed_class", "wm_failed_group")),
        "ALTER TABLE wm_failed DROP COLUMN fingerprint",
    ]


def make_old(rig: Rig, statements: list[str]) -> None:
    for statement in statements:
        rig.sql(statement)


def older(count: int, name: str | None = None) -> list[tuple[str, str | None, str, int]]:
    return [("", name, "", count)]


def shape(groups: list[FailedGroup]) -> list[tuple[str, str | None, str, int]]:
    return [(each.fingerprint, each.funcname, each.error, each.count) for each in groups]


def test_a_table_without_fingerprints_works_as_it_is(rig: Rig) -> None:
    make_old(rig, before_groups(rig.kind))
    mixed(rig)
    manager = rig.manager()
    assert "an earlier version's" in manager.probe(0)[0]
    assert shape(list(manager.failed_groups(ALL, 9).groups)) == older(6)
    assert shape(list(manager.failed_groups(Filter(funcname=B), 9).groups)) == older(2, B)
    assert manager.failed_count(Filter(fingerprint="")) == 6
    assert manager.failed_count(Filter(fingerprint="abc")) == 0
    assert len(manager.failed_page(Filter(error="timeout"), Wanted()).rows) == 5
    assert manager.failed_retry("0-1")


def test_a_table_without_retries_works_as_it_is(rig: Rig) -> None:
    make_old(rig, before_retries(rig.kind))
    mixed(rig)
    manager = rig.manager()
    assert "an earlier version's" in manager.probe(0)[0]
    manager.failed_retry("0-4")
    assert everything(manager, Filter(retried=True)) == ["0-4"]
    assert manager.failed_count(Filter(retried=False)) == 5
    assert sizes(rig, Filter(funcname=B, retried=False)) == {(B, "timeout after N s"): 1}
    assert sizes(rig, Filter(funcname=B)) == {(B, "timeout after N s"): 2}
    assert manager.failed_get("0-4").retried_at is None
    assert manager.failed_open() == {}


def test_init_db_adds_the_fingerprint_and_keeps_what_is_there(rig: Rig) -> None:
    make_old(rig, before_groups(rig.kind))
    fail(rig, 2, A, "older 1")
    added = init_db(rig.config, dry_run=False)
    assert [statement.split()[0] for statement in added] == [*["ALTER"] * 3, "UPDATE", *["CREATE"] * 4, "DROP"]
    assert init_db(rig.config, dry_run=True) == rig.manager().probe(0) == []
    fail(rig, 1, A, "newer 7")
    manager = rig.manager()
    assert shape(list(manager.failed_groups(ALL, 9).groups))[1:] == older(2)
    assert manager.failed_page(Filter(fingerprint=""), Wanted()).rows[0].id == "0-2"
    assert [row.id for row in manager.failed_page(Filter(funcname=A, fingerprint=""), Wanted()).rows] == ["0-2", "0-1"]
    assert sizes(rig, Filter(funcname=A)) == {(A, "newer N"): 1, (A, ""): 2}


def test_init_db_notes_what_was_retried_before(rig: Rig) -> None:
    make_old(rig, before_retries(rig.kind))
    fail(rig, 3)
    rig.manager().failed_retry("0-2")
    assert len(init_db(rig.config, dry_run=False)) == 2 + 1 + 4 + 3
    assert init_db(rig.config, dry_run=True) == rig.manager().probe(0) == []
    manager = rig.manager()
    assert everything(manager, Filter(retried=False)) == ["0-3", "0-1"]
    assert everything(manager, Filter(retried=True)) == ["0-2"]


def test_init_db_notes_what_a_daemon_of_an_earlier_version_retried_since(rig: Rig) -> None:
    fail(rig, 3)
    rig.sql("UPDATE wm_failed SET retried_as = '0-7' WHERE id = 2")
    assert rig.manager().failed_count(Filter(retried=False)) == 3
    assert [statement.split()[0] for statement in init_db(rig.config, dry_run=False)] == ["UPDATE"]
    assert rig.manager().failed_count(Filter(retried=False)) == 2


@pytest.mark.parametrize("make_rig", ["sqlite"], indirect=True)
@pytest.mark.parametrize("old", [before_groups, before_retries])
def test_the_daemons_own_store_is_brought_up_to_date_by_itself(make_rig: MakeRig, old: object) -> None:
    rig = make_rig(tables=False)
    rig.init_bare()
    local = manager_module.local_store(rig.config.state_dir)
    manager_module.prepare_local(local)
    assert callable(old)
    for statement in old("sqlite"):
        local.run(statement)
    local.close()
    fail(rig, 2, A, "no 1")
    assert sizes(rig) == {(A, "no N"): 2}
    rig.manager().failed_retry("l-1")
    assert everything(rig.manager(), Filter(retried=False)) == ["l-2"]
