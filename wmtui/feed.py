"""Where the data comes from: keeps a connection to the daemon alive, says what happens to it, carries requests over."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from wmcore.errors import NoDaemon, ProtocolError, WmError
from wmcore.protocol.blocking import CHUNK
from wmcore.protocol.client import AsyncClient, ConnectionLost, NotAllowed
from wmcore.protocol.messages import Hello, HelloReply, Request, Status
from wmtui.ssh import HELLO_SECONDS, SshTarget, Tunnel
from wmtui.target import Where

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 10.0)


Why = Literal["", "denied", "foreign"]
"""A connection is lost for a reason that waiting does not mend: no permission, or another protocol."""


@dataclass(frozen=True, slots=True)
class Connecting:
    attempt: int
    step: str = "the socket"  # what is waited for


@dataclass(frozen=True, slots=True)
class Greeted:
    hello: HelloReply


@dataclass(frozen=True, slots=True)
class Frame:
    status: Status


@dataclass(frozen=True, slots=True)
class Lost:
    reason: str
    attempt: int
    retry_at: float  # Unix seconds
    why: Why = ""


News = Connecting | Greeted | Frame | Lost


class Feed(Protocol):
    """What the console needs of a daemon; tests may bring their own."""

    name: str  # for people
    interval: float  # seconds between two frames

    async def run(self, post: Callable[[News], None]) -> None:
        """Posts what happens, until it is cancelled; never raises WmError."""

    async def call(self, request: Request) -> Any:
        """The reply; raises Refused, NotFound, QueueDown, ProtocolError, NoDaemon."""

    def retry_now(self) -> None:
        """Without a connection: don't wait any longer."""


class SocketFeed:
    entry = "the socket"  # what is waited for first
    hello_seconds = 10.0

    def __init__(self, where: Where, interval: float = 1.0, now: Callable[[], float] = time.time) -> None:
        self.name = str(where)
        self.interval = interval
        self._now = now
        self._client: AsyncClient | None = None
        self._hurry = asyncio.Event()

    async def run(self, post: Callable[[News], None]) -> None:
        attempt = 0
        while True:
            attempt += 1
            self._hurry.clear()
            post(Connecting(attempt, self.entry))
            reason, why = "the daemon has closed the connection", why_of(None)
            try:
                self._client = await self._connect()
                post(Connecting(attempt, "the daemon to say hello"))
                post(Greeted(await self._client.call(Hello(), self.hello_seconds)))
                post(Connecting(attempt, "its first status"))
                async for status in self._client.frames(self.interval):
                    attempt = 0
                    post(Frame(status))
            except WmError as error:
                reason, why = await self._reason(error), why_of(error)
            finally:
                await self._close()
            delay = BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]
            post(Lost(reason, attempt + 1, self._now() + delay, why))
            await self._wait(delay)

    async def call(self, request: Request) -> Any:
        if self._client is None:
            raise ConnectionLost(f"there is no connection to {self.name}")
        return await self._client.call(request)

    def retry_now(self) -> None:
        self._hurry.set()

    async def _connect(self) -> AsyncClient:
        return await AsyncClient.connect(self.name)

    async def _reason(self, error: WmError) -> str:
        return str(error)

    async def _wait(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._hurry.wait()
        except TimeoutError:
            pass

    async def _close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.close()


class SshFeed(SocketFeed):
    """A daemon on another host. ssh gets no terminal: it must not ask anything over the screen."""

    entry = "ssh"
    hello_seconds = HELLO_SECONDS

    def __init__(self, target: SshTarget, interval: float = 1.0, now: Callable[[], float] = time.time) -> None:
        super().__init__(target, interval, now)
        self._target = target
        self._tunnel: Tunnel | None = None

    async def _connect(self) -> AsyncClient:
        self._tunnel = Tunnel(self._target, asking=False)
        reader, writer = await asyncio.open_unix_connection(sock=self._tunnel.socket, limit=CHUNK)
        return AsyncClient(reader, writer, self.name)

    async def _reason(self, error: WmError) -> str:
        if self._tunnel is not None and isinstance(error, NoDaemon):
            error = await asyncio.to_thread(self._tunnel.explained, error)
        return str(error)

    async def _close(self) -> None:
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            tunnel.hang_up()
        await super()._close()
        if tunnel is not None:
            await asyncio.to_thread(tunnel.reap)


def feed_of(where: Where) -> Feed:
    return SshFeed(where) if isinstance(where, SshTarget) else SocketFeed(where)


def why_of(error: WmError | None) -> Why:
    if isinstance(error, NotAllowed):
        return "denied"
    return "foreign" if isinstance(error, ProtocolError) else ""
