"""What an operator does to a busy daemon, through the socket and the one-shot commands."""

import json
import os
import signal
import socket
import stat
import time
from collections.abc import Callable

import pytest

from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.protocol.messages import Drain, Kill, Resume, Scale

DECIDED = 5.0
"""Seconds within which a command shows on a loaded test machine: before the work that `busy` has is done. The bench
measures what it really takes."""


@pytest.fixture
def busy(daemon: Daemon) -> Daemon:
    """Four children with work for a while."""
    daemon.start("-c", "4")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 20} for n in range(2000)])
    until(lambda: sum(child.state == "busy" for child in daemon.status().children) >= 2)
    return daemon


def test_scale_up_and_down_breaks_no_job(busy: Daemon) -> None:
    done = busy.wmtui("scale", "+2")
    assert done.returncode == 0, done.stderr
    until(lambda: len(busy.status().children) == 6, DECIDED)
    assert busy.wmtui("scale", "-2").returncode == 0
    until(lambda: len(busy.status().children) == 4, DECIDED)
    assert busy.wmtui("scale", "1").returncode == 0
    until(lambda: len(busy.status().children) == 1, DECIDED)
    before = busy.marks()
    assert len(before) == len(set(before))
    assert busy.counts("jobs.Quick").retried == 0


def test_drain_and_resume(busy: Daemon) -> None:
    assert busy.wmtui("drain").returncode == 0
    until(lambda: not busy.status().children, DECIDED)
    status = busy.status()
    assert (status.state, status.pools[0].state, status.pools[0].wanted) == ("draining", "draining", 4)
    drained = len(busy.marks())
    assert busy.rows("SELECT count(*) FROM job WHERE grabbed_until > 0")[0][0] == 0
    assert busy.wmtui("resume").returncode == 0
    until(lambda: len(busy.status().children) == 4, DECIDED)
    until(lambda: len(busy.marks()) > drained)
    assert len(busy.marks()) == len(set(busy.marks()))


def test_a_long_job_is_finished_by_a_drain(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 2})
    until(lambda: "begin-1" in daemon.marks())
    daemon.call(Drain())
    until(lambda: [child.state for child in daemon.status().children] == ["finishing"])
    assert daemon.status().children[0].job == "0-1"
    daemon.call(Resume())
    until(lambda: "end-1" in daemon.marks())
    assert daemon.marks().count("begin-1") == 1


