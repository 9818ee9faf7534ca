"""The manager's loop: signals, reports, exits and the clock come in; on each turn wanted is compared with actual."""

import asyncio
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass

from wmcore import backends, events, link, plan, process
from wmcore.config.records import Config
from wmcore.logs import Formatter, LogFile, redirect_output
from wmcore.manager.bookkeeper import Bookkeeper
from wmcore.manager.books import cause_of
from wmcore.manager.figures import Figures
from wmcore.manager.loaderlink import LoaderProcess
from wmcore.manager.queueside import QueueSide
from wmcore.manager.state import Child, Pool, State
from wmcore.model import ChildState, Outcome
from wmcore.scoreboard import Scoreboard

TICK = 0.5
STOPPED = "stopped at once"


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where the manager's lines go."""

    log: LogFile
    formatter: Formatter
    debug: bool
    to_files: bool  # standard output and error are the errorlogfile


class Manager:
    """One daemon."""

    def __init__(
        self, config: Config, board: Scoreboard, former: Scoreboard | None, outputs: Outputs,
        make_setup: Callable[[int], link.Setup], on_ready: Callable[[str | None], None],
    ) -> None:  # fmt: skip
        """`on_ready` is told once: None when the first loader is ready, else the reason why it is not."""
        self.config = config
        self.board = board
        self.outputs = outputs
        self.started_at = time.time()
        self.state = State([Pool(index, pool, pool.concurrency) for index, pool in enumerate(config.pools)], [])
        self.figures = Figures(board, len(config.classes))
        self.notices: list[str] = []
        self.slots_used = 0
        self.paused: set[int] = set()
        self.queue: QueueSide
        self.bookkeeper: Bookkeeper
        self._former = former
        self._make_setup = make_setup
        self._on_ready = on_ready
        self._event_reader, self._event_writer = events.open_pipe()
        self._events = events.Reader(self._event_reader)
        self._loader: LoaderProcess | None = None
        self._loader_not_before = 0.0
        self._loader_strikes = 0
        self._leave_sent = False
        self._wake = asyncio.Event()
        self._code = 0
        self._done = False
        self._kill_at: float | None = None

    # -- life ----------------------------------------------------------------------------------------------------------

    async def run(self) -> int:
        """Until the daemon has stopped; returns the exit code."""
        loop = asyncio.get_running_loop()
        self._handle_signals(loop)
        loop.add_reader(self._event_reader, self._take_events)
        self._start_loader()
        ticker = asyncio.create_task(self._tick_loop())
        try:
            while not self._done:
                self._wake.clear()
                self._turn()
                if not self._done:
                    await self._wake.wait()
        finally:
            ticker.cancel()
        await self._close()
        return self._code

    async def _close(self) -> None:
        if hasattr(self, "queue"):
            await self.bookkeeper.last_try()
            self.queue.close()
        self.note(f"stopped, exit code {self._code}")

    def _handle_signals(self, loop: asyncio.AbstractEventLoop) -> None:
        table: dict[signal.Signals, Callable[[], None]] = {
            signal.SIGTERM: self.stop,
            signal.SIGQUIT: self.stop,
            signal.SIGINT: self.stop_now,
            signal.SIGHUP: self.reopen_logs,
            signal.SIGTTIN: lambda: self.scale_by(1),
            signal.SIGTTOU: lambda: self.scale_by(-1),
            signal.SIGUSR1: lambda: self.note("reload is not in this version; stop and start the daemon"),
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
            now = time.monotonic()
            self.figures.sample(self.slots_used, int(now))
            self.figures.measure([child.pid for child in self.state.children.values() if child.pid])
            self._reap()
            self._follow_former_life()
            self.wake_up()

    # -- wanted and actual ---------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        now = time.monotonic()
        self._keep_loader(now)
        self._note_proved_children()
        used = set(self.state.children) | self._former_slots()
        actions = plan.decide(self.state.facts(self.board), used, now) if self.state.ready else []
        for action in actions:
            self._act(action, now)
        self._insist(now)
        if self.state.stopping:
            self._finish_stop(now)

    def _act(self, action: plan.Action, now: float) -> None:
        match action:
            case plan.Fork(pool, slot):
                self._fork(pool, slot)
            case plan.Finish(slot, _):
                self.retire(self.state.children[slot], now)
            case plan.TimeOut(slot, _, timeout_ms):
                self.kill_child(self.state.children[slot], f"timeout after {timeout_ms / 1000:g} s", gives_back=False)

    def _fork(self, pool: int, slot: int) -> None:
        if self._loader is None or not self._loader.ready or slot >= self.board.slots:
            return
        reader, writer = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self.board.order_finish(slot, 0)
        self.board.order_works(slot, self.config.pools[pool].works_per_child)
        if self._loader.send(link.Fork(slot, pool), (reader,)):
            self.state.children[slot] = Child(slot, pool, writer)
            self.slots_used = max(self.slots_used, slot + 1)
        else:
            os.close(writer)
        os.close(reader)

    def retire(self, child: Child, now: float) -> None:
        """Have a child finish its job and leave."""
        if not child.leaving:
            child.leaving = True
            child.asked_at = now
            if child.pid:
                self.debug(f"child {child.slot} (pid {child.pid}) is told to finish")
                self.board.order_finish(child.slot, child.pid)
                child.wake()

    def _insist(self, now: float) -> None:
        """The order to leave stands in the slot and a byte woke the child; one that is in no job and still there gets
        TERM, and in the end KILL."""
        for child in self.state.children.values():
            if not child.leaving or not child.pid or child.killed:
                continue
            view = self.board.view(child.slot)
            if view.pid == child.pid and view.state is ChildState.BUSY:
                child.asked_at = now
            elif now - child.asked_at > 2 * plan.TERM_PATIENCE + 5:
                self.kill_child(child, "it did not leave", gives_back=True)
            elif now - child.asked_at > plan.TERM_PATIENCE:
                self._signal(child, signal.SIGTERM)

    def kill_child(self, child: Child, reason: str, *, gives_back: bool) -> None:
        """SIGKILL to the child and whatever its job started."""
        child.killed, child.gives_back = reason, gives_back
        self._signal(child, signal.SIGKILL, group=True)

    def _signal(self, child: Child, number: int, *, group: bool = False) -> None:
        if self._loader is not None and self._loader.send(link.Signal(child.slot, child.pid, number, group)):
            return
        if process.is_life(child.pid, child.start):  # its loader is gone: we reap it, so it is still itself
            (os.killpg if group else os.kill)(child.pid, number)

    # -- the loader ----------------------------------------------------------------------------------------------------

    def _start_loader(self) -> None:
        self.state.generation += 1
        setup = self._make_setup(self.state.generation)
        self._loader = LoaderProcess.start(self.config, self.board, self._event_writer, setup, os.environ)
        self.debug(f"loader started with PID {self._loader.pid}")
        asyncio.get_running_loop().add_reader(self._loader, self._take_reports)

    def _keep_loader(self, now: float) -> None:
        if self._loader is None and not self.state.stopping and now >= self._loader_not_before:
            self._start_loader()

    def _take_reports(self) -> None:
        if self._loader is None:
            return
        reports, alive = self._loader.reports()
        for report in reports:
            self._take_report(report)
        if not alive:
            self._loader_gone()
        self.wake_up()

    def _take_report(self, report: link.Report) -> None:
        match report:
            case link.Ready(names, notices):
                self._loader_ready(names, notices)
            case link.NotReady(reason):
                self._loader_not_ready(reason)
            case link.Forked(slot, pid, start):
                self._forked(slot, pid, start)
            case link.NotForked(slot, reason):
                child = self.state.children.pop(slot)
                child.close()
                self.state.pools[child.pool].struck(reason, time.monotonic())
            case link.Exited(slot, pid, status):
                self._child_gone(slot, pid, status)

    def _loader_ready(self, names: list[str], notices: list[str]) -> None:
        assert self._loader is not None
        self._loader.ready = True
        self._loader_strikes = 0
        for notice in notices:
            self.note(notice)
        self.notices = notices
        for pool in self.state.pools:
            pool.error = None
        if not self.state.ready:
            self.state.names = names
            self._open_queue()
            self.state.ready = True
            self._on_ready(None)

    def _loader_not_ready(self, reason: str) -> None:
        if not self.state.ready:
            self._on_ready(reason)
            self._code, self.state.stopping = 2, True
        for pool in self.state.pools:
            pool.error = reason
        self.note(f"the worker classes cannot be loaded: {reason}", "error")

    def _loader_gone(self) -> None:
        """Its children finish and leave by themselves (their life pipe closed); another loader takes its place."""
        assert self._loader is not None
        asyncio.get_running_loop().remove_reader(self._loader)
        self._loader.close()
        self._loader = None
        now = time.monotonic()
        if not self.state.stopping:
            self.note("the loader is gone, another is started")
            self._loader_not_before = now + plan.back_off(self._loader_strikes)
            self._loader_strikes += 1
        for slot, child in list(self.state.children.items()):
            if child.pid == 0:
                del self.state.children[slot]
                child.close()
            else:
                self.retire(child, now)

    def _open_queue(self) -> None:
        queue = backends.of(self.config.type).open_manager_queue(self.config, self.state.names)
        self.queue = QueueSide(queue, self._idle_classes, self._wake_children)
        self.bookkeeper = Bookkeeper(self, self._former)
        self.queue.on_up = self.bookkeeper.database_up
        self.queue.on_change = self.note
        self._tasks = self.queue.tasks(self.config.failed_keep_days)

    # -- children ------------------------------------------------------------------------------------------------------

    def _forked(self, slot: int, pid: int, start: int) -> None:
        child = self.state.children[slot]
        child.pid, child.start, child.started_at = pid, start, time.time()
        if child.leaving:
            self.board.order_finish(slot, pid)
            child.wake()
        self.line(self.outputs.formatter.started(slot, pid, child.started_at))

    def _child_gone(self, slot: int, pid: int, status: int) -> None:
        child = self.state.children.get(slot)
        if child is None or child.pid != pid:
            return
        del self.state.children[slot]
        child.close()
        number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
        code = 128 + number if number else os.waitstatus_to_exitcode(status)
        self.line(self.outputs.formatter.exited(slot, pid, code, number, time.time()))
        view = self.board.view(slot)
        cause = cause_of(status, child.killed)
        if view.pid != pid or (view.state is ChildState.STARTING and not child.leaving) or code == 70:
            self.state.pools[child.pool].struck(f"children die before their first turn: {cause}", time.monotonic())
        if view.pid == pid and hasattr(self, "bookkeeper"):
            self.bookkeeper.child_gone(view, code, cause, counts=not child.gives_back)
            self.board.mark_dead(slot)
        self.wake_up()

    def _note_proved_children(self) -> None:
        for pool in self.state.pools:
            if pool.strikes:
                views = [self.board.view(child.slot) for child in self.state.of_pool(pool.index) if child.pid]
                if any(view.state in (ChildState.IDLE, ChildState.BUSY) for view in views):
                    pool.proved()

    def _reap(self) -> None:
        """Our own children: the loader, and whatever it or a job left behind (we are the subreaper)."""
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            for slot, child in list(self.state.children.items()):
                if child.pid == pid:
                    self._child_gone(slot, pid, status)
            if self._loader is not None and pid == self._loader.pid:
                self._take_reports()  # what it said before it went
            self.wake_up()

    def _idle_classes(self) -> list[int]:
        """Classes that an idle child could take a job of; empty when nobody is idle."""
        pools = {child.pool for child in self._idle()}
        return sorted({index for pool in pools for index in self.config.pools[pool].classes} - self.paused)

    def _idle(self) -> list[Child]:
        idle = []
        for child in self.state.children.values():
            if child.pid and not child.leaving:
                view = self.board.view(child.slot)
                if view.pid == child.pid and view.state is ChildState.IDLE:
                    idle.append(child)
        return idle

    def _wake_children(self, count: int) -> None:
        for child in self._idle()[:count]:
            child.wake()

    # -- a former life -------------------------------------------------------------------------------------------------

    def _former_slots(self) -> set[int]:
        return self.bookkeeper.former_slots() if hasattr(self, "bookkeeper") else set()

    def _follow_former_life(self) -> None:
        if hasattr(self, "bookkeeper"):
            self.bookkeeper.follow_former_life()

    # -- commands ------------------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """Graceful: children finish the job in hand. A second call changes nothing."""
        if not self.state.stopping:
            self.note("stops when the jobs in hand are done")
            self.state.stopping = True
            if self.config.wait_terminating is not None:
                self._kill_at = time.monotonic() + self.config.wait_terminating
        self.wake_up()

    def stop_now(self) -> None:
        """Jobs in hand are given back."""
        self.note("stops at once")
        self.state.stopping = True
        self._kill_at = time.monotonic()
        self.wake_up()

    def _finish_stop(self, now: float) -> None:
        children = list(self.state.children.values())
        if self._kill_at is not None and now >= self._kill_at:
            for child in children:
                if child.pid and child.killed is None:
                    self.kill_child(child, STOPPED, gives_back=True)
        if children:
            return
        if self._loader is not None and not self._leave_sent:
            self._leave_sent = True
            if not self._loader.ready:
                os.kill(self._loader.pid, signal.SIGKILL)  # it hangs in an import
            self._loader.send(link.Leave())
        if self._loader is None:
            self._done = True

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
        pool.draining = draining
        self.wake_up()

    def recycle(self, child: Child) -> None:
        """It leaves after its job, and the next turn forks another."""
        self.retire(child, time.monotonic())
        self.wake_up()

    def watched(self) -> None:
        """Somebody looks at the figures: keep them fresh."""
        if self.state.ready:
            self.queue.watched_at = time.monotonic()

    def pause(self, class_index: int, paused: bool) -> None:
        self.note(f"class {self.state.names[class_index]} {'paused' if paused else 'unpaused'}")
        self.board.set_paused(class_index, paused)
        (self.paused.add if paused else self.paused.discard)(class_index)
        for health in self.queue.health:
            health.pending = True
        for child in self._idle():
            child.wake()

    def reopen_logs(self) -> None:
        self.outputs.log.reopen()
        if self.outputs.to_files:
            redirect_output(self.config.errorlogfile)
        self.board.bump_log_generation()
        for child in self._idle():
            child.wake()
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
        second = int(time.monotonic())
        for event in self._events.read():
            self.figures.take(event, second)
            if event.outcome is Outcome.FAILED:
                self.queue.failed_changed()

