"""One small record per finished attempt, from the children to the manager through one pipe.

The pipe feeds distributions only: where it is full, records are dropped and counted, and no job ever waits for it.
A write of at most PIPE_BUF bytes is atomic, so records of several children never mix.
"""

import fcntl
import os
import struct
from collections.abc import Sequence

_RECORD = struct.Struct("<HBxIfff")
PIPE_SIZE = 1024 * 1024
PIPE_BUF = 4096
_PER_WRITE = PIPE_BUF // _RECORD.size


Event = tuple[int, int, int, float, float, float]
"""Class index, outcome, slot; delay, lateness and run time in milliseconds."""


def open_pipe() -> tuple[int, int]:
    """Read and write end, non-blocking, close-on-exec, as large as the system lets us."""
    reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, PIPE_SIZE)
    except OSError:  # over the user's limit: the default size drops a little sooner
        pass
    return reader, writer


pack = _RECORD.pack
"""The members of an Event -> its record."""


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

    def read(self) -> list[Event]:
        """All records that have arrived."""
        try:
            data = self._rest + os.read(self._fd, PIPE_SIZE)
        except BlockingIOError:
            return []
        whole = len(data) - len(data) % _RECORD.size
        self._rest = data[whole:]
        return list(_RECORD.iter_unpack(data[:whole]))
