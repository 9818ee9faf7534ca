"""A stretch of a list that is too long to have whole: fetched by pages, from either end. Pure."""

from collections.abc import Sequence
from typing import Generic, Literal, Protocol, TypeVar

PAGE = 100
MOST = 10_000
"""Records kept; who wants to see more begins at the other end."""
AHEAD = 30
"""The next page is asked for when the cursor is this near to an end."""

Want = Literal["first", "next", "previous", "last"]


class Identified(Protocol):
    id: str


R = TypeVar("R", bound=Identified)


class Stretch(Generic[R]):
    def __init__(self) -> None:
        self.records: list[R] = []
        self.cursor: str | None = None  # where what is behind the last record begins; None: nothing is
        self.before: str | None = None  # the same for what is before the first one
        self.begun = False  # a page has come
        self.partial = False  # the daemon's search stopped at its bound
        self.scanned: int | None = None

    def wants(self, position: int) -> Want | None:
        """With the cursor on row `position`: which page is to be asked for?"""
        if not self.begun:
            return "first"
        if len(self.records) >= MOST:
            return None
        if self.cursor is not None and position >= len(self.records) - AHEAD:
            return "next"
        if self.before is not None and position < AHEAD:
            return "previous"
        return None

    def edge(self, side: int) -> Want | None:
        """The cursor is to go to the first (-1) or the last record: which page has it, if none that is here?"""
        if side < 0:
            return "first" if self.before is not None else None
        return "last" if self.cursor is not None else None

    def at(self, want: Want) -> str | None:
        """The cursor to ask with."""
        return {"next": self.cursor, "previous": self.before}.get(want)

    def take(
        self, want: Want, records: Sequence[R], cursor: str | None, before: str | None, partial: bool = False,
        scanned: int | None = None,
    ) -> None:  # fmt: skip
        known = {record.id for record in self.records} if want in ("next", "previous") else set()
        new = [record for record in records if record.id not in known]
        match want:
            case "next":
                self.records, self.cursor = [*self.records, *new], cursor
            case "previous":
                self.records, self.before = [*new, *self.records], before
            case _:
                self.records, self.cursor, self.before = new, cursor, before
        self.begun, self.partial, self.scanned = True, partial, scanned

    def forget(self) -> None:
        self.records, self.cursor, self.before, self.begun, self.partial = [], None, None, False, False

    def find(self, record_id: str) -> int | None:
        """Its position."""
        return next((i for i, record in enumerate(self.records) if record.id == record_id), None)

    def __getitem__(self, record_id: str) -> R | None:
        position = self.find(record_id)
        return None if position is None else self.records[position]
