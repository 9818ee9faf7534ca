"""How far a search goes before it says what it has: conditions that no index knows may fit one row in a million."""

import time

MOST_SCANNED = 50_000
SCAN_SECONDS = 0.15
FIRST_STRETCH, LONGEST_STRETCH = 1000, 8000
LONGEST_DECODED = 2000
"""Where each row's argument is decoded."""


class Bounds:
    """Of one search through one store."""

    def __init__(
        self, stores: int = 1, most: int | None = None, seconds: float | None = None, longest: int | None = None
    ) -> None:
        """`stores`: they share it. `longest`: rows in a stretch."""
        self.scanned = 0
        self._most = (MOST_SCANNED if most is None else most) / stores
        self._until = time.monotonic() + (SCAN_SECONDS if seconds is None else seconds) / stores
        self._next = FIRST_STRETCH
        self._longest = longest or LONGEST_STRETCH

    def stretch(self) -> int:
        """How many records to look at next: few at first, a page is often full soon."""
        length, self._next = self._next, min(2 * self._next, self._longest)
        self.scanned += length
        return length

    @property
    def over(self) -> bool:
        return self.scanned >= self._most or time.monotonic() > self._until
