"""What an application inserts with."""

import datetime
import gc
import multiprocessing
import os

import pytest

from tests.contract.rig import A, Rig
from wmcore.backends.arguments import decode
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
