"""Numbers and times as an operator reads them. Pure: the time is always an argument."""

import math
import time
from collections.abc import Sequence

from wmcore.model import COUNT_LIMIT

NOTHING = "-"
NEXT_UNIT = {"m": 3600, "h": 86400, "d": math.inf}
BARS = "▁▂▃▄▅▆▇█"
ASCII_BARS = ".:-=+*#@"


def duration(ms: float | None) -> str:
    """Milliseconds in at most five characters: 1.2ms 350ms 2.5s 42s 4m12s 25m 3h05m 3d04h 120d."""
    if ms is None or math.isnan(ms):
        return NOTHING
    ms = max(0.0, ms)
    if ms < 0.05:
        return "0ms"
    if ms < 9.95:
        return f"{ms:.1f}ms"
    return f"{ms:.0f}ms" if ms < 999.5 else _seconds(ms / 1000)


def age(seconds: float | None) -> str:
    """How long ago: like `duration`, but nothing finer than tenths of a second. The future is "0.0s"."""
    if seconds is None or math.isnan(seconds):
        return NOTHING
    return _seconds(max(0.0, seconds))


def _seconds(seconds: float) -> str:
    if math.isinf(seconds):
        return "∞"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole}s"
    for unit, word, finer, finer_word in ((60, "m", 1, "s"), (3600, "h", 60, "m"), (86400, "d", 3600, "h")):
        if whole < unit * 10:  # with its second unit where that is worth a glance
            return f"{whole // unit}{word}{whole % unit // finer:02}{finer_word}"
        if whole < NEXT_UNIT[word]:
            break
    return f"{whole // unit}{word}"


def stopwatch(seconds: float) -> str:
    """An age that somebody watches: 00:42, 12:05, 3:00:00."""
    minutes, second = divmod(int(max(0.0, seconds)), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02}:{second:02}" if hours else f"{minute:02}:{second:02}"


def count(n: int | None) -> str:
    """A count that the daemon bounds (jobs in the queue, failed jobs): "10k+" where it stopped counting."""
    if n is None:
        return NOTHING
    return "10k+" if n >= COUNT_LIMIT else f"{n:,}"


def number(n: int | None) -> str:
    """An exact number, whole."""
    return NOTHING if n is None else f"{n:,}"


def compact(n: float | None) -> str:
    """An exact number in at most four characters: 9999, 12k, 999k, 1.2M, 361M, 1.2G."""
    if n is None:
        return NOTHING
    if n < 10_000:
        return f"{n:.0f}"
    for limit, unit in ((1e6, "k"), (1e9, "M"), (1e12, "G")):
        if n < limit * 0.9995:
            value = n / (limit / 1000)
            return f"{value:.0f}{unit}" if value >= 9.95 else f"{value:.1f}{unit}"
    return "1T+"


def rate(per_second: float | None) -> str:
    """Jobs per second: 0, 0.3, 58.2, 1,332, 12k."""
    if per_second is None:
        return NOTHING
    if per_second == 0:
        return "0"
    if per_second < 99.95:
        return f"{per_second:.1f}"
    return f"{per_second:,.0f}" if per_second < 9_999.5 else compact(per_second)


def memory(size: int | None) -> str:
    """Bytes: 830K, 30M, 1.5G."""
    if size is None:
        return NOTHING
    megabytes = size / 1048576
    if megabytes < 1:
        return f"{size / 1024:.0f}K"
    return f"{megabytes:.0f}M" if megabytes < 999.5 else f"{megabytes / 1024:.1f}G"


def clock(unix: float) -> str:
    """The reader's local time of day."""
    return time.strftime("%H:%M:%S", time.localtime(unix))


def moment(unix: float, now: float) -> str:
    """The time of day within half a day of `now`, else with the date and without the seconds: 11-23 14:02."""
    return clock(unix) if abs(now - unix) < 43200 else time.strftime("%m-%d %H:%M", time.localtime(unix))


def stamp(unix: float) -> str:
    """Date and time in full."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(unix))


def spark(values: Sequence[float | None], width: int, hi: float, ascii_only: bool = False) -> str:
    """The last `width` values as bars from 0 to `hi`, exactly `width` cells, the newest at the right. A blank is
    "not measured"; the lowest bar is 0 and only 0, so that a trickle does not look like standing still."""
    if width <= 0:
        return ""
    bars = ASCII_BARS if ascii_only else BARS
    return "".join(_bar(value, hi, bars) for value in values[-width:]).rjust(width)


def _bar(value: float | None, hi: float, bars: str) -> str:
    if value is None or math.isnan(value):
        return " "
    if value <= 0 or not hi > 0:
        return bars[0]
    if value >= hi:
        return bars[-1]
    return bars[max(1, round(value / hi * (len(bars) - 1)))]
