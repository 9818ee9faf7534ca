"""What the console knows of the failed list: its newest end comes with every status, the rest by pages. It is a list of
what is open, if nobody asks for another one; what was retried from here stays in it for a while. Pure."""

import math
from collections.abc import Collection, Iterable, Sequence

import msgspec

from wmcore.model import COUNT_LIMIT
from wmcore.protocol.messages import Failed, FailedFilter, FailedGroup, FailedPage, FailedSummary, ListFailed
from wmtui.retries import among
from wmtui.stretch import MOST, PAGE, Stretch, Want

OPEN = FailedFilter(retried=False)
"""The list as it comes: what nobody has retried."""


def matches(record: FailedSummary, asked: FailedFilter) -> bool:
    """As the daemon's own search does it, as far as a summary tells."""
    return (
        asked.class_name in (None, record.class_name)
        and asked.fingerprint in (None, record.fingerprint)
        and (asked.error is None or asked.error.lower() in record.error.lower())
        and (asked.since is None or record.failed_at >= asked.since)
        and (asked.until is None or record.failed_at <= asked.until)
        and asked.job in (None, record.job)
        and asked.retried in (None, record.retried_as is not None)
    )


def in_group(asked: FailedFilter, group: FailedGroup) -> FailedFilter:
    """Of what the groups were made of, this one: a fingerprint is of one class, which need not be looked at then."""
    class_name = asked.class_name if not group.fingerprint else None
    return msgspec.structs.replace(asked, class_name=class_name, fingerprint=group.fingerprint)


def frozen(asked: FailedFilter, newest: float) -> FailedFilter:
    """What there was when somebody was asked about it: jobs go on failing while a question stands."""
    return msgspec.structs.replace(asked, until=newest if asked.until is None else min(newest, asked.until))


class FailedList(Stretch[FailedSummary]):
    def __init__(self) -> None:
        super().__init__()
        self.count: int | None = None  # of the filter
        self.at_least = False
        self.filter = OPEN
        self._kept: dict[str, FailedSummary] = {}
        self._recent: list[FailedSummary] = []
        self._all: int | None = None

    def narrow(self, asked: FailedFilter) -> None:
        """Another filter: what is here is of no use any more."""
        self.filter = asked
        self.forget()
        self.count, self.at_least, self._recent, self._kept = None, False, [], {}

    def merge(self, failed: Failed) -> bool:
        """Take a status's newest records in. True where the list has changed."""
        if failed.recent == self._recent and failed.count == self._all:
            return False
        before = (self.records, self.count)
        self._all, self._recent = failed.count, list(failed.recent)
        if self.filter == OPEN:
            self.count = failed.count
            self._merge_all(failed.recent)
        elif self.begun and self.before is None:
            self._merge_matching(failed.recent)
        self._put_kept_back()
        return before != (self.records, self.count)

    def _merge_all(self, recent: Sequence[FailedSummary]) -> None:
        if self.before is not None:
            return  # the stretch is elsewhere
        if self.count == len(recent):  # these are all
            self.records, self.cursor, self.begun = list(recent), None, True
        elif recent:
            self._put_in_front(recent)
        elif self.count == 0:
            self.forget()

    def _put_in_front(self, recent: Sequence[FailedSummary]) -> None:
        ids = {record.id for record in recent}
        if not any(record.id in ids for record in self.records):  # so many failed since that there is a gap
            self.records, self.cursor, self.begun = list(recent), None, False
            return
        oldest = recent[-1].failed_at  # what is newer and not among them was deleted
        rest = [record for record in self.records if record.id not in ids and record.failed_at <= oldest]
        self.records = [*recent, *rest][:MOST]

    def _merge_matching(self, recent: Sequence[FailedSummary]) -> None:
        known = {record.id for record in self.records}
        newest = self.records[0].failed_at if self.records else 0.0
        new = [
            record
            for record in recent
            if record.id not in known and record.failed_at >= newest and matches(record, self.filter)
        ]
        if new:
            self.records = [*new, *self.records][:MOST]
            self.count = None if self.count is None else self.count + len(new)

    def skipped(self) -> int | None:
        """How many stand before the first record that is here; None: nobody has counted so far."""
        if self.before is None:
            return 0
        return self._elsewhere() if self.cursor is None else None

    def behind(self) -> int | None:
        """How many stand behind the last record that is here; None: nobody has counted so far."""
        if self.cursor is None:
            return 0
        found = self._elsewhere() if self.before is None else None
        return None if found is None else max(0, found)

    def _elsewhere(self) -> int | None:
        """How many are not here, on both sides together."""
        if self.count is None or self.at_least or self.count >= COUNT_LIMIT:
            return None
        return self.count - self.listed

    @property
    def listed(self) -> int:
        """How many of those that are counted are here."""
        return len(self.records) - sum(each.id in self._kept for each in self.records)

    def request(self, want: Want) -> ListFailed:
        """The first page of "newest" goes by the status where there is no filter, so it needs no cursor of its own."""
        backwards = want in ("previous", "last")
        return ListFailed(
            filter=self.filter, cursor=self.at(want), limit=PAGE, order="oldest" if backwards else "newest",
            count=want in ("first", "last"),
        )  # fmt: skip

    def take_page(self, want: Want, page: FailedPage) -> None:
        if page.total is not None:
            self.count, self.at_least = page.total, page.at_least
        if want == "first" and self.before is None and self.records and self.filter == OPEN:
            self.take("next", page.records, page.cursor, None, page.partial, page.scanned)  # behind the status's
            self.records.sort(key=lambda record: -record.failed_at)
        else:
            self.take(want, page.records, page.cursor, page.before, page.partial, page.scanned)
        self._put_kept_back()

    def remove(self, ids: Collection[str]) -> None:
        kept = [record for record in self.records if record.id not in ids]
        if self.count is not None and self.filter != OPEN:
            self.count -= len(self.records) - len(kept)
        self.records = kept
        self._kept = {each: record for each, record in self._kept.items() if each not in ids}

    # -- what was retried from here ----------------------------------------------------------------------------------

    def keep(self, retried: Iterable[FailedSummary]) -> None:
        """These were, and this is what is known of it: whichever of them are here stay."""
        known = {record.id: record for record in retried}
        if self.filter.retried is False:
            new = [record.id for record in self.records if record.id in known and record.id not in self._kept]
            self._kept = {each: known.get(each, record) for each, record in self._kept.items()}
            self._kept |= {each: known[each] for each in new}
            if self.count is not None and self.filter != OPEN:
                self.count -= len(new)
        self.records = [known.get(record.id, record) for record in self.records]

    def release(self, ids: Collection[str]) -> None:
        """They need not stay any longer."""
        gone = self._kept.keys() & set(ids)
        self.records = [record for record in self.records if record.id not in gone]
        self._kept = {each: record for each, record in self._kept.items() if each not in gone}

    def _put_kept_back(self) -> None:
        if self._kept:
            oldest = -math.inf if self.cursor is None or not self.records else self.records[-1].failed_at
            self.records = among(self.records, list(self._kept.values()), oldest)
