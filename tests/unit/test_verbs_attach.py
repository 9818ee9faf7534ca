"""`attach` on a real terminal: the console comes up and leaves with 0; errors come before the screen is taken."""

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.unit.peer import Peer, golden
from wmcore.protocol.messages import FailedPage

ROOT = Path(__file__).parents[2]


class Terminal:
    """`wmtui attach` with a terminal of 80x24 of its own."""

    def __init__(self, *words: str) -> None:
        self._master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.said = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "wmtui.cli", "attach", *words],
            stdin=slave, stdout=slave, stderr=slave, cwd=ROOT, env={**os.environ, "TERM": "xterm-256color"},
            start_new_session=True,
        )  # fmt: skip
        os.close(slave)

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._master)

    def type(self, keys: bytes) -> None:
        os.write(self._master, keys)

    def wait_for(self, text: bytes, seconds: float = 20.0) -> None:
        deadline = time.monotonic() + seconds
        os.set_blocking(self._master, False)
        while text not in self.said:
            assert time.monotonic() < deadline, self.said[-2000:]
            self._read()

    def leaves_with(self, seconds: float = 20.0) -> int:
        """The exit code; reads on meanwhile, as a terminal does."""
        deadline = time.monotonic() + seconds
        os.set_blocking(self._master, False)
        while self.process.poll() is None:
            assert time.monotonic() < deadline, self.said[-2000:]
            self._read()
        self._read()
        return self.process.returncode

    def _read(self) -> None:
        with contextlib.suppress(BlockingIOError, OSError):  # OSError: the other side has closed it
            self.said += os.read(self._master, 65536)
            return
        time.sleep(0.02)


def test_the_console_opens_shows_the_daemon_and_detaches(tmp_path: Path) -> None:
    with Peer(tmp_path / "wm.sock", **{"failed.list": lambda _: FailedPage(records=[], total=0)}) as peer:
        peer.frames = [golden()]
        with Terminal(str(peer.path)) as terminal:
            terminal.wait_for(b"sandbox.worker.B")
            terminal.type(b"q")
            assert terminal.leaves_with() == 0
    assert b"\x1b[?1049h" in terminal.said and b"\x1b[?1049l" in terminal.said  # the screen taken, and given back
    assert b"\x1b[>1u" not in terminal.said and b"\x1b[>25u" not in terminal.said  # not the Kitty keyboard protocol


@pytest.mark.parametrize(("words", "code", "sentence"), [
    (["absent.sock"], 3, b"no daemon at absent.sock"),
    (["a", "ssh://-web3"], 2, b"an ssh target goes ssh://[user@]host"),
])  # fmt: skip
def test_errors_are_said_without_taking_the_screen(words: list[str], code: int, sentence: bytes) -> None:
    with Terminal(*words) as terminal:
        assert terminal.leaves_with() == code
    assert sentence in terminal.said
    assert b"\x1b" not in terminal.said