def test_a_paused_class_waits_and_the_others_run(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    assert daemon.wmtui("pause", "jobs.Quick").returncode == 0
    with daemon.client() as client:
        client.insert("jobs.Quick", {"n": 1})
        client.insert("jobs.Sleeps", {"n": 2, "s": 0})
    until(lambda: "end-2" in daemon.marks())
    assert daemon.counts("jobs.Quick").paused
    assert "1" not in daemon.marks()
    assert daemon.wmtui("unpause", "jobs.Quick").returncode == 0
    until(lambda: "1" in daemon.marks())
    wrong = daemon.wmtui("pause", "jobs.Quik")
    assert wrong.returncode == 1
    assert "jobs.Quick" in wrong.stderr


def test_recycle_replaces_a_child(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    until(lambda: len(daemon.status().children) == 2)
    before = {child.slot: child.pid for child in daemon.status().children}
    assert daemon.wmtui("recycle", "1").returncode == 0
    until(lambda: {c.slot: c.pid for c in daemon.status().children}.get(1, before[1]) != before[1])
    assert {c.slot: c.pid for c in daemon.status().children}[0] == before[0]


def test_kill_is_refused_when_slot_pid_and_job_no_longer_belong_together(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    child = until(lambda: daemon.status().children)[0]
    from wmcore.errors import Refused

    with pytest.raises(Refused, match="another child"):
        daemon.call(Kill(slot=0, pid=child.pid + 1))
    with pytest.raises(Refused, match="no job"):
        daemon.call(Kill(slot=0, pid=child.pid, job="0-1"))
    assert daemon.status().children[0].pid == child.pid


def test_refusals_are_sentences_and_exit_1(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    for arguments in (["scale", "5000"], ["drain", "nopool"], ["failed", "show", "0-99"], ["kill", "7"]):
        done = daemon.wmtui(*arguments)
        assert (done.returncode, "Traceback" in done.stderr) == (1, False), arguments
        assert done.stderr.strip(), arguments


def test_status_as_json_is_the_message(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    status = json.loads(daemon.wmtui("status", "--json").stdout)
    assert status["pools"][0]["name"] == "default"
    assert {entry["name"] for entry in status["classes"]} == {"jobs.Quick", "jobs.Fails", "jobs.Sleeps"}


def test_the_socket_is_its_users_alone(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    assert stat.S_IMODE((daemon.folder / "wm.sock").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "line",
    [b"\xff\xfe\n", b"{}\n", b"[1,2]\n", b"[" * 100_000 + b"\n", b'{"jsonrpc":"2.0","id":1,"method":"nope"}\n',
     b'{"jsonrpc":"2.0","id":1,"method":"scale","params":{"to":"many"}}\n', b'"x' + b"y" * 2_000_000 + b"\n"],
    ids=["utf8", "empty", "batch", "deep", "method", "params", "long"],
)  # fmt: skip
def test_nonsense_gets_an_error_reply_and_harms_nobody(daemon: Daemon, line: bytes) -> None:
    daemon.start("-c", "1")
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(10)
        sock.connect(str(daemon.folder / "wm.sock"))
        try:
            sock.sendall(line)
        except BrokenPipeError:
            pass
        reply = json.loads(sock.makefile().readline())
    assert reply["error"]["code"] != 0
    assert reply["error"]["message"]
    assert daemon.answers()


def test_a_viewer_that_does_not_read_holds_nobody_up(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.connect(str(daemon.folder / "wm.sock"))
        deaf.sendall(b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"interval":0.1}}\n')
        until(lambda: daemon.status().viewers == 1)
        begun = time.monotonic()
        for _ in range(20):
            daemon.status()
        assert time.monotonic() - begun < 5
        daemon.client().insert("jobs.Quick", {"n": 1})
        until(lambda: daemon.marks() == ["1"])
    until(lambda: daemon.status().viewers == 0)


def test_signals_scale_by_one(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    os.kill(daemon.pid, signal.SIGTTIN)
    until(lambda: len(daemon.status().children) == 2)
    os.kill(daemon.pid, signal.SIGTTOU)
    until(lambda: len(daemon.status().children) == 1)


def test_hup_opens_the_logs_anew_in_every_process(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    with daemon.client() as client:
        client.insert("jobs.Fails", {"n": 1})
        until(lambda: daemon.ended("failed"))
        for name in ("wm.log", "wm_error.log"):
            (daemon.folder / name).rename(daemon.folder / f"{name}.1")
        os.kill(daemon.pid, signal.SIGHUP)
        until(lambda: (daemon.folder / "wm.log").exists())
        client.insert_many("jobs.Fails", [{"n": n} for n in range(10)])
        until(lambda: len(daemon.ended("failed")) >= 10)
    assert "no luck with" in daemon.errors()
    assert "about to fail" in daemon.errors()
    old = (daemon.folder / "wm.log.1").read_text()
    assert old.count("job failed") <= 2


def test_log_shows_the_last_lines(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    done = daemon.wmtui("log", "-n", "5")
    assert done.returncode == 0
    assert "WorkerManager 0 started with PID" in done.stdout


def test_children_that_die_at_their_start_make_it_back_off(make_daemon: Callable[..., Daemon]) -> None:
    """A class whose constructor works in the loader and fails in the child."""
    daemon = make_daemon(workers=["broken.Born"]).init_db()
    daemon.is_broken = True
    lib = daemon.folder / "lib"
    lib.mkdir()
    (lib / "broken.py").write_text(
        "import multiprocessing, os\n"
        "from wmcore import Worker\n"
        "LOADER = os.getpid()\n"
        "class Born(Worker):\n"
        "    def __init__(self):\n"
        "        if os.getpid() != LOADER: raise RuntimeError('not in a child')\n"
        "    def work(self, job): pass\n"
    )
    daemon.settings["inc_path"] = [str(lib)]
    daemon.write_conf()
    daemon.start("-c", "2")
    until(lambda: daemon.status().pools[0].state == "backing off")
    assert "die before their first turn" in (daemon.status().pools[0].error or "")
    forks = daemon.log().count("started with PID")
    assert forks < 30
    assert "not in a child" in daemon.errors()
    daemon.stop()


def test_scale_to_nothing_and_back(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    daemon.call(Scale(to=0))
    until(lambda: not daemon.status().children)
    daemon.client().insert("jobs.Quick", {"n": 1})
    daemon.call(Scale(by=1))
    until(lambda: daemon.marks() == ["1"])
