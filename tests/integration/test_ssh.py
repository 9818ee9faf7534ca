"""Daemons of other hosts, through a real OpenSSH server on this one. Where ssh asks for a password, a script does what
ssh would: a password of a real user is nobody's to know."""

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
from tests.sshd import Sshd, no_session_is_left
from tests.waiting import until
from wmtui import ssh as ssh_words
from wmtui.feed import DENIED_SECONDS, Lost, SshFeed

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def _sshd() -> Iterator[Sshd]:
    server = Sshd(f"{BIN}:{os.environ['PATH']}")
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture
def sshd(_sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sshd]:
    """The ssh that is found knows it."""
    _sshd.revive()
    monkeypatch.setenv("PATH", f"{_sshd.folder / 'bin'}:{os.environ['PATH']}")
    monkeypatch.delenv("WMTUI_REMOTE", raising=False)
    yield _sshd
    no_session_is_left(_sshd)


def wmtui(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "wmtui", *words], capture_output=True, text=True, timeout=30, stdin=subprocess.DEVNULL, check=False
    )


def test_verbs_reach_a_daemon_through_ssh(daemon: Daemon, sshd: Sshd) -> None:
    daemon.start("-c", "2")
    target = sshd.target(f"{daemon.folder}/wm.sock")
    done = wmtui("status", "--json", "-t", target)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout)["pid"] == daemon.pid
    far = f"wmtui proxy -t {daemon.folder}/wm.sock"
    assert sshd.words()[-7:] == ["-l", sshd.user, "-p", str(sshd.port), "--", "127.0.0.1", far]
    assert "BatchMode=yes" not in sshd.words()  # whoever types this can answer
    assert wmtui("scale", "3", "-t", target).returncode == 0
    assert daemon.status().pools[0].wanted == 3
    until(lambda: wmtui("check", "-t", target).returncode in (0, 1), what="the figures that a check judges")
    assert "BatchMode=yes" in sshd.words()
    until(lambda: daemon.status().viewers == 0, what="no viewer to be left")


