"""Which jobs have been started on this host and not ended, and how many have killed a child: words in a file that
children and manager map.

A job whose child died comes to the next one at once, long before anybody could count that death. Whoever gets it sees
here that it was started, and lets the manager close the books of its last run first. A hint: two jobs may share a word,
then the later one is remembered.
"""

import mmap
import os
import time
import zlib
from pathlib import Path

WORDS = 4096
PATIENCE_SECONDS = 1.0
"""So long the books of a job's last run are waited for; then it is run as it is."""


class Running:
    def __init__(self, state_dir: Path) -> None:
        fd = os.open(state_dir / "running", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            # With its place on the disk: where that is full, the first word on a page without one would be a SIGBUS.
            os.posix_fallocate(fd, 0, (WORDS + 1) * 8)
            self._words = memoryview(mmap.mmap(fd, (WORDS + 1) * 8)).cast("Q")
        finally:
            os.close(fd)

    @property
    def deaths(self) -> int:
        """Another number than before: something new is known of jobs that gearmand gives out by itself, look. 0: there
        never was anything."""
        return self._words[WORDS]

    def died(self) -> None:
        """To be called by one process, in one thread at a time."""
        self._words[WORDS] += 1

    def started(self, stamp: int) -> None:
        self._words[stamp % WORDS] = stamp

    def ended(self, stamp: int) -> None:
        if self._words[stamp % WORDS] == stamp:
            self._words[stamp % WORDS] = 0

    def await_books(self, stamp: int) -> None:
        """Of a job that was started before: until its last run is settled."""
        if self._words[stamp % WORDS] != stamp:
            return
        until = time.monotonic() + PATIENCE_SECONDS
        while self._words[stamp % WORDS] == stamp and time.monotonic() < until:
            time.sleep(0.005)


def stamp_of(handle: bytes, mark: int) -> int:
    """Never 0. `mark`: of its unique id and payload."""
    return zlib.crc32(handle, mark) + 1
