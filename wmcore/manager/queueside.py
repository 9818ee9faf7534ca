"""The manager's questions to the queue: is it up, is there work, what stands in it. Threads ask, the loop listens."""

import asyncio
import contextlib
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from wmcore.backends.arguments import glimpse
from wmcore.backends.base import ManagerQueue
from wmcore.backends.records import FailedRow, Filter, Wanted
from wmcore.errors import QueueDown
from wmcore.manager.asker import Asker
from wmcore.manager.loops import Loops
from wmcore.model import QueueFigures

T = TypeVar("T")

PROBE_SECONDS = 0.5
STORM_SECONDS = 0.12
"""A storm of failures within so long is one change of the failed list."""
FIGURES_SECONDS = 1.0
FIGURES_UNWATCHED_SECONDS = 5.0
WATCHED_SECONDS = 10.0
"""So long after a look the figures are kept fresh."""
CLEAN_SECONDS = 3600.0
FIRST_CLEAN_SECONDS = 300.0
"""Sooner: a daemon may be started anew every hour."""
RECENT = 20
RECOUNT_SECONDS = 30.0
"""By class they are counted when there are more or less of them, or others; and so often, where a bound hides it."""
GLIMPSE = 200
"""Characters of an argument in the list of failed jobs."""
OPEN = Filter(retried=False)


def _again(begun: float) -> float:
    """A question that takes a database long is asked less often: it may take 2 % of its time. Monotonic."""
    return time.monotonic() + min(30.0, 50 * (time.monotonic() - begun))


@dataclass(slots=True)
class Health:
    """A database as the manager last saw it."""

    name: str
    ok: bool = False
    known: bool = False  # was it asked at all?
    since: float | None = None  # Unix
    error: str | None = None
    notices: list[str] = field(default_factory=list)
    figures: dict[int, QueueFigures] = field(default_factory=dict)


