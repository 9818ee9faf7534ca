"""Makes the pictures of the documentation, docs/*.svg, from the real console: `python -m tests.console.picture
[FOLDER]`. The data is the golden status, the clock stands."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

for name, value in (("TEXTUAL_THEME", "ansi-dark"), ("TEXTUAL_ANIMATIONS", "none"), ("TZ", "UTC")):
    os.environ[name] = value
time.tzset()

from tests.console.daemon import Daemon, golden, many_failed  # noqa: E402
from tests.console.screen import svg_of  # noqa: E402
from wmcore.protocol.messages import FailedSummary, Status  # noqa: E402
from wmtui.app import ConsoleApp  # noqa: E402
from wmtui.feed import SocketFeed  # noqa: E402
from wmtui.glyphs import UNICODE  # noqa: E402

DEFAULT = Path(__file__).parents[2] / "docs"
ERRORS = ("KeyError: 4711", "killed by signal 9 (SIGKILL)", "timeout after 30 s", "ConnectionRefusedError: mail:25")
PICTURES = {
    "console": ((100, 26), ("down", "plus", "plus")),
    "groups": ((100, 16), ("4", "f")),
}
"""Name, size, and the keys that lead there."""


def failed() -> list[FailedSummary]:
    records = many_failed(12)
    for i, record in enumerate(records):
        record.error = ERRORS[i * 7 % len(ERRORS)]
        record.class_name = f"sandbox.worker.{'AB'[i % 3 == 2]}"
        record.fingerprint = f"{record.class_name} {record.error}"
        record.retried_as = "0-9001" if i == 4 else None
    return records


def shown() -> Status:
    status = golden()
    for i, each in enumerate(status.classes):  # busier than the golden file: it is to be seen what bars say
        each.rate_history = [(n * (7 + i) + n * n // 5) % 40 + 24 for n in range(60)]
        each.queue.in_rate, each.queue.out_rate = 30.0, 40.0
    status.pools[0].busy = status.pools[0].running
    return status


async def make(folder: Path, name: str) -> None:
    size, keys = PICTURES[name]
    with tempfile.TemporaryDirectory() as home:
        async with Daemon(Path(home) / "s", shown()) as daemon:
            daemon.set_failed(failed())
            app = ConsoleApp(SocketFeed(daemon.path), UNICODE, now=lambda: daemon.status.now)
            async with app.run_test(size=size) as pilot:
                while app.status is None:
                    await pilot.pause(0.01)
                await pilot.press(*keys)
                await pilot.pause(0.3)  # until everything is laid out
                (folder / f"{name}.svg").write_text(svg_of(app), encoding="utf-8")


async def make_all(folder: Path) -> None:
    for name in PICTURES:
        await make(folder, name)


if __name__ == "__main__":
    asyncio.run(make_all(Path(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT))
