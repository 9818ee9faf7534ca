"""Jobs inserted inside an application's own transaction, and many at once."""

import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy import Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session, scoped_session, sessionmaker
from sqlalchemy.pool import NullPool

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, B, Rig
from wmcore import Job
from wmcore.errors import Refused


def engine_of(rig: Rig, database: int = 0, **changes: object) -> Engine:
    url = make_url(rig.config.databases[database].url).set(**changes)  # type: ignore[arg-type]
    return create_engine(url, poolclass=NullPool)


@pytest.fixture
def application(rig: Rig) -> Iterator[Connection]:
    """An application with a table of its own beside the queue."""
    rig.sql("CREATE TABLE invoice (number INTEGER)")
    with engine_of(rig).connect() as connection:
        yield connection


def invoices(rig: Rig) -> int:
    return rig.count("invoice")


def test_the_job_is_there_with_the_commit(rig: Rig, application: Connection) -> None:
    application.execute(text("INSERT INTO invoice VALUES (1)"))
    client = rig.client()
    handle = client.insert(A, {"invoice": 1}, connection=application)
    assert handle is not None
    assert (invoices(rig), len(rig.jobs())) == (0, 0)
    application.commit()
    assert (invoices(rig), len(rig.jobs())) == (1, 1)
    job = client.lookup_job(handle)
    assert job is not None
    assert job.arg == {"invoice": 1}
    assert rig.claim(rig.child()).handle == handle


def test_and_gone_with_the_rollback(rig: Rig, application: Connection) -> None:
    client = rig.client()
    application.execute(text("INSERT INTO invoice VALUES (1)"))
    client.insert_many("contract.NeverSeen", range(3), connection=application)
    application.rollback()
    assert (invoices(rig), len(rig.jobs())) == (0, 0)
    client.insert("contract.NeverSeen", 1)
    (job,) = client.list_jobs("contract.NeverSeen")
    assert job.funcname == "contract.NeverSeen", "a name that went with the rollback is made anew"


def test_a_session_will_do_and_its_own_work_goes_on(rig: Rig, application: Connection) -> None:
    client = rig.client()
    with Session(engine_of(rig)) as session:
        session.execute(text("INSERT INTO invoice VALUES (1)"))
        client.insert(A, 1, connection=session, uniqkey="u")
        assert client.insert(A, 2, connection=session, uniqkey="u") is None
        assert client.insert_many(A, [3, 4], connection=session, uniqkey="u") == [None, None]
        session.execute(text("INSERT INTO invoice VALUES (2)"))
        session.commit()
    assert (invoices(rig), len(rig.jobs())) == (2, 1)


def test_a_savepoint_can_take_it_back(rig: Rig, application: Connection) -> None:
    if rig.kind == "sqlite":  # pysqlite opens a transaction only with the first write
        application.execute(text("INSERT INTO invoice VALUES (0)"))
    client = rig.client()
    client.insert(A, 1, connection=application)
    with pytest.raises(ZeroDivisionError), application.begin_nested():
        client.insert(A, 2, connection=application)
        raise ZeroDivisionError
    application.commit()
    assert [job.arg for job in client.list_jobs(A)] == [1]


def test_the_applications_errors_are_its_own(rig: Rig, application: Connection) -> None:
    if rig.kind == "sqlite":
        rig.sql("CREATE TRIGGER no BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'full'); END")
        long = "u"
    else:
        long = "u" * 300
    with pytest.raises(SQLAlchemyError):
        rig.client().insert(A, 1, uniqkey=long, connection=application)
    application.rollback()
    application.execute(text("INSERT INTO invoice VALUES (1)"))
    application.commit()
    assert invoices(rig) == 1


def test_of_several_databases_that_of_the_connection(make_rig: MakeRig) -> None:
    rig = make_rig(databases=2)
    client = rig.client()
    for database in (1, 0, 1):
        with engine_of(rig, database).begin() as connection:
            client.insert(A, database, connection=connection)
    assert [len(rig.sql("SELECT 1 FROM job", database=database)) for database in (0, 1)] == [1, 2]


