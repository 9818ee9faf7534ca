"""The manager's loop: signals, reports, exits and the clock come in; on each turn wanted is compared with actual."""

import asyncio
import gc
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from wmcore import backends, events, link, plan
from wmcore.config.records import Config
from wmcore.errors import WmError
from wmcore.logs import Formatter, LogFile, redirect_output
from wmcore.manager.bookkeeper import Bookkeeper
from wmcore.manager.bulk import BulkRuns
from wmcore.manager.children import Children
from wmcore.manager.clock import SteadyClock
from wmcore.manager.figures import Figures
from wmcore.manager.formerlife import FormerLife
from wmcore.manager.loaders import Loaders
from wmcore.manager.loops import Loops
from wmcore.manager.queueside import QueueSide
from wmcore.manager.state import Pool, State
from wmcore.manager.trimmer import Trimmer
from wmcore.model import Outcome
from wmcore.scoreboard import Scoreboard

TICK = 0.5
EVENTS_SECONDS = 0.05
SETTLED_SECONDS = 3.0
"""After the start; whatever is loaded by then is there to stay."""


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the manager's lines go."""

    log: LogFile
    formatter: Formatter
    debug: bool
    to_files: bool  # standard output and error are the errorlogfile


class Manager:
    """One daemon."""

    queue: QueueSide  # from the first loader's word on: it knows the queue names
    bookkeeper: Bookkeeper
    bulk: BulkRuns

    def __init__(
        self, config: Config, board: Scoreboard, former: FormerLife, outputs: Outputs,
        make_setup: Callable[[int], link.Setup], on_ready: Callable[[str | None], None],
    ) -> None:  # fmt: skip
        """`on_ready` is told once: None when the first loader is ready, else the reason why it is not."""
        self.config = config
        self.board = board
        self.outputs = outputs
        self.started_at = time.time()
        self.clock = SteadyClock()
        self.state = State([Pool(index, pool, pool.concurrency) for index, pool in enumerate(config.pools)], [])
        self.figures = Figures(board, len(config.classes))
        self.notices: list[str] = []
        self.loops = Loops(self.note)
        self.paused: set[int] = set()
        self._former = former
        self._on_ready = on_ready
        reader, writer = events.open_pipe()
        self._event_fd = reader
        self._events = events.Reader(reader)
        self.loaders = Loaders(self, writer, make_setup)
        self.children = Children(self)
        self._wake = asyncio.Event()
        self._code = 0
        self._done = False
        self._rss_known = False
        self._on_terminal = not outputs.to_files and os.isatty(0)
        self._kill_at: float | None = None
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def slots_used(self) -> int:
        return self.children.slots_used

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Until the daemon has stopped; returns the exit code."""
        loop = asyncio.get_running_loop()
        self._handle_signals(loop)
        loop.add_reader(self._event_fd, self._take_events)
        self.loaders.start()
        self._tasks.append(self.loops.start("the daemon's clock", self._tick_loop))
        while not self._done:
            self._wake.clear()
            self._turn(time.monotonic())
            if not self._done:
                await self._wake.wait()
        for task in self._tasks:
            task.cancel()
        if self.state.ready:
            await self.bulk.close()
            await self.bookkeeper.last_try()
            self.queue.close()
        self.note(f"stopped, exit code {self._code}")
        return self._code

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        table: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self.stop,
            signal.SIGQUIT: self.stop,
            signal.SIGINT: self.stop_now,
            signal.SIGHUP: self._hang_up,
            signal.SIGTTIN: lambda: self.scale_by(1),
            signal.SIGTTOU: lambda: self.scale_by(-1),
            signal.SIGUSR1: lambda: self.note("this version cannot reload: stop the daemon and start it again"),
            signal.SIGCHLD: self._reap,
        }
        for number, handler in table.items():
            loop.add_signal_handler(number, handler)

    def wake_up(self) -> None:
        """Something has changed: compare wanted with actual."""
        self._wake.set()

    async def _tick_loop(self) -> None:
        while True:
            await asyncio.sleep(TICK)
            self.clock.compare()
            self.figures.sample(self.slots_used, int(time.monotonic()))
            self._rss_known = False
            self._reap()
            if self.state.ready:
                self.bookkeeper.tick(time.monotonic())
            self.children.note_vanished()
            self.wake_up()

    def _reap(self) -> None:
        """Our own children: the loader, and whatever it or a job left behind (we are the subreaper)."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            self.children.reaped(pid, status)
            self.wake_up()

    # -- wanted and actual ---------------------------------------------------------------------------------------------

    def _turn(self, now: float) -> None:
        self.loaders.keep(now)
        self.children.note_proved()
        if self.state.ready:
            used = set(self.state.children) | self.bookkeeper.former_slots()
            for action in plan.decide(self.state.facts(self.board), used, now):
                self._act(action)
        self.children.insist(now)
        if self.state.stopping:
            self._finish_stop(now)

    def _act(self, action: plan.Action) -> None:
        self.debug(f"decided: {action}")
        match action:
            case plan.Fork(pool, slot):
                if self.loaders.ready:
                    self.children.fork(pool, slot)
            case plan.Finish(slot, _):
                self.children.retire(self.state.children[slot])
            case plan.TimeOut(slot, _, timeout_ms):
                self.children.time_out(self.state.children[slot], timeout_ms)

    def _finish_stop(self, now: float) -> None:
        children = list(self.state.children.values())
        if self._kill_at is not None and now >= self._kill_at:
            for child in children:
                if child.pid and child.killed is None:
                    self.children.kill(child, "stopped at once", gives_back=True)
        if not children:
            self._done = self.loaders.leave(now)

    # -- what the loader says ------------------------------------------------------------------------------------------

    def loader_ready(self, names: list[str], notices: list[str]) -> None:
        for notice in notices:
            self.note(notice)
        self.notices = notices
        for pool in self.state.pools:
            pool.error = None
        if not self.state.ready:
            self.state.names = names
            try:
                self._open_queue()
            except WmError as error:
                self.note(str(error), "error")
                self._never_begin(str(error))
                return
            self.state.ready = True
            self._on_ready(None)
            asyncio.get_running_loop().call_later(SETTLED_SECONDS, _settle_memory)

    def loader_not_ready(self, reason: str) -> None:
        self.note(f"the worker classes cannot be loaded: {reason}", "error")
        for pool in self.state.pools:
            pool.error = reason
        if not self.state.ready:
            self._never_begin(reason)

    def _never_begin(self, reason: str) -> None:
        self._on_ready(reason)
        self._code, self.state.stopping = 2, True

    def _open_queue(self) -> None:
        queue = backends.of(self.config.type).open_manager_queue(self.config, self.state.names)
        self.queue = QueueSide(queue, self.children.idle_classes, self.children.wake)
        self.bookkeeper = Bookkeeper(self, self._former)
        self.bulk = BulkRuns(self.queue, self.note)
        self.queue.on_up = self.bookkeeper.database_up
        self.queue.on_change = self.note
        self.queue.on_figures = lambda: self.figures.flow(self.queue.figures, time.monotonic())
        self._tasks += self.queue.start(self.loops, self.config.failed_keep_days)
        self._tasks.append(self.loops.start("watching for slow batches", Trimmer(self).run))

    # -- what an operator or a signal wants ----------------------------------------------------------------------------

    def stop(self) -> None:
        """Graceful: children finish the job in hand. A second call changes nothing."""
        if not self.state.stopping:
            self.note("stops when the jobs in hand are done")
            self._begin_stop()
            if self.config.wait_terminating is not None:
                self._kill_at = time.monotonic() + self.config.wait_terminating
        self.wake_up()

    def stop_now(self) -> None:
        """Jobs in hand are given back."""
        self.note("stops at once, jobs in hand are given back")
        self._begin_stop()
        self._kill_at = time.monotonic()
        self.wake_up()

    def _begin_stop(self) -> None:
        self.state.stopping = True
        for pool in self.state.pools:
            pool.draining_since = pool.draining_since or time.time()

    @property
    def kill_at(self) -> float | None:
        """When a stop breaks off the jobs in hand (Unix)."""
        return None if self._kill_at is None else self.clock.unix(self._kill_at)

    def scale_by(self, change: int) -> None:
        """TTIN, TTOU: the first pool."""
        pool = self.state.pools[0]
        self.scale(pool, max(0, pool.wanted + change))

    def scale(self, pool: Pool, wanted: int) -> None:
        self.note(f"pool {pool.config.name} scaled from {pool.wanted} to {wanted} children")
        pool.wanted = wanted
        self.wake_up()

    def drain(self, pool: Pool, draining: bool) -> None:
        self.note(f"pool {pool.config.name} {'drains' if draining else 'is resumed'}")
        if draining != pool.draining:
            pool.draining_since = time.time() if draining else None
        pool.draining = draining
        self.wake_up()

    def pause(self, class_index: int, paused: bool) -> None:
        self.note(f"class {self.state.names[class_index]} {'paused' if paused else 'unpaused'}")
        self.board.set_paused(class_index, paused)
        (self.paused.add if paused else self.paused.discard)(class_index)
        self.queue.look_again()
        self.children.wake_all()

    def watched(self) -> None:
        """Somebody looks at the figures: keep them fresh."""
        if self.state.ready:
            self.queue.look()
            if not self._rss_known:
                self._measure()

    def _measure(self) -> None:
        """Resident memory is read only while somebody looks: a file a child."""
        self._rss_known = True
        self.figures.measure([child.pid for child in self.state.children.values() if child.pid])

    def _hang_up(self) -> None:
        """A rotation's signal, or the end of the terminal that we run on: then nobody is left to stop us."""
        if self._on_terminal and not os.isatty(0):
            self.stop_now()
        else:
            self.reopen_logs()

    def reopen_logs(self) -> None:
        self.outputs.log.reopen()
        if self.outputs.to_files:
            redirect_output(self.config.errorlogfile)
        self.board.bump_log_generation()
        self.children.wake_all()
        self.note("log files opened anew")

    # -- what is said --------------------------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.outputs.log.write(text)

    def note(self, sentence: str, level: str = "notice") -> None:
        self.line(self.outputs.formatter.note(sentence, time.time(), level))

    def debug(self, sentence: str) -> None:
        if self.outputs.debug:
            self.note(sentence, "debug")

    def _take_events(self) -> None:
        """Then not for a moment: a busy child writes thousands a second, and nobody needs each at once."""
        loop = asyncio.get_running_loop()
        loop.remove_reader(self._event_fd)
        loop.call_later(EVENTS_SECONDS, loop.add_reader, self._event_fd, self._take_events)
        arrived = self._events.read()
        self.figures.take(arrived, int(time.monotonic()))
        outcomes = {event[1] for event in arrived}
        if Outcome.FAILED in outcomes:
            self.queue.failed_changed()
        if not outcomes.isdisjoint((Outcome.RETRIED, Outcome.DECLINED)):  # back in the queue, without an insert
            self.queue.look_again()


def _settle_memory() -> None:
    """The collector need not go through all of the libraries again and again: that held the loop up for 40 ms. Nor once
    more now, when nothing of them is garbage."""
    gc.freeze()
