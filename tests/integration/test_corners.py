"""Bugs that a reviewer found, each by the name of what went wrong."""

import contextlib
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.daemon import BIN, Daemon, alive
from tests.integration.test_deaths import busy_child, title
from tests.waiting import until
from wmcore.protocol.messages import Pause, Unpause


def kill_loader(daemon: Daemon) -> None:
    generation = daemon.status().pools[0].generation
    loader = next(pid for pid in daemon.processes() if title(pid).startswith("wmcore: loader"))
    os.kill(loader, signal.SIGKILL)
    until(lambda: daemon.status().pools[0].generation > generation)


def queue(daemon: Daemon) -> sqlite3.Connection:
    return sqlite3.connect(daemon.dsn.removeprefix("sqlite:///"), timeout=10, isolation_level=None)


def test_a_timeout_reaches_the_child_of_a_dead_loader(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["jobs.Hangs"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Hangs")
    until(lambda: daemon.marks() == ["begin"])
    kill_loader(daemon)
    until(lambda: daemon.status().failed.count == 1, 10)
    assert "timeout after 2 s" in daemon.status().failed.recent[0].error


def test_stop_now_reaches_the_child_of_a_dead_loader(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 60})
    until(lambda: busy_child(daemon))
    kill_loader(daemon)
    daemon.stop(signal.SIGINT, 10)
    until(lambda: not daemon.processes())
    assert daemon.rows("SELECT grabbed_until FROM job")[0][0] == 0


def test_a_survivors_job_is_not_given_back_by_the_life_after_the_next(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["jobs.Holds"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Holds", {"n": 1})
    until(lambda: "begin-1" in daemon.marks())
    os.kill(daemon.pid, signal.SIGKILL)
    daemon.start("-c", "1")
    daemon.stop()
    daemon.start("-c", "1")
    daemon.let_go()
    until(lambda: "end-1" in daemon.marks())
    until(lambda: daemon.rows("SELECT count(*) FROM job")[0][0] == 0)
    assert daemon.marks() == ["begin-1", "end-1"]
    until(lambda: not list(Path(daemon.folder / "state").glob("scoreboard.[0-9]*")))


def test_a_book_that_was_not_taken_is_tried_again(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["jobs.Holds"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Holds", {"n": 1})
    until(lambda: daemon.marks() == ["begin-1"])
    child = until(lambda: busy_child(daemon))
    with queue(daemon) as db:
        db.execute("ALTER TABLE error RENAME TO elsewhere")
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: "stay open" in daemon.log() or child.pid not in [c.pid for c in daemon.status().children])
        time.sleep(1)  # long enough for the first try to fail
        db.execute("ALTER TABLE elsewhere RENAME TO error")
    daemon.let_go()
    until(lambda: "end-1" in daemon.marks(), 30)
    assert daemon.marks() == ["begin-1", "begin-1", "end-1"]


def test_a_job_wakes_children_of_its_own_pool(make_daemon: Callable[..., Daemon]) -> None:
    pools = {"one": {"workers": ["jobs.Sleeps", "jobs.Fails"]}, "two": {"workers": "jobs.Quick"}}
    daemon = make_daemon(pools=pools, concurrency=2).init_db().start()
    until(lambda: [child.state for child in daemon.status().children] == ["idle"] * 4)
    client = daemon.client()
    for n in range(5):
        client.insert("jobs.Quick", {"n": n})
        until(lambda n=n: str(n) in daemon.marks(), 5)


def test_stop_does_not_wait_for_a_queue_that_takes_nothing(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=[{"class": "jobs.Fails", "max_retries": 0}]).init_db().start("-c", "1")
    with queue(daemon) as db:
        daemon.call(Pause(class_name="jobs.Fails"))
        daemon.client().insert("jobs.Fails", {"n": 1})
        db.execute("ALTER TABLE error RENAME TO elsewhere")
        daemon.call(Unpause(class_name="jobs.Fails"))
        until(lambda: "no such table" in daemon.errors())
        daemon.stop(signal.SIGTERM, 20)
        db.execute("ALTER TABLE elsewhere RENAME TO error")
    daemon.start("-c", "1")
    until(lambda: daemon.status().failed.count == 1)


def test_an_older_child_does_not_undo_the_back_off(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon().init_db().start("-c", "2")
    daemon.is_broken = True
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 20})
    until(lambda: busy_child(daemon))
    (daemon.folder / "wm.log").rename(daemon.folder / "kept.log")
    (daemon.folder / "wm.log").mkdir()  # a child that cannot open its log dies at birth
    daemon.wmtui("scale", "3")
    until(lambda: daemon.status().pools[0].state == "backing off")
    time.sleep(3)
    assert daemon.status().pools[0].state == "backing off"
    assert (daemon.folder / "kept.log").read_text().count("started with PID") < 20


def test_more_children_than_descriptors_are_refused(daemon: Daemon) -> None:
    command = f"ulimit -n 256; exec {BIN}/wmcore -c 100 -f {daemon.conf}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=daemon.environment, timeout=30)
    assert done.returncode == 2
    assert "open files" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_process_that_a_job_forked_does_not_end_the_job(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["jobs.Forks"]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Forks")
    until(lambda: daemon.counts("jobs.Forks").completed == 1)
    assert daemon.marks() == ["parent"]
    assert daemon.counts("jobs.Forks").failed == 0


def test_a_class_that_left_the_configuration_keeps_its_name(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=[{"class": "jobs.Sleeps", "max_retries": 0}]).init_db().start("-c", "1")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 60})
    until(lambda: daemon.marks() == ["begin-1"])
    for pid in daemon.processes():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not any(alive(pid) for pid in daemon.processes()))
    daemon.settings["workers"] = ["jobs.Quick"]
    daemon.write_conf()
    daemon.start("-c", "1")
    failed = until(lambda: daemon.status().failed.recent)[0]
    assert failed.class_name == "jobs.Sleeps"
    assert daemon.counts("jobs.Quick").failed == 0


def test_children_that_somebody_else_kills_are_replaced_every_second(daemon: Daemon) -> None:
    """On a database that takes its time to connect, a storm of kills made the back-off grow to a minute."""
    daemon.start("-c", "2")
    until(lambda: len(daemon.status().children) == 2)
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        for pid in daemon.processes():
            with contextlib.suppress(OSError):  # gone by itself meanwhile
                if title(pid).startswith("wmcore: child"):
                    os.kill(pid, signal.SIGKILL)
        time.sleep(0.005)
    until(lambda: len(daemon.status().children) == 2)
