"""A process made ahead. While children are replaced again and again, one more is forked and connects to the queue, in
no slot and without a job; it becomes the next child at once. A recycle then waits for neither fork nor connection.
"""

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from wmcore import link, process
from wmcore.link import Link

KEPT_SECONDS = 5.0
"""Since a child was replaced last: where that happens less often, nobody would miss the time."""

BEHIND_SECONDS = 0.05
"""Made so long after the last child's fork: it must not take the processor from that one's first claim."""

Become = Callable[[Link], NoReturn]
"""What the process does, with its end of the link to the loader."""


class Spare:
    """The loader's hand on it. It leaves when the link closes, be it that the loader died."""

    def __init__(self) -> None:
        self._sock: socket.socket | None = None
        self._pid = 0
        self._ready = False
        self._wanted_until = 0.0
        self._not_before = 0.0
        self._left: set[int] = set()

    def note_left(self, slot: int) -> None:
        """Its child has ended well: is it replaced?"""
        self._left.add(slot)

    def missing_in(self, now: float) -> float | None:
        """Seconds until one should be made; None: there is one, or no need of one."""
        needed = self._sock is None and now < self._wanted_until
        return max(0.0, self._not_before - now) if needed else None

    def is_idle(self, now: float) -> bool:
        """Nobody needs it any more."""
        return self._sock is not None and now >= self._wanted_until

    def fork(self, become: Become) -> None:
        """Raises OSError."""
        ours, theirs = link.pair()

        def live() -> None:
            ours.close()
            become(Link(theirs))

        try:
            self._pid = process.fork(live)
        except OSError:
            ours.close()
            self._wanted_until = 0.0  # not tried again until the next child is replaced
            raise
        finally:
            theirs.close()
        ours.setblocking(False)
        self._sock, self._ready = ours, False

    def look(self) -> None:
        """Is it connected by now? One that has died is not made again until the next child is replaced."""
        if self._sock is None or self._ready:
            return
        try:
            self._ready = bool(self._sock.recv(1))
        except BlockingIOError:
            return
        except OSError:
            self._ready = False
        if not self._ready:
            self.dismiss()
            self._wanted_until = 0.0

    def take(self, order: link.Fork, wake_fd: int, now: float) -> int:
        """It becomes this child: its pid, or 0 where there is none that is ready."""
        if order.slot in self._left:  # the next ones will be replaced, too
            self._left.discard(order.slot)
            self._wanted_until = now + KEPT_SECONDS
        if now > self._not_before:  # not put off again and again where many are replaced
            self._not_before = now + BEHIND_SECONDS
        self.look()
        if self._sock is None or not self._ready:
            return 0
        pid = self._pid
        try:
            Link(self._sock).send(order, (wake_fd,))
        except OSError:
            pid = 0
        self.dismiss()
        return pid

    def dismiss(self) -> None:
        """Let go of it: what has become a child reads no more, what has not leaves."""
        if self._sock is not None:
            self._sock.close()
        self._sock, self._pid, self._ready = None, 0, False


def stand_by(to_loader: Link) -> tuple[link.Fork, int]:
    """In the process, when it is ready: wait for its order. Does not return where none comes."""
    with suppress(OSError):
        to_loader.sock.send(b"r")
        packet = to_loader.receive_order()
        if packet is not None:
            order, fds = packet
            to_loader.sock.close()
            return order, fds[0]
    os._exit(0)
