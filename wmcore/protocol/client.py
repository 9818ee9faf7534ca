"""Thin clients of the daemon's socket: `Client` blocks, for one-shot verbs; `AsyncClient` is for the console's loop.

Both speak through `framing`. Replies are matched by id, so a late one is skipped, and of the status frames that have
come only the newest is kept: a reader that is slow sees fewer, not older.
"""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Self

import msgspec

from wmcore.errors import ProtocolError, WmError
from wmcore.protocol import delta, framing
from wmcore.protocol.blocking import (
    CHUNK,
    Absent,
    Client,
    ConnectionLost,
    Died,
    LineBuffer,
    NotAllowed,
    Silent,
    Unreachable,
    connect_problem,
    error_of,
    lost,
    read_reply,
    result_of,
    typed,
)
from wmcore.protocol.framing import Reply
from wmcore.protocol.messages import Request, Status, StatusRows, Subscribe

__all__ = [
    "Absent", "AsyncClient", "Client", "ConnectionLost", "Died", "LineBuffer", "NotAllowed", "Silent", "Unreachable",
    "connect_problem",
]  # fmt: skip


def _merged(before: Status, reply: Reply) -> Status:
    try:
        return delta.merged(before, typed(reply.params, StatusRows))
    except msgspec.ValidationError as error:
        raise ProtocolError(f"the daemon's frame is not understood (another version?): {error}") from None


class AsyncClient:
    """For an event loop. One task reads; calls may overlap; `frames` yields the newest status and never a backlog."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: Path | str) -> None:
        """`path`: where the daemon is, in words."""
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
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.setblocking(False)
            sock.connect(str(path))  # at once, or never: where too many wait, asyncio would take it for connected
            async with asyncio.timeout(timeout):
                reader, writer = await asyncio.open_unix_connection(sock=sock, limit=CHUNK)
        except OSError as error:
            sock.close()
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
            raise Silent(f"the daemon at {self.path} does not answer: it hangs, or is very busy") from None
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
        self._end(lost(self.path))
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        buffer = LineBuffer()
        try:
            while chunk := await self._reader.read(CHUNK):
                for line in buffer.feed(chunk):
                    self._take(read_reply(line))
            self._end(lost(self.path))
        except OSError:
            self._end(lost(self.path))
        except WmError as error:
            self._end(error)

    def _take(self, reply: Reply) -> None:
        if reply.method == "status":
            self._show(typed(reply.params, Status))
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
