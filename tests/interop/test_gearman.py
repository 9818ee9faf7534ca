"""Gearman beside the others: Perl's and pygearman's clients and workers, and the `gearman` command."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon import Daemon
from tests.interop.perl import is_there
from tests.servers import Gearmand, missing, need
from tests.waiting import until
from wmcore import GearmanAsyncClient, GearmanSyncClient

SCRIPTS = Path(__file__).parent
ECHO, TELLS, FAILS, QUICK = "jobs.Echo", "jobs.Tells", "jobs.Fails", "jobs.Quick"
SHOP = "shop"
BEHIND = f"{SHOP}\t"
BYTES = bytes(range(256)) * 3
MakeGearman = Callable[..., Daemon]


@pytest.fixture(params=["", "shop"], ids=["no prefix", "a prefix"])
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def need_perl() -> None:
    if not is_there("libgearman-client-perl"):
        missing("the Debian package libgearman-client-perl is not installed")


def perl_client(server: Gearmand, prefix: str, *tasks: dict[str, Any]) -> list[dict[str, Any]]:
    need_perl()
    request = {"servers": [server.address], "prefix": prefix, "tasks": tasks}
    done = subprocess.run(
        ["perl", SCRIPTS / "gearman_client.pl"], input=json.dumps(request), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    answers: list[dict[str, Any]] = json.loads(done.stdout)
    return answers


@contextmanager
def running(*command: str | Path) -> Iterator[None]:
    process = subprocess.Popen(command)
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture
def daemon(make_gearman: MakeGearman, gearmand: Gearmand) -> Daemon:
    workers = [ECHO, TELLS, QUICK, {"class": FAILS, "max_retries": 0}]
    return make_gearman(gearmand, options={"prefix": SHOP}, workers=workers).start("-c", "2")


def test_clients_of_others(daemon: Daemon, gearmand: Gearmand) -> None:
    """Perl's, the command, which has no tab behind its prefix, and pygearman's, which has no prefix."""
    perls_client(daemon, gearmand)
    the_gearman_command(daemon, gearmand)
    pygearmans_client(daemon, gearmand)


def perls_client(daemon: Daemon, gearmand: Gearmand) -> None:
    echoed, told, failed, _ = perl_client(
        gearmand, SHOP,
        {"func": ECHO, "hex": BYTES.hex()},
        {"func": TELLS, "hex": BYTES.hex()},
        {"func": FAILS, "hex": b'{"n": 5}'.hex()},
        {"func": QUICK, "hex": b'{"n": "perl"}'.hex(), "background": 1, "options": {"uniq": "one"}},
    )  # fmt: skip
    assert bytes.fromhex(echoed["hex"]) == BYTES
    assert told["status"] == [[0, 3], [1, 3], [2, 3]]
    assert (failed["failed"], failed["warnings"]) == (1, ["ValueError: no luck with 5"])
    until(lambda: "perl" in daemon.marks())


def the_gearman_command(daemon: Daemon, gearmand: Gearmand) -> None:
    command = [need("gearman", "gearman-tools"), "-h", "127.0.0.1", "-p", str(gearmand.port)]
    done = subprocess.run([*command, "-f", BEHIND + ECHO], input=BYTES, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, BYTES)
    done = subprocess.run([*command, "-f", BEHIND + FAILS, '{"n": 1}'], capture_output=True, timeout=60)
    assert done.returncode != 0
    subprocess.run([*command, "-b", "-f", BEHIND + QUICK, '{"n": "tool"}'], check=True, timeout=60, capture_output=True)
    until(lambda: "tool" in daemon.marks())
    until(lambda: [line for line in daemon.log().splitlines() if QUICK in line and " delay:" in line], 60, "a delay")


def pygearmans_client(daemon: Daemon, gearmand: Gearmand) -> None:
    from gearman import PRIORITY_HIGH, GearmanClient

    client = GearmanClient([gearmand.address])
    request = client.submit_job((BEHIND + TELLS).encode(), BYTES, poll_timeout=20)
    assert (request.state, request.result) == ("COMPLETE", BYTES)
    assert list(request.data_updates) == [b"\0part"]
    assert list(request.warning_updates) == [b"hot"]
    request = client.submit_job((BEHIND + FAILS).encode(), b'{"n": 1}', poll_timeout=20)
    assert (request.state, *request.warning_updates) == ("FAILED", b"ValueError: no luck with 1")
    client.submit_job(
        (BEHIND + QUICK).encode(), b'{"n": "py"}', priority=PRIORITY_HIGH, background=True, wait_until_complete=False
    )
    until(lambda: "py" in daemon.marks())


def test_perls_worker_takes_our_jobs(gearmand: Gearmand, prefix: str) -> None:
    need_perl()
    with (
        running("perl", SCRIPTS / "gearman_worker.pl", gearmand.address, prefix, "Sandbox::Worker::A"),
        GearmanSyncClient(gearmand.address, prefix=prefix) as waiting,
        GearmanAsyncClient(gearmand.address, prefix=prefix) as leaving,
    ):
        heard: list[tuple[int, int]] = []
        told = waiting.insert(
            "Sandbox::Worker::A", b"\0abc", timeout=30, progress=lambda n, total: heard.append((n, total))
        )
        assert (told, heard) == (b"cba\0", [(1, 2)])
        leaving.insert_many("Sandbox::Worker::A", ["x"] * 5, priority="low")
        name = f"{prefix}\tSandbox::Worker::A" if prefix else "Sandbox::Worker::A"
        until(lambda: gearmand.jobs(name) == (0, 0, 1))


PYGEARMAN = """
import sys
from gearman import GearmanWorker
worker = GearmanWorker([sys.argv[1]])
worker.register_task(sys.argv[2].encode(), lambda worker, job: job.data[::-1])
worker.work()
"""


def test_pygearmans_worker_takes_our_jobs(gearmand: Gearmand, prefix: str) -> None:
    name = f"{prefix}\tsandbox.worker.A" if prefix else "sandbox.worker.A"
    with (
        running(sys.executable, "-c", PYGEARMAN, gearmand.address, name),
        GearmanSyncClient(gearmand.address, prefix=prefix) as waiting,
        GearmanAsyncClient(gearmand.address, prefix=prefix) as leaving,
    ):
        assert waiting.insert("sandbox.worker.A", b"\0abc", timeout=30) == b"cba\0"
        leaving.insert("sandbox.worker.A", os.urandom(100_000), uniqkey="large")
        until(lambda: gearmand.jobs(name) == (0, 0, 1))
