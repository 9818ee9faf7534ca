"""What the console costs its host and its line: 1,000 children and 100 classes, a frame a second, on a real terminal.

The daemon is the tests' own, in this process, so that nothing but the console is measured.
"""

import asyncio
import contextlib
import fcntl
import os
import pty
import select
import signal
import statistics
import struct
import sys
import tempfile
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from tests.bench.common import Bench, alone
from tests.console.daemon import Daemon, many_failed
from wmcore.protocol import messages as m

SIZES = ((80, 24), (200, 50))
CHILDREN, CLASSES = 1_000, 100
SOAK_FRAMES = 3_600
TICKS = os.sysconf("SC_CLK_TCK")
ROOT = Path(__file__).parents[2]


@dataclass
class Console:
    """The program on a pty, read without an emulator."""

    sockets: Sequence[Path]
    size: tuple[int, int]
    sent: bytearray = field(default_factory=bytearray)

    def __post_init__(self) -> None:
        self.began = time.monotonic()
        not_a_users = ("TEXTUAL", "PYTHONDONTWRITEBYTECODE")  # else each start would compile the program anew
        environment = {name: value for name, value in os.environ.items() if not name.startswith(not_a_users)}
        environment |= {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT)}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", self.size[1], self.size[0], 0, 0))
            argv = [sys.executable, "-m", "wmtui.cli", "attach", *map(str, self.sockets)]
            os.execve(argv[0], argv, environment)

    async def pump(self, seconds: float, until: bytes | None = None) -> float | None:
        """Read for so long, or until `until` has come; returns when that was."""
        deadline = time.monotonic() + seconds
        start = len(self.sent)
        while (left := deadline - time.monotonic()) > 0:
            readable, _, _ = await asyncio.to_thread(select.select, [self.fd], [], [], min(left, 0.05))
            if readable:
                with contextlib.suppress(OSError):
                    self.sent += os.read(self.fd, 65536)
                if until is not None and until in self.sent[start:]:
                    return time.monotonic()
        return None

    def type(self, keys: str) -> None:
        os.write(self.fd, keys.encode())

    @property
    def cpu(self) -> float:
        """Seconds so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    @property
    def resident(self) -> float:
        """MB."""
        return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def end(self) -> None:
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def big() -> m.Status:
    from tests.console.daemon import golden

    status = golden()
    names = [f"app.jobs.Class{i:02}" for i in range(CLASSES)]
    status.classes = [msgspec.structs.replace(status.classes[0], name=name) for name in names]
    for each in status.classes:
        each.lateness = m.Percentiles(p50=20.0, p95=500.0, p99=900.0, max=1000.0)
        each.queue = m.Queue(ready=100, delayed=5, running=3, oldest=1200.0, in_rate=3.0, out_rate=4.0)
    status.pools = [msgspec.structs.replace(status.pools[0], workers=names, wanted=CHILDREN, running=CHILDREN)]
    status.children = [
        m.Child(slot=slot, pid=40_000 + slot, pool="default", state="busy", class_name=names[slot % CLASSES],
                job=f"0-{slot}", job_since=status.now - 1, rss=31 << 20, started_at=status.now - 600)
        for slot in range(CHILDREN)
    ]  # fmt: skip
    return status


def move(status: m.Status, turn: int, part: float) -> None:
    """A second has passed; `part` of the rows change in each of their figures."""
    every = max(1, round(1 / part))
    status.now += 1
    for i, each in enumerate(status.classes):
        if i % every == turn % every:
            each.completed += 7
            each.rate = 5.0 + (turn + i) % 90 / 10
            each.rate_history = [*each.rate_history[1:], (turn * 7 + i) % 60]
            each.lateness_history = [*each.lateness_history[1:], 100.0 + (turn * 31 + i) % 900]
            each.lateness.p95 = 100.0 + (turn * 31 + i) % 900
            each.queue.ready = 100 + (turn + i) % 100
    for child in status.children:
        if child.slot % every == turn % every:
            child.jobs_done += 3
            child.job, child.rss = f"0-{turn * 1000 + child.slot}", (30 + (turn + child.slot) % 9) << 20
            child.job_since = status.now - (turn + child.slot) % 50 / 10
        elif child.job_since is not None:
            child.job_since += 1  # as old as it was: this row says the same


async def _attached(folder: str, status: m.Status, size: tuple[int, int]) -> tuple[Daemon, Console, str]:
    """And how long the first frame took: by the clock, and in processor time, which others do not lengthen."""
    daemon = Daemon(Path(folder) / "s", status)
    await daemon.start()
    daemon.set_failed(many_failed(200))
    console = Console([daemon.path], size)
    shown = await console.pump(20, b"app.jobs.Class0")
    assert shown is not None, bytes(console.sent[-2000:])
    first = f"{(shown - console.began) * 1000:.0f} ms, {console.cpu * 1000:.0f} ms of it at work"
    await console.pump(2)
    return daemon, console, first


async def steady(size: tuple[int, int], view: str, part: float, seconds: int) -> list[object]:
    """A frame a second, for so many."""
    with tempfile.TemporaryDirectory() as folder:
        daemon, console, first = await _attached(folder, big(), size)
        console.type(view)
        await console.pump(1.5)
        cpu, began, sizes = console.cpu, time.monotonic(), []
        for turn in range(seconds):
            before = len(console.sent)
            move(daemon.status, turn, part)
            daemon.send_frame()
            await console.pump(began + turn + 1 - time.monotonic())
            sizes.append(len(console.sent) - before)
        used = (console.cpu - cpu) / (time.monotonic() - began) * 100
        row = [f"{size[0]}x{size[1]}", view, f"{part:.0%}", f"{used:.1f} %", f"{statistics.median(sizes):,.0f}",
               f"{max(sizes):,}", first, f"{console.resident:.1f} MB"]  # fmt: skip
        console.end()
        await daemon.stop()
        return row


async def answered(console: Console, key: str, after: float) -> float:
    """Milliseconds until the screen moves; the key is pressed `after` seconds of rest."""
    await console.pump(after)
    before, pressed = len(console.sent), time.monotonic()
    console.type(key)
    while len(console.sent) == before and time.monotonic() - pressed < 2:
        if select.select([console.fd], [], [], 0.5)[0]:
            console.sent += os.read(console.fd, 65536)
    return (time.monotonic() - pressed) * 1000


async def keys(size: tuple[int, int], presses: int) -> list[object]:
    """Down, again and again, while a frame a second comes: how long until the screen moves."""
    with tempfile.TemporaryDirectory() as folder:
        daemon, console, _ = await _attached(folder, big(), size)
        console.type("2")
        await console.pump(1.5)
        took: list[float] = []
        for turn in range(presses):
            if turn % 5 == 0:
                move(daemon.status, turn, 1.0)
                daemon.send_frame()
            took.append(await answered(console, "j", 0.13 + turn % 7 / 100))
        took.sort()
        console.end()
        await daemon.stop()
        return [f"{size[0]}x{size[1]}", presses, f"{statistics.median(took):.1f} ms",
                f"{took[int(len(took) * 0.95)]:.1f} ms", f"{took[-1]:.1f} ms"]  # fmt: skip


async def soak(frames: int) -> list[object]:
    """As many frames as an hour has, as fast as they are drawn, with a key now and then."""
    with tempfile.TemporaryDirectory() as folder:
        daemon, console, _ = await _attached(folder, big(), (200, 50))
        sizes = []
        for turn in range(frames):
            move(daemon.status, turn, 1.0)
            daemon.send_frame()
            if turn % 50 == 25:
                console.type("123456"[turn // 50 % 6])
            await console.pump(0.03)
            del console.sent[:-4096]
            if turn % (frames // 6) == frames // 12:
                sizes.append(console.resident)
        console.end()
        await daemon.stop()
        return [f"{frames:,}", *[f"{size:.1f}" for size in sizes]]


def run(bench: Bench) -> None:
    seconds = 5 if bench.quick else 20
    rows = [
        asyncio.run(steady(size, view, part, seconds))
        for size in SIZES
        for view in ("1", "2")
        for part in ((1.0,) if bench.quick else (1.0, 0.1))
    ]
    columns = ["size", "view", "rows that change", "CPU of a core", "bytes a frame", "at most", "first frame", "RSS"]
    bench.table("console: 1,000 children, 100 classes, a frame a second", columns, rows)
    presses = 30 if bench.quick else 150
    answered = [asyncio.run(keys(size, presses)) for size in SIZES]
    bench.table("console: keys while frames come", ["size", "presses", "median", "p95", "at most"], answered)
    grown = [asyncio.run(soak(300 if bench.quick else SOAK_FRAMES))]
    bench.table("console: MB resident over the frames of an hour", ["frames", *[f"{i}/6" for i in range(1, 7)]], grown)


if __name__ == "__main__":
    alone(run)
