"""Gearman's servers in trouble, as clients and the manager meet it: frozen, slow, full, or something else."""

import select
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.contract.rig import GRAB_FOR, A, B, Rig, make_config
from tests.servers import Gearmand
from tests.waiting import until
from wmcore import GearmanAsyncClient, GearmanSyncClient, Job
from wmcore.backends.base import ChildQueue, News
from wmcore.backends.gearman import connection, packets, source
from wmcore.backends.gearman import retrying as retrying_module
from wmcore.backends.gearman import talk as talking
from wmcore.backends.gearman.clock import Clock, Estimates
from wmcore.backends.gearman.connection import Connection
from wmcore.backends.gearman.parked import Parked, Parking
from wmcore.backends.gearman.retrying import Retrying
from wmcore.backends.gearman.submitting import submit_anywhere
from wmcore.backends.gearman.talk import Talk
from wmcore.backends.records import Claimed, Filter, JobFilter, Wanted
from wmcore.client import gearmanlink
from wmcore.errors import QueueDown, Refused
from wmcore.model import Failure, Fate, Outcome, RetryPolicy

MakeRig = Callable[..., Rig]


@contextmanager
def frozen(server: Gearmand) -> Iterator[None]:
    server.signal(signal.SIGSTOP)
    try:
        yield
    finally:
        server.signal(signal.SIGCONT)


@contextmanager
def listening(answer: Callable[[socket.socket], None]) -> Iterator[str]:
    """The address of something that treats each connection in its own way."""

    def accept() -> None:
        while True:
            try:
                taken, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=answer, args=(taken,), daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


# -- frozen ------------------------------------------------------------------------------------------------------------


def test_a_client_leaves_no_job_with_a_frozen_server(gearmand: Gearmand, second_gearmand: Gearmand) -> None:
    """It would take it when it thaws, and the other server has it by then: it would run twice."""
    servers = [gearmand.address, second_gearmand.address]
    with GearmanAsyncClient(servers) as known, GearmanAsyncClient(servers) as new:
        known.insert_many(A, range(20))  # has connections to both
        before = second_gearmand.jobs(A)[0]
        time.sleep(gearmanlink.SURE_SECONDS)
        with frozen(second_gearmand):
            for client in (known, new):
                for number in range(10):
                    assert str(client.insert(A, number)).startswith(gearmand.address)
    assert second_gearmand.jobs(A)[0] == before
    assert gearmand.jobs(A)[0] == 20 - before + 20


def test_the_only_server_is_frozen(gearmand: Gearmand) -> None:
    with GearmanSyncClient(gearmand.address) as client:
        with frozen(gearmand), pytest.raises(QueueDown, match="no job server answers"):
            client.insert(A, timeout=1)
        assert gearmand.jobs(A)[0] == 0
        with pytest.raises(TimeoutError):
            client.insert(A, timeout=0.2)


def test_a_retry_is_not_left_with_a_frozen_server(gearmand: Gearmand, second_gearmand: Gearmand) -> None:
    talks = [Talk(gearmand.address), Talk(second_gearmand.address)]
    assert submit_anywhere(talks, "", Job.new(A, 0)).startswith("0-")
    with frozen(gearmand):
        assert all(submit_anywhere(talks, "", Job.new(A, number)).startswith("1-") for number in range(5))
        silent_at = talks[0].failed_at
        assert silent_at
        assert submit_anywhere(talks, "", Job.new(A, 5)).startswith("1-")
        assert talks[0].failed_at == silent_at, "it was not asked again: each time it would take two seconds"
    assert gearmand.jobs(A)[0] == 1
    assert second_gearmand.jobs(A)[0] == 6
    for talk in talks:
        talk.close()


@contextmanager
def narrow(server: Gearmand) -> Iterator[str]:
    """The address of a link to it that takes a second for a megabyte, in both directions."""

    def pass_on(source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(50_000):
                target.sendall(data)
                time.sleep(len(data) / 1e6)
            target.shutdown(socket.SHUT_WR)

    def both_ways(client: socket.socket) -> None:
        upstream = socket.create_connection(("127.0.0.1", server.port))
        for each in (client, upstream):
            each.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 50_000)
        threading.Thread(target=pass_on, args=(upstream, client), daemon=True).start()
        pass_on(client, upstream)

    with listening(both_ways) as address:
        yield address


