"""How far the bars reach: one scale for all classes of a list, so that they compare. Pure."""

from collections.abc import Sequence
from itertools import chain

from wmcore.protocol.messages import JobClass

BAR_STEPS_MS = (100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 6e4, 3e5, 1.2e6, 3.6e6, 2.16e7, 8.64e7)
BAR_WORDS = (".1s", ".2s", ".5s", "1s", "2s", "5s", "10s", "20s", "1m", "5m", "20m", "1h", "6h", "1d")


def lateness_top(classes: Sequence[JobClass]) -> int:
    """Which of BAR_STEPS_MS all lateness bars are drawn up to: one scale for all classes, so that they compare, and
    one that milliseconds of noise do not fill."""
    values = chain.from_iterable(each.lateness_history for each in classes)
    highest = max(filter(None, values), default=0.0)
    return next((i for i, step in enumerate(BAR_STEPS_MS) if step >= highest), len(BAR_STEPS_MS) - 1)


def rate_top(classes: Sequence[JobClass]) -> int:
    """Throughput bars are drawn up to 1, 2, 5, 10, 20 ...: all classes to the same, so that they compare."""
    return nice(max(chain.from_iterable(each.rate_history for each in classes), default=0))


def nice(highest: float) -> int:
    """The first of 1, 2, 5, 10, 20, 50 ... that is not below it."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= factor * step:
                return factor * step
        step *= 10
