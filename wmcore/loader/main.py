"""The loader's loop: import, freeze, then orders from the manager and exits of children, until one side is done."""

import gc
import os
import select
import signal
import sys
from dataclasses import dataclass
from types import FrameType
from typing import Any

from setproctitle import setproctitle

from wmcore import backends, link, process
from wmcore.child.birth import Birth, be_child
from wmcore.config.records import Config
from wmcore.errors import LoadError
from wmcore.link import Link
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
            for fd, _ in poll.poll(1000):
                if fd == self._signal_reader:
                    self._signals()
                elif not self._order():
                    poll.unregister(self._link.sock)
            self._reap()
            self._follow_log()

    def _signals(self) -> None:
        for number in os.read(self._signal_reader, 512):
            if number in (signal.SIGTERM, signal.SIGQUIT):
                self._leave()

    def _leave(self) -> None:
        """Have the children finish; the loop ends with the last of them."""
        self._leaving = True
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
        # Blocked until the child's handlers stand: a TERM in between would be lost or would kill it untold.
        signal.pthread_sigmask(signal.SIG_BLOCK, ALL_SIGNALS)
        parent = os.getpid()
        sys.stdout.flush()
        sys.stderr.flush()
        try:
            pid = os.fork()
        except OSError as error:
            self._report(link.NotForked(order.slot, f"fork: {error.strerror}"))
            pid = -1
        if pid == 0:
            self._become_child(order, wake_fd, parent)
        os.close(wake_fd)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ALL_SIGNALS)
        if pid > 0:
            start = process.start_time(pid)
            self._children[pid] = Living(order.slot, start)
            self._report(link.Forked(order.slot, pid, start))

    def _become_child(self, order: link.Fork, wake_fd: int, parent: int) -> None:
        """In the child; does not return."""
        for fd in (self._life_writer, self._signal_reader, self._signal_writer):
            os.close(fd)
        self._link.sock.close()
        birth = Birth(
            config=self._config, classes=self._classes, board=self._board, slot=order.slot, pool=order.pool,
            wake_fd=wake_fd, life_fd=self._life_reader, event_fd=self._event_fd, parent=parent, setup=self._setup,
        )  # fmt: skip
        be_child(birth, ALL_SIGNALS)

    def _reap(self) -> None:
        while self._children or self._departed:
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
            self._departed.discard(pid)

    def _see_departing(self) -> None:
        """Those that are through with everything but the end of their process, which takes the system some time: their
        slots are free for others."""
        for pid, living in list(self._children.items()):
            if self._board.departed(living.slot, pid):
                del self._children[pid]
                self._departed.add(pid)
                self._report(link.Exited(living.slot, pid, 0))

    def _follow_log(self) -> None:
        if self._board.log_generation != self._log_generation:
            self._log_generation = self._board.log_generation
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
