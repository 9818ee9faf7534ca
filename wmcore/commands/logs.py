"""The log files: their last lines, and what is written behind a place in them, whether or not they are put aside
meanwhile (by logrotate, say). A place is a file's inode and an offset."""

import asyncio
import contextlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from wmcore.errors import Refused
from wmcore.logs import level_of
from wmcore.model import LogLevel
from wmcore.protocol import messages

if TYPE_CHECKING:
    from wmcore.manager.core import Manager

LINES_LIMIT = 10_000
LOOK_BACK = (64 * 1024, 512 * 1024, 4 * 1024 * 1024)
"""Bytes at the end of the file: more where these have not lines enough."""
READ_ON = 1024 * 1024
"""Bytes of one answer."""
LEVELS = list(LogLevel)

Keep = Callable[[str], str | None]
"""The level of a line; None where it is not wanted."""


@dataclass(frozen=True, slots=True)
class Place:
    inode: int
    offset: int

    def __str__(self) -> str:
        return f"{self.inode}-{self.offset}"


@dataclass(frozen=True, slots=True)
class Part:
    """Of the log."""

    lines: list[tuple[str, str]]  # line, level
    place: Place  # behind what was read
    more: bool = False  # it stopped at its bound
    gap: bool = False  # what was between is gone


async def log_tail(manager: "Manager", request: messages.TailLog) -> messages.LogLines:
    if request.which not in ("log", "errorlog"):
        raise Refused(f"there is 'log' and 'errorlog', not {request.which!r}")
    path = manager.config.logfile if request.which == "log" else manager.config.errorlogfile
    most, keep = max(1, min(request.lines, LINES_LIMIT)), _keep(request)
    try:
        if request.after is None:
            part = await asyncio.to_thread(last, path, most, keep)
        else:
            part = await asyncio.to_thread(following, path, _read_place(request.after), most, keep)
    except OSError as error:
        raise Refused(f"{path}: {error.strerror}") from None
    lines, levels = [line for line, _ in part.lines], [level for _, level in part.lines]
    return messages.LogLines(
        path=str(path), lines=lines, levels=levels, cursor=str(part.place), more=part.more, gap=part.gap
    )


def _keep(request: messages.TailLog) -> Keep:
    if request.level is not None and request.level not in LEVELS:
        raise Refused(f"a level is {', '.join(LEVELS)}, not {request.level!r}")
    grave = LEVELS if request.level is None else LEVELS[LEVELS.index(LogLevel(request.level)) :]
    text, has_levels = (request.text or "").lower(), request.which == "log"

    def keep(line: str) -> str | None:
        if text not in line.lower():
            return None
        if not has_levels:
            return ""
        level = level_of(line)
        return level if level in grave else None

    return keep


def _read_place(cursor: str) -> Place:
    inode, _, offset = cursor.partition("-")
    if not (inode.isdecimal() and offset.isdecimal()):
        raise Refused(f"{cursor!r} is no cursor of a log")
    return Place(int(inode), int(offset))


def last(path: Path, most: int, keep: Keep) -> Part:
    """The last lines that are wanted. Raises OSError."""
    with path.open("rb") as file:
        end = file.seek(0, os.SEEK_END)
        for length in LOOK_BACK:
            begin = max(0, end - length)
            file.seek(begin)
            whole = file.read(end - begin)
            whole = whole[: whole.rfind(b"\n") + 1]
            if begin:  # most likely in the midst of a line
                whole = whole[whole.find(b"\n") + 1 :]
            text = [line.decode(errors="replace") for line in _split(whole)]
            lines = [(line, level) for line in text if (level := keep(line)) is not None]
            if len(lines) >= most or not begin:
                break
        return Part(lines[-most:], Place(os.fstat(file.fileno()).st_ino, end - _unfinished(file, end)))


def following(path: Path, place: Place, most: int, keep: Keep) -> Part:
    """What was written behind `place`. Raises OSError."""
    chain = _chain(path)
    numbers = [inode for _, inode in chain]
    if place.inode not in numbers:  # taken away
        current = path.stat()
        return Part([], Place(current.st_ino, 0), more=True, gap=True)
    here = numbers.index(place.inode)
    with chain[here][0].open("rb") as file:
        part = _read_on(file, place, most, keep)
    if part.more or here + 1 == len(chain):
        return part
    return Part(part.lines, Place(numbers[here + 1], 0), more=True, gap=part.gap)


def _chain(path: Path) -> list[tuple[Path, int]]:
    """The log and those that were put aside and can be read, in the order in which they were written: (path, inode)."""
    found = []
    for each in path.parent.glob(f"{path.name}*"):
        with contextlib.suppress(OSError):
            about = each.stat()
            if each.suffix not in (".gz", ".xz", ".zst", ".bz2") and each.is_file():
                found.append((each == path, about.st_mtime, each, about.st_ino))
    return [(each, inode) for _, _, each, inode in sorted(found)]


def _read_on(file: BinaryIO, place: Place, most: int, keep: Keep) -> Part:
    size = file.seek(0, os.SEEK_END)
    cut = size < place.offset  # copied and emptied, as logrotate's copytruncate does
    offset = 0 if cut else place.offset
    file.seek(offset)
    data = file.read(READ_ON)
    full = len(data) == READ_ON
    end = data.rfind(b"\n") + 1 or (len(data) if full else 0)  # one line alone may be longer than the bound
    stop, lines = offset + end, list[tuple[str, str]]()
    for line in _split(data[:end]):
        offset = min(stop, offset + len(line) + 1)
        text = line.decode(errors="replace")
        if (level := keep(text)) is not None:
            lines.append((text, level))
            if len(lines) == most:
                break
    return Part(lines, Place(place.inode, offset), more=full or len(lines) == most, gap=cut)


def _split(data: bytes) -> list[bytes]:
    return data.removesuffix(b"\n").split(b"\n") if data else []


def _unfinished(file: BinaryIO, end: int) -> int:
    """Bytes of a last line that has no end yet: it comes when it has one."""
    begin = max(0, end - LOOK_BACK[0])
    file.seek(begin)
    tail = file.read(end - begin)
    return len(tail) - (tail.rfind(b"\n") + 1)
