"""Thin clients of the daemon's socket: `Client` blocks, for one-shot verbs; `AsyncClient` is for the console's loop.

Both speak through `framing` and know nothing of what the messages mean. Replies are matched by id, so a late one is
skipped, and of the status frames that have come only the newest is kept: a reader that is slow sees fewer, not older.
"""

import asyncio
import contextlib
import errno
import grp
import pwd
import socket
import stat
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from wmcore.errors import NoDaemon, NotFound, ProtocolError, QueueDown, Refused, WmError
from wmcore.protocol import delta, framing
from wmcore.protocol.framing import Code, Reply, RpcError
from wmcore.protocol.messages import Request, Status, StatusRows, Subscribe

MAX_REPLY = 64 * 1024 * 1024
"""Bytes of one reply line; more is not a daemon of ours."""

CHUNK = 256 * 1024


class ConnectionLost(NoDaemon):
    """The daemon answered before and is gone now."""


class Unreachable(NoDaemon):
    """Somebody may be there, but does not let us in or does not answer."""


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
    return _typed(reply.result, kind)


def _typed(body: Any, kind: Any) -> Any:
    try:
        return framing.decode_body(body, kind)
    except RpcError as error:
        raise ProtocolError(f"the daemon's answer is not understood (another version?): {error.message}") from None


def _merged(before: Status, reply: Reply) -> Status:
    try:
        return delta.merged(before, _typed(reply.params, StatusRows))
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the daemon's frame is not understood (another version?): {error}") from None


def connect_problem(path: Path, error: OSError) -> NoDaemon:
    """Why nobody could be reached, in a sentence."""
    try:
        about = path.stat()
    except FileNotFoundError:
        return NoDaemon(f"no daemon at {path}: there is no such socket (is it running?)")
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
        return NoDaemon(f"no daemon at {path}: the socket is there, but nobody listens (it has died; start it again)")
    if isinstance(error, TimeoutError):
        return Unreachable(f"the daemon at {path} does not take connections: it hangs, or has too many waiting")
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


def _lost(path: Path) -> ConnectionLost:
    return ConnectionLost(f"the daemon at {path} has closed the connection")


class Client:
    """Blocking: one question, one answer. Use it as a context manager."""

    def __init__(self, sock: socket.socket, path: Path, timeout: float) -> None:
        self.path = path
        self._socket = sock
        self._timeout = timeout
        self._buffer = LineBuffer()
        self._waiting: list[bytes] = []  # lines read but not looked at yet
        self._last_id = 0

    @classmethod
    def connect(cls, path: Path | str, timeout: float = 5.0) -> Self:
        """`timeout` (seconds) is for connecting and, unless `call` says otherwise, for each answer. Raises NoDaemon."""
        path = Path(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        sock.settimeout(timeout)
        try:
            sock.connect(str(path))
        except OSError as error:
            sock.close()
            raise connect_problem(path, error) from None
        return cls(sock, path, timeout)

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
                yield _typed(reply.params, Status)

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
            raise Unreachable(f"the daemon at {self.path} does not read what it is sent: it hangs") from None
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
                raise Unreachable(f"the daemon at {self.path} does not answer: it hangs, or is very busy") from None
            except OSError:
                raise _lost(self.path) from None
            if not chunk:
                raise _lost(self.path)
            self._waiting = self._buffer.feed(chunk)
        return read_reply(self._waiting.pop(0))


class AsyncClient:
    """For an event loop. One task reads; calls may overlap; `frames` yields the newest status and never a backlog."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: Path) -> None:
        self.path = path
        self._reader = reader
        self._writer = writer
        self._calls: dict[int, asyncio.Future[Reply]] = {}
        self._last_id = 0
        self._last: Status | None = None  # what changed rows are merged over
        self._frame: Status | None = None
        self._news = asyncio.Event()  # a frame has come, or the connection is over
        self._over: WmError | None = None
        self._closing = False
        self._task = asyncio.create_task(self._read(), name="wmcore-client-reader")

    @classmethod
    async def connect(cls, path: Path | str, timeout: float = 5.0) -> Self:
        """Raises NoDaemon, with a sentence, after at most `timeout` seconds."""
        path = Path(path)
        try:
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=CHUNK)
        except OSError as error:
            raise connect_problem(path, error) from None
        return cls(reader, writer, path)

    async def call(self, request: Request, timeout: float = 10.0) -> Any:
        """The reply, as `type(request).result`. Raises Refused, NotFound, QueueDown, ProtocolError, NoDaemon (no answer
        in `timeout` seconds), ConnectionLost."""
        if self._over is not None:
            raise self._over
        self._last_id += 1
        request_id = self._last_id
        future: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._calls[request_id] = future
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(framing.encode_request(request_id, type(request).method, request))
                with contextlib.suppress(OSError):  # gone: the reader says so, after whatever the daemon said last
                    await self._writer.drain()
                reply = await future
        except TimeoutError:
            raise Unreachable(f"the daemon at {self.path} does not answer: it hangs, or is very busy") from None
        finally:
            self._calls.pop(request_id, None)
        return result_of(reply, type(request).result)

    async def frames(self, interval: float = 1.0) -> AsyncIterator[Status]:
        """Subscribes, then yields each newest Status. Ends after `close()`; raises ConnectionLost when the daemon goes,
        ProtocolError where a frame is not understood. Call it again to change the interval; one iteration at a time."""
        try:
            await self.call(Subscribe(interval=interval, delta="rows"))
        except ProtocolError:  # an older daemon
            await self.call(Subscribe(interval=interval))
        while True:
            await self._news.wait()
            self._news.clear()
            frame, self._frame = self._frame, None
            if frame is not None:
                yield frame
            if self._over is not None:
                self._news.set()  # for whoever asks next
                if self._closing:
                    return
                raise self._over

    async def close(self) -> None:
        """Idempotent; calls in flight end in ConnectionLost."""
        self._closing = True
        self._task.cancel()
        await asyncio.wait({self._task})
        self._end(_lost(self.path))
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        buffer = LineBuffer()
        try:
            while chunk := await self._reader.read(CHUNK):
                for line in buffer.feed(chunk):
                    self._take(read_reply(line))
            self._end(_lost(self.path))
        except OSError:
            self._end(_lost(self.path))
        except WmError as error:
            self._end(error)

    def _take(self, reply: Reply) -> None:
        if reply.method == "status":
            self._show(_typed(reply.params, Status))
        elif reply.method == "status.rows" and self._last is not None:
            self._show(_merged(self._last, reply))
        elif reply.method is None and isinstance(reply.id, int):
            if (future := self._calls.get(reply.id)) is not None and not future.done():
                future.set_result(reply)
        elif reply.method is None and reply.error is not None:  # no id: it is about the connection
            self._end(error_of(reply.error.code, reply.error.message))

    def _show(self, frame: Status) -> None:
        self._last = self._frame = frame  # the one before, if nobody has taken it, is old
        self._news.set()

    def _end(self, error: WmError) -> None:
        if self._over is not None:
            return
        self._over = error
        for future in self._calls.values():
            if not future.done():
                future.set_exception(error)
        self._news.set()