# -- slow, full --------------------------------------------------------------------------------------------------------


def test_a_server_that_takes_its_time_over_many_jobs(gearmand: Gearmand, monkeypatch: pytest.MonkeyPatch) -> None:
    """As one that commits each of them to a disk: it is not silent as long as it takes one more now and then."""
    monkeypatch.setattr(gearmanlink, "ACCEPT_SECONDS", 0.4)

    def slowly(client: socket.socket) -> None:
        server = socket.create_connection(("127.0.0.1", gearmand.port))
        threading.Thread(target=passing, args=(client, server), daemon=True).start()
        reader = packets.Reader()
        while data := server.recv(65536):
            reader.feed(data)
            while (packet := reader.next()) is not None:
                if packet[0] == packets.JOB_CREATED:
                    time.sleep(0.1)
                client.sendall(packets.HEADER.pack(packets.RESPONSE, packet[0], len(packet[1])) + packet[1])

    def passing(client: socket.socket, server: socket.socket) -> None:
        while data := client.recv(65536):
            server.sendall(data)
        server.shutdown(socket.SHUT_RDWR)

    with listening(slowly) as address, GearmanAsyncClient(address) as client:
        assert len(set(client.insert_many(A, range(10)))) == 10
    assert gearmand.jobs(A)[0] == 10


LARGE = bytes(range(256)) * 6_000
"""More than a second on a `narrow` link."""


