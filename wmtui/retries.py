"""The failed jobs that this console has had run again: nobody retries who does not want to know what became of it. They
stay in the lists, dimmed, until all has come of them that can. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence

import msgspec

from wmcore.model import Fate
from wmcore.protocol.messages import FailedRecord, FailedSummary
from wmtui.formatting import stamp
from wmtui.printing import clean

MOST = 200
"""Looked after at once; more are what the filter retried:yes is for."""
MOST_AGAIN = 1_000
UNSETTLED = (Fate.WAITING, Fate.RUNNING)
WORDS = {
    Fate.WAITING: "waits", Fate.RUNNING: "runs", Fate.DONE: "done", Fate.FAILED: "failed again",
    Fate.GONE: "not in the queue any more", Fate.UNKNOWN: "not to be found",
}  # fmt: skip
SEVERAL = {"waits": "wait", "runs": "run"}
LOOK_SECONDS = 1.0
SLOWER = 10
"""What waits for long is looked at more seldom: after a tenth of the time again."""
MOST_SECONDS = 60.0


def word(record: FailedSummary | FailedRecord) -> str:
    """What became of its retry; an older daemon does not say."""
    try:
        return WORDS[Fate(record.fate or "")]
    except ValueError:
        return ""


def in_front(record: FailedSummary) -> str:
    """What stands in front of the error of a record that was retried; nothing, where it is open."""
    if not record.retried_as:
        return ""
    return "failed again: " if record.fate == Fate.FAILED else f"retry {word(record) or record.retried_as}: "


def fate(record: FailedSummary | FailedRecord) -> str:
    """In full: when it was retried, as which job, and what became of that."""
    when = "" if record.retried_at is None else f"{stamp(record.retried_at)} "
    again = f" as {record.failed_as}" if record.failed_as else ""
    said = f": {word(record)}{again}" if word(record) else ""
    return f"{when}as job {record.retried_as}{said}"


class Retries:
    def __init__(self, most: int = MOST, before: "Retries | None" = None) -> None:
        """`before`: of what failed again it is still known."""
        self._most = most
        self._records: dict[str, FailedSummary] = {}
        self._begun = self._looked = 0.0
        self._again: dict[str, FailedSummary] = dict(before._again) if before is not None else {}

    def add(self, records: Iterable[FailedSummary], now: float) -> None:
        waiting = {"retried_at": now, "fate": Fate.WAITING, "failed_as": None}
        replace = msgspec.structs.replace
        self.watch([replace(each, retried_as=each.retried_as or "?", **waiting) for each in records], now)

    def watch(self, records: Iterable[FailedSummary], now: float) -> None:
        """They were retried, and this is what is known of it."""
        self._records |= {record.id: record for record in records}
        self._records = dict(list(self._records.items())[-self._most :])
        self._begun = self._looked = now
        self._note_again()

    def drop(self, ids: Collection[str]) -> None:
        for each in ids:
            self._records.pop(each, None)

    def drop_settled(self) -> None:
        self.drop([each.id for each in self._records.values() if each.fate not in UNSETTLED])

    @property
    def kept(self) -> list[FailedSummary]:
        return list(self._records.values())

    def fate_of(self, failed_id: str) -> str | None:
        """As it was seen last; None: not retried from here."""
        found = self._records.get(failed_id)
        return found.fate if found else None

    def due(self, now: float) -> list[str]:
        """Which records are to be looked at now."""
        pause = min(MOST_SECONDS, max(LOOK_SECONDS, (self._looked - self._begun) / SLOWER))
        waiting = [each.id for each in self._records.values() if each.fate in UNSETTLED]
        if not waiting or now - self._looked < pause:
            return []
        self._looked = now
        return waiting

    def take(self, looked: Sequence[FailedSummary], asked: Collection[str]) -> str:
        """Returns what is to be said: nothing where nothing is new. Records that are gone were deleted."""
        before = {each.id: each.fate for each in self.kept}
        self._records |= {each.id: each for each in looked if each.id in self._records and each.retried_as}
        self.drop(set(asked) - {each.id for each in looked})
        self._note_again()
        after = {each.id: each.fate for each in self.kept}
        return self._said() if any(after[each] != before[each] for each in after) else ""

    def _said(self) -> str:
        kept = self.kept
        if len(kept) == 1:
            again = f" as {clean(kept[0].failed_as)}" if kept[0].failed_as else ""
            return f"{clean(kept[0].id)}, retried: {word(kept[0])}{again}"
        return f"{len(kept)} retried: {self.tally()}"

    def tally(self) -> str:
        fates = Counter(map(word, self.kept))
        told = [(fates[each], each) for each in WORDS.values() if fates[each]]
        return ", ".join(f"{n:,} {each if n == 1 else SEVERAL.get(each, each)}" for n, each in told)

    @property
    def ended(self) -> int:
        """Of so many it is known what became of them."""
        return sum(each.fate not in UNSETTLED for each in self._records.values())

    @property
    def settled(self) -> bool:
        return self.ended == len(self._records)

    def _note_again(self) -> None:
        """It counts as given up anew, long after the record that was retried has left the list."""
        failed = [each for each in self._records.values() if each.fate == Fate.FAILED and each.retried_at is not None]
        self._again |= {each.id: each for each in failed}
        self._again = dict(list(self._again.items())[-MOST_AGAIN:])

    def again(self, since: float) -> dict[str, str]:
        """Records whose retry, after `since`, has failed, and of which class they are."""
        return {each.id: each.class_name for each in self._again.values() if (each.retried_at or 0.0) >= since}

    def failed_as(self) -> set[str]:
        """The records of the retries that have failed."""
        return {each.failed_as for each in self._again.values() if each.failed_as is not None}


def among(records: Sequence[FailedSummary], kept: Sequence[FailedSummary], oldest: float) -> list[FailedSummary]:
    """`records`, newest first, with what is kept at its place, down to what failed at `oldest`."""
    ids = {each.id for each in kept}
    rest = [each for each in records if each.id not in ids]
    mine = [each for each in kept if each.failed_at >= oldest]
    return sorted([*rest, *mine], key=lambda each: -each.failed_at) if mine else rest
