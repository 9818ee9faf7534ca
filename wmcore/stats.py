"""Folds of events into what the status says; pure (`second` is an argument: any clock that counts whole seconds).

Distributions are histograms with logarithmic buckets: a percentile is within 2.5 % of the true value, histograms are
added and taken out of each other, and a second of a busy class takes some hundred bytes.
"""

import math
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import compress

from wmcore.model import COUNT_LIMIT, FlowRates, Percentiles, QueueFigures

GROWTH = 1.05
_LOG_GROWTH = math.log(GROWTH)
_LEAST_MS = 0.01
WINDOW = 60
RATE_SECONDS = 10
LATELY_SECONDS, LATELY_STEP = 600, 20
FLOW_STEP, FLOW_LEAST, FLOW_WINDOW = 0.9, 5.0, 20.0
"""Seconds: between two samples at least; so long a time says something; what was longer ago (a thousand jobs inserted
at once) says nothing of what comes now."""


def bucket(value_ms: float) -> int:
    """The number of the bucket that holds `value_ms`; all below 0.01 ms share bucket 0."""
    return 0 if value_ms <= _LEAST_MS else 1 + int(math.log(value_ms / _LEAST_MS) / _LOG_GROWTH)


def value(number: int) -> float:
    """The middle of a bucket, ms."""
    return 0.0 if number == 0 else _LEAST_MS * GROWTH ** (number - 0.5)


class Histogram:
    """Counts per bucket, and the greatest value as it was."""

    __slots__ = ("counts", "greatest")

    def __init__(self) -> None:
        self.counts: Counter[int] = Counter()
        self.greatest = 0.0

    @classmethod
    def of(cls, values_ms: Sequence[float]) -> "Histogram":
        made = cls()
        made.counts.update(map(bucket, values_ms))
        made.greatest = max(values_ms, default=0.0)
        return made

    def add(self, other: "Histogram") -> None:
        self.counts.update(other.counts)
        self.greatest = max(self.greatest, other.greatest)

    def take_out(self, other: "Histogram") -> None:
        """What was added with `other`; the greatest value stays."""
        for number, count in other.counts.items():
            self.counts[number] -= count
            if not self.counts[number]:
                del self.counts[number]

    def quantiles(self, shares: Sequence[float]) -> list[float | None]:
        """The values (ms) below which `shares` (ascending, 0 to 1) of all lie; None where there are none."""
        total = self.counts.total()
        if not total:
            return [None] * len(shares)
        found: list[float | None] = []
        seen = 0
        buckets = iter(sorted(self.counts.items()))
        number = 0
        for share in shares:
            rank = max(1, math.ceil(share * total))
            while seen < rank:
                number, count = next(buckets)
                seen += count
            found.append(min(value(number), self.greatest))
        return found

    @property
    def percentiles(self) -> Percentiles:
        if not self.counts:
            return Percentiles()
        p50, p95, p99 = self.quantiles((0.5, 0.95, 0.99))
        return Percentiles(p50, p95, p99, self.greatest, self.mean)

    @property
    def mean(self) -> float | None:
        """In ms, within 2.5 % as the rest; None where there is nothing."""
        total = self.counts.total()
        return math.fsum(value(number) * count for number, count in self.counts.items()) / total if total else None


class Ring:
    """A histogram of the last 60 seconds. Its seconds are kept apart, so that they can be taken out of it again; what
    is asked for each second is made once."""

    def __init__(self) -> None:
        self._whole = Histogram()
        self._seconds: deque[tuple[int, Histogram]] = deque()
        self._p95: dict[int, float | None] = {}  # of the seconds that are over
        self._found: Percentiles | None = None  # of the whole, since it changed

    def add(self, values_ms: Sequence[float], second: int) -> None:
        if not self._seconds or self._seconds[-1][0] != second:
            self._close_second()
            self._seconds.append((second, Histogram()))
            self.forget(second)
        new = Histogram.of(values_ms)
        self._seconds[-1][1].add(new)
        self._whole.add(new)
        self._found = None

    def _close_second(self) -> None:
        if self._seconds:
            last, histogram = self._seconds[-1]
            p95 = histogram.quantiles((0.95,))[0]
            self._p95[last] = None if p95 is None else round(p95, 3)

    def forget(self, second: int) -> None:
        if not self._seconds or self._seconds[0][0] > second - WINDOW:
            return
        while self._seconds and self._seconds[0][0] <= second - WINDOW:
            old, histogram = self._seconds.popleft()
            self._whole.take_out(histogram)
            self._p95.pop(old, None)
            if histogram.greatest == self._whole.greatest:
                self._whole.greatest = max((left.greatest for _, left in self._seconds), default=0.0)
        self._found = None

    def percentiles(self, second: int) -> Percentiles:
        self.forget(second)
        if self._found is None:
            self._found = self._whole.percentiles
        return self._found

    def history(self, second: int) -> list[float | None]:
        """p95 of each of the last 60 whole seconds, oldest first; None where there was nothing."""
        if self._seconds and self._seconds[-1][0] < second and self._seconds[-1][0] not in self._p95:
            self._close_second()
        return [self._p95.get(at) for at in range(second - WINDOW, second)]


