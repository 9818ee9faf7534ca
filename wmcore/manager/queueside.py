"""The manager's questions to the queue: is it up, is there work, what stands in it. Threads ask, the loop listens.

One asker per daemon and database, however many children are idle; it wakes as many of them as there is work.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TypeVar

from wmcore.backends.base import FailedRow, Filter, ManagerQueue, Wanted
from wmcore.errors import QueueDown
from wmcore.model import QueueFigures

T = TypeVar("T")

ASK_SECONDS = 0.12
WATCH_SECONDS = 1.0
ASK_LIMIT = 1000
ASK_CERTAINLY_SECONDS = 5.0
"""A lease that runs out makes a job ready without any change in the database."""
PROBE_SECONDS = 0.5
FIGURES_SECONDS = 1.0
FIGURES_UNWATCHED_SECONDS = 5.0
WATCHED_SECONDS = 10.0
"""So long after a look the figures are kept fresh."""
CLEAN_SECONDS = 3600.0
FIRST_CLEAN_SECONDS = 300.0
"""Sooner: a daemon may be started anew every hour."""
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
    stir: threading.Event = field(default_factory=threading.Event)  # look at once
    figures: dict[int, QueueFigures] = field(default_factory=dict)


class QueueSide:
    """Owns the `ManagerQueue` and its threads."""

    def __init__(
        self, queue: ManagerQueue, idle: Callable[[], list[int]], wake: Callable[[Mapping[int, int]], None]
    ) -> None:
        """`idle`: the classes that idle children could run (empty: nobody is idle); `wake`: wake children for so many
        jobs of each class."""
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
        self.on_figures: Callable[[], None] = lambda: None
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
        self.look_again()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def ok(self) -> bool:
        return any(health.ok for health in self.health)

    def look_again(self) -> None:
        """Something happened that the databases would not tell by themselves."""
        for health in self.health:
            health.pending = True
            health.stir.set()

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
                classes = self._idle()
                if classes:
                    self._wake(await self.thread(self._watch, database, classes))
                else:
                    health.pending = True  # whoever comes back from work finds it; ask anew when somebody is idle
            except QueueDown as error:
                self.down(database, error)
                await asyncio.sleep(PROBE_SECONDS)
                continue
            await asyncio.sleep(ASK_SECONDS)

    def _watch(self, database: int, classes: list[int]) -> dict[int, int]:
        """In a thread: ask again and again, until there is work (class index -> jobs), something stirs, or a second is
        over. So an idle daemon's loop sleeps, and one thread wakes up for each question."""
        health = self.health[database]
        until = time.monotonic() + WATCH_SECONDS
        while True:
            ready = self._ask(database, classes, health)
            if ready or health.stir.wait(ASK_SECONDS) or time.monotonic() > until:
                health.stir.clear()
                return ready

    def _ask(self, database: int, classes: list[int], health: Health) -> dict[int, int]:
        """Claimable jobs by class; none also where nothing can have changed since the last answer."""
        now = time.monotonic()
        falls_due = health.next_due is not None and now >= health.next_due
        stale = health.pending or falls_due or now - health.asked_at > ASK_CERTAINLY_SECONDS
        changed = self.queue.changed(database)  # always asked: it moves the mark
        if not (changed or stale):
            return {}
        due = self.queue.ask(database, classes, ASK_LIMIT)
        health.asked_at = now
        health.next_due = None if due.next_in is None else now + due.next_in
        health.pending = bool(due.ready)
        return due.ready

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
                self.on_figures()
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
        recent = await self.thread(self.queue.failed_page, Filter(), Wanted(limit=RECENT))
        self.failed_count, self.failed_recent = count, list(recent.rows)

    async def _clean_loop(self, keep_days: float) -> None:
        pause = FIRST_CLEAN_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = CLEAN_SECONDS
            with contextlib.suppress(QueueDown):  # the asker says so
                await self.thread(self.queue.clean, keep_days)
