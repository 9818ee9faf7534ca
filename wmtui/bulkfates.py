"""What became of the jobs that a bulk retry of this console put back into the queue: said without being asked. Pure."""

from collections.abc import Collection, Sequence

from msgspec import structs

from wmcore.protocol.messages import Bulk, FailedPage, FailedSummary, ListFailed
from wmtui.retries import Retries

MOST = 1_000
"""Looked after, the newest of them; the daemon takes no more in one question."""
CLOCKS_SECONDS = 5.0
"""So far the clocks of the daemon and of its database may be apart."""
AGAIN_SECONDS = 10.0
"""How often it is said while it goes on."""


class BulkFates:
    def __init__(self) -> None:
        self.retries = Retries(MOST)
        self._mine: set[str] = set()
        self._run: Bulk | None = None
        self._said = ("", 0.0)  # what was said last, and when

    def begun(self, run: Bulk) -> None:
        """Somebody at this console asked for it."""
        self._mine.add(run.id)

    def asks(self, run: Bulk) -> ListFailed | None:
        """A run has ended: which records did it retry? Of somebody else's run that one's console tells."""
        if run.id not in self._mine:
            return None
        self._mine.discard(run.id)
        if run.action != "retry" or not run.done:
            return None
        self._run, self.retries, self._said = run, Retries(MOST, self.retries), ("", 0.0)
        return ListFailed(filter=structs.replace(run.filter, retried=True), limit=MOST, count=False)

    def found(self, page: FailedPage, now: float) -> str:
        """Returns what is to be said; so early it is mostly nothing."""
        since = self._run.started_at - CLOCKS_SECONDS if self._run is not None else now
        self.retries.watch([each for each in page.records if (each.retried_at or 0.0) >= since], now)
        return self._told(now)

    def due(self, now: float) -> list[str]:
        return self.retries.due(now)

    def take(self, looked: Sequence[FailedSummary], asked: Collection[str], now: float) -> str:
        self.retries.take(looked, asked)
        return self._told(now)

    def _told(self, now: float) -> str:
        """All is known; or one has failed again; or it takes its time, and more is known than before."""
        retries, (before, at) = self.retries, self._said
        tally = retries.tally()
        if self._run is None or not tally or not retries.ended:
            return ""
        newest = len(retries.kept)
        part = f" (the newest {newest:,} of them)" if newest < self._run.done else ""
        text = f"retry of {self._run.done:,}{part}: {tally}"
        failed_now = "failed again" in text and "failed again" not in before
        if text == before or not (retries.settled or failed_now or now - at >= AGAIN_SECONDS):
            return ""
        self._said = text, now
        return text
