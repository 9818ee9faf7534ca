"""Histograms, rings and rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wmcore.stats import ClassStats, Histogram, Rate, Ring, percentiles

values = st.lists(st.floats(0.02, 1e8), min_size=1, max_size=300)


@given(values)
def test_percentiles_are_within_three_percent(sample: list[float]) -> None:
    histogram = Histogram()
    for value in sample:
        histogram.add([value])
    ordered = sorted(sample)
    for share, found in zip((0.5, 0.95, 0.99), histogram.quantiles((0.5, 0.95, 0.99)), strict=True):
        rank = max(1, -int(-share * len(ordered) // 1))
        assert found == pytest.approx(ordered[rank - 1], rel=0.03)


@given(values, values)
def test_merging_is_adding(left: list[float], right: list[float]) -> None:
    parts = [Histogram(), Histogram()]
    whole = Histogram()
    for part, sample in zip(parts, (left, right), strict=True):
        for value in sample:
            part.add([value])
            whole.add([value])
    assert percentiles(parts) == percentiles([whole])


def test_nothing_measured_is_none_not_zero() -> None:
    measured = Ring().percentiles(100)
    assert (measured.p50, measured.max) == (None, None)


def test_a_ring_forgets_after_a_minute() -> None:
    ring = Ring()
    ring.add([5.0], 100)
    assert ring.percentiles(159).max == 5.0
    assert ring.percentiles(160).max is None


def test_history_has_a_gap_where_nothing_started() -> None:
    ring = Ring()
    ring.add([5.0], 98)
    ring.add([7.0], 100)
    history = ring.history(101)
    assert len(history) == 60
    assert history[-1] == pytest.approx(7.0, rel=0.03)
    assert history[-2] is None
    assert history[-3] == pytest.approx(5.0, rel=0.03)


def test_rate_counts_what_is_new() -> None:
    rate = Rate()
    for second in range(100, 111):
        rate.sample(1000 + (second - 100) * 50, second)
    assert rate.rate == 50.0
    assert rate.history[-10:] == [50] * 10


def test_seconds_that_were_missed_share_their_jobs() -> None:
    rate = Rate()
    rate.sample(0, 100)
    rate.sample(10, 104)
    assert rate.history[-4:] == [2, 3, 2, 3]


def test_a_second_sample_in_the_same_second_loses_nothing() -> None:
    rate = Rate()
    rate.sample(0, 100)
    rate.sample(3, 100)
    rate.sample(5, 101)
    assert rate.history[-1] == 5


def test_class_stats_keep_the_three_apart() -> None:
    stats = ClassStats()
    stats.add([1000.0], [10.0], [100.0], 50)
    assert (stats.delay.percentiles(50).max, stats.lateness.percentiles(50).max) == (1000.0, 10.0)