def test_a_path_stays_one_word_in_the_shell_there(make_daemon: type[Daemon], sshd: Sshd) -> None:
    daemon = make_daemon(name="it's; $(touch x)").init_db().start()
    done = wmtui("status", "-t", sshd.target(daemon.folder / "conf.yml"))
    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_run_there_can_be_said(daemon: Daemon, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.start()
    monkeypatch.setenv("WMTUI_REMOTE", f"env FAR=1 PYTHONPATH={ROOT} {BIN}/wmtui")
    done = wmtui("status", "-t", f"ssh://{sshd.user}@127.0.0.1:{sshd.bare_port}{daemon.folder}/wm.sock")
    assert (done.returncode, done.stderr) == (0, "")


def test_why_there_is_no_answer(sshd: Sshd) -> None:
    for target, reasons in (
        (f"ssh://nosuch@127.0.0.1:{sshd.port}", ["Permission denied (publickey).", "ssh has ended with exit code 255"]),
        (sshd.target("/absent.sock"), ["no daemon at /absent.sock", f"{sshd.target('/absent.sock')}: ssh has ended"]),
        (f"ssh://127.0.0.1:{sshd.bare_port}", ["wmtui: ", "exit code 127 ($WMTUI_REMOTE says what is run there)"]),
    ):
        done = wmtui("status", "-t", target)
        assert (done.returncode, done.stdout) == (3, "")
        for reason in reasons:
            assert reason in done.stderr
        assert "Traceback" not in done.stderr


def test_a_check_says_it_in_its_line(sshd: Sshd) -> None:
    done = wmtui("check", "-t", f"ssh://nosuch@127.0.0.1:{sshd.port}")
    assert (done.returncode, done.stderr) == (3, "")  # UNKNOWN: that says nothing about the daemon
    assert "nosuch@127.0.0.1: Permission denied (publickey). (is your key in its authorized_keys" in done.stdout
    with socket.create_server(("127.0.0.1", 0)) as mute:
        target = f"ssh://127.0.0.1:{mute.getsockname()[1]}"
        done = wmtui("check", "--timeout", "0.5", "-t", target)
    assert (done.returncode, done.stderr) == (2, "")
    assert f"no answer from the daemon at {target}" in done.stdout


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


async def says(terminal: Terminal, words: str) -> None:
    """In lines that may be broken anywhere, whatever the length of a path."""
    await terminal.until(lambda: "".join(words.split()) in "".join(terminal.text.split()), words)


async def test_one_host_refuses_the_other_stays_live(daemon: Daemon, sshd: Sshd) -> None:
    daemon.start("-c", "2")
    far, refused = sshd.target(f"{daemon.folder}/wm.sock"), f"ssh://nosuch@127.0.0.1:{sshd.port}"
    terminal = Terminal([str(BIN / "wmtui"), "attach", far, refused], (120, 30))
    try:
        await terminal.sees("jobs.Sleeps")
        terminal.type("+\r")
        await terminal.until(lambda: daemon.status().pools[0].wanted == 3, "the far daemon to want 3")
        terminal.type("]")
        await says(terminal, f"NOT LET IN: {refused}")
        await says(terminal, "nosuch@127.0.0.1: Permission denied (publickey). (is your key in its authorized_keys")
        terminal.type("[")
        await terminal.sees("jobs.Sleeps")
        terminal.type("D")
        await says(terminal, f"same: wmtui -t {sshd.target('/')}")
        terminal.type("n")
        await terminal.sees("cancelled")
        terminal.type("q")
        assert await terminal.ends() == 0
        assert b"Permanently added" not in terminal.sent
    finally:
        terminal.close()
    assert sshd.words().count("BatchMode=yes") >= 2
    until(lambda: daemon.status().viewers == 0, what="no viewer to be left")


async def test_why_ssh_does_not_get_in_and_what_to_do(sshd: Sshd) -> None:
    """Each in a row of its own, and over its view."""
    hosts = {
        f"ssh://nosuch@127.0.0.1:{sshd.port}": "not let in",
        f"ssh://localhost:{sshd.port}": "not let in",
        f"ssh://localhost:{sshd.bare_port}": "not let in",
        f"ssh://127.0.0.1:{sshd.bare_port}": "LOST",
    }
    terminal = Terminal([str(BIN / "wmtui"), "attach", *hosts], (160, 30))
    try:
        await terminal.sees("NOT LET IN: ")
        terminal.type("6")
        for host in hosts:
            await terminal.sees(host[-13:])
        await terminal.until(lambda: terminal.text.count("not let in") >= 3 and "LOST" in terminal.text, "four states")
        for said in (
            "is your key in its authorized_keys, and in your ssh-agent?",
            f"its key is not known here: log in once by hand and compare it: ssh -p {sshd.port} localhost",
            f"if it was set up anew: ssh-keygen -R '[localhost]:{sshd.bare_port}'",
            "($WMTUI_REMOTE says what is run there)",
        ):
            terminal.type("\r")
            await says(terminal, said)
            terminal.type("6j")
        terminal.type("q")
        assert await terminal.ends() == 0
    finally:
        terminal.close()


async def test_a_connection_that_breaks_is_made_anew(daemon: Daemon, sshd: Sshd) -> None:
    daemon.start("-c", "2")
    terminal = Terminal([str(BIN / "wmtui"), "attach", sshd.target(f"{daemon.folder}/wm.sock")], (120, 30))
    try:
        await terminal.sees("jobs.Sleeps")
        sshd.break_off()
        await terminal.sees("connected again after")
        sshd.stop()
        await terminal.sees("NO CONNECTION to")
        await terminal.sees("Connection refused")
        terminal.type("2")
        await terminal.sees(str(daemon.status().children[0].pid))  # what is known can be looked through
        sshd.start()
        terminal.type("r")
        await terminal.sees("connected again after")
        terminal.type("q")
        assert await terminal.ends() == 0
    finally:
        terminal.close()
    until(lambda: daemon.status().viewers == 0, what="no viewer to be left")


async def test_a_login_that_was_refused_is_not_tried_again_and_again(sshd: Sshd) -> None:
    feed = SshFeed(ssh_words.parse(f"ssh://nosuch@127.0.0.1:{sshd.port}"), now=lambda: 100.0)
    lost: asyncio.Future[Lost] = asyncio.get_running_loop().create_future()
    running = asyncio.create_task(feed.run(lambda news: lost.set_result(news) if isinstance(news, Lost) else None))
    news = await asyncio.wait_for(lost, 20)
    assert (news.why, news.retry_at) == ("refused", 100 + DENIED_SECONDS)
    running.cancel()
    await asyncio.wait([running])


async def test_a_host_that_is_silent_holds_nothing_up(daemon: Daemon, sshd: Sshd) -> None:
    """Its ssh is ended with the console."""
    daemon.start("-c", "2")
    with socket.create_server(("127.0.0.1", 0)) as mute:
        silent = f"ssh://127.0.0.1:{mute.getsockname()[1]}"
        terminal = Terminal([str(BIN / "wmtui"), "attach", silent, str(daemon.folder / "wm.sock")], (120, 30))
        try:
            await terminal.sees(f"connecting to {silent}")
            terminal.type("6")
            await terminal.until(lambda: "connecting" in terminal.text and "live" in terminal.text, "both states")
            connection, _ = mute.accept()
            terminal.type("q")
            assert await terminal.ends() == 0
            connection.settimeout(20)
            while connection.recv(4096):  # its greeting, and then its end
                continue
            connection.close()
        finally:
            terminal.close()


async def test_a_far_daemon_goes_and_comes_back(daemon: Daemon, sshd: Sshd) -> None:
    daemon.start("-c", "2")
    terminal = Terminal([str(BIN / "wmtui"), "attach", sshd.target(f"{daemon.folder}/wm.sock")], (120, 30))
    try:
        await terminal.sees("jobs.Sleeps")
        daemon.stop()
        await terminal.sees("STOPPED: ")
        daemon.start("-c", "2")
        terminal.type("r")
        await terminal.sees("the daemon was restarted")  # in place of "connected again", which may be seen or not
        terminal.type("q")
        assert await terminal.ends() == 0
    finally:
        terminal.close()


async def test_the_only_host_refuses_before_the_screen_is_taken(sshd: Sshd) -> None:
    target = f"ssh://nosuch@127.0.0.1:{sshd.port}"
    terminal = Terminal([str(BIN / "wmtui"), "attach", target], (200, 24))
    try:
        assert await terminal.ends() == 3
        terminal.pump()
        await says(terminal, f"wmtui: {target}: nosuch@127.0.0.1: Permission denied (publickey).")
        assert b"\x1b" not in terminal.sent
    finally:
        terminal.close()


ASKING = """#!/bin/sh
# As ssh does it where a host wants a password.
case "$*" in *BatchMode=yes*) echo "ops@web2: Permission denied (publickey,password)." >&2; exit 255;; esac
printf 'password: ' >/dev/tty || exit 255
read -r typed </dev/tty; test "$typed" = right || exit 255
while [ "$1" != -- ]; do shift; done
shift 2; exec sh -c "$*"
"""


async def test_a_verb_lets_ssh_ask_and_the_console_does_not(
    daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "ssh").write_text(ASKING)
    (tmp_path / "bin" / "ssh").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{BIN}:{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    daemon.start("-c", "2")
    far = f"ssh://ops@web2{daemon.folder}/wm.sock"
    terminal = Terminal([str(BIN / "wmtui"), "status", "-t", far])
    try:
        await terminal.sees("password:")
        terminal.type("right\r")
        await terminal.sees("jobs.Sleeps")
        assert await terminal.ends() == 0
    finally:
        terminal.close()
    terminal = Terminal([str(BIN / "wmtui"), "attach", far], (200, 24))
    try:
        assert await terminal.ends() == 3
        terminal.pump()
        await says(terminal, "the console can type no password: use a key or ssh-agent")
        assert terminal.text.count("password: ") == 1
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
