"""The Unix socket: clients in, replies and status frames out. A slow client loses frames, never holds the daemon up."""

import asyncio
import contextlib
import os
import socket
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wmcore import commands, process, status
from wmcore.broadcast import Broadcast
from wmcore.errors import AlreadyRunning, ConfigError, NotFound, QueueDown, Refused, WmError
from wmcore.protocol import messages
from wmcore.protocol.framing import (
    MAX_LINE,
    Code,
    Incoming,
    RpcError,
    decode_body,
    decode_request,
    encode_error,
    encode_result,
)

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

MOST_CLIENTS = 64
IDLE_SECONDS = 3600.0
WRITE_LIMIT = 8 * 1024 * 1024
"""Bytes that may wait for one client; while any do, it gets no status frame."""
LONGEST_PATH = 107


def listen(path: Path) -> socket.socket:
    """A listening socket at `path`, 0600. An existing one is connected to first: a living daemon's is never taken."""
    if len(os.fsencode(path)) > LONGEST_PATH:
        raise ConfigError(f"socket path {path} is longer than the {LONGEST_PATH} bytes that Linux allows; set 'socket'")
    _clear_dead(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o177)
    try:
        sock.bind(str(path))
    except OSError as error:
        raise ConfigError(f"socket {path}: {error.strerror}; set 'socket' to a path in a folder that exists") from None
    finally:
        os.umask(before)
    sock.listen(MOST_CLIENTS)
    sock.setblocking(False)
    return sock


def _clear_dead(path: Path) -> None:
    probe = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    probe.settimeout(1.0)
    try:
        probe.connect(str(path))
    except (ConnectionRefusedError, FileNotFoundError):
        with contextlib.suppress(OSError):
            if path.is_socket():
                path.unlink()
        return
    except OSError:
        return  # bind says what is wrong
    finally:
        probe.close()
    raise AlreadyRunning(f"another daemon answers on {path}; stop it, or set another 'socket'")


class Server:
    def __init__(self, manager: "Manager", sock: socket.socket) -> None:
        self._manager = manager
        self._sock = sock
        self._clients: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._broadcasts: dict[tuple[float, bool | str], Broadcast] = {}
        self._subscriptions: dict[Connection, Broadcast] = {}

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, sock=self._sock, limit=MAX_LINE)

    async def close(self) -> None:
        """Close the clients too: they must see that the daemon has gone."""
        if self._server is not None:
            self._server.close()
        for client in list(self._clients):
            client.close()

    @property
    def viewers(self) -> int:
        return len(self._subscriptions)

    def subscribed(self, client: "Connection") -> bool:
        return client in self._subscriptions

    def subscribe(self, client: "Connection", interval: float, kind: bool | str) -> None:
        """`kind`: of frames, as in the request."""
        broadcast = self._broadcasts.setdefault((interval, kind), Broadcast(self._frame, interval, kind))
        self._subscriptions[client] = broadcast
        broadcast.join(client)

    def unsubscribe(self, client: "Connection") -> None:
        if (broadcast := self._subscriptions.pop(client, None)) is not None:
            broadcast.leave(client)
            self._broadcasts = {key: each for key, each in self._broadcasts.items() if not each.empty}

    def status(self) -> messages.Status:
        self._manager.watched()
        return status.build(self._manager, self.viewers)

    async def _frame(self) -> messages.Status:
        self._manager.watched()
        return await status.build_by_and_by(self._manager, self.viewers)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        client = Connection(self, self._manager, reader, writer)
        if len(self._clients) >= MOST_CLIENTS:
            client.send(encode_error(None, RpcError(Code.TOO_MANY, f"{MOST_CLIENTS} clients are connected already")))
            client.close()
            return
        self._clients.add(client)
        try:
            await client.serve()
        finally:
            self._clients.discard(client)
            client.close()


class Connection:
    """One client."""

    def __init__(
        self, server: Server, manager: "Manager", reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._server = server
        self._manager = manager
        self._reader = reader
        self._writer = writer

    @property
    def behind(self) -> bool:
        return self._writer.transport.get_write_buffer_size() > 0

    def send(self, line: bytes) -> None:
        transport = self._writer.transport
        if transport.is_closing():
            return
        unread = transport.get_write_buffer_size()
        if unread and unread + len(line) > WRITE_LIMIT:  # one reply may be larger: a record with a large argument
            transport.abort()  # it asks and does not read
            return
        self._writer.write(line)

    def close(self) -> None:
        self._server.unsubscribe(self)
        self._writer.close()

    async def serve(self) -> None:
        while True:
            try:
                timeout = None if self._server.subscribed(self) else IDLE_SECONDS
                line = await asyncio.wait_for(self._reader.readuntil(), timeout)
            except asyncio.LimitOverrunError:
                self.send(encode_error(None, RpcError(Code.TOO_LONG, f"a request is at most {MAX_LINE} bytes")))
                return
            except (asyncio.IncompleteReadError, ConnectionError, TimeoutError):
                return
            if line.strip():
                await self._answer(line)
            with contextlib.suppress(ConnectionError):
                await self._writer.drain()

    async def _answer(self, line: bytes) -> None:
        request_id = None
        try:
            request = decode_request(line)
            request_id = request.id
            result = await self._call(request)
        except RpcError as error:
            self.send(encode_error(request_id, error))
            return
        if request_id is not None:
            self.send(encode_result(request_id, result))

    async def _call(self, request: Incoming) -> Any:
        kind = messages.METHODS.get(request.method)
        if kind is None:
            raise RpcError(Code.NO_METHOD, f"there is no method {request.method!r}")
        params = decode_body(request.params, kind)
        try:
            if isinstance(params, messages.GetStatus):
                return self._server.status()
            if isinstance(params, messages.Subscribe):
                return self._subscribe(params)
            if isinstance(params, messages.StartBulk) and not params.by:
                params.by = self._peer()
            return await commands.COMMANDS[kind](self._manager, params)
        except NotFound as error:
            raise RpcError(Code.NOT_FOUND, str(error)) from None
        except Refused as error:
            raise RpcError(Code.REFUSED, str(error)) from None
        except QueueDown as error:
            raise RpcError(Code.QUEUE_DOWN, str(error)) from None
        except WmError as error:
            raise RpcError(Code.INTERNAL, str(error)) from None
        except Exception as error:  # the door: a mistake of ours is told to the client and the log, the daemon goes on
            self._manager.note(f"method {request.method} failed: {type(error).__name__}: {error}", "error")
            raise RpcError(Code.INTERNAL, f"{type(error).__name__}; the daemon's log says more") from error

    def _peer(self) -> str:
        """The user who is connected."""
        credentials = self._writer.get_extra_info("socket").getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        return process.user_name(struct.unpack("3i", credentials)[1])

    def _subscribe(self, request: messages.Subscribe) -> messages.Subscription:
        if not isinstance(request.delta, bool) and request.delta != "rows":
            raise RpcError(Code.BAD_PARAMS, f"'delta' is true, false or \"rows\", not {request.delta!r}")
        interval = min(60.0, max(0.1, request.interval))
        self._server.unsubscribe(self)
        self._server.subscribe(self, interval, request.delta)
        return messages.Subscription(interval=interval)
