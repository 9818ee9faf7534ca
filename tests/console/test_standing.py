"""How a real daemon can stand, told apart in the header, over a view and in its row of the fleet."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.console import Console, Now
from tests.console.real import INTERVAL, as_it_was, hangs, holding, killed, looking, started
from tests.console.screen import dump
from tests.integration.daemon import Daemon
from wmcore.protocol import messages as m
from wmtui.app import ConsoleApp
from wmtui.feed import SocketFeed
from wmtui.glyphs import UNICODE
from wmtui.picture import Phase
from wmtui.screens.confirm import Confirm


@pytest.fixture(scope="module")
def shared() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="wmtest-") as folder:
        Path(folder).chmod(0o755)  # others may look for the socket
        for (daemon,) in started(Path(folder), ["one"]):
            yield daemon


@pytest.fixture
def daemon(shared: Daemon) -> Daemon:  # type: ignore[override]
    return as_it_was(shared)


@contextlib.contextmanager
def somebody_else(socket: Path) -> Iterator[None]:
    """We are not one of those whom the socket lets in; for root that takes another user."""
    mode = socket.stat().st_mode
    root, groups = os.geteuid() == 0, os.getgroups()
    socket.chmod(0o660 if root else 0o060)
    try:
        if root:
            os.setgroups([])
            os.setegid(65534)
            os.seteuid(65534)
        yield
    finally:
        if root:
            os.seteuid(0)
            os.setegid(0)
            os.setgroups(groups)
        socket.chmod(mode)


def words(text: str) -> str:
    """Of lines that were broken."""
    return " ".join(text.replace("┃", " ").split())


async def test_one_that_hangs_is_stale_and_comes_back_by_itself(daemon: Daemon) -> None:
    async with looking(daemon) as c:
        await hangs(c, daemon)
        c.now.value += 5
        c.app.tick()
        await c.sees("? STALE 00:05")
        await c.sees("connected, but silent: it hangs, or its host is very busy")
        await c.press("2", "D")
        await c.sees("nothing was sent: the data is 5 s old")
        await c.press("6")
        await c.until(lambda: c.text.count("? STALE 00:05") == 2, "it in the header and in its row")
        os.kill(daemon.pid, signal.SIGCONT)
        await c.sees("● live")


async def test_what_holds_up_a_drain(daemon: Daemon) -> None:
    holding(daemon)
    async with looking(daemon) as c:
        daemon.call(m.Drain())
        await c.sees("default DRAINING  1 child still at work; :resume default ends it")
        await c.press("6")
        await c.sees("▽ draining")
        await c.sees("default draining: 1 child still at work, waits for slot")
        daemon.let_go()
        await c.sees("▽ drained")
        await c.sees("default drained: no children")


async def test_no_permission_names_the_group_that_has_it(daemon: Daemon) -> None:
    import grp

    socket = daemon.folder / "wm.sock"
    group = grp.getgrgid(socket.stat().st_gid).gr_name
    async with looking(daemon) as c:
        with somebody_else(socket):
            app = ConsoleApp(SocketFeed(socket, INTERVAL), UNICODE)
            async with app.run_test(size=(100, 30)) as pilot:
                denied = Console(app, pilot, None, Now(0))  # type: ignore[arg-type]
                await denied.sees("✗ NO PERMISSION")
                await denied.until(lambda: f"a member of that group (usermod -aG {group} YOU)" in words(denied.text))
                await denied.press("6")
                await denied.sees("✗ denied")
        assert c.app.picture.phase(c.now()) is Phase.LIVE  # who is connected stays so


async def test_one_that_hangs_from_the_beginning_gives_no_answer(daemon: Daemon) -> None:
    os.kill(daemon.pid, signal.SIGSTOP)
    feed = SocketFeed(daemon.folder / "wm.sock", INTERVAL)
    feed.hello_seconds = 0.3
    app = ConsoleApp(feed, UNICODE)
    async with app.run_test(size=(100, 30)) as pilot:
        c = Console(app, pilot, None, Now(0))  # type: ignore[arg-type]
        await c.sees("NO ANSWER: ")
        await c.sees("does not answer: it hangs, or is very busy")
        os.kill(daemon.pid, signal.SIGCONT)
        await c.press("r")
        await c.sees("jobs.Quick")


async def test_one_of_another_protocol_can_be_looked_at_and_gets_no_commands(shared: Daemon, tmp_path: Path) -> None:
    daemon = Daemon(tmp_path / "other", shared.dsn, ["jobs.Quick"])
    newer = "import wmcore.protocol.messages as m; m.PROTOCOL = 99; "
    run = [sys.executable, "-c", f"{newer}from wmcore.cli import main; main()", "-n", "-c", "1", "-f", str(daemon.conf)]
    process = subprocess.Popen(run, cwd=daemon.folder, env=daemon.environment, stdout=subprocess.DEVNULL)
    try:
        from tests.waiting import until

        until((daemon.folder / "wm.sock").exists, what="its socket")
        async with looking(daemon) as c:
            await c.sees("the daemon speaks protocol 99, this wmtui 1: use the wmtui of its version")
            await c.press("D")
            await c.sees("nothing was sent: it speaks protocol 99, this wmtui 1")
            assert not isinstance(c.app.screen, Confirm)
    finally:
        process.terminate()
        process.wait(30)


async def test_one_that_was_never_there(tmp_path: Path) -> None:
    app = ConsoleApp(SocketFeed(tmp_path / "none.sock"), UNICODE)
    async with app.run_test(size=(100, 30)) as pilot:
        c = Console(app, pilot, None, Now(0))  # type: ignore[arg-type]
        await c.sees("✗ NOT THERE")
        await c.sees("there is no such socket (is it running?)")
        await c.press("6")
        await c.sees("✗ absent")


async def test_one_that_was_killed_has_crashed_and_what_is_known_can_be_looked_through(daemon: Daemon) -> None:
    async with looking(daemon) as c:
        pid, first = daemon.pid, daemon.status().children[0].pid
        killed(daemon)
        await c.sees("CRASHED: ")
        await c.sees("it was killed or has crashed: nobody listens at its socket")
        c.now.value += 42
        c.app.tick()
        await c.sees("CRASHED 00:42")
        await c.sees("data is 00:42 old")
        await c.press("2")
        await c.sees(f"{first}")
        assert " dim" in dump(c.app)
        await c.pilot.resize_terminal(50, 12)
        await c.sees("needs 60x15, is 50x12")
        await c.sees("CRASHED")
        await c.pilot.resize_terminal(100, 30)
        await c.press("6")
        await c.sees("✗ CRASHED 00:42")
        as_it_was(daemon)
        c.app.session.feed.retry_now()
        await c.sees("● live")
        await c.sees("restarted: pid")  # in its row
        await c.press("1")
        await c.sees(f"the daemon was restarted: pid {pid} is {daemon.pid} now  up")
        assert " dim" not in [line[6:] for line in dump(c.app).splitlines()]


async def test_one_that_stops_says_what_holds_it_up_and_then_has_stopped(daemon: Daemon) -> None:
    holding(daemon)
    async with looking(daemon) as c:
        pid = daemon.pid
        os.kill(pid, signal.SIGTERM)
        await c.sees("STOPPING  1 child still at work  waits for slot")
        await c.sees("jobs.Holds")
        await c.press("6")
        await c.sees("▽ stopping")
        await c.sees("stopping: 1 child still at work, waits for slot")
        daemon.let_go()
        await c.sees("✗ stopped")
        await c.press("1")
        await c.sees("STOPPED: ")
        await c.sees("it was told to stop, and has")


async def test_one_that_was_told_to_stop_at_once_has_not_crashed(daemon: Daemon) -> None:
    async with looking(daemon) as c:
        os.kill(daemon.pid, signal.SIGINT)
        await c.sees("STOPPED: ")
        assert "CRASHED" not in c.text
