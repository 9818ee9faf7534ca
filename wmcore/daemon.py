"""From a configuration to a running daemon: locks, detaching, readiness, and the manager's loop."""

import asyncio
import contextlib
import fcntl
import os
import resource
import sys
from dataclasses import dataclass
from pathlib import Path

import msgspec
from setproctitle import setproctitle

from wmcore import paths, process
from wmcore.config.records import Config
from wmcore.errors import AlreadyRunning, ConfigError, WmError, state_dir_trouble
from wmcore.logs import Formatter, LogFile, redirect_output
from wmcore.manager import formerlife
from wmcore.manager.core import Manager, Outputs
from wmcore.manager.loaderlink import make_setup
from wmcore.scoreboard import CAPACITY, Scoreboard
from wmcore.server import Server, listen

SPARE_DESCRIPTORS = 200
"""Beside one for each child: clients, databases, logs."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The command line's wishes."""

    foreground: bool  # -n
    debug: bool  # -d
    write_logs: bool  # -l: the log files too, with -n


class Word(msgspec.Struct, frozen=True):
    """What the detached daemon tells the process that the user started."""

    code: int
    text: str = ""


def run(config: Config, options: RunOptions) -> int:
    """Run the daemon; in the foreground until it stops, else until it is ready or has said why not.

    Returns the exit code: 0, 1 (another one runs), 2 (configuration, or a class that cannot be loaded).
    """
    total = sum(pool.concurrency for pool in config.pools)
    if total > CAPACITY:
        raise ConfigError(f"{total} children are more than the {CAPACITY} that one daemon can have; lower concurrency")
    _raise_descriptor_limit(total)
    _make_state_dir(config)
    if not options.foreground:
        return _detach(config, options)
    code = _live(config, options, Herald(None))
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread that waits for a silent database must not hold us


def _raise_descriptor_limit(children: int) -> None:
    """Each child costs the manager a pipe, and the usual soft limit is for programs that use select()."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = children + SPARE_DESCRIPTORS
    if hard != resource.RLIM_INFINITY and hard < needed:
        raise ConfigError(
            f"{children} children need {needed} open files, the limit is {hard}; lower concurrency, or raise ulimit -n"
        )
    enough = max(soft, CAPACITY + SPARE_DESCRIPTORS)
    if soft < enough:
        limit = enough if hard == resource.RLIM_INFINITY else min(enough, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (limit, hard))


def _make_state_dir(config: Config) -> None:
    try:
        config.state_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise state_dir_trouble(config.state_dir, error) from None


# -- detaching --------------------------------------------------------------------------------------------------------


def _detach(config: Config, options: RunOptions) -> int:
    """Fork twice; the first process waits for the word."""
    reader, writer = os.pipe2(os.O_CLOEXEC)
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid == 0:
        os.close(reader)
        os.setsid()
        if os.fork():
            os._exit(0)
        _be_daemon(config, options, writer)
    os.close(writer)
    os.waitpid(pid, 0)
    with os.fdopen(reader, "rb") as pipe:
        data = pipe.read()
    word = msgspec.json.decode(data, type=Word) if data else Word(1, f"the daemon died; see {config.errorlogfile}")
    if word.text:
        print(f"wmcore: {word.text}", file=sys.stderr)
    return word.code


def _be_daemon(config: Config, options: RunOptions, writer: int) -> None:
    """In the daemon; does not return."""
    code = 1
    herald = Herald(writer)
    try:
        _close_inherited(writer)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        redirect_output(config.errorlogfile)
        code = _live(config, options, herald)
    except WmError as error:
        herald.tell(error.exit_code, str(error))
        code = error.exit_code
    except BaseException as error:
        sys.excepthook(type(error), error, error.__traceback__)
        herald.tell(1, f"{type(error).__name__}: {error}; {config.errorlogfile} says more")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)  # threads that still wait for a black-holed database must not hold us


def _close_inherited(keep: int) -> None:
    """What whoever started us had open is none of our business, and a pipe of his would never end."""
    for fd in [int(entry.name) for entry in Path("/proc/self/fd").iterdir()]:
        if fd > 2 and fd != keep:
            with contextlib.suppress(OSError):  # the listing's own
                os.close(fd)


class Herald:
    """Tells whoever waits for the start how it went: once."""

    def __init__(self, writer: int | None) -> None:
        self._writer = writer
        self.told = False

    def tell(self, code: int, text: str = "") -> None:
        if not self.told:
            self.told = True
            _say(self._writer, code, text)


def _say(writer: int | None, code: int, text: str = "") -> None:
    if writer is None:
        if text:
            print(f"wmcore: {text}", file=sys.stderr)
        return
    try:
        os.write(writer, msgspec.json.encode(Word(code, text)))
        os.close(writer)
    except OSError:  # nobody waits any more
        pass


# -- one at a time ----------------------------------------------------------------------------------------------------


def _lock(path: Path, what: str, pid_inside: bool) -> int:
    """Open and lock a file for our lifetime (flock, close-on-exec). Raises AlreadyRunning, ConfigError."""
    try:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise ConfigError(f"{what} {path}: {error.strerror}; create the folder, or set '{what}' elsewhere") from None
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(fd, 32, 0).decode(errors="replace").strip() or "unknown"
        raise AlreadyRunning(f"already running with pid {holder} ({what} {path} is locked)") from None
    if pid_inside:
        try:
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except OSError as error:
            raise ConfigError(f"{what} {path}: {error.strerror}; make room there, or set '{what}' elsewhere") from None
    return fd


def _live(config: Config, options: RunOptions, herald: Herald) -> int:
    """Take the locks, run the manager, clean up."""
    os.umask(os.umask(0) | 0o022)
    if not options.foreground:
        _lock(config.pidfile, "pidfile", pid_inside=True)
    _lock(config.state_dir / "lock", "state_dir", pid_inside=True)
    try:
        return asyncio.run(_serve(config, options, herald))
    finally:
        if not options.foreground:
            config.pidfile.unlink(missing_ok=True)


async def _serve(config: Config, options: RunOptions, herald: Herald) -> int:
    process.become_subreaper()
    setproctitle(f"wmcore: manager {config.path}")
    sock = listen(config.socket)
    try:
        former = formerlife.FormerLife(formerlife.put_aside(config.state_dir))
        board = Scoreboard.create(config.state_dir / formerlife.NAME, len(config.classes))
    except OSError as error:
        raise state_dir_trouble(config.state_dir, error) from None
    board.identify(os.getpid(), process.start_time(os.getpid()), process.boot_id())
    manager = Manager(
        config,
        board,
        former,
        _outputs(config, options),
        lambda generation: make_setup(
            config, generation, debug=options.debug, foreground=options.foreground, write_logs=options.write_logs
        ),
        lambda reason: herald.tell(2 if reason else 0, reason or ""),
    )
    server = Server(manager, sock)
    await server.start()
    link = paths.announce(config.instance, config.socket)
    for sentence in config.ignored:
        manager.note(sentence)
    try:
        return await manager.run()
    finally:
        await server.close()
        if link is not None:
            paths.withdraw(link, config.socket)
        config.socket.unlink(missing_ok=True)


def _outputs(config: Config, options: RunOptions) -> Outputs:
    to_files = not options.foreground
    log = LogFile([config.logfile] if to_files or options.write_logs else [], [1] if options.foreground else [])
    return Outputs(log, Formatter(config.type, config.log_format), options.debug, to_files)
