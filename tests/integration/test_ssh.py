"""Daemons of other hosts: ssh is a script that does what ssh and sshd do with their words, all else is real."""

import asyncio
import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.test_terminal import Terminal
from tests.integration.daemon import BIN, Daemon
from tests.waiting import until
from wmtui.feed import DENIED_SECONDS, Lost, SshFeed
from wmtui.ssh import SshTarget

ROOT = Path(__file__).parents[2]
SSH = """#!/bin/sh
# The options are noted and skipped; what stands behind the host is for a shell there.
for word; do printf '%s\\n' "$word"; done >>"$NOTED"
echo $$ >>"$NOTED.pids"
while [ "$1" != -- ]; do shift; done
host=$2; shift 2
case $host in
refuses) echo "Warning: this is no reason" >&2; echo "ops@refuses: Permission denied (publickey)." >&2; exit 255;;
silent) exec sleep 1000;;
bare) PATH=/usr/bin:/bin;;
asks) printf 'password: ' >/dev/tty || exit 255; read -r typed </dev/tty; test "$typed" = right || exit 255;;
esac
exec sh -c "$*"
"""


@pytest.fixture
def noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The words that ssh was given, one a line."""
    (tmp_path / "bin").mkdir()
    ssh = tmp_path / "bin" / "ssh"
    ssh.write_text(SSH)
    ssh.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{BIN}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("NOTED", str(tmp_path / "noted"))
    monkeypatch.delenv("WMTUI_REMOTE", raising=False)
    yield tmp_path / "noted"
    pids = tmp_path / "noted.pids"
    for pid in pids.read_text().split() if pids.exists() else []:
        until(lambda pid=pid: not _runs(int(pid)), what="every ssh to have ended with its wmtui")


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def wmtui(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "wmtui", *words], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False
    )


def test_verbs_reach_a_daemon_through_ssh(daemon: Daemon, noted: Path) -> None:
    daemon.start("-c", "2")
    target = f"ssh://ops@web2:2222{daemon.folder}/wm.sock"
    done = wmtui("status", "--json", "-t", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["pid"] == daemon.pid
    words = noted.read_text().splitlines()
    assert words[-7:] == ["-l", "ops", "-p", "2222", "--", "web2", f"wmtui proxy -t {daemon.folder}/wm.sock"]
    assert "BatchMode=yes" not in words  # whoever types this can answer
    assert wmtui("scale", "3", "-t", target).returncode == 0
    assert daemon.status().pools[0].wanted == 3
    until(lambda: wmtui("check", "-t", target).returncode in (0, 1), what="the figures that a check judges")
    assert "BatchMode=yes" in noted.read_text()
    until(lambda: daemon.status().viewers == 0, what="no viewer to be left")


def test_a_path_stays_one_word_in_the_shell_there(make_daemon: type[Daemon], noted: Path) -> None:
    daemon = make_daemon(name="it's; $(touch x)").init_db().start()
    done = wmtui("status", "-t", f"ssh://web2{daemon.folder}/conf.yml")
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_run_there_can_be_said(daemon: Daemon, noted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.start()
    monkeypatch.setenv("WMTUI_REMOTE", f"env FAR=1 {BIN}/wmtui")
    done = wmtui("status", "-t", f"ssh://bare{daemon.folder}/wm.sock")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("target", "reasons"),
    [
        ("ssh://refuses", ["Permission denied (publickey).", "ssh://refuses: ssh has ended with exit code 255"]),
        ("ssh://web2/absent.sock", ["no daemon at /absent.sock", "ssh://web2/absent.sock: ssh has ended with"]),
        ("ssh://bare", ["wmtui: not found", "exit code 127 ($WMTUI_REMOTE says what is run there)"]),
    ],
)
def test_why_there_is_no_answer(noted: Path, target: str, reasons: list[str]) -> None:
    done = wmtui("status", "-t", target)
    assert (done.returncode, done.stdout) == (3, "")
    for reason in reasons:
        assert reason in done.stderr
    assert "Traceback" not in done.stderr


def test_a_check_says_it_in_its_line(noted: Path) -> None:
    done = wmtui("check", "-t", "ssh://refuses")
    assert (done.returncode, done.stderr) == (3, "")  # UNKNOWN: that says nothing about the daemon
    assert "ssh://refuses: ops@refuses: Permission denied (publickey)." in done.stdout
    done = wmtui("check", "--timeout", "0.5", "-t", "ssh://silent")
    assert (done.returncode, done.stderr) == (2, "")
    assert "no answer from the daemon at ssh://silent" in done.stdout


def test_no_ssh_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    done = wmtui("status", "-t", "ssh://web2")
    assert done.returncode == 3
    assert done.stderr.startswith("wmtui: ssh://web2: ssh cannot be run here: No such file or directory")


# -- the far side -----------------------------------------------------------------------------------------------------

HELLO = b'{"jsonrpc": "2.0", "id": 1, "method": "hello", "params": {}}\n'


def proxy(*words: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [BIN / "wmtui", "proxy", *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


def test_proxy_answers_what_was_asked_before_the_end_of_its_input(daemon: Daemon) -> None:
    daemon.start()
    with proxy("-t", str(daemon.folder / "wm.sock")) as process:
        out, err = process.communicate(HELLO + HELLO.replace(b'"id": 1', b'"id": 2'), timeout=30)
    assert (process.returncode, err) == (0, b"")
    replies = [json.loads(line) for line in out.splitlines()]
    assert [reply["id"] for reply in replies] == [1, 2]
    assert replies[0]["result"]["pid"] == daemon.pid


def test_proxy_ends_with_the_daemon(daemon: Daemon) -> None:
    daemon.start()
    with proxy("-t", str(daemon.conf)) as process:
        assert process.stdin and process.stdout
        process.stdin.write(HELLO)
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["result"]["pid"] == daemon.pid
        daemon.stop()
        assert process.wait(30) == 0


def test_proxy_ends_with_ssh_though_the_daemon_hangs(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "hung.sock"))
        hung.listen()
        with proxy("-t", str(tmp_path / "hung.sock")) as process:
            connection, _ = hung.accept()
            assert process.stdin and process.stdout
            process.stdin.close()
            process.stdout.close()
            assert process.wait(30) == 0
            connection.close()


def test_proxy_without_a_daemon(tmp_path: Path) -> None:
    with proxy("-t", str(tmp_path / "absent.sock")) as process:
        out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (3, b"")
    assert b"there is no such socket" in err
    assert wmtui("proxy", "-t", "ssh://web2").returncode == 2


# -- the console ------------------------------------------------------------------------------------------------------


async def test_one_host_refuses_the_other_stays_live(daemon: Daemon, noted: Path) -> None:
    daemon.start("-c", "2")
    far = f"ssh://ops@web2{daemon.folder}/wm.sock"
    terminal = Terminal([str(BIN / "wmtui"), "attach", far, "ssh://refuses"], (120, 30))
    try:
        await terminal.sees("jobs.Sleeps")
        terminal.type("+\r")
        await terminal.until(lambda: daemon.status().pools[0].wanted == 3, "the far daemon to want 3")
        terminal.type("]")
        await terminal.sees("ssh://refuses: ops@refuses: Permission denied (publickey).")
        await terminal.sees("NO PERMISSION")
        terminal.type("[")
        await terminal.sees("jobs.Sleeps")
        terminal.type("q")
        assert await terminal.ends() == 0
        assert b"this is no reason" not in terminal.sent
    finally:
        terminal.close()
    assert noted.read_text().split().count("BatchMode=yes") >= 2
    until(lambda: daemon.status().viewers == 0, what="no viewer to be left")


async def test_a_verb_lets_ssh_ask_and_the_console_does_not(daemon: Daemon, noted: Path) -> None:
    daemon.start("-c", "2")
    far = f"ssh://asks{daemon.folder}/wm.sock"
    terminal = Terminal([str(BIN / "wmtui"), "status", "-t", far])
    try:
        await terminal.sees("password:")
        terminal.type("right\r")
        await terminal.sees("jobs.Sleeps")
        assert await terminal.ends() == 0
    finally:
        terminal.close()
    terminal = Terminal([str(BIN / "wmtui"), "attach", far])
    try:
        assert await terminal.ends() == 3
        terminal.pump()
        assert "/dev/tty" in terminal.text and "password:" not in terminal.text  # there was none to ask on
    finally:
        terminal.close()


async def test_a_login_that_was_refused_is_not_tried_again_and_again(noted: Path) -> None:
    feed = SshFeed(SshTarget("refuses"), now=lambda: 100.0)
    lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(feed.run(lambda news: lost.set_result(news) if isinstance(news, Lost) else None))
    news = await asyncio.wait_for(lost, 20)
    assert (news.why, news.retry_at) == ("denied", 100 + DENIED_SECONDS)
    running.cancel()
    await asyncio.wait([running])


async def test_a_host_that_is_silent_holds_nothing_up(daemon: Daemon, noted: Path) -> None:
    """Its ssh is ended with the console, as the fixture sees."""
    daemon.start("-c", "2")
    terminal = Terminal([str(BIN / "wmtui"), "attach", "ssh://silent", str(daemon.folder / "wm.sock")], (120, 30))
    try:
        await terminal.sees("connecting to ssh://silent")
        terminal.type("6")
        await terminal.until(lambda: "ssh://silent" in terminal.text and "live" in terminal.text, "both states")
        terminal.type("q")
        assert await terminal.ends() == 0
    finally:
        terminal.close()


async def test_a_far_daemon_goes_and_comes_back(daemon: Daemon, noted: Path) -> None:
    daemon.start("-c", "2")
    far = f"ssh://web2{daemon.folder}/wm.sock"
    terminal = Terminal([str(BIN / "wmtui"), "attach", far], (120, 30))
    try:
        await terminal.sees("jobs.Sleeps")
        daemon.stop()
        await terminal.sees("there is no such socket")
        daemon.start("-c", "2")
        terminal.type("r")
        await terminal.sees("the daemon was restarted")  # in place of "connected again", which may be seen or not
        terminal.type("q")
        assert await terminal.ends() == 0
    finally:
        terminal.close()


async def test_the_only_host_refuses_before_the_screen_is_taken(noted: Path) -> None:
    terminal = Terminal([str(BIN / "wmtui"), "attach", "ssh://refuses"])
    try:
        assert await terminal.ends() == 3
        terminal.pump()
        assert "wmtui: ssh://refuses: ops@refuses: Permission denied (publickey)." in terminal.text
        assert b"\x1b" not in terminal.sent
    finally:
        terminal.close()


def test_proxy_loads_no_event_loop(daemon: Daemon) -> None:
    daemon.start()
    code = (
        "import sys, wmtui.cli; wmtui.cli.main(); "
        "print([n for n in ('asyncio', 'textual', 'subprocess') if n in sys.modules], file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, "proxy", "-t", str(daemon.folder / "wm.sock")],
        input=b"", capture_output=True, timeout=30, check=True,
    )  # fmt: skip
    assert done.stderr == b"[]\n"
