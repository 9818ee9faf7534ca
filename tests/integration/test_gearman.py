"""A real daemon on a real gearmand."""

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon import Daemon, alive
from tests.servers import Gearmand
from tests.waiting import until
from wmcore import GearmanSyncClient
from wmcore.errors import JobFailed
from wmcore.protocol.messages import Drain, ListJobs, Pause, Resume, Unpause

MakeGearman = Callable[..., Daemon]
QUICK = "jobs.Quick"


def sync_client(daemon: Daemon) -> GearmanSyncClient:
    return GearmanSyncClient.from_config(daemon.conf)


def insert(daemon: Daemon, name: str, *args: Any, **options: Any) -> None:
    with daemon.client() as client:
        client.insert_many(name, args, **options)


def test_the_same_classes_with_another_configuration(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand).start("-c", "2")
    insert(daemon, QUICK, *[{"n": n} for n in range(20)])
    until(lambda: len(daemon.ended()) == 20)
    assert Counter(daemon.marks()) == {str(n): 1 for n in range(20)}
    line = next(line for line in daemon.log().splitlines() if "completed" in line)
    assert " Gearman job completed jobs.Quick process:" in line
    status = daemon.status()
    assert (status.type, status.backend.name) == ("Gearman", "Gearman")
    assert [(server.name, server.ok) for server in status.backend.servers] == [(gearmand.address, True)]
    queue = until(lambda: daemon.counts(QUICK).queue if daemon.counts(QUICK).queue.workers == 2 else None)
    assert (queue.ready, queue.running) == (0, 0)
    daemon.stop()
    until(lambda: gearmand.jobs(QUICK)[2] == 0)


def test_what_a_waiting_client_gets(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand, workers=["jobs.Tells", "jobs.Fails"]).start("-c", "1")
    heard: list[Any] = []
    with sync_client(daemon) as client:
        told = client.insert(
            "jobs.Tells", {"n": [1, "ä"]}, timeout=20, progress=lambda n, total: heard.append((n, total)),
            data=heard.append, warning=heard.append,
        )  # fmt: skip
        assert told == {"n": [1, "ä"]}
        assert heard == [(0, 3), (1, 3), (2, 3), b"\0part", b"hot"]
        assert client.insert("jobs.Tells", b"\0\xff", timeout=20) == b"\0\xff"
        assert client.insert("jobs.Tells", None, timeout=20) is None
        with pytest.raises(JobFailed, match="no luck with 7"):
            client.insert("jobs.Fails", {"n": 7}, timeout=20)


def test_children_come_back_with_the_server(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand).start("-c", "3")
    for turn in range(3):
        until(lambda: gearmand.jobs(QUICK)[2] == 3)
        gearmand.stop()
        until(lambda: not daemon.status().backend.servers[0].ok)
        gearmand.start()
        insert(daemon, QUICK, {"n": turn})
        until(lambda turn=turn: str(turn) in daemon.marks())
        until(lambda: daemon.status().backend.servers[0].ok)
    assert all(child.jobs_done <= 3 for child in daemon.status().children)
    assert daemon.log().count("started with PID") == 3, "nobody died of it"
    assert daemon.log().count(f"job server {gearmand.address} is down") == 3


def test_each_of_many_quick_jobs_has_its_line_when_their_server_goes(
    make_gearman: MakeGearman, gearmand: Gearmand
) -> None:
    """Lines of jobs that take less than a millisecond are written some at a time; that of the last one does not wait
    until the server is back."""
    daemon = make_gearman(gearmand).start("-c", "1")
    insert(daemon, QUICK, *[{"n": n} for n in range(5000)])
    until(lambda: len(daemon.marks()) > 500)
    gearmand.stop()
    until(lambda: not daemon.status().backend.servers[0].ok)
    until(lambda: len(daemon.ended()) + len(daemon.ended("late")) == len(daemon.marks()))
    assert len(daemon.ended("late")) <= 1


def test_a_frozen_server_does_not_hold_up_the_other(
    make_gearman: MakeGearman, gearmand: Gearmand, second_gearmand: Gearmand
) -> None:
    daemon = make_gearman(gearmand, second_gearmand).start("-c", "2")
    until(lambda: [server.jobs(QUICK)[2] for server in (gearmand, second_gearmand)] == [2, 2])
    second_gearmand.signal(signal.SIGSTOP)
    try:
        only_first = make_gearman(gearmand, name="client")
        insert(only_first, QUICK, *[{"n": n} for n in range(50)])
        until(lambda: len(daemon.marks()) == 50)
        until(lambda: not daemon.status().backend.servers[1].ok)
        assert daemon.status().backend.servers[0].ok
        pids = [child.pid for child in daemon.status().children]
        daemon.stop()
        assert not any(map(alive, pids))
    finally:
        second_gearmand.signal(signal.SIGCONT)


