"""`wmtui top`: plain lines."""

import subprocess
import sys

from tests.console.daemon import Daemon, golden
from wmtui.verbs.top import changes, report


def test_a_report_says_what_is_wrong_first() -> None:
    status = golden()
    status.classes[1].queue.oldest = 400_000.0
    status.classes[0].paused = True
    lines = report(status)
    assert lines[0].endswith("web3 running: 4 of 4 children, 2 busy, 67.3 jobs per second, 12 failed")
    assert lines[1] == "  CRITICAL: sandbox.worker.B: the oldest job waiting for 6m40s (critical above 5m00s)"
    assert lines[3].startswith("  sandbox.worker.B: 9.1 per second, 412 ready, oldest 6m40s, late 3.2s")
    assert lines[4].startswith("  sandbox.worker.A PAUSED: 58.2 per second, 3 ready")
    assert report(status, 1)[-1] == "  and 1 more"


def test_what_said_the_same_a_moment_ago_is_not_said_again() -> None:
    assert list(changes(None, ["a", "b"])) == ["a", "b"]
    assert list(changes(["a", "b"], ["a", "b", "c"])) == ["a", "c"]


async def test_it_needs_no_terminal_and_sends_no_escape(daemon: Daemon) -> None:
    import asyncio

    argv = [sys.executable, "-m", "wmtui.cli", "top", "-t", str(daemon.path), "--count", "1"]
    done = await asyncio.to_thread(subprocess.run, argv, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0 and "4 of 4 children" in done.stdout and "\x1b" not in done.stdout
