"""To a daemon of another host through the system's ssh: `wmtui proxy` runs there, and what it reads and writes comes
out of a socket here, which is used like the daemon's own."""

import os
import socket
import subprocess
import tempfile
from contextlib import ExitStack

from wmcore.errors import NoDaemon
from wmcore.protocol.blocking import Absent, Client, ConnectionLost, Died, NotAllowed, Unreachable
from wmcore.protocol.messages import Hello
from wmtui.ssh import SshTarget, command, known_as, typed

HELLO_SECONDS = 20.0
"""Until the daemon answers through ssh: connecting, logging in, starting `wmtui proxy`."""
ASKING_SECONDS = 180.0
"""The same where ssh may ask for a password and somebody looks for the token first."""
GENTLE_SECONDS = 1.0
TAIL = 4096  # bytes of what ssh wrote, whose last line is the reason


class Tunnel:
    """A running ssh; `socket` is our end of its standard input and output."""

    def __init__(self, target: SshTarget, asking: bool) -> None:
        """`asking`: ssh has the terminal, to ask and to complain; else neither, and what it wrote is kept. Raises
        Unreachable where ssh can't be run."""
        self.target = target
        self._asking = asking
        with ExitStack() as undo:
            try:
                # Not a pipe: an ssh that shares its connection leaves a process behind that keeps it open.
                self._wrote = undo.enter_context(tempfile.TemporaryFile())
                self.socket, theirs = map(undo.enter_context, socket.socketpair())
                self._process = subprocess.Popen(
                    command(target, asking), stdin=theirs.fileno(), stdout=theirs.fileno(),
                    stderr=None if asking else self._wrote, start_new_session=not asking,
                )  # fmt: skip
            except OSError as error:
                raise Unreachable(f"{target}: ssh cannot be run here: {error.strerror}") from None
            undo.pop_all()
        theirs.close()

    def explained(self, error: NoDaemon) -> NoDaemon:
        """A connection that is over: by ssh's own words, if it has ended. Waits a moment for that."""
        if not isinstance(error, ConnectionLost):
            return error
        try:
            code = self._process.wait(GENTLE_SECONDS)
        except subprocess.TimeoutExpired:
            return error
        wrote = self._tail()
        said = _last_line(wrote) or (f"ssh has ended with exit code {code}" if code else "")
        if not said:
            return error
        kind, hint = _meaning(self.target, code, wrote)
        return kind(f"{self.target}: {said}{f' ({hint})' if hint else ''}")

    def hang_up(self) -> None:
        """Does not wait; `reap` comes after it. An ssh that has the terminal may end by itself: killed, it would say
        so there."""
        if not self._asking:
            self._process.terminate()

    def reap(self) -> None:
        """Waits until ssh has ended, at most a moment."""
        self.socket.close()
        for end in (self._process.terminate, self._process.kill):
            try:
                self._process.wait(GENTLE_SECONDS)
                break
            except subprocess.TimeoutExpired:
                end()
        self._process.wait()
        self._wrote.close()

    def _tail(self) -> str:
        size = self._wrote.seek(0, os.SEEK_END)
        self._wrote.seek(max(0, size - TAIL))
        return self._wrote.read().decode(errors="replace")


class NotLetIn(NotAllowed):
    """ssh could not log in there, or does not trust the host."""


NOT_FOUND = 127  # a shell's exit code
FAR = {"nobody listens": Died, "there is no such socket": Absent, "no permission to speak": NotAllowed}
"""By the words of wmtui there."""


def _meaning(target: SshTarget, code: int, wrote: str) -> tuple[type[NoDaemon], str]:
    """Of an ssh that has ended, by its exit code and what it wrote: the kind of error, and what to do."""
    if code == NOT_FOUND:
        return Unreachable, "$WMTUI_REMOTE says what is run there"
    if code == NoDaemon.exit_code:  # wmtui's, there
        said = _last_line(wrote)
        return next((kind for words, kind in FAR.items() if words in said), NoDaemon), ""
    if "HOST IDENTIFICATION HAS CHANGED" in wrote:
        again = f"if it was set up anew: ssh-keygen -R {known_as(target)}"
        return NotLetIn, f"its key is not the one that is known, somebody may stand in between; {again}"
    if "Host key verification failed" in wrote:
        return NotLetIn, f"its key is not known here: log in once by hand and compare it: {typed(target)}"
    if "Permission denied (" in wrote:
        methods = wrote.rpartition("Permission denied (")[2].partition(")")[0]
        if {"password", "keyboard-interactive"}.isdisjoint(methods.split(",")):
            return NotLetIn, f"is your key in its authorized_keys, and in your ssh-agent? {typed(target)}"
        return NotLetIn, "the console can type no password: use a key or ssh-agent, or share an open connection"
    return Unreachable, ""


def _last_line(wrote: str) -> str:
    lines = (line.strip() for line in reversed(wrote.split("\n")))
    return next((line.removeprefix("wmtui: ") for line in lines if line), "")


class FarClient(Client):
    """A Client whose connection is a Tunnel."""

    def __init__(self, tunnel: Tunnel, timeout: float) -> None:
        super().__init__(tunnel.socket, str(tunnel.target), timeout)
        self._tunnel = tunnel

    def close(self) -> None:
        super().close()
        self._tunnel.hang_up()
        self._tunnel.reap()


def connect(target: SshTarget, timeout: float, asking: bool) -> Client:
    """The daemon there has said hello; raises NoDaemon with the reason. `timeout` is for each answer after that."""
    tunnel = Tunnel(target, asking)
    client = FarClient(tunnel, timeout)
    try:
        client.call(Hello(), ASKING_SECONDS if asking else HELLO_SECONDS)
    except NoDaemon as error:
        reason = tunnel.explained(error)
        client.close()
        raise reason from None
    except BaseException:
        client.close()
        raise
    return client
