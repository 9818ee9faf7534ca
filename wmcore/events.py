"""One small record per finished attempt, from the children to the manager through one pipe.

The pipe feeds distributions only: where it is full, records are dropped and counted, and no job ever waits for it.
A write of at most PIPE_BUF bytes is atomic, so records of several children never mix.
"""

import fcntl
import os
import struct
from collections.abc import Iterator, Sequence

import msgspec

from wmcore.model import Outcome

_RECORD = struct.Struct("<HBxIfff")
PIPE_SIZE = 1024 * 1024
PIPE_BUF = 4096
_PER_WRITE = PIPE_BUF // _RECORD.size


class Event(msgspec.Struct, frozen=True):
    class_index: int
    outcome: Outcome
    slot: int
    delay_ms: float
    lateness_ms: float
    process_ms: float


def open_pipe() -> tuple[int, int]:
    """Read and write end, non-blocking, close-on-exec, as large as the system lets us."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    except OSError:  # over the user's limit: the default size drops a little sooner
        pass
    return reader, writer


def pack(event: Event) -> bytes:
    return _RECORD.pack(
        event.class_index, event.outcome, event.slot, event.delay_ms, event.lateness_ms, event.process_ms
    )


def write(fd: int, records: Sequence[bytes]) -> int:
    """Write packed records; returns how many had to be dropped."""
    for start in range(0, len(records), _PER_WRITE):
        try:
            os.write(fd, b"".join(records[start : start + _PER_WRITE]))
        except (BlockingIOError, BrokenPipeError):
            return len(records) - start
    return 0


class Reader:
    """Takes bytes from the pipe apart; a record may come in two pieces."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._rest = b""

    def read(self) -> Iterator[Event]:
        """All records that have arrived."""
        try:
            data = self._rest + os.read(self._fd, PIPE_SIZE)
        except BlockingIOError:
            return
        whole = len(data) - len(data) % _RECORD.size
        self._rest = data[whole:]
        for index, outcome, slot, delay, lateness, process in _RECORD.iter_unpack(data[:whole]):
            yield Event(index, Outcome(outcome), slot, delay, lateness, process)
