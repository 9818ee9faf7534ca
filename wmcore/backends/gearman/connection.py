"""A child's connection to one job server: it never waits for a connect, and never long for an answer.

    DOWN -> CONNECTING -> GREETING -> READY, and back to DOWN from each of them

A server counts as READY only when it has answered an echo: one that is frozen or black-holed accepts connections and
says nothing, and must not hold up the others.
"""

import errno
import fcntl
import os
import random
import select
import socket
import struct
import termios
import time
from enum import IntEnum
from typing import Any

from wmcore.backends.gearman.packets import ECHO, ECHO_RES, Broken, Reader

CONNECT_SECONDS = 2.0
"""No connection or no answer for so long: the server is down."""
BACK_OFF_FIRST, BACK_OFF_MOST = 0.1, 0.5
"""Between two tries, doubling. The most is short: children are to be back within a second, and a refused connect is
cheap."""
ANSWER_SECONDS = 0.05
"""Longer than a server that is well takes. What comes later is waited for together with everything else."""
LOOK_UP_SECONDS = 10.0
LOOK_UP_SHARE = 10
"""A host's name is looked up no more often than the first, and in a tenth of the time at most: nothing else happens
meanwhile."""
CHUNK = 256 * 1024


def keep_alive(sock: socket.socket) -> None:
    """A host that is gone without a word is noticed within a minute."""
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in ((socket.TCP_KEEPIDLE, 30), (socket.TCP_KEEPINTVL, 10), (socket.TCP_KEEPCNT, 3)):
        sock.setsockopt(socket.IPPROTO_TCP, option, value)


def unsent(sock: socket.socket) -> int:
    """Bytes that the other host has not taken from us yet."""
    (queued,) = struct.unpack("i", fcntl.ioctl(sock, termios.TIOCOUTQ, b"\0" * 4))
    return int(queued)


class Phase(IntEnum):
    DOWN = 0
    CONNECTING = 1
    GREETING = 2
    READY = 3


