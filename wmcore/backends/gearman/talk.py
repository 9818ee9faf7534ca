"""The manager's talk with a job server: one question, one answer, each in bounded time. Opens a connection when it is
first used, and another where it has gone stale."""

import re
import select
import socket
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from wmcore.backends.gearman import packets
from wmcore.backends.gearman.connection import unsent
from wmcore.backends.gearman.packets import Broken, Reader
from wmcore.errors import QueueDown, Refused

T = TypeVar("T")
_VERSION = re.compile(r"(OK )?(?P<version>\d\S*)\s*")
CONNECT_SECONDS = 2.0
ANSWER_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class FunctionStatus:
    """A line of the admin command `status`."""

    total: int  # waiting, put off and running
    running: int
    workers: int


def parse_status(lines: Sequence[str]) -> dict[str, FunctionStatus]:
    """By function. The names are those of everybody, and may hold what no line should: nobody asks for such a one."""
    found = {}
    for line in lines:
        try:
            name, total, running, workers = line.rsplit("\t", 3)
            found[name] = FunctionStatus(int(total), int(running), int(workers))
        except ValueError:
            continue
    return found


class NoAnswer(QueueDown):
    """It takes connections and says nothing."""


class Talk:
    """Not for two threads at once, never over a fork."""

    def __init__(self, server: str) -> None:
        self.server = server
        self.failed_at = 0.0  # monotonic; 0: it never did
        self._sock: socket.socket | None = None

    # -- asking --------------------------------------------------------------------------------------------------------

    def submit(self, packet: bytes) -> str:
        """The new job's handle. Raises QueueDown, Refused. After a lost connection it is said again once, under the
        same unique id: a job that is there already is not inserted twice."""
        kind, body = self._again(lambda: self._submit(packet))
        if kind == packets.ERROR:
            raise Refused(f"job server {self.server} does not take the job: {packets.error_text(body)}")
        return body.decode()

    def _submit(self, packet: bytes) -> tuple[int, bytes]:
        """Only to a server that has just answered: one that is frozen takes the job when it thaws, and by then another
        has it too."""
        self.ask(packets.ECHO, packets.ECHO_RES)
        return self.ask(packet, packets.JOB_CREATED, packets.ERROR)

    def is_known(self, handle: str) -> bool:
        """Does the job wait or run? Raises QueueDown."""
        question = packets.pack(packets.GET_STATUS, handle.encode())
        _, body = self._again(lambda: self.ask(question, packets.STATUS_RES))
        return body.split(b"\0")[1] == b"1"

    def is_known_by(self, unique: str) -> bool:
        """The same by its unique id, whatever its function. Raises QueueDown."""
        question = packets.pack(packets.GET_STATUS_UNIQUE, unique.encode())
        _, body = self._again(lambda: self.ask(question, packets.STATUS_RES_UNIQUE))
        return body.split(b"\0")[1] == b"1"

    def status(self) -> dict[str, FunctionStatus]:
        """By function, as it is called on the server. Raises QueueDown."""
        return parse_status(self._again(lambda: self.lines("status")))

    def version(self) -> str:
        """Raises QueueDown, also where something else listens there."""
        said = self._again(lambda: self._line("version"))
        found = _VERSION.fullmatch(said)
        if found is None:
            raise self._down(Broken(f"no Gearman server: it says {said[:40]!r}"))
        return found["version"]

    def check(self) -> None:
        """Is the server still there? Costs nothing, finds out that it closed the connection. Raises QueueDown."""
        sock = self._connected()
        poll = select.poll()
        poll.register(sock, select.POLLIN)
        if poll.poll(0):  # nothing was asked: this is the end
            self.close()
            self._connected()

    # -- the connection ------------------------------------------------------------------------------------------------

    def _again(self, question: Callable[[], T]) -> T:
        """Once more where the connection may only have gone stale: not, where a server says nothing."""
        stale = self._sock is not None
        try:
            return question()
        except NoAnswer:
            raise
        except QueueDown:
            if not stale:
                raise
        return question()

    def ask(self, packet: bytes, *answers: int) -> tuple[int, bytes]:
        """Raises QueueDown."""
        sock, reader = self._connected(), Reader()
        try:
            rest = memoryview(packet)
            while rest:  # `sendall` has one time limit for everything, and a large payload may take longer
                rest = rest[sock.send(rest) :]
            while True:
                while (found := reader.next()) is not None:
                    if found[0] in answers:
                        return found
                reader.feed(self._receive(sock))
        except (OSError, Broken) as error:
            raise self._down(error) from None

    def lines(self, command: str) -> Sequence[str]:
        """Of an admin command, up to the dot."""
        text = self._text(command, lambda text: text == b".\n" or text.endswith(b"\n.\n"))
        return text[:-2].decode(errors="replace").split("\n")

    def _line(self, command: str) -> str:
        return self._text(command, lambda text: text.endswith(b"\n")).decode(errors="replace")

    def _text(self, command: str, is_whole: Callable[[bytes], bool]) -> bytes:
        sock = self._connected()
        text = b""
        try:
            sock.sendall(command.encode() + b"\n")
            while not is_whole(text):
                text += self._receive(sock)
        except OSError as error:
            raise self._down(error) from None
        return text

    def _receive(self, sock: socket.socket) -> bytes:
        while True:
            before = unsent(sock)
            try:
                data = sock.recv(65536)
                break
            except TimeoutError:
                if unsent(sock) == before:
                    raise
        if not data:
            raise ConnectionResetError("the server closed the connection")
        return data

    def _connected(self) -> socket.socket:
        if self._sock is None:
            host, _, port = self.server.rpartition(":")
            try:
                self._sock = socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS)
            except OSError as error:
                raise self._down(error) from None
            self._sock.settimeout(ANSWER_SECONDS)
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._sock

    def _down(self, error: Exception) -> QueueDown:
        self.close()
        self.failed_at = time.monotonic()
        if isinstance(error, TimeoutError):
            return NoAnswer(f"job server {self.server}: no answer within {ANSWER_SECONDS:g} s")
        return QueueDown(f"job server {self.server}: {getattr(error, 'strerror', None) or error}")

    def close(self) -> None:
        if self._sock is not None:
            self._sock.close()
            self._sock = None
