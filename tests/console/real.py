"""Real daemons on SQLite for the console's tests: they start together, and are what they were when a test begins."""

import os
import shutil
import signal
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from tests.console.console import Console, Now
from tests.integration.daemon import Daemon, alive
from tests.waiting import until
from wmcore.protocol import messages as m
from wmtui.app import ConsoleApp
from wmtui.feed import SocketFeed
from wmtui.glyphs import UNICODE

INTERVAL = 0.1  # seconds between two frames


def started(folder: Path, names: Sequence[str]) -> Iterator[list[Daemon]]:
    """For a fixture: one for each name, with two children each; ended when the test does not want them any more."""
    fleet = [made(folder, name) for name in names]
    try:
        fleet[0].init_db()
        for each in fleet[1:]:
            shutil.copy(folder / f"{fleet[0].folder.name}.db", folder / f"{each.folder.name}.db")
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda each: each.start("-c", "2"), fleet))
        yield fleet
    finally:
        for each in fleet:
            each.kill_everything()


def made(folder: Path, name: str) -> Daemon:
    """Its instance begins with this name."""
    daemon = Daemon(folder / name, f"sqlite:///{folder}/{name}.db", ["jobs.Quick", "jobs.Holds"])
    daemon.conf = daemon.conf.rename(daemon.folder / f"{name}.yml")
    return daemon


def as_it_was(daemon: Daemon) -> Daemon:
    """Running, awake, its two children idle, nothing in hand, whatever a test has done to it."""
    daemon.let_go()
    with suppress(OSError):
        os.kill(daemon.pid, signal.SIGCONT)
    if not running(daemon):
        until(lambda: not daemon.processes(), what="the former life's children to leave")
        daemon.start("-c", "2")
    daemon.call(m.Resume())
    daemon.call(m.Scale(to=2))
    until(lambda: [each.state for each in daemon.status().children] == ["idle", "idle"], what="idle children")
    (daemon.folder / "go").unlink()
    return daemon


def running(daemon: Daemon) -> bool:
    return (daemon.folder / "wm.pid").exists() and alive(daemon.pid)


async def hangs(c: Console, daemon: Daemon) -> None:
    """Stopped, and what it had sent before has come."""
    os.kill(daemon.pid, signal.SIGSTOP)
    session = next(each for each in c.app.sessions if each.name == str(daemon.folder / "wm.sock"))
    status, since = session.status, time.monotonic()

    def quiet() -> bool:
        nonlocal status, since
        if session.status is not status:
            status, since = session.status, time.monotonic()
        return time.monotonic() > since + 3 * INTERVAL

    await c.until(quiet, "the end of its frames")


def killed(daemon: Daemon) -> None:
    """Its manager, as the kernel does it that has no memory left."""
    pid = daemon.pid
    os.kill(pid, signal.SIGKILL)
    until(lambda: not alive(pid), what="the manager to be gone")


def holding(daemon: Daemon) -> None:
    """One job that holds is in the hands of a child."""
    with daemon.client() as client:
        client.insert("jobs.Holds", {"n": 1})
    until(lambda: daemon.status().pools[0].busy == 1, what="the job to be begun")


@asynccontextmanager
async def looking(
    *daemons: Daemon, size: tuple[int, int] = (100, 30), read_only: bool = False
) -> AsyncIterator[Console]:
    """A console on them, whose clock stands unless a test moves it."""
    now = Now(time.time())
    feeds = [SocketFeed(each.folder / "wm.sock", INTERVAL, now) for each in daemons]
    app = ConsoleApp(feeds, UNICODE, read_only=read_only, now=now)
    async with app.run_test(size=size) as pilot:
        opened = Console(app, pilot, None, now)  # type: ignore[arg-type]
        await opened.until(lambda: all(each.status for each in app.sessions), "a first status of each")
        yield opened
