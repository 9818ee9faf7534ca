"""The far end of a socket for tests of the near end: speaks framing and messages, answers what a test tells it to."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

from wmcore.protocol import framing
from wmcore.protocol.framing import RpcError
from wmcore.protocol.messages import METHODS, HelloReply, Request, Status, Subscription

GOLDEN = Path(__file__).parent.parent / "golden" / "status.json"
HANG_UP = object()  # an answer: close the connection
SILENCE = object()  # an answer: none

Answer = Callable[[Any], Any]


def golden() -> Status:
    return msgspec.json.decode(GOLDEN.read_bytes(), type=Status)


def hello(conf: str = "/etc/wmcore/conf.yml") -> HelloReply:
    status = golden()
    return HelloReply(
        version=status.version, protocol=1, host=status.host, pid=status.pid, instance=status.instance,
        role="operator", type=status.type, started_at=status.started_at, conf=conf,
    )  # fmt: skip


class Peer:
    """Listens while it is entered, in a thread of its own. `answers`: method -> what to say to its typed request (a
    result, an RpcError, bytes as they are, HANG_UP or SILENCE). `frames` follow a `subscribe`, in one write with it."""

    def __init__(self, path: Path, **answers: Answer) -> None:
        self.path = path
        self.answers: dict[str, Answer] = {"hello": lambda _: hello(), "status": lambda _: golden(), **answers}
        self.frames: list[Any] = []
        self.asked: list[Request] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._stop = asyncio.Event()
        self._thread = threading.Thread(target=self._loop.run_until_complete, args=(self._run(),))

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """As a daemon that ends: every connection is closed."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join(10)
            self._loop.close()

    def last(self) -> Request:
        return self.asked[-1]

    async def _run(self) -> None:
        tasks: set[asyncio.Task[Any]] = set()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            tasks.add(asyncio.current_task())  # type: ignore[arg-type]
            await self._serve(reader, writer)

        async with await asyncio.start_unix_server(serve, str(self.path)):
            self._ready.set()
            await self._stop.wait()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self.path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                said = self._answer(line)
                if said is None:
                    break
                writer.write(said)
        except OSError:
            pass
        finally:
            writer.close()

    def _answer(self, line: bytes) -> bytes | None:
        incoming = framing.decode_request(line)
        request = framing.decode_body(incoming.params, METHODS[incoming.method])
        self.asked.append(request)
        if incoming.method == "subscribe":
            reply = framing.encode_result(incoming.id, Subscription(interval=request.interval))
            return reply + b"".join(framing.encode_notification("status", frame) for frame in self.frames)
        result = self.answers[incoming.method](request)
        if isinstance(result, bytes):
            return result
        if result is HANG_UP or result is SILENCE:
            return None if result is HANG_UP else b""
        if isinstance(result, RpcError):
            return framing.encode_error(incoming.id, result)
        return framing.encode_result(incoming.id, result)
