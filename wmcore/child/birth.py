"""From fork to the first turn: signals, process group, terminal, output, queue connection."""

import gc
import os
import secrets
import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import NoReturn

from setproctitle import setproctitle

from wmcore import backends, process
from wmcore.backends.base import Ahead
from wmcore.child.main import Child, Outputs, run_child
from wmcore.child.pace import Batching
from wmcore.child.runner import Runner
from wmcore.child.wakeup import Wakeup
from wmcore.config.records import Config
from wmcore.link import Setup
from wmcore.loading import LoadedClass
from wmcore.logs import Formatter, LogFile
from wmcore.scoreboard import ChildSlot, Scoreboard


@dataclass(frozen=True, slots=True)
class Birth:
    """What a child is born with."""

    config: Config
    classes: Sequence[LoadedClass]
    board: Scoreboard
    slot: int
    pool: int
    wake_fd: int
    life_fd: int
    event_fd: int
    parent: int  # the loader's pid
    setup: Setup
    ahead: Ahead = ()  # what is connected already


def be_child(birth: Birth, blocked: set[signal.Signals]) -> NoReturn:
    """Live and exit. Signals are still blocked when this is called."""
    code = process.FAILED
    try:
        child = _prepare(birth, blocked)
        code = run_child(child)
    except BaseException as error:  # the door: whatever it is, say it and leave with a code of our own
        if not isinstance(error, SystemExit):
            print(f"wmcore: child {birth.slot} failed outside of a job:", file=sys.stderr)
            sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        if os.getppid() == birth.parent:  # it need not wait for the end of this process, which takes milliseconds
            with suppress(OSError):
                os.kill(birth.parent, signal.SIGCHLD)
        os._exit(code)


def _prepare(birth: Birth, blocked: set[signal.Signals]) -> Child:
    pid = os.getpid()
    os.setpgid(0, 0)  # what a job starts dies with it
    slot = ChildSlot(birth.board, birth.slot)
    owner = secrets.token_hex(16)
    slot.begin_life(pid, process.start_time(pid), owner, time.monotonic_ns())
    setproctitle(f"wmcore: child {birth.slot} starting")
    process.die_with_parent(signal.SIGTERM)
    wakeup = Wakeup(birth.wake_fd, birth.life_fd, birth.parent)
    wakeup.arm()
    foreground = birth.setup.foreground_child
    if foreground:
        _take_terminal(pid)
    else:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, blocked)
    gc.enable()
    names = [entry.name for entry in birth.classes]
    queue = backends.of(birth.config.type).open_child_queue(birth.config, names, birth.slot, owner, slot, birth.ahead)
    runners = [Runner(entry, patient=foreground) for entry in birth.classes]
    pool = birth.config.pools[birth.pool]
    batching = Batching(birth.config.batch_size, birth.config.batch_ms / 1000)
    return Child(slot, queue, runners, pool.classes, wakeup, _outputs(birth), batching)


def _take_terminal(pid: int) -> None:
    """Ctrl-C and the keyboard are this child's alone, so that a debugger's prompt works."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        os.tcsetpgrp(0, pid)  # SIGTTOU is ignored by now
    except OSError as error:
        print(f"wmcore: the terminal could not be handed to the child ({error.strerror})", file=sys.stderr)


def _outputs(birth: Birth) -> Outputs:
    setup, config = birth.setup, birth.config
    log = LogFile([config.logfile] if setup.write_logs else [], [1] if setup.terminal else [])
    return Outputs(
        log=log,
        formatter=Formatter(config.type, config.log_format),
        event_fd=birth.event_fd,
        error_path=config.errorlogfile if setup.write_logs and not setup.terminal else None,
        debug=setup.debug,
    )
