"""What is said to the operator in the status line: the newest sentence, and when it has been read. Pure."""

from collections.abc import Callable
from dataclasses import dataclass

from wmtui.cells import Cell
from wmtui.glyphs import Glyphs
from wmtui.printing import clean

NOTICE_SECONDS = 10.0
ERROR_SECONDS = 30.0
READ_SECONDS = 1.0
"""After that a sentence has been read; one that says what went wrong, after twice as long."""

HANDS_SECONDS = 3.0
"""So long after a key the next one may be meant for what stood there."""


@dataclass(frozen=True, slots=True)
class Notice:
    text: str
    error: bool
    said_at: float  # Unix seconds

    def read(self, now: float) -> bool:
        return now > self.said_at + READ_SECONDS * (2 if self.error else 1)

    def over(self, now: float) -> bool:
        return now >= self.said_at + (ERROR_SECONDS if self.error else NOTICE_SECONDS)


class Saying:
    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._notice: Notice | None = None
        self._key_at = -HANDS_SECONDS

    @property
    def hands_on(self) -> bool:
        """Is somebody pressing keys?"""
        return self._now() < self._key_at + HANDS_SECONDS

    def say(self, text: str, error: bool = False) -> None:
        self._notice = Notice(clean(text), error, self._now())

    def unsay(self) -> None:
        """It has to make way for what the screen shows now; an error stays."""
        if self._notice is not None and not self._notice.error:
            self._notice = None

    def key_pressed(self) -> None:
        """Whoever presses a key has read what was said before: the line is needed for what comes now."""
        self._key_at = self._now()
        if self._notice is not None and self._notice.read(self._now()):
            self._notice = None

    def tick(self) -> None:
        if self._notice is not None and self._notice.over(self._now()):
            self._notice = None

    @property
    def unsolved(self) -> bool:
        """Is it an error that is said?"""
        return self._notice is not None and self._notice.error

    @property
    def unread_error(self) -> bool:
        """Nothing of less weight may be said over it."""
        return self._notice is not None and self._notice.error and not self._notice.read(self._now())

    def cell(self, glyphs: Glyphs) -> Cell | None:
        if self._notice is None:
            return None
        mark = f"{glyphs.bad} " if self._notice.error else ""
        return Cell(mark + self._notice.text, "bold red" if self._notice.error else "bold")
