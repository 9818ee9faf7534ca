"""What comes, what goes, what another number of children would do, and what is said of it. All pure."""

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from msgspec import structs

from tests.console.daemon import golden
from wmcore.model import COUNT_LIMIT
from wmcore.protocol import messages as m
from wmtui import alerts, forecast, load, queuerows
from wmtui.pending import Pending
from wmtui.trend import Motion, Trend

FAST, SLOW = "shop.Fast", "shop.Slow"


def shop(fast: float = 20.0, slow: float = 4.0, children: int = 3, slow_ready: int = 60) -> m.Status:
    """One pool, all of it busy: so many jobs per second come of one class that takes 10 ms and of one of 1.5 s."""
    status = golden()
    status.pools[0] = structs.replace(
        status.pools[0], wanted=children, running=children, busy=children, workers=[FAST, SLOW]
    )
    status.classes = [
        m.JobClass(
            name=FAST,
            process=m.Percentiles(p50=10.0, mean=10.0),
            queue=m.Queue(ready=5, delayed=0, running=1, in_rate=fast, out_rate=fast),
        ),
        m.JobClass(
            name=SLOW,
            process=m.Percentiles(p50=1500.0, mean=1500.0),
            queue=m.Queue(ready=slow_ready, delayed=0, running=2, in_rate=slow, out_rate=1.9, oldest=15_000.0),
        ),
    ]
    slots = range(children)
    status.children = [m.Child(slot=i, pid=i + 100, pool="default", state="busy", rss=10 << 20) for i in slots]
    status.failed.count = 0
    return status


def watched(status: m.Status, per_second: float, seconds: int = 30) -> Trend:
    """A console that has seen the slow class's backlog move."""
    trend, each = Trend(), status.classes[1]
    ready = each.queue.ready or 0
    for second in range(seconds + 1):
        each.queue.ready = round(ready - per_second * (seconds - second))
        trend.take(status)
        status.now += 1
    return trend


# -- how many children what comes in needs ----------------------------------------------------------------------------


def test_each_class_needs_what_it_takes() -> None:
    """A sum of jobs over all classes says nothing: 24 jobs come per second and 22 go, and yet four are missing."""
    status = shop()
    found = load.of_pool(status, status.pools[0], settled=False)
    assert found is not None and found.needs == 7  # 20 x 0.01 + 4 x 1.5 = 6.2
    assert found.heaviest == (SLOW, 6)
    assert found.clears_in(6) is None
    assert found.clears_in(12) == pytest.approx((5 * 0.01 + 60 * 1.5) / (12 - 6.2))


def test_what_a_child_spends_between_jobs_is_reckoned_in_where_the_rates_are_of_these_children() -> None:
    status = shop(fast=200.0, slow=0.0, slow_ready=0)
    status.classes[0].queue.out_rate = 150.0  # 1.5 children's time; the other half goes for fetching them
    assert getattr(load.of_pool(status, status.pools[0]), "needs", None) == 5
    assert getattr(load.of_pool(status, status.pools[0], settled=False), "needs", None) == 3


def test_what_is_not_known_is_not_reckoned_with() -> None:
    status = shop()
    pool = status.pools[0]
    for change in ({"in_rate": None}, {"ready": COUNT_LIMIT}):
        other = shop()
        other.classes[1].queue = structs.replace(other.classes[1].queue, **change)
        assert load.of_pool(other, pool) is None
    status.classes[1].process = m.Percentiles()  # none has ended within a minute
    assert load.of_pool(status, pool) is None
    status.classes[1].paused = True
    assert load.of_pool(status, pool) is not None


# -- the forecast -----------------------------------------------------------------------------------------------------


def said(status: m.Status, to: int) -> str:
    trend = Trend()
    trend.take(status)
    return forecast.scaling(status, status.pools[0], to, trend)


def test_the_forecast_promises_nothing_that_the_slow_class_does_not_allow() -> None:
    status = shop()
    assert said(status, 6) == "3 > 6 children: 65 waiting, still grows: needs 7 (shop.Slow 6), +30M"
    assert said(status, 12) == "3 > 12 children: 65 waiting, gone in ~16s (now it grows), +90M"
    assert said(status, 0) == "3 > 0 children: 65 waiting, none will run, -30M"


