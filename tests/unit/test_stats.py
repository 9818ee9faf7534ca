"""Histograms, rings and rates."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wmcore.model import COUNT_LIMIT, FlowRates, QueueFigures
from wmcore.stats import ClassStats, Flow, Histogram, Lately, Rate, Ring

values = st.lists(st.floats(0.02, 1e8), min_size=1, max_size=300)


@given(values)
def test_percentiles_are_within_three_percent(sample: list[float]) -> None:
    histogram = Histogram()
    for value in sample:
        histogram.add(Histogram.of([value]))
    ordered = sorted(sample)
    for share, found in zip((0.5, 0.95, 0.99), histogram.quantiles((0.5, 0.95, 0.99)), strict=True):
        rank = max(1, -int(-share * len(ordered) // 1))
        assert found == pytest.approx(ordered[rank - 1], rel=0.03)


@given(st.lists(st.tuples(st.integers(0, 150), st.floats(0.02, 1e8)), max_size=200))
def test_a_ring_is_the_histogram_of_its_last_minute(sample: list[tuple[int, float]]) -> None:
    ring, whole = Ring(), Histogram()
    for second, value in sorted(sample):
        ring.add([value], second)
        if second > 90:
            whole.add(Histogram.of([value]))
    assert ring.percentiles(150) == whole.percentiles


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


def flow(*samples: tuple[float, int, QueueFigures | None]) -> FlowRates:
    it = Flow()
    for sample in samples:
        it.sample(*sample)
    return it.rates


def test_flow_is_unknown_at_first_and_where_nothing_is_known() -> None:
    ten = QueueFigures(ready=10)
    assert flow() == flow((0, 5, ten)) == flow((0, 5, ten), (4, 9, ten)) == FlowRates()
    assert flow((0, 5, None), (10, 25, None)) == FlowRates(None, 2.0, None)
    assert flow((0, 5, ten), (3, 9, None), (10, 25, ten)) == FlowRates(None, 2.0, None), "since a break"


def test_flow_says_when_a_backlog_clears() -> None:
    rates = flow((0, 0, QueueFigures(ready=98, running=2)), (10, 100, QueueFigures(ready=48, running=2)))
    assert rates == FlowRates(in_rate=5.0, out_rate=10.0, clears_in_ms=9600.0)
    assert flow((0, 0, QueueFigures(ready=10)), (10, 20, QueueFigures(ready=30))) == FlowRates(4.0, 2.0, None), "never"
    assert flow((0, 0, QueueFigures(ready=10)), (10, 20, QueueFigures())).clears_in_ms == 0.0
    other_daemons = flow((0, 0, QueueFigures(ready=100)), (10, 0, QueueFigures(ready=50)))
    assert other_daemons == FlowRates(0.0, 0.0, 10_000.0)


def test_flow_of_more_jobs_than_are_counted_goes_by_the_oldest() -> None:
    def many(oldest_ms: float) -> QueueFigures:
        return QueueFigures(ready=COUNT_LIMIT, oldest_ms=oldest_ms)

    assert flow((0, 0, many(60_000)), (10, 500, many(40_000))) == FlowRates(None, 50.0, 20_000.0)
    assert flow((0, 0, many(60_000)), (10, 500, many(70_000))) == FlowRates(None, 50.0, None)


def test_flow_forgets_what_was_long_ago() -> None:
    samples = [(float(second), second * second, QueueFigures(ready=7)) for second in range(200)]
    assert flow(*samples).out_rate == (199**2 - 179**2) / 20


@given(st.lists(st.tuples(st.integers(1, 40), st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=100))
def test_what_was_lately_is_of_the_last_ten_minutes(turns: list[tuple[int, int, int]]) -> None:
    """Each turn: seconds later, so many more were done and given up."""
    lately, second, done, lost = Lately(), 1000, 0, 0
    lately.sample(second, done, lost)
    past = [(second, done, lost)]
    for passed, completed, failed in turns:
        second, done, lost = second + passed, done + completed, lost + failed
        lately.sample(second, done, lost)
        past.append((second, done, lost))
    seconds, completed, failed = lately.since(second, done, lost)
    then = next(each for each in past if each[0] == second - seconds)
    assert (completed, failed) == (done - then[1], lost - then[2])
    assert seconds == second - 1000 or 600 <= seconds < 600 + 20 + 40


def test_before_the_first_look_nothing_was_given_up() -> None:
    lately = Lately()
    assert lately.since(5, 3, 2) == (0, 3, 2)
    lately.sample(100, 30, 7)
    assert lately.since(110, 31, 7) == (10, 31, 7) and lately.failed_second == 100
