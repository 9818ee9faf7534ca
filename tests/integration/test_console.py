"""The whole: a real daemon, a real terminal, an operator's keys."""

import sys
from pathlib import Path

from tests.console.test_terminal import Terminal
from tests.integration.daemon import Daemon
from tests.waiting import until


async def test_an_operator_scales_drains_and_retries(daemon: Daemon) -> None:
    daemon.settings["workers"] = ["jobs.Quick", {"class": "jobs.Fails", "max_retries": 0}, "jobs.Sleeps"]
    daemon.write_conf()
    daemon.start("-c", "2")
    with daemon.client() as client:
        client.insert("jobs.Fails", {"n": 4711})
    until(lambda: daemon.status().failed.count == 1)
    command = [str(Path(sys.executable).with_name("wmtui")), "attach", str(daemon.folder / "wm.sock")]
    terminal = Terminal(command)
    try:
        await terminal.sees("jobs.Fails")
        await terminal.sees("no luck with 4711")
        terminal.type("++")
        await terminal.sees("2 > 4")
        terminal.type("\r")
        await terminal.until(lambda: daemon.status().pools[0].wanted == 4, "the daemon to want 4")
        terminal.type("D")
        await terminal.sees("y drain")
        await terminal.until(lambda: "y drain" in terminal.text, "the question")
        await _answer(terminal, daemon)
        terminal.type("\t\t")
        terminal.type("r")
        await terminal.until(lambda: daemon.status().classes[1].queue.ready == 1, "the job to be in the queue again")
        await terminal.sees("retry ")
        terminal.type("q")
        assert await terminal.ends() == 0
    finally:
        terminal.close()
    assert daemon.status().pools[0].state == "draining"


async def _answer(terminal: Terminal, daemon: Daemon) -> None:
    """Its keys are armed only after a moment, so that a key typed before cannot answer."""

    def drained() -> bool:
        if "y drain" in terminal.text:
            terminal.type("y")
        return daemon.status().pools[0].state == "draining"

    await terminal.until(drained, "the pool to drain")