class Connection:
    """`life` counts the connections that there were: whoever holds a job of an earlier one has lost it."""

    def __init__(self, server: str, hello: bytes) -> None:
        """`hello`: what is sent first."""
        self.server = server
        self.phase = Phase.DOWN
        self.life = 0
        self.error = "not connected yet"
        self._hello = hello
        self._sock: socket.socket | None = None
        self._addresses: list[Any] = []  # still to be tried
        self._known: list[Any] = []  # all of them, as they were looked up
        self._look_up_at = 0.0
        self._unknown = ""
        self._out = bytearray()
        self._reader = Reader()
        self._try_at = 0.0  # DOWN: not before this
        self._deadline = 0.0  # CONNECTING, GREETING: not after this
        self._failures = 0

    # -- from DOWN to READY --------------------------------------------------------------------------------------------

    def tend(self, now: float) -> None:
        """Go on as far as it goes without waiting; read what has come."""
        if self.phase is Phase.DOWN and now >= self._try_at:
            self._connect(now)
        if self.phase is Phase.CONNECTING:
            self._connected(now)
        if self.phase >= Phase.GREETING:
            self._read(socket.MSG_DONTWAIT)
            self.flush()
        if self.phase is Phase.GREETING:
            self._greeted()
        if self.phase in (Phase.CONNECTING, Phase.GREETING) and now > self._deadline:
            self.drop(f"no answer within {CONNECT_SECONDS:g} s")

    def _connect(self, now: float) -> None:
        self._deadline = now + CONNECT_SECONDS
        try:
            if not self._addresses:
                self._addresses = self._look_up(now)
            family, kind, protocol, _, address = self._addresses.pop(0)
            self._sock = socket.socket(family, kind | socket.SOCK_CLOEXEC, protocol)
            self._sock.setblocking(False)
            code = self._sock.connect_ex(address)
        except OSError as error:
            self.drop(error.strerror or str(error))
            return
        if code in (0, errno.EINPROGRESS):
            self.phase = Phase.CONNECTING
        else:
            self.drop(os.strerror(code))

    def _look_up(self, now: float) -> list[Any]:
        """Its addresses. Raises OSError."""
        if now >= self._look_up_at:
            host, _, port = self.server.rpartition(":")
            begun, pause = time.monotonic(), 0.0
            try:
                self._known = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)
                pause = LOOK_UP_SECONDS
            except socket.gaierror as error:  # where it was found before, it may be there yet
                self._unknown = error.strerror or str(error)
            took = time.monotonic() - begun
            self._look_up_at = now + max(pause, took * LOOK_UP_SHARE)
        if not self._known:
            raise OSError(0, self._unknown)
        return list(self._known)

    def _connected(self, now: float) -> None:
        assert self._sock is not None
        poll = select.poll()
        poll.register(self._sock, select.POLLOUT)
        if not poll.poll(0):
            return
        code = self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if code:
            self.drop(os.strerror(code))
            return
        self._prepare(self._sock)
        self._deadline = now + CONNECT_SECONDS
        self.phase = Phase.GREETING
        self.send(self._hello + ECHO)

    @staticmethod
    def _prepare(sock: socket.socket) -> None:
        """Blocking, with the kernel's own time limit: an answer costs one system call, where poll and recv are two."""
        sock.setblocking(True)
        seconds = struct.pack("ll", 0, int(ANSWER_SECONDS * 1e6))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        keep_alive(sock)

    def _greeted(self) -> None:
        packet = self.next()
        if packet is not None and packet[0] == ECHO_RES:
            self.phase = Phase.READY
            self._failures = 0
            self._addresses = []

    # -- talking -------------------------------------------------------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Everything that goes now; the rest with the next `flush`."""
        self._out += data
        self.flush()

    def flush(self) -> bool:
        """Is everything sent?"""
        while self._out and self._sock is not None:
            try:
                del self._out[: self._sock.send(self._out, socket.MSG_DONTWAIT)]
            except BlockingIOError:
                break
            except OSError as error:
                self.drop(error.strerror or str(error))
        return not self._out

    def next(self) -> tuple[int, bytes] | None:
        """A packet that has come already."""
        try:
            return self._reader.next()
        except Broken as error:
            self.drop(str(error))
            return None

    def await_next(self) -> tuple[int, bytes] | None:
        """The next packet; None where it takes longer, or the connection is lost."""
        if self._out:
            self._push()
        packet = self.next()
        while packet is None and self._read(0):
            packet = self.next()
        return packet

    def _push(self) -> None:
        """As much as goes out in a moment: the server may still be busy reading a large result."""
        poll = select.poll()
        while not self.flush() and self._sock is not None:
            poll.register(self._sock, select.POLLOUT)
            if not poll.poll(ANSWER_SECONDS * 1000):
                return

    @property
    def unsent(self) -> int:
        return 0 if self._sock is None else len(self._out) + unsent(self._sock)

    @property
    def under_way(self) -> tuple[int, int]:
        """In both directions. As long as it changes the server is slow, or a payload is large; it is not silent."""
        return self._reader.held, self.unsent

    def _read(self, flags: int) -> bool:
        """Has something come?"""
        if self._sock is None:
            return False
        try:
            data = self._sock.recv(CHUNK, flags)
        except BlockingIOError:
            return False
        except OSError as error:
            self.drop(error.strerror or str(error))
            return False
        if not data:
            self.drop("the server closed the connection")
            return False
        self._reader.feed(data)
        return True

    @property
    def failing(self) -> bool:
        """There was trouble since it was last READY."""
        return self._failures > 0

    def give_back(self) -> None:
        """A job in hand, by closing the connection: gearmand knows no other way."""
        self._close("a job was given back")
        self._try_at = time.monotonic() + BACK_OFF_FIRST

    def drop(self, why: str) -> None:
        """Close it, which gives a job in hand back to the queue, and try again after a pause."""
        self._close(why)
        pause = 0.0
        if not self._addresses:  # else the next of its addresses at once
            most = min(BACK_OFF_MOST, BACK_OFF_FIRST * 2 ** min(self._failures, 10))
            pause = most * random.uniform(0.7, 1.0)  # noqa: S311
            self._failures += 1
        self._try_at = time.monotonic() + pause

    def _close(self, why: str) -> None:
        self.abandon()
        self.error = why
        self.phase = Phase.DOWN
        self.life += 1
        self._out.clear()
        self._reader = Reader()

    def abandon(self) -> None:
        """Close the socket and say nothing: also in a process that a job has forked, which would keep its parent's job
        running at the server."""
        if self._sock is not None:
            self._sock.close()
            self._sock = None

    # -- waiting -------------------------------------------------------------------------------------------------------

    @property
    def descriptor(self) -> tuple[int, int] | None:
        """To be polled, and for what."""
        if self._sock is None:
            return None
        if self.phase is Phase.CONNECTING:
            return self._sock.fileno(), select.POLLOUT
        return self._sock.fileno(), select.POLLIN | (select.POLLOUT if self._out else 0)

    @property
    def tend_at(self) -> float:
        """When time itself changes something."""
        if self.phase is Phase.DOWN:
            return self._try_at
        return self._deadline if self.phase < Phase.READY else float("inf")
