"""Children, loader and manager killed outright: no job is lost, none waits for its lease."""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon, alive
from tests.waiting import until

HOUR_LEFT = "SELECT count(*) FROM job WHERE grabbed_until > 0"


def title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_text()


def descriptors(daemon: Daemon) -> int:
    return len(list(Path(f"/proc/{daemon.pid}/fd").iterdir()))


def busy_child(daemon: Daemon):
    return next((child for child in daemon.status().children if child.state == "busy"), None)


def test_a_killed_childs_job_counts_as_an_attempt_and_runs_again(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 1})
    until(lambda: daemon.marks() == ["begin-1"])
    child = until(lambda: busy_child(daemon))
    os.kill(child.pid, signal.SIGKILL)
    killed_at = time.monotonic()
    until(lambda: "end-1" in daemon.marks())
    assert time.monotonic() - killed_at < 10
    assert daemon.marks() == ["begin-1", "begin-1", "end-1"]
    assert "killed by signal 9 (SIGKILL)" in daemon.log()
    assert f"exited with PID {child.pid} and exit code: 137 signal:9" in daemon.log()
    until(lambda: daemon.counts("jobs.Sleeps").completed == 1)
    assert daemon.counts("jobs.Sleeps").retried == 1
    assert len(daemon.status().children) == 2


def test_a_job_that_kills_its_child_is_stopped_after_its_retries(make_daemon) -> None:
    daemon = make_daemon(workers=["jobs.Dies"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Dies", {"n": 1})
    until(lambda: daemon.status().failed.count == 1)
    assert daemon.marks() == ["begin-1", "begin-1"]
    shown = daemon.wmtui("failed", "show", "0-1").stdout
    assert shown.count("killed by signal 9 (SIGKILL)") >= 2
    assert '"n": 1' in shown or '"n":1' in shown


def test_an_exit_code_is_told(make_daemon) -> None:
    daemon = make_daemon(workers=["jobs.Dies"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Dies", {"n": 1, "signal": int(signal.SIGSEGV)})
    until(lambda: daemon.status().failed.count == 1)
    assert "killed by signal 11 (SIGSEGV)" in daemon.status().failed.recent[0].error


def test_a_timeout_is_an_attempt_with_its_cause(make_daemon) -> None:
    daemon = make_daemon(workers=["jobs.Slow", "jobs.Soft"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Slow", {})
    until(lambda: daemon.status().failed.count == 1)
    assert "timeout after 0.5 s" in daemon.status().failed.recent[0].error
    daemon.client().insert("jobs.Soft", {})
    until(lambda: daemon.status().failed.count == 2)
    assert "SoftTimeout" in daemon.status().failed.recent[0].error


def test_children_outlive_a_killed_manager_until_their_job_is_done(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 2})
    until(lambda: busy_child(daemon))
    family = daemon.processes()
    os.kill(daemon.pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in family))
    assert daemon.marks() == ["begin-1", "end-1"]
    assert daemon.rows("SELECT count(*) FROM job")[0][0] == 0


def test_a_new_start_works_at_once_beside_the_survivors(make_daemon) -> None:
    daemon = make_daemon(workers=["jobs.Quick", "jobs.Holds"]).init_db().start("-c", "2")
    client = daemon.client()
    client.insert("jobs.Holds", {"n": 1})
    until(lambda: "begin-1" in daemon.marks())
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.start("-c", "2")
    client.insert("jobs.Quick", {"n": 7})
    until(lambda: "7" in daemon.marks())
    daemon.let_go()
    until(lambda: "end-1" in daemon.marks())
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0)
    assert daemon.marks().count("begin-1") == 1


def test_a_killed_loader_is_replaced_and_no_job_is_lost(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    client = daemon.client()
    client.insert("jobs.Sleeps", {"n": 1, "s": 1})
    until(lambda: busy_child(daemon))
    generation = daemon.status().pools[0].generation
    loader = next(pid for pid in daemon.processes() if title(pid).startswith("wmcore: loader"))
    os.kill(loader, signal.SIGKILL)
    client.insert("jobs.Quick", {"n": 7})
    until(lambda: {"7", "end-1"} <= set(daemon.marks()))
    status = daemon.status()
    assert status.pools[0].generation == generation + 1
    until(lambda: len(daemon.status().children) == 2)
    assert daemon.marks().count("begin-1") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL])
def test_all_killed_together_the_next_start_closes_the_books(daemon: Daemon, number: int) -> None:
    daemon.start("-c", "2")
    client = daemon.client()
    for n in (1, 2):
        client.insert("jobs.Sleeps", {"n": n, "s": 1})
    until(lambda: len(daemon.marks()) == 2)
    for pid in daemon.processes():
        os.kill(pid, number)
    until(lambda: not daemon.processes())
    assert daemon.rows(HOUR_LEFT)[0][0] == 2
    daemon.start("-c", "2")
    until(lambda: {"end-1", "end-2"} <= set(daemon.marks()))
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0)
    assert daemon.counts("jobs.Sleeps").retried == 2


def test_stop_now_gives_the_job_back(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 30})
    until(lambda: "begin-1" in daemon.marks())
    daemon.stop(signal.SIGINT, 10)
    assert daemon.rows("SELECT grabbed_until FROM job")[0][0] == 0
    assert daemon.rows("SELECT count(*) FROM error")[0][0] == 0


def test_an_operators_kill_gives_the_job_back(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 1})
    until(lambda: busy_child(daemon))
    done = daemon.wmtui("kill", "0")
    assert done.returncode == 0, done.stderr
    until(lambda: "end-1" in daemon.marks())
    assert daemon.rows("SELECT count(*) FROM error")[0][0] == 0
    assert daemon.counts("jobs.Sleeps").retried == 0


def test_no_zombie_no_orphan_no_leaked_descriptor(daemon: Daemon) -> None:
    daemon.start("-c", "4", "-w", "1")
    client = daemon.client()
    client.insert_many("jobs.Quick", [{"n": n} for n in range(20)])
    until(lambda: daemon.counts("jobs.Quick").completed == 20)
    before = descriptors(daemon)
    client.insert_many("jobs.Quick", [{"n": n} for n in range(200)])
    until(lambda: daemon.counts("jobs.Quick").completed == 220, 60)
    until(lambda: len(daemon.status().children) == 4 and daemon.idle())
    assert abs(descriptors(daemon) - before) <= 3
    until(lambda: len(daemon.processes()) == 6)
    daemon.stop()
    until(lambda: not daemon.processes())
