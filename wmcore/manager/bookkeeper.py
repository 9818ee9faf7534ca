"""Closes the books of dead children: this life's at once, the former life's at the start. A thread acts, one by one."""

import asyncio
import time
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from wmcore import process as processes
from wmcore.backends.base import Book, Closed
from wmcore.errors import QueueDown
from wmcore.logs import JobEnd
from wmcore.manager import books
from wmcore.manager.books import Shelf
from wmcore.model import Outcome
from wmcore.scoreboard import Scoreboard, SlotView

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

LAST_TRY_SECONDS = 5.0


class Bookkeeper:
    """Owns the shelf of open books."""

    def __init__(self, manager: "Manager", former: Scoreboard | None) -> None:
        self._manager = manager
        self._former = former
        self._shelf = Shelf(manager.config.state_dir / "books.json")
        self._shelf.load()
        self._figures: dict[str, tuple[float, float, float]] = {}  # owner -> run time, delay, lateness of its last job
        self._running: dict[str, float] = {}  # owner -> how long its job had run, ms
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._survivors: list[SlotView] = books.survivors(former) if former else []
        for book in books.of_former_life(former) if former else []:
            self._shelf.put(book)
        if self._survivors:
            manager.note(f"{len(self._survivors)} children of the former life still finish their jobs")

    # -- this life -----------------------------------------------------------------------------------------------------

    def child_gone(self, view: SlotView, exit_code: int, cause: str, *, counts: bool) -> None:
        if books.is_settled(view, exit_code):
            return
        board = self._manager.board
        self._figures[view.owner] = board.last_figures(view.slot)
        self._running[view.owner] = (time.monotonic_ns() - view.since_ns) / 1e6
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
                    await self._close_one(book)
            if strays_of is not None:
                await self._release_strays(strays_of)

    async def _close_one(self, book: Book) -> None:
        queue = self._manager.queue
        closed = await queue.thread(queue.queue.close_book, book)
        self._shelf.take(book)
        if closed.remaining:
            self._shelf.put(replace(book, open_databases=tuple(closed.remaining)))
        self._account(book, closed)

    async def _release_strays(self, database: int) -> None:
        queue = self._manager.queue
        known = {book.owner for book in self._shelf.books} | {view.owner for view in self._survivors}
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
        process, delay, lateness = self._figures.pop(book.owner, (0.0, 0.0, 0.0))
        now = time.time()
        for class_index, job in closed.completed:  # its child counted it when it finished
            end = JobEnd(manager.state.names[class_index], Outcome.COMPLETED, job, process, delay, lateness)
            manager.line(manager.outputs.formatter.job(end, now))
        ran = self._running.pop(book.owner, 0.0)
        for class_index, job, outcome in closed.attempts:
            manager.figures.add(class_index, "failed" if outcome is Outcome.FAILED else "retried")
            end = JobEnd(manager.state.names[class_index], outcome, job, ran, 0.0, 0.0)
            manager.line(manager.outputs.formatter.job(end, now))
            manager.note(f"job {job}: {book.failure.message}", "error")
            manager.queue.failed_changed()
        for job in closed.released:
            manager.debug(f"job {job} given back")
        manager.queue.look_again()

    async def last_try(self) -> None:
        """At the end: what a database does not take now stands on the shelf for the next life."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=LAST_TRY_SECONDS)
        if self._shelf.books:
            self._manager.note(f"{len(self._shelf.books)} books of dead children stay open until the next start")

    # -- the former life -----------------------------------------------------------------------------------------------

    def former_slots(self) -> set[int]:
        """Slots whose claim rows are still in use by children of the former life."""
        return {view.slot for view in self._survivors}

    def follow_former_life(self) -> None:
        """Children that outlived their manager leave when their job is done; then their books are closed too."""
        if not self._survivors or self._former is None:
            return
        gone = [view for view in self._survivors if not processes.is_life(view.pid, view.start)]
        for view in gone:
            self._survivors.remove(view)
            last = self._former.view(view.slot)
            if last.owner == view.owner and not books.is_settled(last, 0):
                cause = "it died after its manager"
                book = books.make_book(last, self._former.policy(view.slot), cause, counts=True)
                self._shelf.put(book)
                self._go(self._close([book]))
