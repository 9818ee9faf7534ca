"""Counts and distributions per class: the children's exact counters, the event pipe, and what closing books added."""

from collections.abc import Callable, Iterable
from itertools import groupby
from operator import itemgetter

from wmcore import events, process, scoreboard
from wmcore.model import Outcome, QueueFigures
from wmcore.scoreboard import COUNTED, Scoreboard
from wmcore.stats import ClassStats

MEASURED_AT_ONCE = 100
_CLASS = itemgetter(0)


class Figures:
    def __init__(self, board: Scoreboard, classes: int) -> None:
        self._board = board
        self.classes = [ClassStats() for _ in range(classes)]
        self._added = [[0] * len(COUNTED) for _ in range(classes)]  # counted by the manager, for children that died
        self._counted = [0] * (classes * len(COUNTED))
        self._rss: dict[int, int | None] = {}
        self._turn = 0

    def take(self, arrived: Iterable[events.Event], second: int) -> None:
        """They come by the thousand: together, by class."""
        counted = [event for event in arrived if event[1] != Outcome.LATE]
        for class_index, of_it in groupby(sorted(counted, key=_CLASS), key=_CLASS):
            _, _, _, delays, latenesses, processes = zip(*of_it, strict=True)
            self.classes[class_index].add(delays, latenesses, processes, second)

    def add(self, class_index: int, counter: str) -> None:
        self._added[class_index][COUNTED.index(counter)] += 1

    def look(self, slots: int) -> None:
        """At all children's counters. `slots`: how many have ever been used."""
        self._counted = self._board.counts(slots)

    def counts(self, class_index: int) -> dict[str, int]:
        """Since the daemon's start, exact at the last look."""
        counted, added = self._counted[class_index * len(COUNTED) :], self._added[class_index]
        return {word: counted[index] + added[index] for index, word in enumerate(COUNTED)}

    def sample(self, slots: int, second: int) -> None:
        """Once a second: the rates, and what was lately."""
        self.look(slots)
        for index, stats in enumerate(self.classes):
            counts = self.counts(index)
            stats.rate.sample(counts["completed"] + counts["failed"] + counts["retried"], second)
            stats.lately.sample(second, counts["completed"], counts["failed"])

    def flow(self, queue: Callable[[int], QueueFigures | None], now: float) -> None:
        """The queue has been looked at; `queue`: a class's figures, `now`: seconds of a steady clock."""
        for index, stats in enumerate(self.classes):
            counts = self.counts(index)
            ended = sum(counts[word] for word in ("completed", "failed", "retried", "declined"))
            stats.flow.sample(now, ended, queue(index))

    def dropped(self, slots: int) -> int:
        return self._board.total(scoreboard.W_DROPPED, slots)

    def measure(self, pids: list[int]) -> None:
        """Resident memory of the children: of new ones, and of a hundred others in their turn."""
        turns = -(-len(pids) // MEASURED_AT_ONCE) or 1
        self._turn = (self._turn + 1) % turns
        due = set(pids[self._turn :: turns])
        self._rss = {
            pid: process.rss_bytes(pid) if pid in due or pid not in self._rss else self._rss[pid] for pid in set(pids)
        }

    def rss(self, pid: int) -> int | None:
        return self._rss.get(pid)
