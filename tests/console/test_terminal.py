"""The real program on a real terminal (a pty, read by an emulator): start, keys, and every way to end it."""

import asyncio
import contextlib
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pyte
import pytest

from tests.console.daemon import Daemon, many_failed
from wmcore.protocol.messages import Child, Drain, Scale

ROOT = Path(__file__).parents[2]
DEADLINE_SECONDS = 20.0
KITTY_POP = b"\x1b[<u"  # pyte prints the u


class Terminal:
    """A process on a pty of its own."""

    def __init__(
        self, argv: list[str], size: tuple[int, int] = (80, 24), told: tuple[int, int] | None = None, **env: str
    ) -> None:
        """`told`: the size that it says it has, where that is another."""
        self.screen = pyte.Screen(*size)
        self.sent = bytearray()
        self.exit_code: int | None = None
        self._stream = pyte.ByteStream(self.screen)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("TEXTUAL")}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT), **env}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            width, height = told or size
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
            os.execve(argv[0], argv, environment)
        os.set_blocking(self.fd, False)

    def pump(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):
            while chunk := os.read(self.fd, 65536):
                self.sent += chunk
                self._stream.feed(chunk.replace(KITTY_POP, b""))

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    async def until(self, fact: Callable[[], object], what: str) -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            self.pump()
            if fact():
                return
            if time.monotonic() > deadline:
                raise AssertionError(f"still not so: {what}\n{self.text}")
            await asyncio.sleep(0.02)

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.text, f"{words!r} on the terminal")

    async def ends(self) -> int:
        def ended() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.exit_code = os.waitstatus_to_exitcode(status)
            return bool(pid)

        if self.exit_code is None:
            await self.until(ended, "the end of the process")
        assert self.exit_code is not None
        return self.exit_code

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.fd)
        if self.exit_code is None:
            with contextlib.suppress(OSError):
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)

    def restored(self) -> bool:
        """Out of the alternate screen, cursor to be seen, no reporting of pasting or focus."""
        tail = bytes(self.sent)
        return all(tail.rfind(off) > tail.rfind(on) for on, off in (
            (b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"), (b"\x1b[?2004h", b"\x1b[?2004l"),
            (b"\x1b[?1004h", b"\x1b[?1004l"),
        ))  # fmt: skip


@asynccontextmanager
async def attached(
    daemon: Daemon, *options: str, size: tuple[int, int] = (80, 24), **env: str
) -> AsyncIterator[Terminal]:
    terminal = Terminal([sys.executable, "-m", "wmtui.cli", "attach", *options, str(daemon.path)], size, **env)
    try:
        yield terminal
    finally:
        terminal.close()


async def test_start_look_and_detach(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(3))
    async with attached(daemon) as t:
        await t.sees("sandbox.worker.B")
        await t.sees("Failed 'A' 3")
        await t.until(lambda: "web3" in t.screen.display[0], "the header")
        assert b"\x1b[?1000h" not in t.sent and b"\x1b[>25u" not in t.sent  # neither mouse nor Kitty keys
        t.type("q")
        assert await t.ends() == 0
        t.pump()
        assert t.restored()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 0)])
async def test_signals_leave_a_clean_terminal(daemon: Daemon, number: int, code: int) -> None:
    async with attached(daemon) as t:
        await t.sees("sandbox.worker.B")
        if number == signal.SIGINT:
            t.type("\x03")
        else:
            os.kill(t.pid, number)
        assert await t.ends() == code
        t.pump()
        assert t.restored()


async def test_a_terminal_that_goes_away_ends_the_console_even_without_hangup(daemon: Daemon) -> None:
    code = (
        "import os, signal; signal.signal(signal.SIGHUP, signal.SIG_IGN); "
        "os.environ.update(TEXTUAL_THEME='ansi-dark', TEXTUAL_DISABLE_KITTY_KEY='1'); "
        "import wmtui.app, wmtui.terminal, pathlib, sys; "
        "wmtui.app.catch_signals = lambda leave: None; "  # as under nohup: nobody tells
        "sys.exit(wmtui.app.run(pathlib.Path(sys.argv[1])))"
    )
    t = Terminal([sys.executable, "-c", code, str(daemon.path)])
    try:
        await t.sees("sandbox.worker.B")
        os.close(t.fd)
        assert await t.ends() == 129
    finally:
        t.close()


async def test_keys_of_a_real_terminal(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(300))
    async with attached(daemon) as t:
        await t.sees("Failed 'A' 300")
        t.type("\t\t\x1b[B\x1b[B\r")  # in one write: tab, tab, down, down, enter
        await t.sees("failed job 0-298")
        t.type("\x1b")  # escape, alone
        await t.sees("CLASS")
        t.type("\t")
        t.type("D")
        await t.sees("Drain pool default?")
        await asyncio.sleep(0.35)  # the dialog's keys are dead for 0.3 s: that is its promise
        t.type("y")
        await t.until(lambda: Drain(pool="default") in daemon.asked, "the drain")


