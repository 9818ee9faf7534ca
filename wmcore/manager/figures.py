"""Counts and distributions per class: the children's exact counters, the event pipe, and what closing books added."""

from collections.abc import Callable

from wmcore import events, process, scoreboard
from wmcore.model import Outcome, QueueFigures
from wmcore.scoreboard import COUNTED, Scoreboard
from wmcore.stats import ClassStats


class Figures:
    def __init__(self, board: Scoreboard, classes: int) -> None:
        self._board = board
        self.classes = [ClassStats() for _ in range(classes)]
        self._added = [[0] * len(COUNTED) for _ in range(classes)]  # counted by the manager, for children that died
        self._rss: dict[int, int | None] = {}

    def take(self, event: events.Event, second: int) -> None:
        if event.outcome is not Outcome.LATE:
            self.classes[event.class_index].add(event.delay_ms, event.lateness_ms, event.process_ms, second)

    def add(self, class_index: int, counter: str) -> None:
        self._added[class_index][COUNTED.index(counter)] += 1

    def counts(self, class_index: int, slots: int) -> dict[str, int]:
        """Exact, since the daemon's start. `slots`: how many have ever been used."""
        counted = self._board.counts(class_index, slots)
        return {word: counted[index] + self._added[class_index][index] for index, word in enumerate(COUNTED)}

    def sample(self, slots: int, second: int) -> None:
        """Once a second: the rates."""
        for index, stats in enumerate(self.classes):
            counts = self.counts(index, slots)
            stats.rate.sample(counts["completed"] + counts["failed"] + counts["retried"], second)

    def flow(self, queue: Callable[[int], QueueFigures | None], slots: int, now: float) -> None:
        """The queue has been looked at; `queue`: a class's figures, `now`: seconds of a steady clock."""
        for index, stats in enumerate(self.classes):
            counts = self.counts(index, slots)
            ended = sum(counts[word] for word in ("completed", "failed", "retried", "declined"))
            stats.flow.sample(now, ended, queue(index))

    def dropped(self, slots: int) -> int:
        return self._board.total(scoreboard.W_DROPPED, slots)

    def measure(self, pids: list[int]) -> None:
        """Resident memory of the children."""
        self._rss = {pid: process.rss_bytes(pid) for pid in pids}

    def rss(self, pid: int) -> int | None:
        return self._rss.get(pid)
