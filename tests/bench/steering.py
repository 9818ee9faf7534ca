"""How soon an order or a death shows: `python -m tests.bench.steering [ROUNDS]`, milliseconds, on SQLite, busy.

Each order goes through the one-shot command, as an operator gives it; its own start is shown as "command".
"""

import os
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.protocol.messages import Status

JOB_MS = 20


def took(act: Callable[[], object], shows: Callable[[Status], bool], daemon: Daemon) -> float:
    begun = time.monotonic()
    act()
    until(lambda: shows(daemon.status()))
    return (time.monotonic() - begun) * 1000


def loader_of(daemon: Daemon) -> int:
    titles = {pid: Path(f"/proc/{pid}/cmdline").read_text() for pid in daemon.processes()}
    return next(pid for pid, title in titles.items() if title.startswith("wmcore: loader"))


def rounds(daemon: Daemon, count: int) -> dict[str, list[float]]:
    found: dict[str, list[float]] = {}

    def note(name: str, act: Callable[[], object], shows: Callable[[Status], bool]) -> None:
        found.setdefault(name, []).append(took(act, shows, daemon))

    def children(number: int) -> Callable[[Status], bool]:
        return lambda status: len(status.children) == number

    for _ in range(count):
        note("command", lambda: daemon.wmtui("status"), lambda status: True)
        note("scale +2", lambda: daemon.wmtui("scale", "+2"), children(6))
        note("scale -2", lambda: daemon.wmtui("scale", "-2"), children(4))
        note("drain", lambda: daemon.wmtui("drain"), children(0))
        note("resume", lambda: daemon.wmtui("resume"), children(4))
        victim = daemon.status().children[0].pid
        note(
            "child killed, replaced",
            lambda victim=victim: os.kill(victim, signal.SIGKILL),  # type: ignore[misc]
            lambda status, victim=victim: victim not in [c.pid for c in status.children] and len(status.children) == 4,
        )
        generation = daemon.status().pools[0].generation
        note(
            "loader killed, four new children",
            lambda: os.kill(loader_of(daemon), signal.SIGKILL),
            lambda status, generation=generation: status.pools[0].generation > generation
            and [c.state for c in status.children].count("busy") == 4,
        )
    return found


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Path(folder) / "one", f"sqlite:///{folder}/queue.db", workers=["jobs.Quick"])
        daemon.init_db().start("-c", "4")
        try:
            with daemon.client() as client:
                client.insert_many("jobs.Quick", [{"n": n, "ms": JOB_MS} for n in range(50_000)])
            until(lambda: any(child.state == "busy" for child in daemon.status().children))
            for name, times in rounds(daemon, count).items():
                print(f"{name:34} median {statistics.median(times):6.0f}   max {max(times):6.0f} ms")
            runs = daemon.marks()
            print(f"{len(runs)} jobs meanwhile, {len(runs) - len(set(runs))} of them twice")
        finally:
            daemon.kill_everything()


if __name__ == "__main__":
    main()
