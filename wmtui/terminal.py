"""The console's dealings with the terminal and the system: what may be sent to it, when it is gone, and a crash."""

import asyncio
import os
import select
import signal
import sys
import time
import traceback
from codecs import getincrementaldecoder
from collections.abc import Callable
from functools import partial
from pathlib import Path

from rich.cells import cell_len
from rich.segment import Segment
from textual.color import Color
from textual.drivers import linux_driver
from textual.filter import LineFilter

from wmtui.glyphs import Glyphs, choose, is_utf8
from wmtui.printing import clean


class Harmless(LineFilter):
    """The last gate before the terminal: no data gets a control character through, whichever widget shows it. Nor does
    what the terminal's `encoding` has no character for: it would be written as \\u65e5, and tear the line apart."""

    def __init__(self, encoding: str | None = None) -> None:
        super().__init__()
        self._narrow = None if is_utf8(encoding) else encoding

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        return [segment if self._passes(segment) else Segment(self._plain(segment.text), segment.style)
                for segment in segments]  # fmt: skip

    def _passes(self, segment: Segment) -> bool:
        text = segment.text
        return bool(segment.control) or (text.isprintable() and (self._narrow is None or text.isascii()))

    def _plain(self, text: str) -> str:
        """In as many cells."""
        text = clean(text)
        if self._narrow is None or text.isascii():
            return text
        known = text.encode(self._narrow, "ignore").decode(self._narrow)
        return "".join(char if char in known else "?" * cell_len(char) for char in text)


def read_patiently() -> None:
    """Textual's reading of keys ends, and the console with it, at a byte that is not UTF-8: an é of a terminal that is
    set to Latin-1, or noise on a serial line."""
    linux_driver.getincrementaldecoder = lambda name: partial(getincrementaldecoder(name), "replace")  # type: ignore[attr-defined]


def drawn_in() -> str | None:
    """The encoding of stderr, where Textual draws."""
    return getattr(sys.__stderr__, "encoding", None)


def choose_glyphs(ascii_only: bool) -> Glyphs:
    return choose(ascii_only, os.environ.get("TERM"), drawn_in())


def catch_signals(leave: Callable[[int], None]) -> None:
    """TERM and HUP leave in order, with 128 + signal: otherwise the terminal stays on its alternate screen."""
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, leave, 128 + number)


class HangupWatch:
    """Has the terminal gone? Where SIGHUP is ignored (nohup, sudo, docker exec) nobody else says so, and reading the
    end of file would keep a processor busy for ever."""

    def __init__(self, descriptor: int = 0) -> None:
        self._poll = select.poll()
        self._poll.register(descriptor, 0)  # no event but the ones that cannot be masked: error and hang-up

    def gone(self) -> bool:
        return bool(self._poll.poll(0))


def state_home() -> Path:
    named = os.environ.get("XDG_STATE_HOME", "")
    return Path(named) if named.startswith("/") else Path.home() / ".local" / "state"


def keep_crash(error: BaseException, folder: Path | None = None) -> str:
    """Write the traceback of our own mistake, without the values of variables (they hold other people's data), to a
    file that only its owner reads. Returns the sentence for the terminal."""
    text = "".join(traceback.format_exception(error))
    folder = folder or state_home() / "wmcore"
    path = folder / f"wmtui-crash-{time.strftime('%Y%m%dT%H%M%S')}-{os.getpid()}.txt"
    what = f"wmtui has crashed ({clean(type(error).__name__)})"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(text)
    except OSError as problem:
        return f"{what}, and its report could not be written to {folder}: {problem.strerror}"
    return f"{what}: please send the report {path}"
