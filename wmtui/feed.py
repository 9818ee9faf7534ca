"""Where the data comes from: keeps a connection to the daemon alive, says what happens to it, carries requests over."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

from wmcore.errors import NoDaemon, ProtocolError, WmError
from wmcore.protocol.blocking import CHUNK
from wmcore.protocol.client import Absent, AsyncClient, ConnectionLost, Died, NotAllowed, Silent
from wmcore.protocol.messages import Hello, HelloReply, Request, Status
from wmtui.ssh import SshTarget
from wmtui.target import Where
from wmtui.tunnel import HELLO_SECONDS, NotLetIn, Tunnel

BACKOFF_SECONDS = (1.0, 2.0, 4.0, 8.0, 10.0)
DENIED_SECONDS = 300.0


Why = Literal["", "stopped", "crashed", "silent", "denied", "refused", "foreign"]
"""What is known of the reason why there is no connection; picture.Phase has the same words."""

WHYS: tuple[tuple[type[WmError], Why], ...] = (
    (NotLetIn, "refused"), (NotAllowed, "denied"), (Absent, "stopped"), (Died, "crashed"), (Silent, "silent"),
    (ProtocolError, "foreign"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Connecting:
    attempt: int
    step: str = "the socket"  # what is waited for
    greeted: bool = False  # the daemon has said hello


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


class ConnectedFeed(ABC):
    """Over a connection, which is made anew whenever it is lost; how, its heirs know."""

    entry: str  # what is waited for first
    hello_seconds: float

    def __init__(self, name: str, interval: float, now: Callable[[], float]) -> None:
        self.name = name
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
                post(Connecting(attempt, "its first status", greeted=True))
                async for status in self._client.frames(self.interval):
                    attempt = 0
                    post(Frame(status))
            except WmError as error:
                explained = await self._explained(error)
                reason, why = str(explained), why_of(explained)
            finally:
                await self._close()
            delay = self._delay(attempt, why)
            post(Lost(reason, attempt + 1, self._now() + delay, why))
            await self._wait(delay)

    async def call(self, request: Request) -> Any:
        if self._client is None:
            raise ConnectionLost(f"there is no connection to {self.name}")
        return await self._client.call(request)

    def retry_now(self) -> None:
        self._hurry.set()

    @abstractmethod
    async def _connect(self) -> AsyncClient:
        """Raises WmError."""

    async def _explained(self, error: WmError) -> WmError:
        return error

    def _delay(self, attempt: int, why: Why) -> float:
        return BACKOFF_SECONDS[min(attempt, len(BACKOFF_SECONDS) - 1)]

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


class SocketFeed(ConnectedFeed):
    """A daemon on this host."""

    entry = "the socket"
    hello_seconds = 10.0

    def __init__(self, path: Path, interval: float = 1.0, now: Callable[[], float] = time.time) -> None:
        super().__init__(str(path), interval, now)
        self.path = path

    async def _connect(self) -> AsyncClient:
        return await AsyncClient.connect(self.path)

    async def _explained(self, error: WmError) -> WmError:
        """One that has closed the connection was stopped or has died: its socket tells."""
        if not isinstance(error, ConnectionLost):
            return error
        try:
            await (await AsyncClient.connect(self.path)).close()
        except NoDaemon as why:
            return why
        return error


class SshFeed(ConnectedFeed):
    """A daemon on another host. ssh gets no terminal: it must not ask anything over the screen."""

    entry = "ssh"
    hello_seconds = HELLO_SECONDS

    def __init__(self, target: SshTarget, interval: float = 1.0, now: Callable[[], float] = time.time) -> None:
        super().__init__(str(target), interval, now)
        self._target = target
        self._tunnel: Tunnel | None = None

    async def _connect(self) -> AsyncClient:
        self._tunnel = Tunnel(self._target, asking=False)
        reader, writer = await asyncio.open_unix_connection(sock=self._tunnel.socket, limit=CHUNK)
        return AsyncClient(reader, writer, self.name)

    async def _explained(self, error: WmError) -> WmError:
        if isinstance(error, ProtocolError):
            return ProtocolError(f"{error} (does a login shell print something there, or is it not allowed to run?)")
        if self._tunnel is None or not isinstance(error, NoDaemon):
            return error
        return await asyncio.to_thread(self._tunnel.explained, error)

    def _delay(self, attempt: int, why: Why) -> float:
        """Hosts lock out who fails to log in again and again."""
        return DENIED_SECONDS if why == "refused" else super()._delay(attempt, why)

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
    return next((why for kind, why in WHYS if isinstance(error, kind)), "")
