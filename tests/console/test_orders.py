"""The orders of the failed jobs: from either end, and their groups by any column; an order to several daemons."""

from pathlib import Path

from textual import events

from tests.console.console import console
from tests.console.daemon import Daemon, many_failed
from wmcore.protocol import messages as m
from wmtui.screens.textpage import TextPage


def shown(table: object) -> list[str]:
    rows = table.rows  # type: ignore[attr-defined]
    return [str(rows.key(i)) for i in range(len(rows))]


async def test_the_oldest_failed_jobs_first(daemon: Daemon) -> None:
    """Nothing but `G` led there, and each new failure moved the list."""
    daemon.set_failed(many_failed(350))
    async with console(daemon) as c:
        await c.press("4", "o")
        failed = c.app.main.failed_view.failed
        await c.until(lambda: failed.cursor_key == "0-1", "the oldest at the top")
        assert shown(failed)[:3] == ["0-1", "0-2", "0-3"] and "FAILED ▲" in c.text
        await c.sees("1-19/350")
        await c.press("end")  # the newest
        await c.until(lambda: failed.cursor_key == "0-350")
        await c.press("home")
        await c.until(lambda: failed.cursor_key == "0-1")
        for _ in range(5):
            await c.press("pagedown")
        await c.until(lambda: len(failed.rows) > 100, "the next page")
        assert shown(failed) == [f"0-{i + 1}" for i in range(len(failed.rows))]
        await c.press("o")
        await c.until(lambda: failed.cursor_key == "0-350", "the newest at the top")
        assert "FAILED ▲" not in c.text


async def test_turned_twice_before_an_answer_came_it_begins_with_the_newest(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(350))
    async with console(daemon) as c:
        for key in "4oo":
            c.app.post_message(events.Key(key, key))
        await c.until(lambda: not c.app.main.failed_view.oldest_first, "both keys")
        await c.settled()
        failed = c.app.main.failed_view.failed
        await c.until(lambda: failed.cursor_key == "0-350" and failed.rows.key(0) == "0-350", "the newest at the top")


async def test_n_goes_on_as_the_list_does(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(5))
    async with console(daemon) as c:
        await c.press("4", "o", "enter")
        await c.sees("failed job 0-1  1 of 5")
        await c.press("n")
        await c.sees("failed job 0-2  2 of 5")


async def test_another_filter_begins_at_the_same_end(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(350))
    async with console(daemon) as c:
        await c.press("4", "o", "slash")
        await c.fill("Failed")
        failed = c.app.main.failed_view.failed
        await c.until(lambda: failed.rows and failed.rows.key(0) == "0-1", "the oldest at the top")


async def test_s_says_why_it_can_not(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("4", "s")
        await c.sees("failed jobs stand by time: o turns them round; their groups (f) sort")
        await c.press("1", "shift+tab", "o")
        await c.sees("these are the newest; the Failed view (4) shows the oldest first, too")


async def test_groups_are_sorted(daemon: Daemon) -> None:
    names = [("b", 5, 30.0), ("a", 3, 90.0), ("c", 1, 60.0)]
    groups = [
        m.FailedGroup(fingerprint=name, class_name=name, error="E", count=n, first=at, last=at, newest="0-1")
        for name, n, at in names
    ]
    daemon.answers[m.GroupFailed] = lambda request: m.FailedGroups(groups=groups)
    async with console(daemon) as c:
        await c.press("4", "f")
        table = c.app.main.failed_view.groups
        await c.until(lambda: shown(table) == ["b", "a", "c"])
        await c.press("s")
        assert shown(table) == ["a", "c", "b"] and "sorted by LAST, least first" in c.text
        await c.press("o")
        assert shown(table) == ["b", "c", "a"]


async def test_the_outcome_of_an_order_has_no_word_of_the_question_before(daemon: Daemon, tmp_path: Path) -> None:
    """`cancelled: nothing was sent` stood beneath what had been done."""
    async with Daemon(tmp_path / "other.sock") as other, console(daemon, others=[other]) as c:
        await c.until(lambda: all(each.status for each in c.app.sessions), "both")
        await c.press("6", "asterisk", "plus", "enter")
        await c.answer("n")
        await c.sees("cancelled: nothing was sent; 2 still marked")
        await c.press("plus", "enter")
        await c.answer("y")
        await c.until(lambda: isinstance(c.app.screen, TextPage), "what has become of it")
        await c.sees("2 done")
        assert "cancelled" not in c.text