def test_a_paused_class_waits_and_runs_no_job_twice(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """What a child can do is told the server anew at each of these, between two jobs."""
    daemon = make_gearman(gearmand, workers=[QUICK, "jobs.Sleeps", "jobs.Others"]).start("-c", "2")
    insert(daemon, "jobs.Sleeps", {"n": 1, "s": 1}, {"n": 2, "s": 1})
    until(lambda: len(daemon.marks()) == 2)
    daemon.call(Pause(class_name="jobs.Sleeps"))
    insert(daemon, "jobs.Sleeps", {"n": 3, "s": 0})
    insert(daemon, QUICK, *[{"n": f"q{n}"} for n in range(20)])
    until(lambda: sum(mark.startswith("q") for mark in daemon.marks()) == 20)
    assert "begin-3" not in daemon.marks()
    daemon.call(Unpause(class_name="jobs.Sleeps"))
    until(lambda: "end-3" in daemon.marks())
    assert set(Counter(daemon.marks()).values()) == {1}


def test_no_function_starves_another(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """gearmand alone would hand out all jobs of one before the first of the other."""
    daemon = make_gearman(gearmand, workers=[QUICK, "jobs.Others", "jobs.Thirds"])
    for name in (QUICK, "jobs.Others"):
        insert(daemon, name, *[{"n": name, "ms": 20} for _ in range(40)])
    daemon.start("-c", "1")
    until(lambda: len(daemon.marks()) >= 20)
    first = Counter(daemon.marks()[:20])
    assert min(first[QUICK], first["jobs.Others"]) >= 8


def test_a_job_that_kills_children_is_stopped(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand, workers=["jobs.Dies", "jobs.Slow", QUICK]).start("-c", "3")
    insert(daemon, "jobs.Dies", {"n": 1})
    until(lambda: daemon.status().failed.count == 1)
    until(lambda: gearmand.jobs("jobs.Dies")[0] == 0)
    assert 2 <= len(daemon.marks()) <= 4, "two attempts; on a slow machine at most one more run for each death"
    (row,) = daemon.status().failed.recent
    assert "killed by signal 9 (SIGKILL)" in row.error
    assert daemon.counts("jobs.Dies").failed == 1
    assert "delay:" not in "".join(line for line in daemon.log().splitlines() if " jobs.Dies " in line), "unknown"
    insert(daemon, "jobs.Slow", {})
    until(lambda: daemon.status().failed.count == 2)
    assert "timeout after 0.5 s" in daemon.status().failed.recent[0].error
    insert(daemon, QUICK, {"n": "alive"})
    until(lambda: "alive" in daemon.marks())


def test_what_a_job_leaves_behind_does_not_keep_it(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """A process that a job forked and forgot has no connection of its own to keep the job running at the server."""
    daemon = make_gearman(gearmand, workers=["jobs.LeavesBehind"]).start("-c", "1")
    insert(daemon, "jobs.LeavesBehind", {})
    until(lambda: daemon.counts("jobs.LeavesBehind").completed == 1)
    (left,) = [int(mark.removeprefix("left-")) for mark in daemon.marks() if mark.startswith("left-")]
    assert alive(left)
    os.kill(left, signal.SIGKILL)


def test_retries_outlive_the_daemon_and_the_server(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand, workers=[{"class": "jobs.Fails", "retry_delay": 3, "max_retries": 1}])
    daemon.start("-c", "1")
    insert(daemon, "jobs.Fails", {"n": 1})
    until(lambda: daemon.ended("failed"))
    assert [job.state for job in daemon.call(ListJobs()).jobs] == ["delayed"]
    assert "only those are here that wait to be tried again" in daemon.wmtui("jobs").stderr
    gearmand.stop()
    daemon.stop()
    daemon.start("-c", "1")
    gearmand.start()
    until(lambda: daemon.status().failed.count == 1)
    (row,) = daemon.status().failed.recent
    assert (row.attempts, row.error) == (2, "ValueError: no luck with 1")
    shown = daemon.wmtui("failed", "show", row.id).stdout
    assert shown.count("ValueError: no luck with 1") >= 2
    assert "jobs.py" in shown
    assert daemon.wmtui("failed", "retry", row.id).returncode == 0
    until(lambda: [each.id for each in daemon.status().failed.recent if each.id != row.id])
    assert daemon.status().failed.count == 1, "the first one was retried"


def test_a_queue_on_disk_survives_the_server(make_gearman: MakeGearman, tmp_path: Path) -> None:
    server = Gearmand("-q", "libsqlite3", f"--libsqlite3-db={tmp_path}/gearman.db")
    try:
        server.start()
        daemon = make_gearman(server).start("-c", "1")
        daemon.call(Drain())
        until(lambda: not daemon.status().children)
        insert(daemon, QUICK, *[{"n": n} for n in range(10)])
        server.signal(signal.SIGKILL)
        server.stop()
        server.start()
        daemon.call(Resume())
        until(lambda: len(daemon.marks()) == 10)
        assert Counter(daemon.marks()) == {str(n): 1 for n in range(10)}
    finally:
        server.close()


def test_delay_is_measured_or_estimated_or_not_there(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    from gearman import GearmanClient

    daemon = make_gearman(gearmand, options={"probe": 1}).start("-c", "1")
    foreign = GearmanClient([gearmand.address])
    insert(daemon, QUICK, {"n": "measured"})
    until(lambda: " delay:" in daemon.log() and "delay_kind" not in daemon.log())

    def estimated() -> bool:
        foreign.submit_job(QUICK.encode(), b'{"n": 1}', background=True, wait_until_complete=False)
        time.sleep(0.1)
        return "delay_kind:estimated job:" in daemon.log()

    until(estimated, what="the clock has ticked")
    daemon.stop()
    blind = make_gearman(gearmand, name="blind").start("-c", "1")
    foreign.submit_job(QUICK.encode(), b'{"n": 1}', background=True, wait_until_complete=False)
    until(lambda: "job completed jobs.Quick process:" in blind.log())
    assert "delay" not in blind.log()
    assert blind.counts(QUICK).lateness.max is None


def test_check_config_and_insert(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand, options={"prefix": "shop"})
    done = daemon.wmcore("--check-config", "-f", str(daemon.conf))
    assert (done.returncode, "1 job server, " in done.stdout) == (0, True)
    done = daemon.wmcore("insert", "-f", str(daemon.conf), QUICK, '{"n": 1}', "--count", "2", "--priority", "1")
    assert (done.returncode, done.stdout.count(f"{gearmand.address}//H:")) == (0, 2)
    assert gearmand.jobs(f"shop\t{QUICK}")[0] == 2
    gearmand.stop()
    done = daemon.wmcore("--check-config", "-f", str(daemon.conf))
    assert (done.returncode, done.stderr) == (1, f"wmcore: job server {gearmand.address}: Connection refused\n")
    daemon.settings["worker_options"]["job_servers"].append("127.0.0.1:1")
    daemon.write_conf()
    done = daemon.wmcore("--check-config", "-f", str(daemon.conf))
    assert (done.returncode, done.stderr.count(": Connection refused")) == (1, 2), "all are named"



def test_a_file_that_cannot_be_opened_is_named_at_the_start(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """As one is that another user's daemon left: the start would never end."""
    daemon = make_gearman(gearmand)
    place = daemon.folder / "state" / "running"
    place.mkdir(parents=True)
    done = daemon.wmcore("-f", str(daemon.conf))
    remedy = "set 'state_dir' to a folder of this user's own"
    assert (done.returncode, done.stderr) == (2, f"wmcore: state_dir {place}: Is a directory; {remedy}\n")
    until(lambda: not (daemon.folder / "wm.pid").exists())


def test_the_failed_list_is_there_while_no_server_answers(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    daemon = make_gearman(gearmand, workers=[{"class": "jobs.Fails", "max_retries": 0}]).start("-c", "1")
    insert(daemon, "jobs.Fails", {"n": 1})
    until(lambda: daemon.status().failed.count == 1)
    daemon.stop()
    gearmand.stop()
    daemon.start("-c", "1")
    status = until(lambda: daemon.status() if daemon.status().failed.count else None)
    assert not status.backend.ok
    assert status.notices == [], "the server's own line says it"
    (row,) = status.failed.recent
    shown = daemon.wmtui("failed", "show", row.id).stdout
    assert "1970" not in shown
    refused = daemon.wmtui("failed", "retry", row.id)
    assert refused.stderr == f"wmtui: {row.id}: job server {gearmand.address}: Connection refused\n"
    assert daemon.wmtui("failed", "delete", row.id).returncode == 0
    gearmand.start()


def test_a_failed_job_with_a_large_argument_is_shown(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """Its record is more than what a viewer that does not read is given before it is put out."""
    daemon = make_gearman(gearmand, workers=[{"class": "jobs.Fails", "max_retries": 0}]).start("-c", "1")
    insert(daemon, "jobs.Fails", {"n": "x" * 9_000_000})
    until(lambda: daemon.status().failed.count == 1)
    shown = daemon.wmtui("failed", "show", daemon.status().failed.recent[0].id)
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "ValueError: no luck with xxx" in shown.stdout


def test_a_job_that_raises_a_keyboard_interrupt_stops_no_daemon(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """Nobody sits at a terminal: it is an exception like any other."""
    daemon = make_gearman(gearmand, workers=["jobs.Interrupts", QUICK]).start("-c", "1")
    with sync_client(daemon) as client, pytest.raises(JobFailed, match="KeyboardInterrupt"):
        client.insert("jobs.Interrupts", {}, timeout=20)
    insert(daemon, QUICK, {"n": 1})
    until(lambda: daemon.marks() == ["1"])
    assert daemon.log().count("started with PID") == 1
