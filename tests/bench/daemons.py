"""A daemon under measurement, looked at from outside: by its scoreboard's file, which asks it nothing."""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.common import LIB
from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.model import ChildState
from wmcore.scoreboard import Scoreboard

NOOP, STAMPED, SHORT, LONG = (f"bench_jobs.{name}" for name in ("Noop", "Stamped", "Short", "Long"))


@contextmanager
def daemon(dsn: str, workers: Sequence[str], *options: str, **settings: Any) -> Iterator[Daemon]:
    """A running one, its children idle or at work; killed at the end."""
    with tempfile.TemporaryDirectory(prefix="wmbench-") as folder:
        made = Daemon(Path(folder), dsn, workers=list(workers), inc_path=[str(LIB)], **settings)
        try:
            yield made.start(*options)
        finally:
            made.kill_everything()


def board(of: Daemon) -> Scoreboard:
    found = Scoreboard.open(of.folder / "state" / "scoreboard")
    assert found is not None
    return found


def completed(of: Daemon, children: int) -> Callable[[], int]:
    """Counts the jobs of its first class."""
    its = board(of)
    return lambda: its.counts(children)[0]


def all_idle(of: Daemon, children: int) -> None:
    its = board(of)
    until(lambda: all(its.view(slot).state == ChildState.IDLE for slot in range(children)), 60, "idle children")


@dataclass(frozen=True, slots=True)
class Stamp:
    """One run of a job (`lib/bench_jobs.py`); Unix seconds."""

    number: int
    pid: int
    due: float
    made: float  # the child's instance of the class
    start: float
    end: float


def stamps(of: Daemon, name: str) -> list[Stamp]:
    path = of.folder / f"{name.rpartition('.')[2]}.stamps"
    lines = path.read_text().splitlines() if path.exists() else []
    return [Stamp(int(number), int(pid), *map(float, times)) for number, pid, *times in map(str.split, lines)]
