"""Is there work in a database? One asker per daemon and database, however many children are idle, each in a thread."""

import os
import select
import time
from collections.abc import Callable, Mapping

from wmcore.backends.base import ManagerQueue

LOOK_SECONDS = 0.1
"""From one look to the next, where nobody says that there is work."""
GAP_SECONDS = 0.01
"""From one question to the next at least, however much is said."""
CERTAIN_SECONDS = 5.0
"""So often it is asked also where nothing seems to have changed."""
LIMIT = 1000


class Bell:
    """Wakes a waiting thread. A descriptor, so that something else can be awaited beside it."""

    def __init__(self) -> None:
        self._fd = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)

    def ring(self) -> None:
        os.eventfd_write(self._fd, 1)

    def wait(self, seconds: float, other: int | None = None) -> bool:
        """Until it rings (True), the descriptor `other` has something to read, or the time is over."""
        poll = select.poll()
        for fd in (self._fd, other):
            if fd is not None:
                poll.register(fd, select.POLLIN)
        poll.poll(max(0.0, seconds) * 1000)
        try:
            return os.eventfd_read(self._fd) > 0
        except BlockingIOError:
            return False


class Asker:
    def __init__(self, queue: ManagerQueue, database: int, idle: Callable[[], list[int]]) -> None:
        """`idle`: the classes that idle children could run; called in the asker's thread."""
        self._queue = queue
        self._database = database
        self._idle = idle
        self._bell = Bell()
        self._covered = frozenset[int]()  # classes of which nothing can have come that we do not know of
        self._asked_at = 0.0  # monotonic
        self._next_due: float | None = None  # monotonic
        self._pending = False  # the last answer named work

    def look_again(self) -> None:
        """From any thread: something happened that the database would not tell by itself."""
        self._bell.ring()

    def watch(self) -> Mapping[int, int]:
        """Look again and again until there is work (class index -> jobs), or the bell rings. Raises QueueDown."""
        while True:
            rung = self._rest()
            ready = self._look(rung)
            if ready or rung:
                return ready

    def _rest(self) -> bool:
        """Until the next look, which comes early where a delayed job falls due or somebody says that there is work.
        True: the bell rang."""
        now = time.monotonic()
        if not self._covered:  # nobody is idle: let them talk
            return self._bell.wait(LOOK_SECONDS)
        time.sleep(max(0.0, self._asked_at + GAP_SECONDS - now))
        due_in = LOOK_SECONDS if self._next_due is None else self._next_due - now
        return self._bell.wait(min(LOOK_SECONDS, due_in), self._queue.ear(self._database))

    def _look(self, rung: bool) -> Mapping[int, int]:
        """Claimable jobs by class; none also where nothing can have changed since the last answer."""
        changed = self._queue.changed(self._database)  # in any case: it moves the mark
        classes = frozenset(self._idle())  # behind it: who turns idle later is asked for the next time
        self._covered &= classes
        if not classes:  # whoever comes back from work finds what there is
            return {}
        now = time.monotonic()
        falls_due = self._next_due is not None and now >= self._next_due
        sure = classes <= self._covered and now - self._asked_at < CERTAIN_SECONDS
        if sure and not (changed or rung or falls_due or self._pending):
            return {}
        due = self._queue.ask(self._database, sorted(classes), LIMIT)
        self._covered = classes
        self._asked_at = now
        self._next_due = None if due.next_in is None else now + due.next_in
        self._pending = bool(due.ready)
        return due.ready