class Rate:
    """Jobs per second, from exact totals that are sampled once a second."""

    def __init__(self) -> None:
        self._per_second: deque[int] = deque([0] * WINDOW, WINDOW)
        self._total = 0
        self._second: int | None = None

    def sample(self, total: int, second: int) -> None:
        """`total` jobs so far. Seconds that were missed share what happened in them."""
        if self._second is not None and second > self._second:
            passed = min(second - self._second, WINDOW)
            new = total - self._total
            for index in range(passed):
                self._per_second.append(new * (index + 1) // passed - new * index // passed)
        elif self._second is not None:
            return
        self._second, self._total = second, total

    @property
    def history(self) -> list[int]:
        return list(self._per_second)

    @property
    def rate(self) -> float:
        return sum(list(self._per_second)[-RATE_SECONDS:]) / RATE_SECONDS


class Lately:
    """How many of a class's jobs were done and given up within the last ten minutes, from exact totals."""

    def __init__(self) -> None:
        self._marks: deque[tuple[int, int, int]] = deque()  # second, jobs done and given up until then
        self._failed = 0
        self.failed_second: int | None = None  # when one was given up last

    def sample(self, second: int, completed: int, failed: int) -> None:
        if failed > self._failed:
            self._failed, self.failed_second = failed, second
        if not self._marks:
            self._marks.append((second, 0, 0))
        elif second - self._marks[-1][0] >= LATELY_STEP:
            self._marks.append((second, completed, failed))
        while len(self._marks) > 1 and self._marks[1][0] <= second - LATELY_SECONDS:
            self._marks.popleft()

    def since(self, second: int, completed: int, failed: int) -> tuple[int, int, int]:
        """Seconds that this covers (fewer after a start), jobs done and given up in them; the totals are of now."""
        if not self._marks:
            return 0, completed, failed
        then, done, lost = self._marks[0]
        return second - then, completed - done, failed - lost


@dataclass(frozen=True, slots=True)
class _Sample:
    at: float  # seconds of a steady clock
    ended: int  # attempts so far
    figures: QueueFigures | None

    @property
    def waiting(self) -> int | None:
        """Due and not ended; None where that is not known, or not counted to the end."""
        figures = self.figures
        if figures is None or COUNT_LIMIT in (figures.ready, figures.running):
            return None
        return figures.ready + figures.running

    @property
    def oldest_ms(self) -> float | None:
        return None if self.figures is None else self.figures.oldest_ms


class Flow:
    """How fast a class's jobs come and go, and when nothing will be left of them, from the queue's successive figures
    and the number of attempts that have ended."""

    def __init__(self) -> None:
        self._samples: deque[_Sample] = deque()

    def sample(self, at: float, ended: int, figures: QueueFigures | None) -> None:
        if self._samples and at - self._samples[-1].at < FLOW_STEP:
            return
        self._samples.append(_Sample(at, ended, figures))
        while self._samples[0].at < at - FLOW_WINDOW:
            self._samples.popleft()

    @property
    def rates(self) -> FlowRates:
        if not self._samples:
            return FlowRates()
        first, last = self._samples[0], self._samples[-1]
        span = last.at - first.at
        if span < FLOW_LEAST:
            return FlowRates()
        out_rate = (last.ended - first.ended) / span
        growth = self._growth(lambda sample: sample.waiting)
        in_rate = None if growth is None else max(0.0, out_rate + growth)
        return FlowRates(in_rate, out_rate, self._clears_in_ms(last.figures, growth))

    def _growth(self, of: Callable[[_Sample], float | None]) -> float | None:
        """Per second, over the time since when it has been known without a break."""
        known: list[tuple[float, float]] = []
        for sample in reversed(self._samples):
            value = of(sample)
            if value is None:
                break
            known.append((sample.at, value))
        if not known or known[0][0] - known[-1][0] < FLOW_LEAST:
            return None
        (until, now), (since, then) = known[0], known[-1]
        return (now - then) / (until - since)

    def _clears_in_ms(self, figures: QueueFigures | None, growth: float | None) -> float | None:
        if figures is None:
            return None
        if figures.ready == 0:
            return 0.0
        if growth is not None:
            return figures.ready / -growth * 1000 if growth < 0 else None
        # More than are counted: how fast does the oldest one's age shrink? It is nought when all are done.
        ageing = self._growth(lambda sample: sample.oldest_ms)
        if ageing is None or ageing >= 0 or figures.oldest_ms is None:
            return None
        return figures.oldest_ms / -ageing * 1000


class ClassStats:
    """What is known of one class beside its exact counts."""

    def __init__(self) -> None:
        self.rate = Rate()
        self.lately = Lately()
        self.delay = Ring()
        self.lateness = Ring()
        self.process = Ring()
        self.flow = Flow()

    def add(
        self, delays_ms: Sequence[float], latenesses_ms: Sequence[float], processes_ms: Sequence[float], second: int
    ) -> None:
        """Of some jobs, one of each for each. A delay that is NaN is unknown, and so is the lateness."""
        known = [not math.isnan(delay) for delay in delays_ms]
        if not all(known):
            delays_ms, latenesses_ms = list(compress(delays_ms, known)), list(compress(latenesses_ms, known))
        if delays_ms:
            self.delay.add(delays_ms, second)
            self.lateness.add(latenesses_ms, second)
        self.process.add(processes_ms, second)
