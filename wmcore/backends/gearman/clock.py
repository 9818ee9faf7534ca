"""The handle clock (`probe: true`): when was a job inserted whose client does not say so?

gearmand counts its jobs in one row, H:HOST:1, H:HOST:2 and so on. Once a second the manager puts in a job of its own
and notes its number: what has a number in between was inserted in between. For every client, whatever it sends; an
estimate within half a second. Opt-in, since it is a job a second on somebody's server.
"""

import mmap
import os
import socket
import struct
import time
import zlib
from bisect import bisect_left
from collections.abc import Sequence
from pathlib import Path

from wmcore.backends.gearman import packets
from wmcore.backends.gearman.chore import Chore
from wmcore.backends.gearman.talk import Talk
from wmcore.errors import QueueDown

TICK_SECONDS = 1.0
TICKS = 4096
"""Kept: a bit over an hour."""
_COUNT = struct.Struct("Q")
_TICK = struct.Struct("dQ")
_SIZE = _COUNT.size + TICKS * _TICK.size
_SUBMIT_JOB = 7


def _path(state_dir: Path, server: str) -> Path:
    return state_dir / f"handles-{server.replace('/', '_')}"


class Clock(Chore):
    """The manager's side: a thread for each server."""

    pause_seconds = TICK_SECONDS

    def __init__(self, state_dir: Path, server: str) -> None:
        super().__init__(f"clock {server}")
        self._talk = Talk(server)
        # The same in each life of the daemon: a server lists for ever what it once heard of.
        self._function = f"wmcore-clock:{socket.gethostname()}:{zlib.crc32(os.fsencode(state_dir)):08x}".encode()
        self._able = False
        self._last = self._count = 0
        # Never made shorter: children of a former life may have it mapped.
        self._fd = os.open(_path(state_dir, server), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.ftruncate(self._fd, _SIZE)
        self._begin_anew()

    def turn(self) -> bool:
        try:
            moment, number = self._tick()
        except QueueDown:  # the asker says so
            self._able = False
            self._begin_anew()
            return False
        if number <= self._last:
            self._begin_anew()
        self._last = number
        os.pwrite(self._fd, _TICK.pack(moment, number), _COUNT.size + self._count % TICKS * _TICK.size)
        self._count += 1
        os.pwrite(self._fd, _COUNT.pack(self._count), 0)
        return False

    def _begin_anew(self) -> None:
        """The server was started anew, or may have been."""
        self._count = self._last = 0
        os.pwrite(self._fd, _COUNT.pack(0), 0)

    def _tick(self) -> tuple[float, int]:
        """A job of our own, done by ourselves. Raises QueueDown."""
        able = b"" if self._able else packets.pack(packets.CAN_DO, self._function)
        before = time.time()
        _, handle = self._talk.ask(able + packets.pack(_SUBMIT_JOB, self._function, b"", b""), packets.JOB_CREATED)
        after = time.time()
        self._able = True
        kind, _ = self._talk.ask(packets.GRAB, packets.JOB_ASSIGN_UNIQ, packets.NO_JOB)
        if kind == packets.JOB_ASSIGN_UNIQ:
            self._talk.ask(packets.pack(packets.WORK_COMPLETE, handle, b""), packets.WORK_COMPLETE)
        number = _number(handle.decode(errors="replace"))
        if number is None:
            raise QueueDown(f"job server {self._talk.server}: its handles end in no number")
        return (before + after) / 2, number

    def close(self) -> None:
        self._talk.close()
        os.close(self._fd)


class Estimates:
    """A child's side: from a handle to the moment of its insert."""

    def __init__(self, state_dir: Path, servers: Sequence[str]) -> None:
        self._paths = [_path(state_dir, server) for server in servers]
        self._maps: dict[int, mmap.mmap] = {}
        self._known: dict[int, tuple[int, list[int], list[float]]] = {}  # server -> count, numbers, moments

    def __call__(self, server: int, handle: str) -> float | None:
        """Unix seconds; None where nobody can say."""
        number = _number(handle)
        if number is None:
            return None
        numbers, moments = self._ticks(server)
        place = bisect_left(numbers, number)
        if not numbers or place == 0:
            return None
        if place < len(numbers):
            later, until = numbers[place], moments[place]
        else:
            later, until = number + 1, min(time.time(), moments[-1] + TICK_SECONDS)
        share = (number - numbers[place - 1]) / (later - numbers[place - 1]) if place < len(numbers) else 0.5
        return moments[place - 1] + (until - moments[place - 1]) * share

    def _ticks(self, server: int) -> tuple[list[int], list[float]]:
        ring = self._map(server)
        if ring is None:
            return [], []
        (count,) = _COUNT.unpack_from(ring)
        known = self._known.get(server)
        if known is None or known[0] != count:
            ticks = [
                _TICK.unpack_from(ring, _COUNT.size + place % TICKS * _TICK.size)
                for place in range(max(0, count - TICKS + 1), count)
            ]
            known = self._known[server] = (count, [number for _, number in ticks], [moment for moment, _ in ticks])
        return known[1], known[2]

    def _map(self, server: int) -> mmap.mmap | None:
        if server not in self._maps:
            try:
                with self._paths[server].open("rb") as file:
                    self._maps[server] = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
            except (OSError, ValueError):  # not there, or still empty
                return None
        return self._maps[server]


def _number(handle: str) -> int | None:
    tail = handle.rpartition(":")[2]
    return int(tail) if tail.isdecimal() else None
