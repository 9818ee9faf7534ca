"""The log's lines, to the letter, and the files that they go to.

One `os.write` per call on a descriptor opened with O_APPEND: lines of several processes never mix.
"""

import json
import os
import time
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

import msgspec

from wmcore.model import MEASURED, UNKNOWN, LogLevel, Outcome

WORDS = {
    Outcome.COMPLETED: "completed",
    Outcome.REPLACED: "completed",
    Outcome.FAILED: "failed",
    Outcome.RETRIED: "failed",
    Outcome.DECLINED: "declined",
    Outcome.LATE: "late",
}


class JobEnd(msgspec.Struct, frozen=True):
    """One attempt's end, as it is logged; milliseconds."""

    name: str
    outcome: Outcome
    job: str
    process_ms: float
    delay_ms: float
    lateness_ms: float
    delay_kind: str = MEASURED  # "estimated"; UNKNOWN: delay and lateness are not there


class Formatter:
    """Makes lines: the ancestor's text, or the same facts as JSON objects."""

    def __init__(self, queue_type: str, log_format: str = "text") -> None:
        self._queue_type = queue_type
        self._json = log_format == "json"

    def job(self, end: JobEnd, now: float) -> str:
        return self.jobs((end,), now)

    def jobs(self, ends: Iterable[JobEnd], now: float) -> str:
        """A line for each."""
        line, at = self._job_object if self._json else self._job_line, stamp(now)
        return "".join([line(end, at) for end in ends])

    def _job_line(self, end: JobEnd, at: str) -> str:
        waited = ""
        if end.delay_kind != UNKNOWN:
            kind = "" if end.delay_kind == MEASURED else f"delay_kind:{end.delay_kind} "
            waited = f"delay:{int(end.delay_ms)} lateness:{int(end.lateness_ms)} {kind}"
        return (
            f"{at} {self._queue_type} job {WORDS[end.outcome]} {end.name} process:{int(end.process_ms)} {waited}"
            f"job:{end.job}\n"
        )

    def _job_object(self, end: JobEnd, at: str) -> str:
        return _object(
            at, event=f"job {WORDS[end.outcome]}", type=self._queue_type, **{"class": end.name},
            process=int(end.process_ms), **_waited(end), job=end.job,
        )  # fmt: skip

    def started(self, slot: int, pid: int, now: float) -> str:
        if self._json:
            return _object(stamp(now), event="child started", slot=slot, pid=pid)
        return f"{stamp(now)} WorkerManager {slot} started with PID {pid}\n"

    def exited(self, slot: int, pid: int, code: int, signal: int, now: float) -> str:
        if self._json:
            return _object(stamp(now), event="child exited", slot=slot, pid=pid, code=code, signal=signal)
        behind = f" signal:{signal}" if signal else ""
        return f"{stamp(now)} WorkerManager {slot} exited with PID {pid} and exit code: {code}{behind}\n"

    def note(self, text: str, now: float, level: str = "notice") -> str:
        if self._json:
            return _object(stamp(now), event=level, text=text)
        return f"{stamp(now)} WorkerManager {level}: {text}\n"


def _object(at: str, **facts: object) -> str:
    return json.dumps({"time": at, **facts}, ensure_ascii=False) + "\n"


def _waited(end: JobEnd) -> dict[str, object]:
    """For JSON."""
    if end.delay_kind == UNKNOWN:
        return {}
    kind = {} if end.delay_kind == MEASURED else {"delay_kind": end.delay_kind}
    return {"delay": int(end.delay_ms), "lateness": int(end.lateness_ms), **kind}


def level_of(line: str) -> LogLevel:
    """How grave a line of the log is, in either format."""
    if line.startswith("{"):
        return _level_of_object(line)
    _, _, rest = line.partition(" ")
    source, _, rest = rest.partition(" ")
    first, _, rest = rest.partition(" ")
    if first == "job":
        return _level_of_event(f"job {rest.partition(' ')[0]}", False)
    if source == "WorkerManager" and first.isdecimal():
        return _level_of_event("", not (rest.startswith("started") or rest.endswith("exit code: 0")))
    return _level_of_event(first.removesuffix(":"), False)


def _level_of_object(line: str) -> LogLevel:
    try:
        facts = json.loads(line)
        return _level_of_event(str(facts.get("event")), bool(facts.get("code")))
    except ValueError:
        return LogLevel.NOTICE


def _level_of_event(event: str, died: bool) -> LogLevel:
    match event:
        case "job failed":
            return LogLevel.ERROR
        case "job late":
            return LogLevel.WARNING
        case "job completed" | "job declined":
            return LogLevel.INFO
        case "debug" | "info" | "warning" | "error":
            return LogLevel(event)
    return LogLevel.WARNING if died else LogLevel.NOTICE


def stamp(now: float) -> str:
    """Local time, as the ancestor writes it."""
    return _stamp(int(now))


@lru_cache(maxsize=1)
def _stamp(second: int) -> str:
    """Lines come by the hundred in a second."""
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(second))


class LogFile:
    """Where lines go: files (opened anew by `reopen`) and standing descriptors (a terminal)."""

    def __init__(self, paths: Iterable[Path] = (), fds: Iterable[int] = ()) -> None:
        self._paths = tuple(paths)
        self._fds = tuple(fds)
        self._open: list[int] = []
        self.reopen()

    def reopen(self) -> None:
        opened = [open_append(path) for path in self._paths]
        for fd in self._open:
            os.close(fd)
        self._open = opened

    def write(self, text: str) -> None:
        data = text.encode(errors="replace")
        for fd in (*self._open, *self._fds):
            try:
                os.write(fd, data)
            except OSError:  # a full disk or a closed terminal must not stop a job
                continue


def open_append(path: Path) -> int:
    """A descriptor (close-on-exec) that appends to `path`, created 0644 under the umask."""
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)


def redirect_output(path: Path) -> None:
    """Standard output and error go to the end of `path` from now on."""
    fd = open_append(path)
    os.dup2(fd, 1)
    os.dup2(fd, 2)
    os.close(fd)
