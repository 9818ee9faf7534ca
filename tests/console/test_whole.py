"""The whole, as an operator does it: a real daemon, a real terminal, keys and what is to be seen."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from tests.console.test_terminal import Terminal
from wmcore import TheSchwartzClient

WORKERS = '''
import os, time
from wmcore import Job, Worker

class Slow(Worker):
    def work(self, job: Job) -> None:
        time.sleep(0.2)
        job.completed()

class Fragile(Worker):
    def work(self, job: Job) -> None:
        if not os.path.exists("mended"):
            raise KeyError("user_id")
        job.completed()
'''


@pytest.fixture
def conf(tmp_path: Path) -> Iterator[Path]:
    """A daemon with two children that is stopped at the end, however the test ends."""
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "shop.py").write_text(WORKERS)
    path = tmp_path / "conf.yml"
    path.write_text(
        "type: TheSchwartz\nworkers: [shop.Slow, shop.Fragile]\nconcurrency: 2\ninc_path: [lib]\n"
        f"worker_options: {{databases: [{{dsn: 'sqlite:///{tmp_path}/queue.db'}}]}}\n"
        "pidfile: d.pid\nlogfile: d.log\nerrorlogfile: e.log\nstate_dir: state\n"
    )
    run = [sys.executable, "-m", "wmcore.cli"]
    subprocess.run([*run, "--init-db", "-f", "conf.yml"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    subprocess.run([*run, "-f", "conf.yml"], cwd=tmp_path, check=True, capture_output=True, timeout=60)
    try:
        yield path
    finally:
        stop = [sys.executable, "-m", "wmtui.cli", "stop", "--now", "-t", "d.sock"]
        subprocess.run(stop, cwd=tmp_path, check=True, capture_output=True, timeout=60)


@asynccontextmanager
async def attached(folder: Path) -> AsyncIterator[Terminal]:
    terminal = Terminal([sys.executable, "-m", "wmtui.cli", "attach", str(folder / "d.sock")], (100, 30))
    try:
        yield terminal
    finally:
        terminal.close()


async def answer(t: Terminal, question: str, keys: str) -> None:
    await t.sees(question)
    await asyncio.sleep(0.35)  # the dialog's keys are dead for 0.3 s: that is its promise
    t.type(keys)


async def test_scale_drain_resume_find_a_failed_job_and_see_its_retry_succeed(conf: Path) -> None:
    folder = conf.parent
    with TheSchwartzClient.from_config(conf) as client:
        client.insert("shop.Fragile", {"user": 4711})
        for i in range(20):
            client.insert("shop.Slow", {"n": i})
        async with attached(folder) as t:
            await t.sees("wanted 2  running 2")
            t.type("++")
            await t.sees("PENDING default 2 > 4")
            t.type("\r")
            await t.sees("pool default: 2 > 4 children")
            await t.sees("wanted 4  running 4")

            t.type("D")
            await answer(t, "Drain pool default?", "y")
            await t.sees("default DRAINED")
            client.insert("shop.Slow", {"n": 99})
            t.type("D")
            await answer(t, "Resume pool default?", "y")
            await t.sees("running 4")

            t.type("4")
            await t.sees("KeyError: 'user_id'")
            t.type("f")
            await t.sees("1 group by class and error")
            t.type("\r")
            await t.sees("1 failed job")
            t.type("\r")
            await t.sees('"user": 4711')
            await t.sees('raise KeyError("user_id")')
            (folder / "mended").touch()
            t.type("r")
            await t.sees("as job 0-")
            t.type("q")
            await t.sees("retry done: KeyError: 'user_id'")
            t.type("5")
            await t.sees("job completed shop.Fragile")
            t.type(":check\r")
            await t.sees("OK: 4 of 4 children running")
            t.type("q")
            assert await t.ends() == 0
            t.pump()
            assert t.restored()