def test_the_forecast_of_fewer_says_how_few_are_enough() -> None:
    status = shop(slow=1.0, slow_ready=0)
    status.classes[0].queue.ready = 0
    status.pools[0].busy = 1
    assert said(status, 2).startswith("3 > 2 children: nothing is waiting, needs 2")
    assert said(status, 1).startswith("3 > 1 children: nothing is waiting, grows: needs 2 (shop.Slow 2)")
    status.classes[1].queue.ready = 4
    assert said(status, 8).startswith("3 > 8 children: 4 waiting, but 2 of 3 are idle")


def test_where_nothing_ran_lately_there_is_no_forecast_and_that_is_said() -> None:
    """As of a pool that was scaled to 0 a while ago."""
    status = shop()
    status.classes[1].process = m.Percentiles()
    assert said(status, 6) == "3 > 6 children: 65 waiting, no forecast: none ran in the last 60 s, +30M"
    status.classes[1].queue.ready = 0
    assert said(status, 6) == "3 > 6 children: 5 waiting, +30M"


def test_the_important_half_of_the_forecast_has_room_on_a_small_screen() -> None:
    cell = forecast.pending_cell(Pending("default", 6, 0.0), shop(), Trend())
    assert cell is not None and "needs 7 (shop.Slow 6)" in cell.short[:80]


# -- the motion of a backlog ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("per_second", "motion"), [(2.1, Motion.GROWING), (-2.1, Motion.SHRINKING), (0.1, Motion.STEADY)]
)
def test_a_backlog_moves_or_does_not(per_second: float, motion: Motion) -> None:
    status = shop(slow_ready=200)
    trend = watched(status, per_second)
    assert trend.motion(SLOW) is motion
    clears = trend.clears_in(status.classes[1])
    assert (clears is not None) == (motion is Motion.SHRINKING)
    assert clears is None or clears == pytest.approx(200 / 2.1 * 1000, rel=0.1)


def test_a_steady_load_does_not_flicker() -> None:
    """As many come as go, each at random: the word changes hardly ever within ten minutes."""
    chance, status = random.Random(1), shop(slow=4.0, slow_ready=40)
    trend, each, words = Trend(), status.classes[1], []
    each.queue.out_rate, ready = 4.0, 40
    for _ in range(600):
        came, went = (sum(chance.random() < 0.1 for _ in range(40)) for _ in range(2))
        ready = max(0, ready + came - went + round((40 - ready) * 0.05))
        each.queue.ready, status.now = ready, status.now + 1
        trend.take(status)
        words.append(trend.motion(SLOW))
    assert sum(a != b for a, b in pairwise(words)) <= 6
    assert words.count(Motion.STEADY) > 540


def after(status: m.Status, trend: Trend, seconds: int, ready: Iterator[int]) -> list[Motion]:
    words = []
    for _ in range(seconds):
        status.now += 1
        status.classes[1].queue.ready = next(ready)
        trend.take(status)
        words.append(trend.motion(SLOW))
    return words


def test_after_a_scaling_it_is_measured_anew() -> None:
    status = shop(slow_ready=200)
    trend = watched(status, 2.1)
    status.pools[0].wanted = 12
    words = after(status, trend, 25, iter(range(300, 0, -8)))
    assert set(words[:20]) == {Motion.MEASURING} and words[-1] is Motion.SHRINKING
    assert not trend.settled("shop.Other")
    status.classes[1].paused = True
    assert after(status, trend, 1, iter([50])) == [Motion.MEASURING]


def test_a_console_that_has_just_come_believes_the_daemon() -> None:
    status, trend = shop(), Trend()
    assert after(status, trend, 1, iter([60])) == [Motion.GROWING]
    status.now -= 100  # another daemon answers
    trend.take(status)
    assert trend.motion(SLOW) is Motion.GROWING
    status.classes[1].queue.in_rate = None
    assert after(status, trend, 1, iter([60])) == [Motion.UNKNOWN]


def test_a_burst_is_no_growth() -> None:
    """500 jobs at once count as 25 per second for a while; but they become fewer."""
    status = shop(slow_ready=0)
    trend = watched(status, 0)
    status.classes[1].queue.in_rate, status.classes[1].queue.out_rate = 25.0, 10.0
    words = after(status, trend, 60, iter(range(500, 0, -8)))
    assert words[-1] is Motion.SHRINKING


