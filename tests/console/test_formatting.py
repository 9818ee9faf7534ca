import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wmcore.model import COUNT_LIMIT
from wmtui import formatting as f


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (None, "-"), (float("nan"), "-"), (-5, "0ms"), (0, "0ms"), (0.04, "0ms"), (1.2, "1.2ms"), (9.96, "10ms"),
        (350, "350ms"), (999.6, "1.0s"), (2500, "2.5s"), (9_960, "10s"), (42_000, "42s"), (59_600, "1m00s"),
        (252_000, "4m12s"), (600_000, "10m"), (3_599_600, "1h00m"), (11_100_000, "3h05m"), (273_600_000, "3d04h"),
        (1.0368e10, "120d"),
        (float("inf"), "∞"),
    ],
)  # fmt: skip
def test_duration(ms: float | None, text: str) -> None:
    assert f.duration(ms) == text


@given(st.floats(0, 1e11))
def test_a_duration_fits_its_column(ms: float) -> None:
    assert len(f.duration(ms)) <= 5


@given(st.floats(0, 1e9), st.floats(0, 1e9))
def test_longer_durations_never_look_shorter(one: float, other: float) -> None:
    def rank(text: str) -> tuple[int, str]:
        units = ["ms", "s", "m", "h", "d"]
        kind = "ms" if text.endswith("ms") else next(unit for unit in "dhms" if unit in text)
        return units.index(kind), ""

    low, high = sorted((one, other))
    assert rank(f.duration(low)) <= rank(f.duration(high))


def test_age() -> None:
    assert [f.age(x) for x in (None, -3, 0.07, 12, 252)] == ["-", "0.0s", "0.1s", "12s", "4m12s"]


def test_counts() -> None:
    assert [f.count(x) for x in (None, 0, 9999, 10_000, COUNT_LIMIT)] == ["-", "0", "9,999", "10,000", "10k+"]
    assert f.number(361_402_118) == "361,402,118"


@given(st.integers(0, 10**14))
def test_a_compact_number_has_four_characters_and_is_about_right(n: int) -> None:
    text = f.compact(n)
    assert len(text) <= 4
    if text != "1T+":
        value = float(text.rstrip("kMG")) * {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1], 1)
        assert abs(value - n) <= 0.06 * n


@given(st.floats(0, 1e8))
def test_a_rate_fits_its_column(per_second: float) -> None:
    assert len(f.rate(per_second)) <= 5


def test_memory() -> None:
    assert [f.memory(x) for x in (None, 850_000, 31_457_280, 1_610_612_736)] == ["-", "830K", "30M", "1.5G"]


def test_clock_and_moment() -> None:
    now = 1795435900.5
    assert f.clock(now) == time.strftime("%H:%M:%S", time.localtime(now)) == "12:11:40"
    assert f.moment(now - 60, now) == "12:10:40"
    assert f.moment(now - 86400, now) == "11-22 12:11"
    assert [f.stopwatch(x) for x in (-1, 42, 725, 10_800)] == ["00:00", "00:42", "12:05", "3:00:00"]


def test_spark_shows_gaps_zero_and_the_newest_at_the_right() -> None:
    assert f.spark([0, None, 1, 4, 7], 8, 7) == "   ▁ ▂▅█"
    assert f.spark([0, None, 1, 4, 7], 3, 7) == "▂▅█"
    assert f.spark([0, None, 1, 4, 7], 8, 7, ascii_only=True) == "   . :+@"
    assert f.spark([], 4, 1) == "    "
    assert f.spark([1, 2], 0, 1) == ""


values = st.lists(st.none() | st.floats(allow_nan=True, allow_infinity=True), max_size=90)


@given(values, st.integers(0, 70), st.floats(allow_nan=False), st.booleans())
def test_spark_is_exactly_as_wide_as_asked(some: list[float | None], width: int, hi: float, ascii_only: bool) -> None:
    text = f.spark(some, width, hi, ascii_only)
    assert len(text) == width
    assert set(text) <= set(" " + (f.ASCII_BARS if ascii_only else f.BARS))


@given(st.lists(st.floats(0, 1e6), min_size=2, max_size=2), st.floats(1, 1e6))
def test_a_higher_value_never_has_a_lower_bar(pair: list[float], hi: float) -> None:
    low, high = f.spark(sorted(pair), 2, hi)
    assert f.BARS.index(low) <= f.BARS.index(high)
    assert (f.spark([pair[0]], 1, hi) == f.BARS[0]) == (pair[0] <= 0)
