"""How a child sleeps and what wakes it: one poll on everything that matters, so that nothing is lost or restarted."""

import math
import os
import select
import signal
import time
from collections.abc import Sequence
from types import FrameType


class Wakeup:
    """Waits for the manager's wake-up byte, a signal, or the end of manager or loader.

    `finishing` is set for good by TERM or QUIT, by the manager's end (its pipe closes) and by the loader's (the same).
    A signal handler only notes and writes a byte (through `set_wakeup_fd`): PEP 475 restarts every other wait.
    """

    def __init__(self, wake_fd: int, life_fd: int, parent: int) -> None:
        self._wake_fd = wake_fd
        self._parent = parent
        self._signal_reader, self._signal_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        os.set_blocking(wake_fd, False)
        self._life_fd = life_fd
        self._poll = select.poll()
        for fd in (wake_fd, life_fd, self._signal_reader):
            self._poll.register(fd, select.POLLIN)
        self.finishing = False
        self._looked_at = 0.0

    def arm(self) -> None:
        """Install the handlers; call with the signals still blocked, then unblock them."""
        signal.set_wakeup_fd(self._signal_writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._finish)
        signal.signal(signal.SIGQUIT, self._finish)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        for number in (signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)

    def _finish(self, number: int, frame: FrameType | None) -> None:
        self.finishing = True

    def wait(self, seconds: float, beside: Sequence[tuple[int, int]] = ()) -> None:
        """Until something happens, at most `seconds`. `beside`: other descriptors that end the wait, with their
        events; what has come there is left there."""
        if self.finishing:
            return
        for fd, events in beside:
            self._poll.register(fd, events)
        ready = self._poll.poll(max(0, math.ceil(seconds * 1000)))
        for fd, _ in beside:
            self._poll.unregister(fd)
        others = {fd for fd, _ in beside}
        self._take([each for each in ready if each[0] not in others])

    def look(self) -> None:
        """Take what has happened already, without waiting."""
        self._take(self._poll.poll(0))

    def long_ago(self, seconds: float) -> bool:
        """Is the last look or wait longer ago?"""
        return time.monotonic() - self._looked_at > seconds

    def _take(self, ready: list[tuple[int, int]]) -> None:
        for fd, _ in ready:
            try:
                data = os.read(fd, 512)
            except BlockingIOError:
                continue
            if not data and fd in (self._wake_fd, self._life_fd):
                self._poll.unregister(fd)
                self.finishing = True
        self._looked_at = time.monotonic()
        if os.getppid() != self._parent:
            self.finishing = True