async def test_what_is_typed_behind_enter_is_no_part_of_the_command(daemon: Daemon) -> None:
    """All in one read: 3 children became 35, a second enter ended the console, and what was left was still done."""
    async with attached(daemon) as t:
        await t.sees("q detach")
        t.type(":scale default 3\r5")
        await t.until(lambda: any(isinstance(each, Scale) for each in daemon.asked), "the scaling")
        assert daemon.commands() == [Scale(pool="default", to=3)]
        await t.until(lambda: "4 > 3" in t.text and "enter do it" not in t.text, "the line to be gone")
        t.type(":nonsense\r\r")
        await t.sees("there is no 'nonsense'")
        t.type(":scale default 4")
        await t.sees(":scale default 4")
        t.type("\x1b")
        await t.until(lambda: ":scale" not in t.text, "the line to be gone")
        t.type("2")
        await t.sees("[2 Children]")
        assert daemon.commands() == [Scale(pool="default", to=3)]


async def test_bytes_that_are_no_characters_do_not_end_it(daemon: Daemon) -> None:
    """An e acute of a terminal that is set to Latin-1; it ended with Textual's traceback."""
    async with attached(daemon) as t:
        await t.sees("q detach")
        os.write(t.fd, b"\xe9")

        def leads_on() -> bool:
            t.type("3")  # again: what follows such a byte may be taken for a part of it
            return "[3 Queue" in t.text

        await t.until(leads_on, "the view of another key")
        os.write(t.fd, b"\xff\xfe\xc3")

        def leads_back() -> bool:
            t.type("1")
            return "[1 Overview" in t.text

        await t.until(leads_back, "the first view again")
        t.type("q")
        assert await t.ends() == 0


async def test_resizing(daemon: Daemon) -> None:
    async with attached(daemon) as t:
        await t.sees("sandbox.worker.B")
        t.screen.resize(12, 50)
        fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 12, 50, 0, 0))
        await t.sees("needs 60x15, is 50x12")
        t.screen.resize(48, 160)
        fcntl.ioctl(t.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 48, 160, 0, 0))
        await t.sees("TOOK95")


@pytest.mark.parametrize(
    ("size", "told", "env"),
    [
        ((80, 24), (0, 0), {}),  # a serial line
        ((100, 30), (0, 0), {"COLUMNS": "100", "LINES": "30"}),
        ((80, 24), (80, 24), {"COLUMNS": "100", "LINES": "30"}),  # exported before the terminal was made smaller
    ],
)
async def test_the_size_is_settled_before_the_screen_is_drawn(
    daemon: Daemon, size: tuple[int, int], told: tuple[int, int], env: dict[str, str]
) -> None:
    """Else it would be laid out for two sizes in turn, without end, and nothing would be seen on it."""
    t = Terminal([sys.executable, "-m", "wmtui.cli", "attach", str(daemon.path)], size, told, **env)
    try:
        await t.until(lambda: "web3" in t.screen.display[0], "the header")
        await t.until(lambda: "q detach" in t.screen.display[-1], "the hints")
        t.type("2")
        await t.sees("[2 Children]")
        t.type("q")
        assert await t.ends() == 0
    finally:
        t.close()


async def test_standard_output_may_be_elsewhere(daemon: Daemon, tmp_path: Path) -> None:
    shell = f"exec {sys.executable} -m wmtui.cli attach {daemon.path} >{tmp_path}/out"
    t = Terminal(["/bin/sh", "-c", shell], size=(160, 48))
    try:
        await t.until(lambda: "q detach" in t.screen.display[-1], "the hints")
        t.type("q")
        assert await t.ends() == 0
        assert (tmp_path / "out").read_text() == ""
    finally:
        t.close()


async def test_a_terminal_without_a_screen_gets_another_verb(daemon: Daemon) -> None:
    async with attached(daemon, TERM="dumb") as t:
        assert await t.ends() == 2
        t.pump()
        assert "TERM=dumb" in t.text and "wmtui top" in t.text and b"\x1b" not in t.sent


async def test_data_can_not_speak_to_the_terminal(daemon: Daemon) -> None:
    records = many_failed(2)
    records[0].error = "before \x1b]52;c;UFdORUQ=\x07\x1b]0;PWNED\x07 \x9b31m after [/foo]"
    daemon.set_failed(records)
    async with attached(daemon) as t:
        await t.sees("31m after")
        t.type("\t\t\r")
        await t.sees("attempt 4 of 4")
        t.type("r")
        await t.sees("retried 0-2")
        assert b"]52;" not in t.sent.replace("␛]52;".encode(), b"") and b"\x1b]0;PWNED" not in t.sent
        assert "␛]52;c;" in t.text


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "linux"},
        {"PYTHONIOENCODING": "latin-1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
)
async def test_ascii_where_the_terminal_has_no_other_signs(daemon: Daemon, env: dict[str, str]) -> None:
    async with attached(daemon, **env) as t:
        await t.sees("# running")
        assert t.text.isascii()


