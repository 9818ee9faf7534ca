"""Watches the batches of busy children: what is not started when the bound has passed goes to somebody else."""

import asyncio
import time
from typing import TYPE_CHECKING

from wmcore.backends.base import SlowBatch
from wmcore.errors import QueueDown

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

WATCH_SECONDS = 0.02
REST_SECONDS = 0.08
"""Between two looks; the second while nobody holds a batch. Shorter than any bound that makes sense."""


class Trimmer:
    def __init__(self, manager: "Manager") -> None:
        self._manager = manager
        self._bound_ns = int(manager.config.batch_ms * 1e6)
        self._tried: dict[int, int] = {}  # slot -> the moment its batch was claimed, of the last one that was cut
        self._turns = [asyncio.Lock() for _ in manager.queue.health]  # a database that is silent holds up no other
        self._cuts: set[asyncio.Task[None]] = set()

    async def run(self) -> None:
        while True:
            held = self._held()
            await asyncio.sleep(WATCH_SECONDS if held else REST_SECONDS)
            now = time.monotonic_ns()
            for slot, since in held.items():
                if now - since > self._bound_ns and self._tried.get(slot) != since:
                    self._begin(slot, since)
            for task in [task for task in self._cuts if task.done()]:
                self._cuts.remove(task)
                task.result()  # an error that nobody expected is shown by whoever runs us

    def _held(self) -> dict[int, int]:
        board = self._manager.board
        since = {slot: board.held_since(slot) for slot in self._manager.state.children}
        return {slot: moment for slot, moment in since.items() if moment is not None}

    def _begin(self, slot: int, since: int) -> None:
        """Of a database that is down, when it is up again."""
        database = self._manager.board.view(slot).place.database
        if self._manager.queue.health[database].ok:
            self._tried[slot] = since
            self._cuts.add(asyncio.create_task(self._cut(slot, since, database)))

    async def _cut(self, slot: int, since: int, database: int) -> None:
        manager, board = self._manager, self._manager.board
        async with self._turns[database]:
            view = board.view(slot)
            if board.held_since(slot) != since:  # the next one already, which is young: its child would not look
                return
            keep = board.policy(slot)[2]
            batch = SlowBatch(slot, view.owner, database, view.place.seq, keep, lambda: board.progress(slot))
            try:
                released = await manager.queue.thread(manager.queue.queue.trim, batch)
            except QueueDown as error:
                manager.queue.down(database, error)
                self._tried.pop(slot, None)
                return
        if released:
            manager.debug(f"child {slot} takes long: {len(released)} jobs behind the running one are given back")
            manager.queue.look_again()
