"""The loader's loop: import, freeze, then orders from the manager and exits of children, until one side is done."""

import gc
import math
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, NoReturn

from setproctitle import setproctitle

from wmcore import backends, link, process
from wmcore.backends.base import Ahead
from wmcore.child.birth import Birth, be_child
from wmcore.config.records import Config
from wmcore.errors import LoadError
from wmcore.link import Link
from wmcore.loader.spare import Spare, stand_by
from wmcore.loading import LoadedClass, load_all
from wmcore.logs import redirect_output
from wmcore.scoreboard import Scoreboard

ALL_SIGNALS = {
    signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU,
    signal.SIGCHLD,
}  # fmt: skip


@dataclass(slots=True)
class Living:
    slot: int
    start: int


class Loader:
    def __init__(self, to_manager: Link) -> None:
        self._link = to_manager
        self._children: dict[int, Living] = {}
        self._departed: set[int] = set()  # pids whose exit is reported already, only their reaping is still to come
        self._leaving = False
        self._spare = Spare()
        # Children hold the read end: it closes when this process ends, however it ends.
        self._life_reader, self._life_writer = os.pipe2(os.O_CLOEXEC)
        self._signal_reader, self._signal_writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> int:
        """Returns the exit code: 0, or 2 where the classes cannot be loaded."""
        packet = self._link.receive_order()
        if packet is None:
            return 0
        setup, (board_fd, self._event_fd) = packet
        self._setup: link.Setup = setup
        self._config: Config = setup.unpack()
        self._board = Scoreboard(board_fd)
        self._log_generation = self._board.log_generation
        self._outputs()
        setproctitle(f"wmcore: loader {self._config.path.name} (loading)")
        try:
            self._classes: list[LoadedClass] = load_all(self._config)
            backends.of(self._config.type).preload(self._config)
        except LoadError as error:
            self._report(link.NotReady(str(error)))
            return 2
        self._arm()
        gc.collect()
        gc.freeze()  # children share the imported code: without this their collector would copy every page of it
        setproctitle(f"wmcore: loader {self._config.path.name}")
        self._report(link.Ready([entry.name for entry in self._classes], _notices()))
        self._loop()
        return 0

    def _outputs(self) -> None:
        """What worker modules print belongs where their children print."""
        if self._setup.write_logs and not self._setup.terminal:
            redirect_output(self._config.errorlogfile)
        sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]

    def _arm(self) -> None:
        """Handlers stand only after the import: a hung import must die of TERM."""
        signal.set_wakeup_fd(self._signal_writer, warn_on_full_buffer=False)
        for number in (signal.SIGTERM, signal.SIGQUIT, signal.SIGCHLD):
            signal.signal(number, _note)
        for number in (signal.SIGINT, signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
            signal.signal(number, signal.SIG_IGN)

    def _loop(self) -> None:
        poll = select.poll()
        poll.register(self._link.sock, select.POLLIN)
        poll.register(self._signal_reader, select.POLLIN)
        while self._children or self._departed or not self._leaving:
            missing_in = self._spare_missing_in()
            for fd, _ in poll.poll(1000 if missing_in is None else math.ceil(missing_in * 1000)):
                if fd == self._signal_reader:
                    self._signals()
                elif not self._order():
                    poll.unregister(self._link.sock)
            self._reap()
            self._follow_log()
            self._keep_spare()

    def _signals(self) -> None:
        for number in os.read(self._signal_reader, 512):
            if number in (signal.SIGTERM, signal.SIGQUIT):
                self._leave()

    def _leave(self) -> None:
        """Have the children finish; the loop ends with the last of them."""
        self._leaving = True
        self._spare.dismiss()
        for pid in self._children:
            os.kill(pid, signal.SIGTERM)

    def _order(self) -> bool:
        """Carry out one order; False when the manager is gone."""
        packet = self._link.receive_order()
        if packet is None:
            self._leave()
            return False
        order, fds = packet
        if isinstance(order, link.Fork):
            self._fork(order, fds[0])
        elif isinstance(order, link.Signal):
            self._signal(order)
        elif isinstance(order, link.Leave):
            self._leaving = True
            self._spare.dismiss()
        return True

    def _signal(self, order: link.Signal) -> None:
        living = self._children.get(order.pid)
        if living is None or living.slot != order.slot:
            return
        try:
            if order.group:
                os.killpg(order.pid, order.number)
            else:
                os.kill(order.pid, order.number)
        except ProcessLookupError:  # its group is not made yet, or it is dead and not reaped yet
            os.kill(order.pid, order.number)

    def _fork(self, order: link.Fork, wake_fd: int) -> None:
        self._follow_log()
        try:
            pid = self._spare.take(order, wake_fd, time.monotonic())
            pid = pid or self._fork_with(lambda: self._become_child(order, wake_fd))
        except OSError as error:
            self._report(link.NotForked(order.slot, f"fork: {error.strerror}"))
        else:
            start = process.start_time(pid)
            self._children[pid] = Living(order.slot, start)
            self._report(link.Forked(order.slot, pid, start))
        os.close(wake_fd)

    def _fork_with(self, become: Callable[[], NoReturn]) -> int:
        """The child's pid. Raises OSError."""
        with self._undisturbed():
            return process.fork(become)

    @contextmanager
    def _undisturbed(self) -> Iterator[None]:
        """Signals stay blocked until a child's handlers stand: a TERM in between would be lost or kill it untold."""
        signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)
        self._parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            yield
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL_SIGNALS)

    def _become_child(self, order: link.Fork, wake_fd: int) -> NoReturn:
        """In the child."""
        self._let_go()
        self._live(order, wake_fd, ())

    def _let_go(self) -> None:
        """Of what is the loader's alone."""
        for fd in (self._life_writer, self._signal_reader, self._signal_writer):
            os.close(fd)
        self._link.sock.close()
        self._spare.dismiss()

    def _live(self, order: link.Fork, wake_fd: int, ahead: Ahead) -> NoReturn:
        birth = Birth(
            config=self._config, classes=self._classes, board=self._board, slot=order.slot, pool=order.pool,
            wake_fd=wake_fd, life_fd=self._life_reader, event_fd=self._event_fd, parent=self._parent, setup=self._setup,
            ahead=ahead,
        )  # fmt: skip
        be_child(birth, ALL_SIGNALS)

    def _spare_missing_in(self) -> float | None:
        """Seconds. The one child that has the terminal needs none."""
        if self._leaving or self._setup.foreground_child:
            return None
        return self._spare.missing_in(time.monotonic())

    def _keep_spare(self) -> None:
        """One, while there is use for it."""
        self._spare.look()
        if self._spare.is_idle(time.monotonic()):
            self._spare.dismiss()
        elif self._spare_missing_in() == 0:
            with suppress(OSError), self._undisturbed():  # without one, children are forked when they are needed
                self._spare.fork(self._become_spare)

    def _become_spare(self, to_loader: Link) -> NoReturn:
        self._let_go()
        setproctitle("wmcore: spare child")
        ahead = backends.of(self._config.type).connect_ahead(self._config)
        self._live(*stand_by(to_loader), ahead)

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                self._see_departing()
                return
            living = self._children.pop(pid, None)
            if living is not None:
                self._report(link.Exited(living.slot, pid, status))
                if status == 0:
                    self._spare.note_left(living.slot)
            self._departed.discard(pid)

    def _see_departing(self) -> None:
        """Those that are through with everything but the end of their process, which takes the system some time: their
        slots are free for others."""
        for pid, living in list(self._children.items()):
            if self._board.departed(living.slot, pid):
                del self._children[pid]
                self._departed.add(pid)
                self._spare.note_left(living.slot)
                self._report(link.Exited(living.slot, pid, 0))

    def _follow_log(self) -> None:
        if self._board.log_generation != self._log_generation:
            self._log_generation = self._board.log_generation
            self._spare.dismiss()  # it has the old file
            if self._setup.write_logs and not self._setup.terminal:
                redirect_output(self._config.errorlogfile)

    def _report(self, message: Any) -> None:
        try:
            self._link.send(message)
        except OSError:  # the manager is gone: the next order that we wait for says so
            pass


def _note(number: int, frame: FrameType | None) -> None:
    """The number goes into the wake-up pipe; the loop acts."""


def _notices() -> list[str]:
    names = process.thread_names(os.getpid())
    if not names:
        return []
    return [
        f"a worker module starts threads when it is imported ({', '.join(sorted(set(names)))}): "
        "they do not live on in the children, and a lock that they hold at the fork stays locked"
    ]