class QueueSide:
    """Owns the `ManagerQueue` and its threads."""

    def __init__(
        self, queue: ManagerQueue, idle: Callable[[], list[int]], wake: Callable[[Mapping[int, int]], None]
    ) -> None:
        """`idle`: the classes that idle children could run, asked for in threads (empty: nobody is idle); `wake`: wake
        children for so many jobs of each class."""
        self.queue = queue
        self._wake = wake
        self.health = [Health(name) for name in queue.databases]
        self._askers = [Asker(queue, database, idle) for database in range(len(self.health))]
        self.failed_count: int | None = None  # of those that nobody has retried
        self.failed_open: Mapping[int, int] = {}  # by class, as far as is known
        self._counted: object = None  # how many there were and the newest ones, when they were counted by class
        self._count_again = 0.0  # monotonic: not before
        self.failed_recent: list[tuple[FailedRow, str]] = []  # with their arguments, as a list has them
        self._looked_at = 0.0  # monotonic
        self._looked = asyncio.Event()
        self.on_up: Callable[[int], None] = lambda database: None
        self.on_change: Callable[[str], None] = lambda sentence: None
        self.on_figures: Callable[[], None] = lambda: None
        self._pool = ThreadPoolExecutor(len(self.health) + 4, thread_name_prefix="queue")
        self._failed_stale = asyncio.Event()

    async def thread(self, call: Callable[..., T], *arguments: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._pool, call, *arguments)

    def start(self, loops: Loops, failed_keep_days: float) -> list[asyncio.Task[None]]:
        started = []
        for database, health in enumerate(self.health):
            ask, count = partial(self._ask_loop, database), partial(self._figures_loop, database)
            started.append(loops.start(f"asking database {health.name} for work", ask))
            started.append(loops.start(f"counting the jobs of database {health.name}", count))
        started.append(loops.start("reading the failed jobs", self._failed_loop))
        started.append(loops.start("cleaning up", partial(self._clean_loop, failed_keep_days)))
        return started

    def close(self) -> None:
        self.look_again()
        self._pool.shutdown(wait=False, cancel_futures=True)

    @property
    def ok(self) -> bool:
        return any(health.ok for health in self.health)

    def look_again(self) -> None:
        """Something happened that the databases would not tell by themselves."""
        for asker in self._askers:
            asker.look_again()

    def failed_changed(self) -> None:
        """The failed list is not what we last saw."""
        self._failed_stale.set()

    def up(self, database: int) -> None:
        health = self.health[database]
        if not health.ok:
            recovered = health.known
            health.ok, health.known, health.error, health.since = True, True, None, time.time()
            self._askers[database].look_again()
            if recovered:
                self.on_change(f"{self.queue.word} {health.name} answers again")
            self.on_up(database)

    def down(self, database: int, error: QueueDown) -> None:
        health = self.health[database]
        if health.ok or not health.known:
            health.ok, health.known, health.since = False, True, time.time()
            who = f"{self.queue.word} {health.name}"
            self.on_change(f"{who} is down: {str(error).removeprefix(f'{who}: ')}")
            self._askers[database].look_again()  # and so find out when it is up again
        health.error = str(error)

    # -- is there work? ------------------------------------------------------------------------------------------------

    async def _ask_loop(self, database: int) -> None:
        health = self.health[database]
        while True:
            try:
                if not health.ok:
                    health.notices = await self.thread(self.queue.probe, database)
                    self.up(database)
                self._wake(await self.thread(self._askers[database].watch))
            except QueueDown as error:
                self.down(database, error)
                await asyncio.sleep(PROBE_SECONDS)

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
                await asyncio.sleep(PROBE_SECONDS)
                continue
            try:
                health.figures = await self.thread(self.queue.figures, database)
                self.on_figures()
            except QueueDown as error:
                self.down(database, error)
            await asyncio.sleep(max(0.0, _again(begun) - time.monotonic()))
            await self._pause()

    def figures(self, class_index: int) -> QueueFigures | None:
        """Over all databases that are up; None where none is."""
        known = [health.figures[class_index] for health in self.health if health.ok and class_index in health.figures]
        if not known:
            return None
        workers = [figure.workers for figure in known if figure.workers is not None]
        ages = [figure.oldest_ms for figure in known if figure.oldest_ms is not None]
        return QueueFigures(
            ready=sum(figure.ready for figure in known),
            delayed=sum(figure.delayed for figure in known),
            running=sum(figure.running for figure in known),
            oldest_ms=max(ages, default=None),
            workers=sum(workers) if workers else None,
        )

    async def _failed_loop(self) -> None:
        while True:
            self._failed_stale.clear()
            await asyncio.sleep(STORM_SECONDS)
            if not (self.ok or self.queue.failed_apart):
                continue
            with contextlib.suppress(QueueDown):  # the asker says so
                await self.refresh_failed()
            pause = asyncio.create_task(self._pause())
            stale = asyncio.create_task(self._failed_stale.wait())
            await asyncio.wait({pause, stale}, return_when=asyncio.FIRST_COMPLETED)
            pause.cancel()
            stale.cancel()

    async def refresh_failed(self) -> None:
        count = await self.thread(self.queue.failed_count, OPEN)
        recent = await self.thread(self._read_recent)
        self.failed_count, self.failed_recent = count, recent
        state = count, [row.id for row, _ in recent], time.monotonic() // RECOUNT_SECONDS
        if state != self._counted and (begun := time.monotonic()) >= self._count_again:
            self.failed_open = await self.thread(self.queue.failed_open)
            self._counted, self._count_again = state, _again(begun)

    def _read_recent(self) -> list[tuple[FailedRow, str]]:
        page = self.queue.failed_page(OPEN, Wanted(limit=RECENT))
        return [(row, glimpse(row.raw, row.size, GLIMPSE)) for row in page.rows]

    async def _clean_loop(self, keep_days: float) -> None:
        pause = FIRST_CLEAN_SECONDS
        while True:
            await asyncio.sleep(pause)
            pause = CLEAN_SECONDS
            with contextlib.suppress(QueueDown):  # the asker says so
                await self.thread(self.queue.clean, keep_days)
