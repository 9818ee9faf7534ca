"""What the README and `make demo` promise is done here, to the letter."""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
README = (ROOT / "README.md").read_text()


def block(language: str, having: str) -> str:
    (found,) = [text for text in re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL) if having in text]
    return str(found)


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while Path(f"/proc/{pid}").exists():
        assert time.monotonic() < deadline, f"{pid} did not leave"
        time.sleep(0.05)


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib/shop.py").write_text(block("python", "class Invoice"))
    (tmp_path / "wmcore.yml").write_text(block("yaml", "shop.Invoice") + "state_dir: state\n")
    yield tmp_path
    pidfile = tmp_path / "wmcore.pid"
    if pidfile.exists():
        pid = int(pidfile.read_text())
        os.kill(pid, signal.SIGTERM)
        until_gone(pid)


def test_five_minutes(folder: Path) -> None:
    run(folder, BIN / "wmcore", "--init-db", "-f", "wmcore.yml")
    assert "in order" in run(folder, BIN / "wmcore", "--check-config", "-f", "wmcore.yml")
    run(folder, BIN / "wmcore", "insert", "-f", "wmcore.yml", "shop.Invoice", '{"order": 1}')
    run(folder, BIN / "wmcore", "-f", "wmcore.yml")
    run(folder, sys.executable, "-c", block("python", "TheSchwartzClient.from_config"))
    stamp = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d"
    line = stamp + r" TheSchwartz job completed shop\.Invoice process:\d+ delay:\d+ lateness:\d+ job:"
    deadline = time.monotonic() + 20
    while len(re.findall(line, (folder / "wmcore.log").read_text())) < 2:
        assert time.monotonic() < deadline, (folder / "wmcore.log").read_text()
        time.sleep(0.05)
    assert "invoice for order 2" in (folder / "wmcore_error.log").read_text()
    assert re.search(r"shop\.Invoice +2 ", run(folder, BIN / "wmtui", "status", "-t", "wmcore.yml"))


def test_the_sum_over_the_log(tmp_path: Path) -> None:
    """The README's way to find the number of busy children."""
    job = "2009-11-23T10:59:59 TheSchwartz job completed shop.Invoice process:{} delay:9 lateness:{} job:0-1\n"
    (tmp_path / "wmcore.log").write_text(
        "2009-11-23T10:00:00 WorkerManager 0 started with PID 7\n"
        + "".join(job.format(350, 500 + 20 * (number % 2)) for number in range(36_000))
        + job.replace("T10", "T11").format(1, 1)
    )
    script = re.sub(r"\^\d{4}", "^2009", block("sh", "awk"))
    said = run(tmp_path, "sh", "-c", script)
    assert said.split() == block_of_result().split()


def block_of_result() -> str:
    (line,) = re.findall(r"^    (shop\.Invoice +36000 jobs .*)$", README, re.MULTILINE)
    return str(line)


def test_demo_without_a_terminal(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("run", "log"))
    for name in ("run", "log"):
        (tmp_path / "examples" / name).mkdir()
    said = run(tmp_path, tmp_path / "examples/bin/demo.sh", BIN)
    last = said.rpartition("CLASS")[2]
    assert re.search(r"sandbox\.worker\.B +[1-9]", last)
    assert "The daemon is stopped." in said
    assert not (tmp_path / "examples/run/sandbox-sqlite.pid").exists()
