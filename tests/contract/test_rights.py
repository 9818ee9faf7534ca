"""A database user that may read and write TheSchwartz' tables and nothing else: no table can be made or altered."""

import secrets
from dataclasses import replace

import pytest
from sqlalchemy import create_engine, inspect, make_url
from sqlalchemy.pool import NullPool

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, ONCE, A, Rig
from wmcore.backends.records import Filter, Wanted
from wmcore.backends.theschwartz import check, init_db
from wmcore.errors import QueueDown
from wmcore.model import Failure, Outcome, RetryPolicy

pytestmark = pytest.mark.parametrize("make_rig", ["postgresql", "mariadb"], indirect=True)
TABLES = ("funcmap", "job", "note", "error", "exitstatus")


@pytest.fixture
def guest(make_rig: MakeRig) -> Rig:
    """On a database that Perl's schema files made."""
    rig = make_rig(tables=False)
    rig.init_bare()
    owner = rig.config.databases[0]
    url = make_url(owner.url)
    name = f"guest_{secrets.token_hex(4)}"
    if rig.kind == "postgresql":
        rig.sql(f"CREATE USER {name}")
        rig.sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {', '.join(TABLES)} TO {name}")
        rig.sql(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {name}")
        url = url.set(username=name)
    else:
        rig.server.execute(f"CREATE USER {name}@'%' IDENTIFIED BY 'eng'")
        for table in TABLES:
            rig.server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {url.database}.{table} TO {name}@'%'")
        url = url.set(username=name, password="eng")
    rig.config = replace(rig.config, databases=(replace(owner, url=url.render_as_string(hide_password=False)),))
    return rig


def test_jobs_are_inserted_run_retried_and_kept(guest: Rig) -> None:
    client = guest.client()
    client.insert_many(A, range(3), coalesce="c")
    client.insert("contract.Fresh", 1)
    child, manager = guest.child(), guest.manager()
    job = guest.claim(child)
    (companion, _) = child.coalesce(job, "c", 10, prefix=False)
    child.complete(job, keep_exit_status_seconds=60)
    child.start(companion)
    assert child.fail(companion, Failure("once"), RetryPolicy(max_retries=1)) is Outcome.RETRIED
    child.turn((), GRAB_FOR)
    assert client.handle(job.handle).exit_status() == 0
    again = guest.claim(child)
    assert child.fail(again, Failure("for good"), ONCE) is Outcome.FAILED
    (row,) = manager.failed_page(Filter(), Wanted()).rows
    assert row.error == "for good"
    assert manager.failed_retry(row.id)
    manager.clean(90)
    running = guest.claim(child)
    assert list(manager.close_book(guest.book(counts=False)).released) == [running.id]


def test_the_operator_is_told_what_is_missing_and_what_he_may_not(guest: Rig) -> None:
    (notice,) = guest.manager().probe(0)
    assert "no wm_ tables" in notice
    assert any("CREATE TABLE wm_claim" in line for line in check(guest.config))
    assert any("CREATE TABLE wm_claim" in line for line in init_db(guest.config, dry_run=True))
    with pytest.raises(QueueDown, match=r"(?i)denied") as caught:
        init_db(guest.config, dry_run=False)
    assert "eng" not in str(caught.value)


def test_nothing_was_altered(guest: Rig) -> None:
    guest.client().insert(A, 1)
    child = guest.child()
    child.complete(guest.claim(child))
    child.turn((), GRAB_FOR)
    engine = create_engine(guest.config.databases[0].url, poolclass=NullPool)
    looker = inspect(engine)
    assert sorted(looker.get_table_names()) == sorted(TABLES)
    assert not any(column["name"].startswith("wm_") for column in looker.get_columns("job"))
