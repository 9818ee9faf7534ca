"""The manager's dealings with children: fork, retire, kill, reap, wake. Each is a slot, a pid and a wake-up pipe."""

import os
import signal
import time
from typing import TYPE_CHECKING

from wmcore import link, plan, process
from wmcore.manager.books import cause_of
from wmcore.manager.state import Child
from wmcore.model import ChildState
from wmcore.scoreboard import SlotView

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

TERM_SECONDS = plan.TERM_PATIENCE
KILL_SECONDS = 15.0
"""Since a child in no job was told to leave: TERM after the first, KILL after the second."""
OWN_FAILURE = 70
"""A child's exit code where it failed outside of a job (EX_SOFTWARE)."""


class Children:
    """Owns `State.children`."""

    def __init__(self, manager: "Manager") -> None:
        self._manager = manager
        self._board = manager.board
        self._by_slot = manager.state.children
        self.slots_used = 0

    # -- coming --------------------------------------------------------------------------------------------------------

    def fork(self, pool: int, slot: int) -> None:
        """Order a child; the loader reports it."""
        if slot >= self._board.slots:
            return
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._board.order_finish(slot, 0)
        self._board.order_works(slot, self._manager.config.pools[pool].works_per_child)
        if self._manager.loaders.send(link.Fork(slot, pool), (reader,)):
            self._by_slot[slot] = Child(slot, pool, writer)
            self.slots_used = max(self.slots_used, slot + 1)
        else:
            os.close(writer)
        os.close(reader)

    def forked(self, slot: int, pid: int, start: int) -> None:
        child = self._by_slot[slot]
        child.pid, child.start, child.started_at = pid, start, time.time()
        if child.leaving:  # told to while it was being forked
            self._board.order_finish(slot, pid)
            child.wake()
        self._manager.line(self._manager.outputs.formatter.started(slot, pid, child.started_at))

    def not_forked(self, slot: int, reason: str) -> None:
        child = self._by_slot.pop(slot)
        child.close()
        self._manager.state.pools[child.pool].struck(reason, time.monotonic())

    # -- going ---------------------------------------------------------------------------------------------------------

    def retire(self, child: Child) -> None:
        """Have a child finish its job and leave."""
        if not child.leaving:
            child.leaving = True
            child.asked_at = time.monotonic()
            if child.pid:
                self._manager.debug(f"child {child.slot} (pid {child.pid}) is told to finish")
                self._board.order_finish(child.slot, child.pid)
                child.wake()

    def insist(self, now: float) -> None:
        """The order to leave stands in the slot and a byte woke the child; one that is in no job and still there gets
        TERM, and in the end KILL."""
        for child in self._by_slot.values():
            if not child.leaving or not child.pid or child.killed:
                continue
            view = self.view(child)
            if view is not None and view.state is ChildState.BUSY:
                child.asked_at = now
            elif now - child.asked_at > KILL_SECONDS:
                self.kill(child, "it did not leave", gives_back=True)
            elif now - child.asked_at > TERM_SECONDS:
                self._signal(child, signal.SIGTERM)

    def kill(self, child: Child, reason: str, *, gives_back: bool) -> None:
        """SIGKILL to the child and whatever its job started. `gives_back`: no attempt is counted."""
        child.killed, child.gives_back = reason, gives_back
        self._signal(child, signal.SIGKILL, group=True)

    def _signal(self, child: Child, number: int, *, group: bool = False) -> None:
        if self._manager.loaders.send(link.Signal(child.slot, child.pid, number, group)):
            return
        if process.is_life(child.pid, child.start):  # its loader is gone: we reap it, so it is still itself
            try:
                (os.killpg if group else os.kill)(child.pid, number)
            except ProcessLookupError:
                pass

    def gone(self, slot: int, pid: int, status: int) -> None:
        """It was reaped: say so, and have its books closed."""
        child = self._by_slot.get(slot)
        if child is None or child.pid != pid:
            return
        del self._by_slot[slot]
        child.close()
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        code = 128 + number if number else os.waitstatus_to_exitcode(status)
        self._manager.line(self._manager.outputs.formatter.exited(slot, pid, code, number, time.time()))
        cause = cause_of(status, child.killed)
        view = self._board.view(slot)
        began = view.pid == pid
        if not child.leaving and (not began or view.state is ChildState.STARTING or code == OWN_FAILURE):
            reason = f"children die before their first turn: {cause}; the errorlogfile says more"
            self._manager.state.pools[child.pool].struck(reason, time.monotonic())
        if began:
            self._manager.bookkeeper.child_gone(view, code, cause, counts=not child.gives_back)
            self._board.mark_dead(slot)

    def reaped(self, pid: int, status: int) -> None:
        """Reaped by this process itself: its loader is gone, or it is nobody we know (left behind by a job)."""
        for slot, child in list(self._by_slot.items()):
            if child.pid == pid:
                self.gone(slot, pid, status)

    def orphaned(self) -> None:
        """Their loader is gone: they finish and leave by themselves; those that were still ordered will never come."""
        for slot, child in list(self._by_slot.items()):
            if child.pid == 0:
                del self._by_slot[slot]
                child.close()
            else:
                self.retire(child)

    # -- seeing --------------------------------------------------------------------------------------------------------

    def view(self, child: Child) -> SlotView | None:
        """The child's slot, None while the words in it are still those of the slot's former child."""
        view = self._board.view(child.slot)
        return view if child.pid and view.pid == child.pid else None

    def idle(self) -> list[Child]:
        views = [(child, self.view(child)) for child in self._by_slot.values() if not child.leaving]
        return [child for child, view in views if view is not None and view.state is ChildState.IDLE]

    def idle_classes(self) -> list[int]:
        """Classes that an idle child could take a job of; empty when nobody is idle."""
        pools = {child.pool for child in self.idle()}
        wanted = {index for pool in pools for index in self._manager.config.pools[pool].classes}
        return sorted(wanted - self._manager.paused)

    def wake(self, count: int) -> None:
        for child in self.idle()[:count]:
            child.wake()

    def wake_all(self) -> None:
        for child in self._by_slot.values():
            child.wake()

    def note_proved(self) -> None:
        """A pool whose children work again has no error."""
        for pool in self._manager.state.pools:
            if pool.strikes:
                views = [self.view(child) for child in self._manager.state.of_pool(pool.index)]
                if any(view is not None and view.state in (ChildState.IDLE, ChildState.BUSY) for view in views):
                    pool.proved()
