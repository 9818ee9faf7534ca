"""The manager's hand on a loader: start it, give orders, take reports."""

import os
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wmcore import link
from wmcore.config.records import Config
from wmcore.link import Link
from wmcore.scoreboard import Scoreboard

_DEFAULTED = [signal.SIGTERM, signal.SIGQUIT, signal.SIGINT, signal.SIGHUP, signal.SIGPIPE, signal.SIGUSR1,
              signal.SIGTTIN, signal.SIGTTOU, signal.SIGCHLD]  # fmt: skip


class LoaderProcess:
    """One loader."""

    def __init__(self, pid: int, to_loader: Link) -> None:
        self.pid = pid
        self._link = to_loader
        self.ready = False

    @classmethod
    def start(
        cls, config: Config, board: Scoreboard, event_fd: int, setup: link.Setup, environment: Mapping[str, str]
    ) -> "LoaderProcess":
        """Spawn it (no fork of this process: it has threads) and hand over what it needs."""
        ours, theirs = link.pair()
        theirs.set_inheritable(True)
        command = [sys.executable, "-P", "-m", "wmcore.loader", str(theirs.fileno())]
        actions: list[Any] = []
        if not setup.foreground_child:
            actions.append((os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0))
        pid = os.posix_spawn(
            sys.executable, command, dict(environment), file_actions=actions, setpgroup=0, setsigmask=[],
            setsigdef=_DEFAULTED,
        )  # fmt: skip
        theirs.close()
        ours.setblocking(False)
        process = cls(pid, Link(ours))
        process.send(setup, (board.fd, event_fd))
        return process

    def fileno(self) -> int:
        return self._link.sock.fileno()

    def send(self, order: link.Order, fds: tuple[int, ...] = ()) -> bool:
        """False when the loader is gone (its exit will be reaped) or does not read any more."""
        try:
            self._link.send(order, fds)
        except OSError:
            return False
        return True

    def reports(self) -> tuple[list[link.Report], bool]:
        """What has arrived, and whether the loader is still there."""
        arrived: list[link.Report] = []
        while True:
            try:
                report = self._link.receive_report()
            except BlockingIOError:
                return arrived, True
            if report is None:
                return arrived, False
            arrived.append(report)

    def close(self) -> None:
        self._link.sock.close()


def make_setup(config: Config, generation: int, *, debug: bool, foreground: bool, write_logs: bool) -> link.Setup:
    """`foreground`: -n. The one child of -n -c 1 gets the terminal, where there is one."""
    single = len(config.pools) == 1 and config.pools[0].concurrency == 1
    return link.Setup(
        config=link.pack_config(config),
        generation=generation,
        debug=debug,
        write_logs=write_logs or not foreground,
        terminal=foreground,
        foreground_child=foreground and single and Path("/dev/tty").exists() and os.isatty(0),
    )
