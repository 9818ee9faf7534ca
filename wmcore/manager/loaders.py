"""Keeps one loader up and takes its reports."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from wmcore import link, plan
from wmcore.manager.books import cause_of
from wmcore.manager.loaderlink import LoaderProcess

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

LEAVE_SECONDS = 5.0


class Loaders:
    def __init__(self, manager: "Manager", event_fd: int, make_setup: Callable[[int], link.Setup]) -> None:
        self._manager = manager
        self._event_fd = event_fd
        self._make_setup = make_setup
        self._current: LoaderProcess | None = None
        self._not_before = 0.0
        self._strikes = 0
        self._leave_sent_at: float | None = None

    @property
    def ready(self) -> bool:
        return self._current is not None and self._current.ready

    def send(self, order: link.Order, fds: tuple[int, ...] = ()) -> bool:
        """False where there is no loader that takes it."""
        return self._current is not None and self._current.send(order, fds)

    def keep(self, now: float) -> None:
        """There is none: start one, unless the last ones failed just now."""
        if self._current is None and not self._manager.state.stopping and now >= self._not_before:
            self.start()

    def start(self) -> None:
        manager = self._manager
        manager.state.generation += 1
        setup = self._make_setup(manager.state.generation)
        try:
            self._current = LoaderProcess.start(manager.config, manager.board, self._event_fd, setup, os.environ)
        except OSError as error:
            why = f"no loader can be started with {sys.executable}: {error.strerror}"
            if not manager.state.ready:
                manager.loader_not_ready(why)
                return
            manager.note(why, "error")
            self._strikes += 1
            self._not_before = time.monotonic() + plan.back_off(self._strikes)
            return
        manager.debug(f"loader started with PID {self._current.pid}")
        asyncio.get_running_loop().add_reader(self._current, self.take_reports)

    def leave(self, now: float) -> bool:
        """The last child is gone: the loader leaves. True when it has."""
        if self._current is None:
            return True
        if self._leave_sent_at is None:
            self._leave_sent_at = now
            self._current.send(link.Leave())
        if not self._current.ready or now - self._leave_sent_at > LEAVE_SECONDS:
            os.kill(self._current.pid, signal.SIGKILL)  # it hangs in an import, or in a module's thread
        return False

    def take_reports(self) -> None:
        if self._current is None:
            return
        reports, alive = self._current.reports()
        for report in reports:
            self._take(report)
        if not alive:
            self._gone()
        self._manager.wake_up()

    def _take(self, report: link.Report) -> None:
        children = self._manager.children
        match report:
            case link.Ready(names, notices):
                assert self._current is not None
                self._current.ready, self._strikes = True, 0
                self._manager.loader_ready(names, notices)
            case link.NotReady(reason):
                self._manager.loader_not_ready(reason)
            case link.Forked(slot, pid, start):
                children.forked(slot, pid, start)
            case link.NotForked(slot, reason):
                children.not_forked(slot, reason)
            case link.Exited(slot, pid, status):
                children.gone(slot, pid, status)

    def _gone(self) -> None:
        """Its children finish and leave by themselves (their life pipe closed); another loader takes its place."""
        assert self._current is not None
        asyncio.get_running_loop().remove_reader(self._current)
        self._current.close()
        status = self._reap(self._current.pid)
        self._current = None
        if not self._manager.state.ready and not self._manager.state.stopping:
            why = "nobody knows how" if status is None else cause_of(status, None)
            self._manager.loader_not_ready(f"the loader died while importing them ({why}); see the errorlogfile")
        elif not self._manager.state.stopping:
            self._manager.note("the loader is gone, another is started")
            self._not_before = time.monotonic() + plan.back_off(self._strikes)
            self._strikes += 1
        self._manager.children.orphaned()

    @staticmethod
    def _reap(pid: int) -> int | None:
        """Its end of the pair is closed, so it is all but dead. Its exit status, None where that is not to be had."""
        deadline = time.monotonic() + 0.5
        while time.monotonic() < deadline:
            try:
                found, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                return None
            if found:
                return status
            time.sleep(0.002)
        return None