async def test_data_that_the_terminal_can_not_write_stays_in_its_column(daemon: Daemon) -> None:
    records = many_failed(3)
    records[1].error = "日本 \x1b[2J of the second"
    daemon.set_failed(records)
    async with attached(daemon, PYTHONIOENCODING="latin-1") as t:
        await t.sees("???? ?[2J of the second")
        assert b"\\u" not in t.sent


async def test_the_ascii_option_and_read_only(daemon: Daemon) -> None:
    async with attached(daemon, "--ascii", "--read-only") as t:
        await t.sees("READ-ONLY")
        assert t.text.isascii()
        t.type("D")
        await t.sees("read-only: nothing was sent")


async def test_no_color(daemon: Daemon) -> None:
    async with attached(daemon, NO_COLOR="1") as t:
        await t.sees("sandbox.worker.B")
        assert b"38;2;" not in t.sent and b"[31" not in t.sent


async def test_without_a_daemon_the_screen_is_not_taken(tmp_path: Path) -> None:
    t = Terminal([sys.executable, "-m", "wmtui.cli", "attach", str(tmp_path / "none")])
    try:
        assert await t.ends() == 3
        t.pump()
        assert b"\x1b[?1049h" not in t.sent and "no such" in t.text
    finally:
        t.close()


async def test_a_mistake_of_ours_leaves_a_report_and_no_values_on_the_terminal(daemon: Daemon, tmp_path: Path) -> None:
    code = (
        "import os; os.environ.update(TEXTUAL_THEME='ansi-dark', TEXTUAL_DISABLE_KITTY_KEY='1'); "
        "import wmtui.app, wmtui.views.overview as o, pathlib, sys; "
        'exec(\'def bad(self):\\n    token = "s3cret"\\n    raise RuntimeError("oops")\'); '
        "o.Overview.paint = bad; "
        "sys.exit(wmtui.app.run(pathlib.Path(sys.argv[1])))"
    )
    t = Terminal([sys.executable, "-c", code, str(daemon.path)], XDG_STATE_HOME=str(tmp_path))
    try:
        assert await t.ends() == 1
        t.pump()
        (report,) = (tmp_path / "wmcore").iterdir()
        assert t.restored() and report.name in t.text.replace("\n", "") and b"s3cret" not in t.sent
        assert report.stat().st_mode & 0o777 == 0o600 and "oops" in report.read_text()
    finally:
        t.close()


async def test_a_terminal_that_does_not_read_gets_the_newest_picture_when_it_does(daemon: Daemon) -> None:
    async with attached(daemon) as t:
        await t.sees("sandbox.worker.B")
        for turn in range(400):  # nobody reads: its output is full long before the end
            daemon.status.classes[0].completed = 5000 + turn
            daemon.status.classes[0].rate_history = [turn % 60] * 60
            daemon.send_frame()
            await asyncio.sleep(0.005)
        await t.sees("5399")
        t.type("2")
        await t.sees("[2 Children]")


async def test_the_screen_is_not_drawn_into_a_file(daemon: Daemon, tmp_path: Path) -> None:
    shell = f"{sys.executable} -m wmtui.cli attach {daemon.path} 2>{tmp_path}/errors"
    t = Terminal(["/bin/sh", "-c", shell])
    try:
        assert await t.ends() == 2
        said = (tmp_path / "errors").read_text()
        assert "attach needs a terminal" in said and "\x1b" not in said
    finally:
        t.close()


async def test_half_of_the_screen_changes_and_only_that_is_drawn(daemon: Daemon) -> None:
    daemon.status.children = [
        Child(slot=i, pid=i + 100, pool="default", state="idle", jobs_done=10) for i in range(100)
    ]
    async with attached(daemon) as t:
        t.type("2")
        await t.sees("[2 Children]")
        sizes = []
        for turn in range(1, 4):
            await asyncio.sleep(0.3)
            t.pump()
            before = len(t.sent)
            for child in daemon.status.children[::10]:
                child.jobs_done += 1
            daemon.send_frame()
            await t.sees(f"{10 + turn}")
            await asyncio.sleep(0.2)
            t.pump()
            sizes.append(len(t.sent) - before)
        assert min(sizes) <= 800, sizes


async def test_a_frame_costs_few_bytes(daemon: Daemon) -> None:
    """Every figure of every row changes; the bound is what a slow line carries without being noticed."""
    daemon.set_failed(many_failed(50))
    async with attached(daemon) as t:
        await t.sees("Failed 'A' 45")
        await t.until(lambda: len(t.sent) > 2000, "the first screen")
        sizes = []
        for turn in range(1, 4):
            await asyncio.sleep(0.3)  # nothing of the frame before may be counted
            t.pump()
            before = len(t.sent)
            for each in daemon.status.classes:
                each.completed += 1
                each.rate_history = [*each.rate_history[1:], turn]
            for child in daemon.status.children:
                child.jobs_done += 1
            daemon.status.classes[0].completed = 5000 + turn
            daemon.send_frame()
            await t.sees(f"{5000 + turn}")
            await asyncio.sleep(0.2)
            t.pump()
            sizes.append(len(t.sent) - before)
        assert min(sizes) <= 3500, sizes
