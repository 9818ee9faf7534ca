"""Folds of events into what the status says; pure (`second` is an argument: any clock that counts whole seconds).

Distributions are histograms with logarithmic buckets: a percentile is within 2.5 % of the true value, histograms merge
by adding, and a second of a busy class takes some hundred bytes.
"""

import math
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from itertools import compress

from wmcore.model import Percentiles

GROWTH = 1.05
_LOG_GROWTH = math.log(GROWTH)
_LEAST_MS = 0.01
WINDOW = 60
RATE_SECONDS = 10


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

    def add(self, values_ms: Sequence[float]) -> None:
        self.counts.update(map(bucket, values_ms))
        self.greatest = max(self.greatest, *values_ms)

    def merge(self, other: "Histogram") -> None:
        self.counts.update(other.counts)
        self.greatest = max(self.greatest, other.greatest)

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


def percentiles(parts: Iterable[Histogram]) -> Percentiles:
    """p50, p95, p99 and the maximum of several histograms together."""
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    if not whole.counts:
        return Percentiles()
    p50, p95, p99 = whole.quantiles((0.5, 0.95, 0.99))
    return Percentiles(p50, p95, p99, whole.greatest)


class Ring:
    """A histogram for each of the last 60 seconds."""

    def __init__(self) -> None:
        self._seconds: deque[tuple[int, Histogram]] = deque()

    def add(self, values_ms: Sequence[float], second: int) -> None:
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, Histogram()))
            self.forget(second)
        self._seconds[-1][1].add(values_ms)

    def forget(self, second: int) -> None:
        while self._seconds and self._seconds[0][0] <= second - WINDOW:
            self._seconds.popleft()

    def percentiles(self, second: int) -> Percentiles:
        self.forget(second)
        return percentiles(histogram for _, histogram in self._seconds)

    def history(self, second: int) -> list[float | None]:
        """p95 of each of the last 60 whole seconds, oldest first; None where there was nothing."""
        p95 = {at: histogram.quantiles((0.95,))[0] for at, histogram in self._seconds}
        return [p95.get(at) for at in range(second - WINDOW, second)]


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


class ClassStats:
    """What is known of one class beside its exact counts."""

    def __init__(self) -> None:
        self.rate = Rate()
        self.delay = Ring()
        self.lateness = Ring()
        self.process = Ring()

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
