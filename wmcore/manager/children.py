"""The manager's dealings with children: fork, retire, kill, reap, wake. Each is a slot, a pid and a wake-up pipe."""

import os
import signal
import time
from collections.abc import Mapping
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
JUST_NOW_SECONDS = 0.05


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
        try:
            reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:  # out of descriptors
            self._manager.state.pools[pool].struck(f"no more children: {error.strerror}", time.monotonic())
            return
        self._board.order_finish(slot, 0)
        self._board.order_works(slot, self._manager.config.pools[pool].works_per_child)
        if self._manager.loaders.send(link.Fork(slot, pool), (reader,)):
            self._by_slot[slot] = Child(slot, pool, writer, generation=self._manager.state.generation)
            self.slots_used = max(self.slots_used, slot + 1)
        else:
            os.close(writer)
        os.close(reader)

    def forked(self, slot: int, pid: int, start: int) -> None:
        child = self._by_slot[slot]
        child.pid, child.start = pid, start
        child.started_at, child.forked_at = time.time(), time.monotonic()
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
            if child.killed:
                self._signal(child, signal.SIGKILL, group=True)  # again: the loader may have died before it read that
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

    def time_out(self, child: Child, timeout_ms: int) -> None:
        """Its job has run longer than its class allows: that is a failed attempt."""
        child.timed_out = True
        self.kill(child, f"timeout after {timeout_ms / 1000:g} s", gives_back=False)

    def _signal(self, child: Child, number: int, *, group: bool = False) -> None:
        order = link.Signal(child.slot, child.pid, number, group)
        if child.generation == self._manager.state.generation and self._manager.loaders.send(order):
            return
        if process.is_life(child.pid, child.start):  # its loader is gone: we reap it, so it is still itself
            try:
                (os.killpg if group else os.kill)(child.pid, number)
            except ProcessLookupError:
                pass

    def note_vanished(self) -> None:
        """Children of a loader that died in the moment between reaping them and telling us."""
        for slot, child in list(self._by_slot.items()):
            orphan = child.pid and child.generation != self._manager.state.generation
            if orphan and not process.is_life(child.pid, child.start):
                self.gone(slot, child.pid, None)

    def gone(self, slot: int, pid: int, status: int | None) -> None:
        """It was reaped: say so, and have its books closed. `status`: None where nobody saw it."""
        child = self._by_slot.get(slot)
        if child is None or child.pid != pid:
            return
        del self._by_slot[slot]
        child.close()
        number = os.WTERMSIG(status) if status is not None and os.WIFSIGNALED(status) else 0
        code = 255 if status is None else 128 + number if number else os.waitstatus_to_exitcode(status)
        self._manager.line(self._manager.outputs.formatter.exited(slot, pid, code, number, time.time()))
        cause = cause_of(status, child.killed)
        view = self._board.view(slot)
        began = view.pid == pid
        if not child.leaving and (not began or view.state is ChildState.STARTING or code == process.FAILED):
            reason = f"children die before their first turn: {cause}; the errorlogfile says more"
            most = plan.BACK_OFF_KILLED if number == signal.SIGKILL else plan.BACK_OFF_MOST
            self._manager.state.pools[child.pool].struck(reason, time.monotonic(), most)
        if began:
            # The kill for a timeout may have hit the job behind the one it was meant for: that one is given back.
            unjust = child.timed_out and not 0 < view.deadline_ns <= time.monotonic_ns()
            self._manager.bookkeeper.child_gone(view, code, cause, counts=not (child.gives_back or unjust))
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
        """From any thread."""
        children = list(self._by_slot.values())
        return [child for child in children if not child.leaving and self._board.is_idle(child.slot, child.pid)]

    def idle_classes(self) -> list[int]:
        """Classes that an idle child could take a job of; empty when nobody is idle."""
        pools = {child.pool for child in self.idle()}
        wanted = {index for pool in pools for index in self._manager.config.pools[pool].classes}
        return sorted(wanted - self._manager.paused)

    def wake(self, ready: Mapping[int, int]) -> None:
        """As many idle children as there is work, each of a pool that has the class (class index -> jobs). Last of all
        those that were woken just now: they may have a job in hand already, and not yet say so."""
        now = time.monotonic()
        idle = sorted(self.idle(), key=lambda child: now - child.woken_at < JUST_NOW_SECONDS)
        for class_index, jobs in ready.items():
            able = [child for child in idle if class_index in self._manager.config.pools[child.pool].classes]
            for child in able[:jobs]:
                child.woken_at = now
                child.wake()
                idle.remove(child)

    def wake_all(self) -> None:
        for child in self._by_slot.values():
            child.wake()

    def note_proved(self) -> None:
        """A pool whose children work again has no error."""
        for pool in self._manager.state.pools:
            if pool.strikes:
                younger = [c for c in self._manager.state.of_pool(pool.index) if c.forked_at > pool.struck_at]
                views = [self.view(child) for child in younger]
                if any(view is not None and view.state in (ChildState.IDLE, ChildState.BUSY) for view in views):
                    pool.proved()
