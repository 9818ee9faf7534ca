"""How long a daemon's loop is held up: a process of its own greets it all the time, and another one greets a loop
beside it that has nothing else to do. What holds up both is the machine."""

import asyncio
import multiprocessing
import socket
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Self

from tests.bench.common import percentile
from tests.waiting import until
from wmcore.protocol.framing import encode_request, encode_result
from wmcore.protocol.messages import Hello

PAUSE = 0.002
GREETING = encode_request(1, Hello.method, {})
ANSWER = encode_result(1, "x" * 200)  # about as long as a daemon's

_fork = multiprocessing.get_context("fork")


class Pulse:
    """Between `with` and its end; then `daemon` and `peer` hold the answers' times in milliseconds."""

    def __init__(self, path: Path) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="wmbench-")
        peer = Path(self._folder.name) / "sock"
        self._peer = _fork.Process(target=_serve, args=(peer,), daemon=True)
        self._paths = path, peer
        self.daemon: list[float] = []
        self.peer: list[float] = []

    def __enter__(self) -> Self:
        self._peer.start()
        until(self._paths[1].exists)
        self._beats = [_Beat(path) for path in self._paths]
        return self

    def __exit__(self, *_: object) -> None:
        self.daemon, self.peer = [beat.end() for beat in self._beats]
        self._peer.kill()
        self._peer.join()
        self._folder.cleanup()

    @property
    def figures(self) -> tuple[float, float, float, float]:
        """p99 and the longest, of the daemon and of the peer."""
        return percentile(self.daemon, 0.99), max(self.daemon), percentile(self.peer, 0.99), max(self.peer)


COLUMNS = ("greeting p99", "greeting max", "idle loop p99", "idle loop max")
"""Of `figures`, in ms."""


class _Beat:
    def __init__(self, path: Path) -> None:
        self._ours, theirs = _fork.Pipe()
        self._process = _fork.Process(target=_beat, args=(path, theirs), daemon=True)
        self._process.start()
        self._ours.recv()

    def end(self) -> list[float]:
        self._ours.send(None)
        waits: list[float] = self._ours.recv()
        self._process.join()
        return waits


def _beat(path: Path, to_parent: Connection) -> None:
    waits = []
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(path))
        answers = sock.makefile("rb")
        to_parent.send(None)
        while not to_parent.poll():
            begun = time.perf_counter()
            sock.sendall(GREETING)
            answers.readline()
            waits.append((time.perf_counter() - begun) * 1000)
            time.sleep(PAUSE)
    to_parent.send(waits)


def _serve(path: Path) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            writer.write(ANSWER)

    async def serve() -> None:
        async with await asyncio.start_unix_server(answer, path) as server:
            await server.serve_forever()

    asyncio.run(serve())
