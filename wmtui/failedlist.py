"""What the console knows of the failed list: its newest end comes with every status, the rest by pages. Pure."""

from collections.abc import Collection, Sequence

import msgspec

from wmcore.protocol.messages import Failed, FailedPage, FailedSummary

PAGE = 100
MOST = 10_000
"""Records kept; the daemon counts no further either."""
AHEAD = 30
"""The next page is asked for when the cursor is this near to the end."""


class FailedList:
    def __init__(self) -> None:
        self.records: list[FailedSummary] = []
        self.count: int | None = None
        self.cursor: str | None = None  # where the next page begins; None with `begun`: that was the last
        self._begun = False
        self._recent: list[FailedSummary] = []

    def merge(self, failed: Failed) -> bool:
        """Take a status's newest records in. True where the list has changed."""
        recent = failed.recent
        if recent == self._recent and failed.count == self.count:
            return False
        before = (self.records, self.count)
        self.count, self._recent = failed.count, list(recent)
        if failed.count == len(recent):  # these are all
            self.records, self.cursor, self._begun = list(recent), None, True
        elif recent:
            self._put_in_front(recent)
        elif failed.count == 0:
            self.clear()
        return before != (self.records, self.count)

    def _put_in_front(self, recent: Sequence[FailedSummary]) -> None:
        ids = {record.id for record in recent}
        if not any(record.id in ids for record in self.records):  # so many failed since that there is a gap
            self.records, self.cursor, self._begun = list(recent), None, False
            return
        oldest = recent[-1].failed_at  # what is newer and not among them was deleted
        rest = [record for record in self.records if record.id not in ids and record.failed_at <= oldest]
        self.records = [*recent, *rest][:MOST]

    def append(self, page: FailedPage) -> bool:
        """Take a page in, the first one or the one behind `cursor`."""
        known = {record.id for record in self.records}
        new = [record for record in page.records if record.id not in known]
        self.records = sorted([*self.records, *new], key=lambda record: -record.failed_at) if new else self.records
        self.cursor, self._begun = page.cursor, True
        return bool(new)

    def wants_more(self, position: int) -> bool:
        """With the cursor on row `position`: is there more to ask for?"""
        if len(self.records) >= MOST or position < len(self.records) - AHEAD:
            return False
        return self.cursor is not None or not self._begun

    def remove(self, ids: Collection[str]) -> None:
        self.records = [record for record in self.records if record.id not in ids]

    def mark_retried(self, ids: Collection[str]) -> None:
        """Until a status or page tells what the new jobs are called."""
        self.records = [
            msgspec.structs.replace(record, retried_as=record.retried_as or "?") if record.id in ids else record
            for record in self.records
        ]

    def clear(self) -> None:
        self.records, self.cursor, self._begun = [], None, False

    def find(self, failed_id: str) -> int | None:
        """Its position."""
        return next((i for i, record in enumerate(self.records) if record.id == failed_id), None)