def test_a_payload_that_takes_longer_than_a_frozen_server_is_given(
    gearmand: Gearmand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given up each time, it would come again and again, and never be run."""
    monkeypatch.setattr(source, "CONNECT_SECONDS", 0.4)
    with narrow(gearmand) as address:
        rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(address,)), "gearman", gearmand)
        child = rig.child()
        with GearmanAsyncClient(gearmand.address) as client:
            client.insert(A, LARGE)
        lives = set[int]()

        def waited() -> Sequence[Claimed]:
            lives.add(child._sources[0].connection.life)  # type: ignore[attr-defined]
            return turned(child)

        (job,) = until(waited, 10)
        assert job.raw == LARGE
        assert lives == {0}, "on the first connection"
        rig.close()


@pytest.mark.parametrize("leaves", [True, False])
def test_a_result_that_takes_longer_than_a_frozen_server_is_given(
    gearmand: Gearmand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, leaves: bool
) -> None:
    """Given up on the way, its job would run again."""
    monkeypatch.setattr(source, "CONNECT_SECONDS", 0.4)
    monkeypatch.setattr(source, "LEAVE_SECONDS", 0.2)
    with narrow(gearmand) as address:
        rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(address,)), "gearman", gearmand)
        child = rig.child()
        with GearmanAsyncClient(gearmand.address) as client:
            client.insert_many(A, [1] if leaves else [1, 2])
        (job,) = until(lambda: turned(child))
        assert child.start(job)
        child.complete(job, result=LARGE)
        if leaves:
            assert child.turn((), GRAB_FOR).late == frozenset()
            assert child.settled
        else:
            (second,) = until(lambda: turned(child), 10)
            assert Job(second).arg == 2
            child.complete(second)
            child.turn((), GRAB_FOR)
        assert gearmand.jobs(A)[0] == 0
        rig.close()


def test_what_is_large_is_submitted_over_a_narrow_link(gearmand: Gearmand, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(talking, "ANSWER_SECONDS", 0.4)
    monkeypatch.setattr(gearmanlink, "ACCEPT_SECONDS", 0.4)
    with narrow(gearmand) as address:
        retrying = Talk(address)
        assert submit_anywhere([retrying], "", Job.new(A, LARGE)).startswith("0-")
        with GearmanAsyncClient(address) as client:
            assert client.insert(A, LARGE)
        retrying.close()
    assert gearmand.jobs(A)[0] == 2


def test_a_job_whose_end_cannot_be_written_goes_back(
    gearmand: Gearmand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that may not run again, and the daemon's store takes nothing at that moment: nobody has it in hand, and on
    this connection nobody ever would."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child, manager = rig.child(), rig.manager()
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert(A, 1)
    (job,) = until(lambda: turned(child))
    assert child.start(job)
    child._sources[0].connection.drop("its child died")  # type: ignore[attr-defined]
    manager.close_book(rig.book(job=job.id))
    child = rig.child(1)
    until(lambda: child._parking.find("nothing") == [], what="the store is open")  # type: ignore[attr-defined]
    child._parking.db.run("PRAGMA busy_timeout = 50")  # type: ignore[attr-defined]
    store = sqlite3.connect(tmp_path / "failed.db", isolation_level=None)
    store.execute("BEGIN IMMEDIATE")
    with pytest.raises(QueueDown, match="locked"):
        until(lambda: child.turn((0,), GRAB_FOR).jobs)
    until(lambda: gearmand.jobs(A)[:2] == (1, 0), what="it waits again")
    store.execute("ROLLBACK")
    store.close()
    until(lambda: turned(child) or gearmand.jobs(A)[0] == 0)
    (row,) = manager.failed_page(Filter(), Wanted(None, 10)).rows
    assert row.error == "killed by signal 9"
    rig.close()


def test_a_retry_that_is_refused_holds_up_no_other(gearmand: Gearmand, tmp_path: Path) -> None:
    parking, now = Parking(tmp_path), time.time()
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert(A)
    with socket.create_connection(("127.0.0.1", gearmand.port)) as admin:
        admin.sendall(f"maxqueue {A} 1\n".encode())
        assert admin.recv(100).startswith(b"OK")
    for number, name in enumerate((A, A, B)):
        parking.wait((), Parked(0, f"wm-1-0-0-{number:012x}", "waiting", name, b"", None, None, [], now - 1), now)
    retrying = Retrying([gearmand.address], "", tmp_path)
    with pytest.raises(Refused, match="queue is full"):
        retrying.turn()
    assert (gearmand.jobs(A)[0], gearmand.jobs(B)[0]) == (1, 1)
    assert parking.waiting_counts() == {A: 2}
    assert parking.due(now, 10) == []
    retrying.turn()
    retrying.close()
    parking.close()


def test_many_retries_that_are_due_wait_for_no_pause(gearmand: Gearmand, tmp_path: Path) -> None:
    """Jobs may fail by the thousand in a second, when something fails that all of them need."""
    parking, now = Parking(tmp_path), time.time()

    def park() -> None:
        for number in range(retrying_module.AT_ONCE + 1):
            parking._replace((), Parked(0, f"wm-1-0-0-{number:012x}", "waiting", A, b"", None, None, [], now - 1), now)

    parking.db.atomically(park)
    retrying = Retrying([gearmand.address], "", tmp_path)
    assert retrying.turn()
    assert parking.waiting_counts() == {A: 1}
    assert not retrying.turn()
    assert parking.waiting_counts() == {}
    assert gearmand.jobs(A)[0] == retrying_module.AT_ONCE + 1
    retrying.close()
    parking.close()


def test_a_retry_whose_insert_nobody_knows(gearmand: Gearmand, tmp_path: Path) -> None:
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child, manager = rig.child(), rig.manager()
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert_many(A, [1, 2], uniqkey="chosen")
        client.insert_many(A, [3], uniqkey="other")
    later = time.time() + 600
    for _ in range(2):
        (job,) = until(lambda: child.turn((0,), GRAB_FOR).jobs)
        assert child.start(job)
        if job.uniqkey == "chosen":
            child.fail(job, Failure("no"), RetryPolicy(max_retries=1, retry_delay_seconds=600))
        else:
            child.decline(job, later)
    rows = manager.jobs(JobFilter(), Wanted(None, 10)).rows
    assert {row.uniqkey for row in rows} == {"chosen", "other"}
    for row in rows:
        assert row.insert_time == pytest.approx(time.time(), abs=30), "the first that was seen of it"
        assert row.run_after == pytest.approx(later, abs=30)
    rig.close()


def test_a_record_of_a_servers_former_life_is_no_retrys(gearmand: Gearmand, tmp_path: Path) -> None:
    """A server that was started anew counts its handles from 1 again."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child, manager = rig.child(), rig.manager()

    def claim() -> Claimed:
        (job,) = until(lambda: turned(child))
        assert child.start(job)
        return job

    gearmand.stop()
    gearmand.start()
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert_many(A, [1, 2])
    for _ in range(2):
        assert child.fail(claim(), Failure("no"), RetryPolicy()) is Outcome.FAILED
    second, first = manager.failed_page(Filter(), Wanted(None, 10)).rows  # the newest first
    gearmand.stop()
    gearmand.start()
    assert manager.failed_retry(second.id) == first.job
    child.complete(claim())
    child.turn((), GRAB_FOR)
    until(lambda: gearmand.jobs(A)[0] == 0)
    assert manager.failed_get(second.id).fate is Fate.GONE
    rig.close()


def test_a_retry_that_failed_and_is_tried_again_is_in_the_queue(gearmand: Gearmand, tmp_path: Path) -> None:
    """Under other handles than the one that was noted: whoever retried the record again would have the job twice."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child, manager = rig.child(), rig.manager()
    retrying = Retrying([gearmand.address], "", tmp_path)

    def claim() -> Claimed:
        (job,) = until(lambda: turned(child))
        assert child.start(job)
        return job

    def is_in_the_queue() -> None:
        assert manager.failed_get(row.id).fate is Fate.WAITING
        with pytest.raises(Refused, match="which is still in the queue"):
            manager.failed_retry(row.id)

    with GearmanAsyncClient(gearmand.address) as client:
        client.insert(A, 1)
    assert child.fail(claim(), Failure("no"), RetryPolicy()) is Outcome.FAILED
    (row,) = manager.failed_page(Filter(), Wanted(None, 10)).rows
    manager.failed_retry(row.id)
    is_in_the_queue()
    job = claim()
    assert job.delay_kind == "measured"
    assert child.fail(job, Failure("no"), RetryPolicy(max_retries=5)) is Outcome.RETRIED
    until(lambda: not turned(child) and gearmand.jobs(A)[0] == 0)
    is_in_the_queue()
    retrying.turn()
    is_in_the_queue()
    child.complete(claim())
    child.turn((), GRAB_FOR)
    until(lambda: gearmand.jobs(A)[0] == 0)
    assert manager.failed_get(row.id).fate is Fate.GONE
    assert manager.failed_retry(row.id)
    retrying.close()
    rig.close()


def turned(child: ChildQueue) -> Sequence[Claimed]:
    try:
        return child.turn((0,), GRAB_FOR).jobs
    except QueueDown:  # it comes back
        return ()


def test_what_waits_here_is_counted_while_the_first_server_is_down(
    gearmand: Gearmand, second_gearmand: Gearmand, tmp_path: Path
) -> None:
    servers = (gearmand.address, second_gearmand.address)
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=servers), "gearman", gearmand)
    manager, parking, now = rig.manager(), Parking(tmp_path), time.time()
    parking.wait((), Parked(0, "wm-1-0-0-0", "waiting", A, b"", None, None, [], now + 600), now)
    assert [manager.figures(place)[0].delayed for place in (0, 1)] == [1, 0]
    gearmand.stop()
    with pytest.raises(QueueDown):
        manager.changed(0)
    assert manager.figures(1)[0].delayed == 1
    gearmand.start()
    manager.probe(0)
    assert [manager.figures(place)[0].delayed for place in (0, 1)] == [1, 0]
    parking.close()
    rig.close()


# -- the daemon's own store ------------------------------------------------------------------------------------------


def test_a_store_that_does_not_answer_is_no_servers_trouble(gearmand: Gearmand, tmp_path: Path) -> None:
    """Its server would be called down, and up again, with each look at the figures."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert_many(A, range(3))
    (tmp_path / "failed.db").mkdir()
    manager = rig.manager()
    with pytest.raises(QueueDown, match="unable to open"):
        manager.failed_count(Filter())
    assert manager.figures(0)[0].ready == 3
    rig.close()


def test_a_full_disk_kills_nobody_who_writes_into_a_mapped_file(gearmand: Gearmand, tmp_path: Path) -> None:
    """A page that has no place on the disk yet is a SIGBUS then, for the child that has just begun a job."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    rig.manager()
    for name in ("running", "scoreboard"):
        found = (tmp_path / name).stat()
        assert found.st_blocks * 512 >= found.st_size > 4096, name
    rig.close()


# -- clients that go away ----------------------------------------------------------------------------------------------


def test_a_job_that_nobody_waits_for_any_more(gearmand: Gearmand, tmp_path: Path) -> None:
    """As README and `GearmanSyncClient.insert` have it: gearmand drops it, and with it one that was joined."""
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert(A, "background", uniqkey="chosen")
        client.insert(A, "last", priority="low")
    with GearmanSyncClient(gearmand.address) as client:
        for options in ({"uniqkey": "chosen"}, {}):
            with pytest.raises(TimeoutError):
                client.insert(A, "waited for", timeout=0.1, **options)  # type: ignore[arg-type]
    asker = Talk(gearmand.address)
    until(lambda: asker.lines("workers")[1:] == [""])  # it has noticed that the clients are gone
    asker.close()
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child = rig.child()
    (job,) = until(lambda: turned(child))
    assert Job(job).arg == "last"
    assert child.start(job)
    child.complete(job)
    assert not child.turn((0,), GRAB_FOR).jobs
    assert gearmand.jobs(A)[0] == 0
    rig.close()


def test_a_listener_that_raises_leaves_no_broken_connection(gearmand: Gearmand, tmp_path: Path) -> None:
    """Nor does the handler of a signal, which a web server has for requests that take too long."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child = rig.child()
    told: list[object] = []

    def wait() -> None:
        with GearmanSyncClient(gearmand.address) as client:
            try:
                client.insert(A, 1, timeout=30, progress=lambda n, total: n / 0)
            except ZeroDivisionError:
                told.append(client.insert(A, 2, timeout=30))

    client = threading.Thread(target=wait)
    client.start()
    for result in (b"3", b"4"):
        (job,) = until(lambda: turned(child))
        assert child.start(job)
        child.tell(job, News.STATUS, b"1", b"2")
        if result == b"3":
            until(lambda: gearmand.jobs(A)[0] == 2, what="the client has given up the first and inserted the second")
        child.complete(job, result=result)
    child.turn((), GRAB_FOR)
    client.join()
    assert told == [4]
    rig.close()


# -- something else ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_what_is_no_job_server_is_named(greeting: bytes) -> None:
    def greet(client: socket.socket) -> None:
        client.sendall(greeting)
        client.recv(1000)

    with listening(greet) as address:
        said = f"job server {address}: no Gearman server: it says '{greeting[:4].decode()}"
        with pytest.raises(QueueDown, match=said):
            Talk(address).version()
        with GearmanAsyncClient(address) as client, pytest.raises(QueueDown, match=address):
            client.insert(A)


def test_names_that_no_line_should_hold(gearmand: Gearmand, tmp_path: Path) -> None:
    """Anybody may name a function as he likes; the admin protocol has it as it is."""
    with GearmanAsyncClient(gearmand.address) as client:
        for name in ("a\x0bb", "a\u2028b", "a\nb", "a\tb", "a\n.\nb", "\udcff".encode(errors="surrogateescape").hex()):
            client.insert(name)
        client.insert_many(A, range(3))
        with pytest.raises(Refused, match="is no name of a function"):
            client.insert("a\0b")
        with pytest.raises(Refused, match="is no name of a function"):
            client.insert("")
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    assert rig.manager().figures(0)[0].ready == 3
    rig.close()


def test_a_name_is_not_looked_up_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def counting(*arguments: Any, **options: Any) -> Any:
        asked.append(arguments)
        return look_up(*arguments, **options)

    look_up = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", counting)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        link = Connection(f"localhost:{nobody.getsockname()[1]}", b"")
        tries = 0

        def tend() -> bool:
            nonlocal tries
            before = link.life
            link.tend(time.monotonic())
            tries += link.life != before
            return tries > 5

        until(tend)
    assert len(asked) == 1
    assert link.error == "Connection refused"
    monkeypatch.setattr(connection, "LOOK_UP_SECONDS", 0.0)
    unknown = Connection("nowhere.invalid:4730", b"")
    unknown.tend(time.monotonic())
    assert "not known" in unknown.error or "resolution" in unknown.error


# -- children that rest, the clock -------------------------------------------------------------------------------------


def test_who_rests_is_not_woken(gearmand: Gearmand, tmp_path: Path) -> None:
    """A server that wakes one worker for each job would wake one that takes none."""
    rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(gearmand.address,)), "gearman", gearmand)
    child = rig.child()
    until(lambda: not child.turn((0, 1), GRAB_FOR).jobs and gearmand.jobs(A)[2] == gearmand.jobs(B)[2] == 1)
    child.turn((), GRAB_FOR)
    until(lambda: gearmand.jobs(A)[2] == gearmand.jobs(B)[2] == 0)
    with GearmanAsyncClient(gearmand.address) as client:
        client.insert(A, 1)
    (job,) = until(lambda: child.turn((0,), GRAB_FOR).jobs)
    assert child.start(job)
    assert (gearmand.jobs(A)[2], gearmand.jobs(B)[2]) == (1, 0)
    child.complete(job)
    child.turn((), GRAB_FOR)
    until(lambda: gearmand.jobs(A) == (0, 0, 0))
    rig.close()


