"""What an application inserts with."""

import datetime
import gc
import multiprocessing
import os
import threading

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, Rig
from wmcore.backends.arguments import decode
from wmcore.backends.records import NewJob
from wmcore.backends.theschwartz.engine import driver_sql
from wmcore.client import TheSchwartzClient
from wmcore.errors import Refused


def test_a_taken_uniqkey_inserts_nothing(rig: Rig) -> None:
    client = rig.client()
    assert client.insert(A, 1, uniqkey="u") is not None
    assert client.insert(A, 2, uniqkey="u") is None
    assert client.insert("contract.B", 2, uniqkey="u") is not None
    assert len(rig.jobs()) == 2


def test_a_taken_uniqkey_among_many(rig: Rig) -> None:
    client = rig.client()
    client.insert(A, 1, uniqkey="u")
    handles = client.insert_many(A, [2, 3], uniqkey="u")
    assert handles == [None, None]
    assert all(client.insert_many(A, range(10)))


def test_handles_are_made_as_perl_makes_them(rig: Rig) -> None:
    handle = rig.client().insert(A, 1)
    assert handle is not None
    identity, _, number = handle.partition("-")
    assert (len(identity), number) == (32, "1")


@pytest.mark.parametrize("wrong", [{1, 2}, datetime.date(2024, 1, 1), float("nan"), object()])
def test_what_json_has_no_word_for_is_refused(rig: Rig, wrong: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        rig.client().insert(A, wrong)
    assert rig.jobs() == []


@pytest.mark.parametrize("fits", [b"\x05\x0b\0storable", "", [], {"ä": [1.5, None, True]}, 2**60, None])
def test_arguments_come_back(rig: Rig, fits: object) -> None:
    rig.client().insert(A, fits)
    assert decode(rig.claim(rig.child()).raw) == fits


def test_a_value_that_the_database_does_not_take_is_no_outage(rig: Rig) -> None:
    client = rig.client()
    if rig.kind == "sqlite":
        assert client.insert(A, 1, priority=10**6)  # takes everything
        return
    with pytest.raises(Refused):
        client.insert(A, 1, priority=10**9)
    with pytest.raises(Refused):
        client.insert(A, 1, uniqkey="u" * 300)
    assert client.insert(A, 1)


def test_a_fork_gets_connections_of_its_own(rig: Rig) -> None:
    client = rig.client()
    client.insert(A, 0)

    def insert() -> None:
        client.insert(A, os.getpid())

    for _ in range(3):
        process = multiprocessing.get_context("fork").Process(target=insert)
        process.start()
        process.join(30)
        assert process.exitcode == 0
        client.insert(A, 0)
    assert len(rig.jobs()) == 7


def test_a_fork_leaves_its_parents_connection_alone(rig: Rig) -> None:
    """Also when it ends the way a normal program does, with all its destructors."""
    client = rig.client()
    client.insert(A, 0)
    before = rig.connections()
    pid = os.fork()
    if pid == 0:
        try:
            client.insert(A, 1)
            client.close()
            del client
            gc.collect()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    client.insert(A, 2)
    assert rig.connections() == before


def test_as_a_context_and_after_closing(rig: Rig) -> None:
    with TheSchwartzClient(rig.config.databases) as client:
        client.insert(A, 1)
    client.insert(A, 2)
    client.close()
    assert len(rig.jobs()) == 2


def test_one_client_serves_many_threads(rig: Rig) -> None:
    client, handles = rig.client(), list[str | None]()

    def insert() -> None:
        for number in range(25):
            handles.append(client.insert(A, number))

    threads = [threading.Thread(target=insert) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(set(handles)) == rig.count("job") == 150
    client.close()
    assert client.insert(A, 1)


def test_keys_that_are_no_text_are_taken_as_text(rig: Rig) -> None:
    client = rig.client()
    assert client.insert(A, 1, uniqkey=7, coalesce=8) is not None  # type: ignore[arg-type]
    assert client.insert(A, 1, uniqkey="7") is None
    job = client.find_job_with_coalescing_value(A, 8)  # type: ignore[arg-type]
    assert job is not None
    assert (job.uniqkey, job.coalesce) == ("7", "8")


def test_statements_of_many_lengths_are_few(rig: Rig) -> None:
    """Each length of its own, kept compiled, took 3 MB for good."""
    client = rig.client()
    before = driver_sql.cache_info().misses
    for count in range(1, 60):
        client.insert_many(A, range(count))
    assert driver_sql.cache_info().misses - before < 20
    assert rig.count("job") == 59 * 60 // 2


@pytest.mark.parametrize("make_rig", ["mariadb"], indirect=True)
def test_an_argument_that_the_server_cannot_take_is_refused(make_rig: MakeRig) -> None:
    rig = make_rig()
    with pytest.raises(Refused, match="max_allowed_packet"):
        rig.client().insert(A, "x" * 17_000_000)
    child = rig.child()
    rig.client().insert(A, 1)
    with pytest.raises(Refused, match="max_allowed_packet"):
        child.replace(rig.claim(child), [NewJob(A, b"x" * 17_000_000)])
