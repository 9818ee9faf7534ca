"""The one tree of errors. A user's mistake and a failing peer are different branches: each has its exit code."""

import errno
from pathlib import Path


class WmError(Exception):
    """Something went wrong that has a sentence for the user; `str(error)` is that sentence."""

    exit_code = 1


class UsageError(WmError):
    """The command line is wrong."""

    exit_code = 2


class ConfigError(UsageError):
    """The configuration is wrong: says where (file, line, key), what, and what to do."""


def state_dir_trouble(state_dir: Path, error: OSError) -> ConfigError:
    """A file of ours that cannot be made or opened there."""
    where = error.filename or state_dir
    room = "make room there, or " if error.errno in (errno.ENOSPC, errno.EDQUOT) else ""
    return ConfigError(f"state_dir {where}: {error.strerror}; {room}set 'state_dir' to a folder of this user's own")


class LoadError(UsageError):
    """A worker class cannot be loaded."""


class AlreadyRunning(WmError):
    """Another daemon holds this pidfile, socket or state directory."""


class QueueDown(WmError):
    """No answer from the queue (the message names the server, never the password)."""


class SchemaMissing(QueueDown):
    """The database answers but TheSchwartz' tables are not there."""


class Fenced(WmError):
    """This child's claim row belongs to somebody else now: the books were closed on it, it must leave."""


class Refused(WmError):
    """A command that cannot be carried out, with the reason."""


class NotFound(Refused):
    """The named pool, class, slot or job does not exist."""


class ProtocolError(WmError):
    """The other side of the socket did not speak the protocol."""


class NoDaemon(WmError):
    """Nothing answers at the target."""

    exit_code = 3


class BadArgument(WmError):
    """A job's argument looks like Perl's Storable and cannot be decoded; the job's `raw` has the bytes."""

    def __init__(self, problem: str, at: int) -> None:
        """`problem`: in words; `at`: how many bytes were read."""
        super().__init__(
            f"the job's argument begins like Perl's Storable but cannot be decoded: {problem}, at byte {at} "
            "(job.raw has the bytes)"
        )
        self.problem = problem
        self.at = at


class JobFailed(WmError):
    """A job that a client waited for has failed; the message is the job's."""


class SoftTimeout(Exception):
    """Raised inside `work` when the class's `soft_timeout` has passed."""
