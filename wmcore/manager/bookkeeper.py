"""Closes the books of dead children: this life's at once, the former life's at the start. A thread acts, one by one."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wmcore.backends.base import Book, Closed
from wmcore.errors import QueueDown
from wmcore.logs import JobEnd
from wmcore.manager import books
from wmcore.manager.books import Shelf
from wmcore.manager.formerlife import FormerLife
from wmcore.model import MEASURED, UNKNOWN, Outcome
from wmcore.scoreboard import SlotView

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

LAST_TRY_SECONDS = 5.0
AGAIN_SECONDS = 1.0
AGAIN_MOST_SECONDS = 30.0
"""Pauses between two tries at a book that a database did not take."""


@dataclass(slots=True)
class LastSeen:
    """What a dead child's slot said of its last jobs, ms."""

    process_ms: float = 0.0  # of the last that finished
    delay_ms: float = 0.0
    lateness_ms: float = 0.0
    ran_ms: float = 0.0  # of the one that was running
    counted: bool = True  # is its last completion among the counts?


class Bookkeeper:
    """Owns the shelf of open books."""

    def __init__(self, manager: "Manager", former: FormerLife) -> None:
        self._manager = manager
        self._former = former
        self._shelf = Shelf(manager.config.state_dir / "books.json", lambda trouble: manager.note(trouble, "error"))
        self._shelf.load()
        self._last: dict[str, LastSeen] = {}  # by owner
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._again_at = 0.0  # monotonic
        self._pause = AGAIN_SECONDS
        for book in former.dead():
            self._shelf.put(book)
        former.shelved()
        if former.survivors:
            manager.note(f"{len(former.survivors)} children of a former life still finish their jobs")

    # -- this life -----------------------------------------------------------------------------------------------------

    def child_gone(self, view: SlotView, exit_code: int, cause: str, *, counts: bool) -> None:
        if books.is_settled(view, exit_code):
            return
        board = self._manager.board
        ran_ms = (time.monotonic_ns() - view.since_ns) / 1e6
        self._last[view.owner] = LastSeen(*board.last_figures(view.slot), ran_ms, counted=view.counted)
        book = books.make_book(view, board.policy(view.slot), cause, counts=counts)
        self._shelf.put(book)
        self._go(self._close([book]))

    def database_up(self, database: int) -> None:
        """It answers (again): whatever stands open there."""
        self._go(self._close(list(self._shelf.books), strays_of=database))

    def _go(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _close(self, todo: Sequence[Book], strays_of: int | None = None) -> None:
        async with self._lock:
            for book in todo:
                if book in self._shelf.books:
                    await self._try_one(book)
            if strays_of is not None:
                await self._release_strays(strays_of)

    async def _try_one(self, book: Book) -> None:
        """The door: a book that cannot be closed must not keep the others open."""
        try:
            await self._close_one(book)
        except Exception as error:
            self._manager.note(f"the books of slot {book.slot} stay open: {type(error).__name__}: {error}", "error")

    async def _close_one(self, book: Book) -> None:
        queue = self._manager.queue
        closed = await queue.thread(queue.queue.close_book, book)
        self._shelf.take(book)
        if closed.remaining:
            self._shelf.put(replace(book, open_databases=tuple(closed.remaining)))
        self._account(book, closed)

    async def _release_strays(self, database: int) -> None:
        queue = self._manager.queue
        known = {book.owner for book in self._shelf.books} | {view.owner for view in self._former.survivors}
        board = self._manager.board
        known |= {board.view(child.slot).owner for child in self._manager.state.children.values()}
        try:
            released = await queue.thread(queue.queue.release_strays, database, known)
        except QueueDown as error:
            queue.down(database, error)
            return
        if released:
            self._manager.note(f"gave back {len(released)} jobs that a former life had claimed")

    def _account(self, book: Book, closed: Closed) -> None:
        """Lines and counts that the dead child could not write any more."""
        manager = self._manager
        last = self._last.get(book.owner, LastSeen())
        now = time.time()
        if not last.counted and closed.completed and closed.completed[-1][0] >= 0:
            manager.figures.add(closed.completed[-1][0], "completed")
            last.counted = True
        for class_index, job in closed.completed:  # its child counted the others when they finished
            end = JobEnd(
                self._name(class_index), Outcome.COMPLETED, job, last.process_ms, last.delay_ms, last.lateness_ms
            )
            manager.line(manager.outputs.formatter.job(end, now))
        # Nobody here knows when it was inserted: TheSchwartz' lines have a number all the same, Gearman's need none.
        kind = UNKNOWN if manager.config.type == "Gearman" else MEASURED
        for class_index, job, outcome in closed.attempts:
            if class_index >= 0:
                manager.figures.add(class_index, "failed" if outcome is Outcome.FAILED else "retried")
            end = JobEnd(self._name(class_index), outcome, job, last.ran_ms, 0.0, 0.0, kind)
            manager.line(manager.outputs.formatter.job(end, now))
            manager.note(f"job {job}: {book.failure.message}", "error")
            manager.queue.failed_changed()
        for job in closed.released:
            manager.debug(f"job {job} given back")
        if not closed.remaining:
            self._last.pop(book.owner, None)
        manager.queue.look_again()

    def _name(self, class_index: int) -> str:
        return self._manager.state.names[class_index] if class_index >= 0 else "(class-no-longer-configured)"

    async def last_try(self) -> None:
        """At the end: what a database does not take now stands on the shelf for the next life."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_TRY_SECONDS)
        if self._shelf.books:
            self._manager.note(f"{len(self._shelf.books)} books of dead children stay open until the next start")

    # -- former lives --------------------------------------------------------------------------------------------------

    def former_slots(self) -> set[int]:
        """Slots whose claim rows are still in use by children of a former life."""
        return {view.slot for view in self._former.survivors}

    def tick(self, now: float) -> None:
        """Children that outlived their manager have left; books that a database did not take are tried again."""
        left = self._former.follow()
        for book in left:
            self._shelf.put(book)
        if left:
            self._go(self._close(left))
        elif self._shelf.books and now >= self._again_at and not self._lock.locked():
            self._again_at = now + self._pause
            self._pause = min(AGAIN_MOST_SECONDS, self._pause * 2)
            self._go(self._close(list(self._shelf.books)))
        elif not self._shelf.books:
            self._pause = AGAIN_SECONDS
