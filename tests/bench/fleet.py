"""What a console costs that watches twenty real daemons, one of which hangs, one was killed and one restarted, and
whether the others' rows stay live: `python -m tests.bench.fleet`."""

import asyncio
import os
import re
import signal
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pyte

from tests.bench.common import Bench, Row, alone, median, percentile
from tests.bench.console import Console, answered
from tests.console.real import killed, started
from tests.integration.daemon import Daemon
from tests.waiting import until

DAEMONS = 20
SIZES = ((80, 24), (160, 48))
JOB_MS = 200
LOOK_SECONDS = 0.5


def trouble(fleet: Sequence[Daemon]) -> None:
    """The first hangs, the second is killed, the third restarted."""
    os.kill(fleet[0].pid, signal.SIGSTOP)
    killed(fleet[1])
    fleet[2].stop()
    fleet[2].start("-c", "2")


def mend(fleet: Sequence[Daemon]) -> None:
    os.kill(fleet[0].pid, signal.SIGCONT)
    until(lambda: not fleet[1].processes(), what="the killed one's children to leave")
    fleet[1].start("-c", "2")


def work(fleet: Sequence[Daemon], seconds: float) -> None:
    """So that every figure moves: each has five jobs a second to do for so long."""
    for daemon in fleet:
        with daemon.client() as client:
            client.insert_many("jobs.Quick", [{"n": n, "ms": JOB_MS} for n in range(int(seconds * 1000 / JOB_MS))])


def look(console: Console, size: tuple[int, int]) -> tuple[int, str]:
    """As it stands on the screen: how many are live by the tab, and what the rows say of the others."""
    screen = pyte.Screen(*size)
    pyte.ByteStream(screen).feed(bytes(console.sent).replace(b"\x1b[<u", b""))
    tab = re.search(r"Fleet (\d+)", screen.display[1])
    others = re.findall(r"[?✗◌▽] (\w+)", "\n".join(line[:40] for line in screen.display[3:-2]))
    return int(tab[1]) if tab else 0, ", ".join(sorted(others))


async def watch(fleet: Sequence[Daemon], size: tuple[int, int], seconds: int, presses: int) -> Row:
    console = Console([each.folder / "wm.sock" for each in fleet], size)
    await console.pump(20, b"jobs.Quick")
    console.type("6")
    await console.pump(2)
    trouble(fleet)
    await console.pump(12)  # also the restarted one is found again by then
    cpu, began, sent, live = console.cpu, time.monotonic(), len(console.sent), []
    while time.monotonic() - began < seconds:
        await console.pump(LOOK_SECONDS)
        live.append(look(console, size)[0])
    took = time.monotonic() - began
    used, bytes_each = (console.cpu - cpu) / took * 100, (len(console.sent) - sent) / took
    keys = [await answered(console, "jk"[turn // 10 % 2], 0.1 + turn % 7 / 100) for turn in range(presses)]
    row = (f"{size[0]}x{size[1]}", used, bytes_each, min(live), look(console, size)[1], median(keys),
           percentile(keys, 0.95), max(keys), console.resident)  # fmt: skip
    console.end()
    mend(fleet)
    return row


def run(bench: Bench) -> None:
    seconds, presses = (10, 30) if bench.quick else (60, 150)
    with tempfile.TemporaryDirectory(prefix="wmbench-") as folder, closing(
        started(Path(folder), [f"d{number:02}" for number in range(DAEMONS)])
    ) as starting:
        fleet = next(starting)
        work(fleet, 4 * seconds)
        rows = []
        for size in SIZES[: 1 if bench.quick else None]:
            rows.append(asyncio.run(watch(fleet, size, seconds, presses)))
    bench.table(
        f"console: {DAEMONS} daemons in one view, five jobs a second each; one hangs, one was killed, one restarted",
        ("size", "% of a core", "bytes/s", "live at least", "the others", "key ms median", "p95", "at most", "RSS MB"),
        rows,
    )  # fmt: skip


if __name__ == "__main__":
    alone(run)