def workers(servers: Sequence[Gearmand]) -> list[int]:
    return [server.jobs(A)[2] for server in servers]


@pytest.mark.parametrize("busy_one", [0, 1])
def test_who_is_busy_with_a_long_job_is_not_woken_by_others(tmp_path: Path, busy_one: int) -> None:
    """Told to wake one worker for each job, a server would wake one that has a job of another server in hand."""
    servers = [Gearmand("--worker-wakeup", "1") for _ in range(2)]
    try:
        for server in servers:
            server.start()
        first, second = (server.address for server in servers)
        rig = Rig(make_config(tmp_path, (), type="Gearman", job_servers=(first, second)), "gearman", servers[0])
        both = (rig.child(0), rig.child(1))
        busy, idle = both[busy_one], both[1 - busy_one]
        until(lambda: not any(child.turn((0,), GRAB_FOR).jobs for child in both) and workers(servers) == [2, 2])
        with GearmanAsyncClient(first) as client:
            client.insert(A, "long")
        (job,) = until(lambda: busy.turn((0,), GRAB_FOR, (1, 1, 1)).jobs)
        assert busy.start(job)
        until(lambda: workers(servers) == [2, 1])
        with GearmanAsyncClient(second) as client:
            client.insert(A, "short")
        poll = select.poll()
        for descriptor, events in idle.descriptors():
            poll.register(descriptor, events)
        assert poll.poll(5000), "it is woken"
        (other,) = until(lambda: idle.turn((0,), GRAB_FOR).jobs)
        assert Job(other).arg == "short"
        for child, done in ((busy, job), (idle, other)):
            child.complete(done)
            child.turn((), GRAB_FOR)
        rig.close()
    finally:
        for server in servers:
            server.close()


def test_the_clock_of_another_life(gearmand: Gearmand, tmp_path: Path) -> None:
    """Children of the former life have its file mapped; what it said counts no more; the server heard of one function,
    whose jobs are all done."""
    first = Clock(tmp_path, gearmand.address)
    first.turn()
    first.turn()
    estimate = Estimates(tmp_path, [gearmand.address])
    with GearmanAsyncClient(gearmand.address) as client:
        handle = str(client.insert(A)).rpartition("//")[2]
    assert estimate(0, handle) == pytest.approx(time.time(), abs=2)
    second = Clock(tmp_path, gearmand.address)
    assert estimate(0, handle) is None
    second.turn()
    second.turn()
    with GearmanAsyncClient(gearmand.address) as client:
        handle = str(client.insert(A)).rpartition("//")[2]
    assert estimate(0, handle) == pytest.approx(time.time(), abs=2)
    (found,) = [told for name, told in gearmand.status().items() if name.startswith("wmcore-clock:")]
    assert found.total == 0
    first.close()
    second.close()