def test_a_connection_to_somewhere_else_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig(databases=3)
    rig.config = replace(rig.config, databases=rig.config.databases[:2])
    other = make_rig(databases=3)
    with engine_of(other, 2).begin() as connection, pytest.raises(Refused, match="this client's databases are"):
        rig.client().insert(A, 1, connection=connection)


def test_another_database_of_the_same_server_is_refused(make_rig: MakeRig) -> None:
    """Also where the client has one only: the job would get another class's number."""
    rig = make_rig(databases=2)
    rig.config, both = replace(rig.config, databases=rig.config.databases[:1]), rig.config
    url = make_url(both.databases[1].url)
    with create_engine(url, poolclass=NullPool).begin() as connection, pytest.raises(Refused, match="leads to"):
        rig.client().insert(A, 1, connection=connection)


def test_the_session_of_a_thread_will_do(rig: Rig) -> None:
    session = scoped_session(sessionmaker(engine_of(rig)))
    rig.client().insert(A, 1, connection=session)
    session.commit()
    session.remove()
    assert len(rig.jobs()) == 1


def test_what_is_no_connection_is_refused(rig: Rig) -> None:
    with pytest.raises(TypeError, match="Connection or Session"):
        rig.client().insert(A, 1, connection=object())


# -- many at once ------------------------------------------------------------------------------------------------------


def test_ten_thousand_in_one_call(rig: Rig) -> None:
    client = rig.client()
    handles = client.insert_many(A, range(10_000), priority=2)
    assert len(set(handles)) == 10_000
    for place in (0, 1, 499, 500, 501, 9_999):
        job = client.lookup_job(str(handles[place]))
        assert job is not None
        assert (job.arg, job.priority) == (place, 2)
    assert rig.count("job") == 10_000


def test_each_of_many_has_its_own_options_and_handle(rig: Rig) -> None:
    client = rig.client()
    client.insert(A, "old", uniqkey="k3")
    jobs = [
        Job.new(A if number % 2 else B, number, uniqkey=f"k{number % 7}" if number % 3 else None, coalesce=str(number))
        for number in range(40)
    ]
    handles = client.insert_jobs(jobs)
    seen = {(A, "k3")}
    for number, (job, handle) in enumerate(zip(jobs, handles, strict=True)):
        taken = job.uniqkey is not None and (job.funcname, job.uniqkey) in seen
        seen.add((job.funcname, job.uniqkey or ""))
        assert (handle is None) == taken, number
        if handle is not None:
            found = client.lookup_job(handle)
            assert found is not None
            assert (found.arg, found.funcname, found.coalesce) == (number, job.funcname, str(number))


def test_large_arguments_go_in_portions(rig: Rig) -> None:
    client = rig.client()
    sizes = [10, 700_000, 700_000, 1_500_000, 10, 400_000, 400_000, 400_000]
    handles = client.insert_many(A, ["x" * size for size in sizes])
    for size, handle in zip(sizes, handles, strict=True):
        job = client.lookup_job(str(handle))
        assert job is not None
        assert len(job.arg) == size


def test_nothing_at_all(rig: Rig) -> None:
    assert rig.client().insert_jobs([]) == []


def test_all_or_none(rig: Rig) -> None:
    if rig.kind == "sqlite":
        rig.sql("CREATE TRIGGER no BEFORE INSERT ON job WHEN NEW.priority = 9 BEGIN SELECT RAISE(ABORT, 'no'); END")
    jobs = [Job.new(A, number, priority=9 if number == 700 else None) for number in range(900)]
    jobs[700] = replace(jobs[700], priority=9 if rig.kind == "sqlite" else 10**7)
    with pytest.raises((Refused, IntegrityError)):
        rig.client().insert_jobs(jobs)
    assert rig.jobs() == []


def test_two_clients_that_insert_the_same_keys_at_once(rig: Rig) -> None:
    made: list[list[str | None]] = []

    def insert() -> None:
        with rig.client() as client:
            made.append(client.insert_jobs([Job.new(A, 1, uniqkey=f"k{number}") for number in range(300)]))

    threads = [threading.Thread(target=insert) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(made) == 4
    given = [handle for handles in made for handle in handles if handle is not None]
    assert len(given) == len(set(given)) == rig.count("job") == 300
