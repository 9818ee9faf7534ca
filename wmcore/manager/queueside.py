"""The manager's questions to the queue: is it up, is there work, what stands in it. Threads ask, the loop listens.

One asker per daemon and database, however many children are idle; it wakes as many of them as there is work.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from wmcore.backends.base import Due, FailedRow, Filter, ManagerQueue
from wmcore.errors import QueueDown
from wmcore.model import QueueFigures

T = TypeVar("T")

ASK_SECONDS = 0.12
ASK_CERTAINLY_SECONDS = 5.0
"""A lease that runs out makes a job ready without any change in the database."""
PROBE_SECONDS = 0.5
FIGURES_SECONDS = 1.0
FIGURES_UNWATCHED_SECONDS = 5.0
WATCHED_SECONDS = 10.0
"""So long after a look the figures are kept fresh."""
CLEAN_SECONDS = 3600.0
RECENT = 20


@dataclass(slots=True)
class Health:
    """A database as the manager last saw it."""

    name: str
    ok: bool = False
    known: bool = False  # was it asked at all?
    since: float | None = None  # Unix
    error: str | None = None
    notices: list[str] = field(default_factory=list)
    next_due: float | None = None  # monotonic
    asked_at: float = 0.0  # monotonic
    pending: bool = True  # the last answer named work, or nobody asked yet
    figures: dict[int, QueueFigures] = field(default_factory=dict)


class QueueSide:
    """Owns the `ManagerQueue` and its threads."""

    def __init__(self, queue: ManagerQueue, idle: Callable[[], list[int]], wake: Callable[[int], None]) -> None:
        """`idle`: the classes that idle children could run (empty: nobody is idle); `wake`: wake so many children."""
        self.queue = queue
        self._idle = idle
        self._wake = wake
        self.health = [Health(name) for name in queue.databases]
        self.failed_count: int | None = None
        self.failed_recent: list[FailedRow] = []
        self._looked_at = 0.0  # monotonic
        self._looked = asyncio.Event()
        self.on_up: Callable[[int], None] = lambda database: None
        self.on_change: Callable[[str], None] = lambda sentence: None
        self._pool = ThreadPoolExecutor(len(self.health) + 4, thread_name_prefix="queue")
        self._failed_stale = asyncio.Event()

    async def thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    def tasks(self, failed_keep_days: float) -> list[asyncio.Task[None]]:
        loops = [self._ask_loop(database) for database in range(len(self.health))]
        loops += [self._figures_loop(database) for database in range(len(self.health))]
        loops += [self._failed_loop(), self._clean_loop(failed_keep_days)]
        return [asyncio.create_task(loop) for loop in loops]

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def ok(self) -> bool:
        return any(health.ok for health in self.health)

    def look_again(self) -> None:
        """Something happened that the databases would not tell by themselves."""
        for health in self.health:
            health.pending = True

    def failed_changed(self) -> None:
        """The failed list is not what we last saw."""
        self._failed_stale.set()

    def up(self, database: int) -> None:
        health = self.health[database]
        if not health.ok:
            recovered = health.known
            health.ok, health.known, health.error, health.since = True, True, None, time.time()
            health.pending = True
            if recovered:
                self.on_change(f"database {health.name} answers again")
            self.on_up(database)

    def down(self, database: int, error: QueueDown) -> None:
        health = self.health[database]
        if health.ok or not health.known:
            health.ok, health.known, health.since = False, True, time.time()
            self.on_change(f"database {health.name} is down: {error}")
        health.error = str(error)

    # -- is there work? ------------------------------------------------------------------------------------------------

    async def _ask_loop(self, database: int) -> None:
        health = self.health[database]
        while True:
            try:
                if not health.ok:
                    health.notices = await self.thread(self.queue.probe, database)
                    self.up(database)
                await self._ask_once(database, health)
            except QueueDown as error:
                self.down(database, error)
                await asyncio.sleep(PROBE_SECONDS)
                continue
            await asyncio.sleep(ASK_SECONDS)

    async def _ask_once(self, database: int, health: Health) -> None:
        classes = self._idle()
        if not classes:
            health.pending = True  # whoever comes back from work finds it by itself; ask anew when somebody is idle
            return
        now = time.monotonic()
        falls_due = health.next_due is not None and now >= health.next_due
        certainly = health.pending or falls_due or now - health.asked_at > ASK_CERTAINLY_SECONDS
        due = await self.thread(self._ask, database, classes, certainly)
        if due is None:
            return
        health.asked_at = now
        ready = sum(due.ready.values())
        health.pending = ready > 0
        health.next_due = None if due.next_in is None else time.monotonic() + due.next_in
        if ready:
            self._wake(ready)

    def _ask(self, database: int, classes: list[int], certainly: bool) -> Due | None:
        """In a thread. None: nothing has changed since the last answer."""
        changed = self.queue.changed(database)  # always asked: it moves the mark
        return self.queue.ask(database, classes, 1000) if changed or certainly else None

    # -- what stands in it? --------------------------------------------------------------------------------------------

    def look(self) -> None:
        """Somebody looks at the figures: keep them fresh for a while."""
        self._looked_at = time.monotonic()
        self._looked.set()

    @property
    def watched(self) -> bool:
        return time.monotonic() - self._looked_at < WATCHED_SECONDS

    async def _pause(self) -> None:
        """A second; five when nobody has looked for a while, cut short when somebody does."""
        await asyncio.sleep(FIGURES_SECONDS)
        if not self.watched:
            self._looked.clear()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._looked.wait(), FIGURES_UNWATCHED_SECONDS - FIGURES_SECONDS)

    async def _figures_loop(self, database: int) -> None:
        health = self.health[database]
        while True:
            begun = time.monotonic()
            if not health.ok:
                await asyncio.sleep(ASK_SECONDS)
                continue
            try:
                health.figures = await self.thread(self.queue.figures, database)
            except QueueDown as error:
                self.down(database, error)
            # A database that answers slowly is asked less often: figures may take 2 % of its time.
            await asyncio.sleep(min(30.0, 50 * (time.monotonic() - begun)))
            await self._pause()

    def figures(self, class_index: int) -> QueueFigures | None:
        """Over all databases that are up; None where none is."""
        known = [health.figures[class_index] for health in self.health if health.ok and class_index in health.figures]
        if not known:
            return None
        ages = [figure.oldest_ms for figure in known if figure.oldest_ms is not None]
        return QueueFigures(
            ready=sum(figure.ready for figure in known),
            delayed=sum(figure.delayed for figure in known),
            running=sum(figure.running for figure in known),
            oldest_ms=max(ages, default=None),
        )

    async def _failed_loop(self) -> None:
        while True:
            self._failed_stale.clear()
            await asyncio.sleep(ASK_SECONDS)  # a storm of failures is one change
            if not self.ok:
                continue
            with contextlib.suppress(QueueDown):  # the asker says so
                await self.refresh_failed()
            pause = asyncio.create_task(self._pause())
            stale = asyncio.create_task(self._failed_stale.wait())
            await asyncio.wait({pause, stale}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            stale.cancel()

    async def refresh_failed(self) -> None:
        count = await self.thread(self.queue.failed_count, Filter())
        recent, _ = await self.thread(self.queue.failed_list, Filter(), None, RECENT)
        self.failed_count, self.failed_recent = count, recent

    async def _clean_loop(self, keep_days: float) -> None:
        while True:
            await asyncio.sleep(CLEAN_SECONDS)
            try:
                await self.thread(self.queue.clean, keep_days)
            except QueueDown:
                continue