def test_when_a_backlog_clears() -> None:
    def shown(status: m.Status, trend: Trend) -> str:
        return queuerows.clears(status.classes[1], status.pools[0], trend)

    status = shop(slow_ready=200)
    trend = watched(status, -2.0)
    assert shown(status, trend) == "1m40s"
    status.classes[1].queue.ready = 0
    assert shown(status, trend) == ""
    status = shop(slow_ready=100)
    assert shown(status, watched(status, 2.1)) == "growing"
    status = shop(slow_ready=100)
    assert shown(status, watched(status, 0)) == "steady"
    status = shop(slow_ready=3)
    assert shown(status, watched(status, 0)) == "soon"
    status.pools[0].running = 0
    assert shown(status, Trend()) == "no child"
    behind = load.Load({SLOW: 1.0}, 100.0, 1.0)
    status = shop(slow_ready=100)
    assert queuerows.clears(status.classes[1], status.pools[0], watched(status, 2.1), behind) == "50s"
    status = shop()
    trend = Trend()
    status.classes[1].queue.ready, status.classes[1].queue.clears_in = COUNT_LIMIT, 5000.0  # not counted to the end
    trend.take(status)
    assert shown(status, trend) == "5.0s"


def test_what_becomes_of_a_backlog_in_words() -> None:
    def said(status: m.Status, trend: Trend) -> str:
        return queuerows.backlog(status.classes[1], status, trend)

    status = shop(slow_ready=100)
    assert said(status, watched(status, -2.0)) == "100 ready, gone in ~50s"
    status = shop(slow_ready=100)
    assert said(status, watched(status, 2.1)) == "100 ready, growing"
    assert said(status, Trend()) == ""
    status.pools[0].running = 0
    assert said(status, Trend()) == "100 ready, no child"
    status.classes[1].paused = True
    assert said(status, Trend()) == ""
    status = shop(slow_ready=3)
    assert said(status, watched(status, 0)) == ""


# -- the alert --------------------------------------------------------------------------------------------------------


def test_a_pool_that_is_short_is_told_with_what_it_needs_and_for_whom() -> None:
    status = shop()
    [found] = alerts.wrongs(status, watched(status, 2.1))
    assert found.text == (
        "pool default needs 7 children (shop.Slow 6), has 3: 24.0/s come, 21.9/s go; 60 wait, the oldest for 15s"
    )
    assert found.state.value == "WARNING"


def test_it_is_as_grave_as_the_age_of_what_waits_and_told_once() -> None:
    status = shop()
    status.classes[1].queue.oldest = 400_000.0
    [found] = alerts.wrongs(status, watched(status, 2.1))
    assert found.state.value == "CRITICAL" and "the oldest for 6m40s" in found.text


def test_the_class_that_grows_need_not_be_the_one_that_holds_the_children() -> None:
    status = shop()
    status.classes.reverse()
    fast, slow = status.classes[1], status.classes[0]
    fast.queue.ready, slow.queue.ready = 200, 0
    found = alerts.wrongs(status, watched(status, 15.0))
    assert [each.text.partition(",")[0] for each in found] == ["pool default needs 7 children (shop.Slow 6)"]


def test_what_grows_for_another_reason_gets_no_number() -> None:
    status = shop()
    status.pools[0].busy = 1
    [found] = alerts.wrongs(status, watched(status, 2.1))
    assert found.text == "shop.Slow grows: 4.0/s come, 1.9/s go, each takes 1.5s; 60 wait, the oldest for 15s"
    status = shop()
    status.classes[1].paused = True
    [found] = alerts.wrongs(status, watched(status, 2.1))
    assert found.text.startswith("shop.Slow is paused, 60 jobs waiting")
    status = shop(slow_ready=3)
    assert alerts.wrongs(status, watched(status, 0)) == []


def test_nothing_is_called_well_while_it_is_measured_whether_busy_children_keep_up() -> None:
    """As after a crash, when the backlog of its time is worked off."""
    status, trend = shop(slow_ready=700), Trend()
    for each in status.classes:
        each.queue.in_rate = each.queue.out_rate = None
    trend.take(status)
    [found] = alerts.wrongs(status, trend)
    assert found.text == (
        "pool default: all 3 children are busy, 700 wait, the oldest for 15s; measuring whether they keep up"
    )
    status.pools[0].busy = 2
    assert alerts.wrongs(status, trend) == []
    status.pools[0].busy = status.pools[0].running = status.pools[0].wanted = 1
    assert alerts.wrongs(status, trend)[0].text.startswith("pool default: its only child is busy, 700 wait")
