"""The blocking client of the daemon's socket, for one-shot verbs: one question, one answer. It loads no event loop, so
that a command answers at once. What both clients need is here too."""

import errno
import grp
import pwd
import socket
import stat
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from wmcore.errors import NoDaemon, NotFound, ProtocolError, QueueDown, Refused, WmError
from wmcore.protocol import framing
from wmcore.protocol.framing import Code, Reply, RpcError
from wmcore.protocol.messages import Request, Status, Subscribe

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply line; more is not a daemon of ours."""

CHUNK = 256 * 1024


class ConnectionLost(NoDaemon):
    """The daemon answered before and is gone now."""


class Absent(NoDaemon):
    """There is no socket: it was stopped, or never started."""


class Died(NoDaemon):
    """Its socket is there, but nobody listens: a daemon that stops takes its socket away."""


class Unreachable(NoDaemon):
    """Somebody may be there, but does not let us in or does not answer."""


class Silent(Unreachable):
    """It takes connections, or does not even do that, and says nothing."""


class NotAllowed(Unreachable):
    """Whether a daemon is there is hidden from this user, or its socket is."""


class LineBuffer:
    """Bytes in, whole lines out. Each byte is searched once, however long a line is."""

    def __init__(self, limit: int = MAX_REPLY) -> None:
        self._limit = limit
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The lines that `chunk` completes, without their newlines; raises ProtocolError when one exceeds the limit."""
        searched = len(self._rest)
        self._rest += chunk
        lines, start = [], 0
        while (end := self._rest.find(b"\n", max(start, searched))) >= 0:
            lines.append(bytes(self._rest[start:end]))
            start = end + 1
        del self._rest[:start]
        if len(self._rest) > self._limit or any(len(line) > self._limit for line in lines):
            raise ProtocolError(f"the daemon sent a line of more than {self._limit} bytes: is this a socket of wmcore?")
        return lines


def error_of(code: int, message: str) -> WmError:
    """An error reply as the exception that it stands for."""
    match code:
        case Code.NOT_FOUND:
            return NotFound(message)
        case Code.QUEUE_DOWN:
            return QueueDown(message)
        case Code.REFUSED | Code.DENIED | Code.TOO_MANY | Code.TOO_LONG:
            return Refused(message)
        case Code.NO_METHOD:
            return ProtocolError(f"the daemon does not know this command (is it an older version?): {message}")
        case _:
            return ProtocolError(message)


def read_reply(line: bytes) -> Reply:
    """Raises ProtocolError where the line is no reply."""
    try:
        return framing.decode_reply(line)
    except RpcError as error:
        raise ProtocolError(error.message) from None


def result_of(reply: Reply, kind: Any) -> Any:
    """The typed result; raises what an error reply stands for."""
    if reply.error is not None:
        raise error_of(reply.error.code, reply.error.message)
    return typed(reply.result, kind)


def typed(body: Any, kind: Any) -> Any:
    try:
        return framing.decode_body(body, kind)
    except RpcError as error:
        raise ProtocolError(f"the daemon's answer is not understood (another version?): {error.message}") from None


def connect_problem(path: Path, error: OSError) -> NoDaemon:
    """Why nobody could be reached, in a sentence."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return Absent(f"no daemon at {path}: there is no such socket (is it running?)")
    except OSError as hidden:
        kind = NotAllowed if isinstance(hidden, PermissionError) else Unreachable
        return kind(f"no daemon can be reached at {path}: {hidden.strerror}; try as the user who started it")
    if not stat.S_ISSOCK(about.st_mode):
        return NoDaemon(f"no daemon at {path}: that is not a socket; name a socket or a conf.yml")
    if isinstance(error, PermissionError):
        group = _name_of_group(about.st_gid)
        who = f"that user or a member of that group (usermod -aG {group} YOU)" if about.st_mode & 0o020 else "that user"
        return NotAllowed(
            f"no permission to speak with the daemon at {path}: the socket belongs to user {_owner(about.st_uid)}, "
            f"group {group}, and has mode {stat.S_IMODE(about.st_mode):04o}; try as {who}"
        )
    if error.errno == errno.ECONNREFUSED:
        return Died(f"no daemon at {path}: the socket is there, but nobody listens (it has died; start it again)")
    if isinstance(error, TimeoutError | BlockingIOError):
        return Silent(f"the daemon at {path} does not take connections: it hangs, or has too many waiting")
    return NoDaemon(f"no daemon can be reached at {path}: {error.strerror or error}")


def _owner(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _name_of_group(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)


def lost(path: Path | str) -> ConnectionLost:
    return ConnectionLost(f"the daemon at {path} has closed the connection")


def dial(path: Path | str, timeout: float = 5.0) -> socket.socket:
    """Connected to the daemon at `path`; raises NoDaemon, with a sentence, after at most `timeout` seconds."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    sock.settimeout(timeout)
    try:
        sock.connect(str(path))
    except OSError as error:
        sock.close()
        raise connect_problem(Path(path), error) from None
    return sock


class Client:
    """Blocking: one question, one answer. Use it as a context manager."""

    def __init__(self, sock: socket.socket, path: Path | str, timeout: float) -> None:
        """`path`: where the daemon is, in words."""
        self.path = path
        self._socket = sock
        self._timeout = timeout
        self._buffer = LineBuffer()
        self._waiting: list[bytes] = []  # lines read but not looked at yet
        self._last_id = 0

    @classmethod
    def connect(cls, path: Path | str, timeout: float = 5.0) -> Self:
        """`timeout` (seconds) is for connecting and, unless `call` says otherwise, for each answer. Raises NoDaemon."""
        return cls(dial(path, timeout), path, timeout)

    def call(self, request: Request, timeout: float | None = None) -> Any:
        """The reply, as `type(request).result`. Raises Refused, NotFound, QueueDown, ProtocolError, NoDaemon."""
        request_id = self._send(request)
        deadline = time.monotonic() + (timeout or self._timeout)
        while True:
            reply = self._receive(deadline)
            if reply.method is None and (reply.id == request_id or (reply.id is None and reply.error)):
                return result_of(reply, type(request).result)

    def subscribe(self, interval: float = 1.0) -> Iterator[Status]:
        """A Status about every `interval` seconds, for ever; raises ConnectionLost when the daemon goes."""
        self.call(Subscribe(interval=interval))
        while True:
            reply = self._receive(time.monotonic() + interval + self._timeout)
            if reply.method == "status":
                yield typed(reply.params, Status)

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _send(self, request: Request) -> int:
        self._last_id += 1
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(framing.encode_request(self._last_id, type(request).method, request))
        except TimeoutError:
            raise Silent(f"the daemon at {self.path} does not read what it is sent: it hangs") from None
        except OSError:
            pass  # a daemon that turns a caller away says why before it closes: _receive finds that, or the end
        return self._last_id

    def _receive(self, deadline: float) -> Reply:
        while not self._waiting:
            left = deadline - time.monotonic()
            try:
                self._socket.settimeout(max(left, 0.001))
                chunk = self._socket.recv(CHUNK)
            except TimeoutError:
                raise Silent(f"the daemon at {self.path} does not answer: it hangs, or is very busy") from None
            except OSError:
                raise lost(self.path) from None
            if not chunk:
                raise lost(self.path)
            self._waiting = self._buffer.feed(chunk)
        return read_reply(self._waiting.pop(0))
