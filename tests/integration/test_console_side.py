"""What a console asks of a real daemon beyond the one-shot commands: runs through thousands, changed rows, the log."""

import asyncio
import os
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.errors import Refused
from wmcore.protocol.client import AsyncClient, Client
from wmcore.protocol.messages import (
    Bulk,
    Drain,
    FailedFilter,
    GroupFailed,
    ListBulk,
    ListFailed,
    StartBulk,
    Status,
    StopBulk,
    TailLog,
)


def fill_failed(daemon: Daemon, count: int) -> None:
    with closing(sqlite3.connect(daemon.dsn.removeprefix("sqlite:///"))) as connection, connection:
        connection.executemany(
            "INSERT INTO wm_failed (funcname, jobid, arg, insert_time, run_after, failed_at, message, attempt_count, "
            "attempts, host) VALUES ('jobs.Quick', ?, ?, 1, 1, ?, 'no', 1, '[]', 'here')",
            [(number, f'{{"n": {number}}}'.encode(), time.time() - number) for number in range(count)],
        )


def start(daemon: Daemon, expected: int, action: str = "retry") -> Bulk:
    run = daemon.call(StartBulk(action=action, expected=expected, filter=FailedFilter(class_name="jobs.Quick")))
    assert isinstance(run, Bulk)
    return run


def the_run(daemon: Daemon) -> Bulk:
    return daemon.status().bulk[0]


def test_a_run_goes_on_when_its_caller_has_gone(daemon: Daemon) -> None:
    fill_failed(daemon, 1000)
    daemon.start("-c", "4")
    with pytest.raises(Refused, match="1000 failed jobs by now, not 900"):
        start(daemon, 900)
    run = start(daemon, 1005)
    assert (run.state, run.total, run.by) == ("running", 1000, "root" if os.geteuid() == 0 else run.by)
    until(lambda: the_run(daemon).state == "done", 60)
    assert (the_run(daemon).done, the_run(daemon).refused) == (1000, 0)
    until(lambda: len(daemon.marks()) == 1000, 60)
    again = start(daemon, 1000)
    until(lambda: the_run(daemon).id == again.id and the_run(daemon).state == "done", 60)
    assert (the_run(daemon).done, the_run(daemon).refused, len(the_run(daemon).reasons)) == (0, 1000, 20)
    assert "already" in the_run(daemon).reasons[0].reason


def test_a_run_is_stopped_and_there_is_one_of_each_action(daemon: Daemon) -> None:
    fill_failed(daemon, 30_000)
    daemon.start("-c", "1")
    run = start(daemon, 30_000, "delete")
    with pytest.raises(Refused, match="already"):
        start(daemon, 30_000, "delete")
    daemon.call(StopBulk(id=run.id))
    until(lambda: daemon.call(ListBulk())[0].state == "stopped")
    ended = the_run(daemon)
    assert ended.done < 30_000
    assert daemon.call(ListFailed()).total == 30_000 - ended.done
    assert daemon.call(StopBulk(id=run.id)).state == "stopped"


def test_the_command_works_through_a_filter(daemon: Daemon) -> None:
    fill_failed(daemon, 250)
    daemon.start("-c", "2")
    done = daemon.wmtui("failed", "retry", "--all", "--class", "jobs.Quick")
    assert (done.returncode, done.stdout) == (0, "retried 250 jobs\n"), done.stderr
    groups = daemon.call(GroupFailed())
    assert [(group.fingerprint, group.count) for group in groups.groups] == [("", 250)]


def test_what_holds_up_a_drain(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 3})
    until(lambda: "begin-1" in daemon.marks())
    assert daemon.status().pools[0].held_by == []
    daemon.call(Drain())
    pool = until(lambda: [pool for pool in daemon.status().pools if len(pool.held_by) == 1])[0]
    holder = pool.held_by[0]
    assert (holder.class_name, holder.job, holder.timeout_at) == ("jobs.Sleeps", "0-1", None)
    assert holder.since is not None
    assert abs(holder.since - time.time()) < 30
    assert pool.draining_since is not None
    until(lambda: not daemon.status().pools[0].held_by)


async def test_merged_rows_are_the_status(daemon: Daemon) -> None:
    daemon.start("-c", "4")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 20} for n in range(100)])
    viewer = await AsyncClient.connect(daemon.folder / "wm.sock")
    seen: list[Status] = []
    async for frame in viewer.frames(0.1):
        seen.append(frame)
        quick = next(each for each in frame.classes if each.name == "jobs.Quick")
        if quick.completed == 100 and all(child.state == "idle" for child in frame.children):
            break
    await viewer.close()
    assert len(seen) > 1
    now = await asyncio.to_thread(daemon.status)
    assert [child.slot for child in seen[-1].children] == [0, 1, 2, 3]
    assert [child.jobs_done for child in seen[-1].children] == [child.jobs_done for child in now.children]
    assert seen[-1].pools == now.pools


def test_the_log_is_followed_over_a_rotation(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    log = daemon.folder / "wm.log"
    cursor = daemon.call(TailLog()).cursor
    log.rename(log.with_suffix(".log.1"))
    daemon.client().insert("jobs.Fails", {"n": 1})
    os.kill(daemon.pid, signal.SIGHUP)
    until(log.exists)
    seen: list[tuple[str, str]] = []

    def both() -> bool:
        nonlocal cursor
        reply = daemon.call(TailLog(after=cursor, level="notice"))
        cursor = reply.cursor
        assert not reply.gap
        seen.extend(zip(reply.levels, reply.lines, strict=True))
        return any("opened anew" in line for _, line in seen) and any(level == "error" for level, _ in seen)

    until(both)
    assert len(seen) == len(set(seen))


def test_the_flow_of_a_class(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 20} for n in range(3000)])
    until(lambda: daemon.counts("jobs.Quick").queue.clears_in, 40)
    queue = daemon.counts("jobs.Quick").queue
    assert queue.in_rate is not None
    assert queue.out_rate
    assert queue.out_rate > queue.in_rate


def test_frames_of_an_older_viewer(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    with Client.connect(daemon.folder / "wm.sock") as client:
        frames = client.subscribe(0.1)
        assert next(frames).pid == next(frames).pid == daemon.pid
