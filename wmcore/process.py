"""Small facts about processes that the standard library leaves out (Linux)."""

import ctypes
import os
import pwd
import traceback
from collections.abc import Callable
from pathlib import Path

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_libc = ctypes.CDLL(None, use_errno=True)


def die_with_parent(signal_number: int) -> None:
    """Get this signal when the thread that started us ends (prctl(2), PR_SET_PDEATHSIG)."""
    _libc.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)


def become_subreaper() -> None:
    """Orphans below us become our children, so that somebody reaps them (prctl(2), PR_SET_CHILD_SUBREAPER)."""
    _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def start_time(pid: int) -> int:
    """Clock ticks from boot to the process's start, 0 where there is no such process: with the pid it names a life."""
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as stat:  # noqa: PTH123  quicker: each child does it
            return int(stat.read(4096).rpartition(b")")[2].split()[19])
    except OSError:
        return 0


def is_life(pid: int, start: int) -> bool:
    """Is the process that had this pid and start time still there?"""
    return pid > 0 and start > 0 and start_time(pid) == start


def rss_bytes(pid: int) -> int | None:
    """Resident memory, None where the process is gone."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError):
        return None


_PAGE = os.sysconf("SC_PAGE_SIZE")


def boot_id() -> str:
    """Another one after each boot of the machine; 32 hexadecimal digits."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")


def thread_names(pid: int) -> list[str]:
    """Names of the threads beside the main one."""
    names = []
    for task in Path(f"/proc/{pid}/task").iterdir():
        if task.name != str(pid):
            names.append((task / "comm").read_text().strip())
    return names


def user_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


FAILED = 70
"""Exit code of a child that failed outside of a job (EX_SOFTWARE)."""


def fork(live: Callable[[], object]) -> int:
    """The pid of a child that does nothing but `live`. Whatever comes out of that ends the child: it must not go on as
    a second self of this process. Raises OSError where there can be no child."""
    pid = os.fork()
    if pid:
        return pid
    try:
        live()
    except BaseException:  # the door: said here, as nobody is there to catch it
        traceback.print_exc()
    finally:
        os._exit(FAILED)
