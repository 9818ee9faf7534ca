"""The process that is made ahead while children are replaced again and again: it becomes the next one, or goes."""

import os
import signal
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.protocol.messages import Recycle, Scale


def spares(daemon: Daemon) -> list[int]:
    return [pid for pid in daemon.processes() if "spare" in title(pid)]


def title(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def replaced(daemon: Daemon) -> int:
    """Children that have ended."""
    return daemon.log().count("exited with PID")


def insert(daemon: Daemon, jobs: range) -> None:
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n, "ms": 5} for n in jobs])


def children(daemon: Daemon) -> list[int]:
    """The pids of those that have been forked."""
    return [child.pid for child in daemon.status().children if child.pid]


def recycle(daemon: Daemon) -> list[int]:
    """All children are replaced; the spare that stands by then."""
    before = children(daemon)
    daemon.call(Recycle(pool="default"))
    until(lambda: len(now := children(daemon)) == len(before) and not set(before) & set(now))
    return until(lambda: spares(daemon))


def test_it_becomes_the_next_child_and_each_job_runs_once(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    daemon = make_daemon(dsn).init_db().start("-c", "2", "-w", "5")
    insert(daemon, range(200))
    seen: set[int] = set()
    until(lambda: seen.update(spares(daemon)) or len(daemon.marks()) >= 200)
    until(daemon.idle)
    assert Counter(daemon.marks()) == {str(n): 1 for n in range(200)}
    assert replaced(daemon) >= 38
    assert seen, "none was ever there"
    until(lambda: len(daemon.processes()) == 4, 30, "it to go when nobody is replaced any more")
    daemon.stop()


def test_the_one_that_stands_by_is_the_one_that_comes(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    [spare] = recycle(daemon)
    [pid] = children(daemon)
    daemon.call(Recycle(slot=0))
    until(lambda: children(daemon) not in ([pid], []))
    assert children(daemon) == [spare]
    insert(daemon, range(3))
    until(lambda: len(daemon.marks()) == 3)
    os.kill(spare, signal.SIGTERM)  # as a child it heeds what a child heeds
    until(lambda: children(daemon) not in ([spare], []))


def test_one_that_is_killed_is_missed_by_nobody(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    [spare] = recycle(daemon)
    os.kill(spare, signal.SIGKILL)
    until(lambda: not spares(daemon))
    insert(daemon, range(20))
    daemon.call(Scale(to=3))
    until(lambda: len(children(daemon)) == 3)
    recycle(daemon)
    until(lambda: len(daemon.marks()) == 20)
    assert [pool.error for pool in daemon.status().pools] == [None]
    assert "failed outside" not in daemon.errors()


def test_it_goes_with_the_daemon_and_with_its_loader(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    [spare] = recycle(daemon)
    loader = int(Path(f"/proc/{spare}/stat").read_text().rpartition(")")[2].split()[1])
    os.kill(loader, signal.SIGKILL)
    until(lambda: spare not in spares(daemon), 2, "it to follow its loader")
    until(lambda: [child.state for child in daemon.status().children] == ["idle"])
    [spare] = recycle(daemon)
    daemon.stop()
    until(lambda: not daemon.processes())


def test_after_a_rotation_it_writes_to_the_new_error_log(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    recycle(daemon)
    path = daemon.folder / "wm_error.log"
    path.rename(daemon.folder / "old")
    os.kill(daemon.pid, signal.SIGHUP)
    until(path.exists)
    recycle(daemon)
    recycle(daemon)
    size = (daemon.folder / "old").stat().st_size
    with daemon.client() as client:
        client.insert("jobs.Fails", {"n": 1})
    until(lambda: "Traceback" in daemon.errors())
    assert (daemon.folder / "old").stat().st_size == size
