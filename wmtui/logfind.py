"""What is sought in the lines of a log, and where the next one is that has it. Pure."""

from collections.abc import Sequence


class Finding:
    """`positions` are those of the lines that are shown, as they were when `look` was called last."""

    def __init__(self) -> None:
        self.words = ""
        self.positions: list[int] = []

    def has(self, line: str) -> bool:
        return bool(self.words) and self.words.lower() in line.lower()

    def look(self, lines: Sequence[str]) -> None:
        self.positions = [i for i, line in enumerate(lines) if self.has(line)] if self.words else []

    def from_here(self, at: int, step: int) -> int | None:
        """The next position behind (1) or before (-1) the line at `at`; 0: at it or before, else behind."""
        if step > 0:
            return next((i for i in self.positions if i > at), None)
        if step < 0:
            return next((i for i in reversed(self.positions) if i < at), None)
        before = next((i for i in reversed(self.positions) if i <= at), None)
        return before if before is not None else self.from_here(at, 1)

    def note(self, at: int, total: int) -> str:
        """Which of how many the line at `at` is."""
        if not self.words:
            return ""
        if not self.positions:
            return f"{self.words!r} is in none of {total:,} lines"
        which = f"{self.positions.index(at) + 1:,} of " if at in self.positions else ""
        return f"{self.words!r}: {which}{len(self.positions):,}"
