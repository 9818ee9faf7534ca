"""The lists as somebody sees them who has never seen them: which one the keys act on, what is marked, which columns
there are, what a key says that means nothing, and the help."""

import re
from pathlib import Path

import pytest

from tests.console.console import console
from tests.console.daemon import Daemon, golden, many_failed
from tests.console.screen import lines_of
from tests.console.test_golden import busy
from wmcore.protocol import messages as m
from wmtui import alerts, childrows, failedrows, fleetrows, headline, helptext, judging, poolrows, queuerows
from wmtui.commandline import nearest
from wmtui.glyphs import UNICODE
from wmtui.keymap import DEFAULT, LISTS
from wmtui.lens import sort_title
from wmtui.meanings import MEANINGS
from wmtui.picture import Picture
from wmtui.screens.help import Help
from wmtui.screens.record import RecordScreen
from wmtui.trend import Trend
from wmtui.views.log import LOG_COLUMNS

COLUMNS = {
    "pools": poolrows.POOL_COLUMNS, "children": childrows.CHILD_COLUMNS,
    "failed": failedrows.FAILED_COLUMNS, "groups": failedrows.GROUP_COLUMNS,
    "queue": (*queuerows.QUEUE_COLUMNS, queuerows.WORKERS), "jobs": queuerows.JOB_COLUMNS, "log": LOG_COLUMNS,
    "fleet": fleetrows.FLEET_COLUMNS,
}  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (160, 48)])
async def test_one_cursor_stands_in_the_list_that_the_keys_act_on(daemon: Daemon, size: tuple[int, int]) -> None:
    """Its title has one too; a capture without colours shows it."""
    async with console(daemon, size) as c:
        for key, title, row in (
            (None, "CLASS", "default"), ("tab", "SLOT", "0    4720"), ("tab", "FAILED", "12:11:30"),
            ("colon", "FAILED", "12:11:30"),  # what is typed is about that list
        ):  # fmt: skip
            if key:
                await c.press(key)
            await c.sees(f"▸{title}")
            assert c.text.count("▸") == 2 and re.search(rf"▸ *{row}", c.text), c.text


async def test_on_a_low_screen_the_list_that_the_keys_act_on_is_there(daemon: Daemon) -> None:
    busy(daemon)
    async with console(daemon, (80, 15)) as c:
        for title in ("CLASS", "SLOT", "FAILED"):
            await c.sees(f"▸{title}")
            assert sum(line[1:].startswith(("CLASS", "SLOT", "FAILED")) for line in c.text.splitlines()) == 1
            await c.press("tab")


# -- marks ------------------------------------------------------------------------------------------------------------


async def test_the_number_of_failed_jobs_over_the_list_is_that_of_now(daemon: Daemon) -> None:
    """It stood as it was while the same number of rows was there."""
    async with console(daemon) as c:
        records = many_failed(60)
        for count in (30, 60):
            daemon.status.failed = m.Failed(count=count, recent=records[60 - count :][:20])
            await c.frame()
            await c.sees(f"/{count}")


async def test_marks_are_counted_and_a_cancelled_action_tells_that_they_stay(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("2", "space", "space")
        await c.sees("2 marked: t replaces, K kills them, u takes the marks away")
        assert "u unmark" in c.text and "2 marked" in c.text.splitlines()[2]
        await c.press("K", "escape")
        await c.sees("cancelled: nothing was sent; 2 still marked, u unmarks")
        await c.press("u")
        await c.sees("nothing is marked any more")
        await c.press("space", "t")
        await c.until(lambda: not c.app.main.children_view.children_table.marks, "what was marked is done")


async def test_marks_do_not_wait_unseen_for_another_action(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("tab", "space", "2")
        await c.sees("1 mark is gone, unused: Overview was left")
        await c.press("1", "t")
        await c.until(lambda: daemon.commands() == [m.Recycle(slot=1)], "the one under the cursor, not the marked one")


# -- columns ----------------------------------------------------------------------------------------------------------


async def test_a_number_of_failed_jobs_is_not_cut(daemon: Daemon) -> None:
    """1,535 of them were "1,5…" on 80 columns."""
    busy(daemon)
    daemon.status.classes[0].open = 1535
    async with console(daemon) as c:
        await c.sees(" 1535 ")
        assert "1,5…" not in c.text


async def test_the_columns_that_have_no_room(daemon: Daemon) -> None:
    async with console(daemon) as c:
        assert "w more" in c.text and "TOOK95" not in c.text and "LATE95" in c.text
        await c.press("w")
        await c.sees("TOOK50 TOOK95")
        assert "102ms" in c.text and "LATE95" not in c.text
        await c.press("w")
        await c.sees("LATE95")
        await c.press("down")
        await c.sees("sandbox.worker.A  late p50 1.1ms p95 9.5ms  takes p50 0.2ms p95 0.9ms")
        await c.press("5", "w")
        await c.sees("all columns have room")


def test_the_sign_of_the_order_does_not_take_the_number_of_a_title() -> None:
    lens = poolrows.CLASS_LENS
    titles = [sort_title(poolrows.POOL_COLUMNS, lens.sort_by(name), UNICODE) for name in ("p95", "ready")]
    assert (titles[0]["p95"].short, titles[1]["ready"].short) == ("LAT95▼", "READ▼")


def test_all_classes_whose_jobs_are_given_up_are_named_with_their_share() -> None:
    """However many they are: the newest twenty records say nothing of the rest."""
    status = golden()
    a, b = status.classes
    a.lately = m.Lately(seconds=200, completed=159, failed=68, failed_at=status.now - 1)
    b.lately = m.Lately(seconds=45, completed=0, failed=113, failed_at=status.now - 1)
    assert [each.text for each in alerts.wrongs(status, Trend())] == [
        "sandbox.worker.B: 113 given up in 45 s, 100 % of its jobs",
        "sandbox.worker.A: 68 given up in 3 min, 30 % of its jobs; the newest: Failed 'A' 1",
    ]
    b.open = 0  # all of them were retried
    assert [each.text[:16] for each in alerts.wrongs(status, Trend())] == ["sandbox.worker.A"]
    b.open = 113
    b.lately.seconds = 92  # not "2 min"
    assert alerts.wrongs(status, Trend())[0].text.startswith("sandbox.worker.B: 113 given up in 92 s, ")
    a.lately = m.Lately(seconds=600, completed=10**6, failed=1, failed_at=status.now - 400)
    assert alerts.wrongs(status, Trend())[1].text == (
        "sandbox.worker.A: 1 given up in 10 min, <1 % of its jobs, the last 6 min ago: Failed 'A' 1"
    )
    status.failed.count = 0
    assert alerts.wrongs(status, Trend()) == []


# -- what is said -----------------------------------------------------------------------------------------------------


async def test_a_key_that_means_nothing_says_so_and_digits_lead_out_of_a_text(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("x")
        await c.sees("there is no key x here; ? for help")
        await c.press("2", "P")
        await c.sees("P (pause) is for pools and classes (1), queue (3)")
        await c.press("1", "shift+tab", "f")  # of the failed jobs in the Overview
        await c.sees("2 groups by class and error")
        await c.press("f")
        await c.press("4", "enter")
        await c.until(lambda: isinstance(c.app.screen, RecordScreen), "the record")
        await c.press("Z")
        await c.sees("there is no key Z here; ? for help")
        await c.press("question_mark")
        await c.until(lambda: isinstance(c.app.screen, Help), "the help over it")
        await c.press("3")
        await c.sees("[3 Queue]")
        assert c.app.screen is c.app.main and daemon.commands() == []


def test_what_is_drained_is_not_draining_any_more() -> None:
    status = golden()
    status.state = status.pools[0].state = "draining"
    status.classes[1].paused = True
    for running, word, reason in (
        (2, "▽ draining", "pool default is draining, 2 children left: 3 jobs wait, the oldest for 0.0s"),
        (0, "▽ drained", "pool default is drained: 3 jobs wait, the oldest for 0.0s"),
    ):
        status.pools[0].running = running
        left, _ = headline.header(Picture().with_status(status, status.now), UNICODE, status.now)
        assert word in [cell.text for _, cell in left]
        found = judging.judge(status, judging.Thresholds()).reasons
        assert reason in [each.text for each in found]


def test_jobs_that_wait_for_a_drained_pool_come_before_all_else() -> None:
    status = golden()
    status.pools[0].state, status.pools[0].running = "draining", 0
    status.classes[1].queue.oldest = 400_000.0
    first, then = alerts.wrongs(status, Trend())[:2]
    assert first.text == "pool default is drained: 415 jobs wait, the oldest for 6m40s"
    assert then.text.startswith("sandbox.worker.B: the oldest job waiting for 6m40s")
    for each in status.classes:
        each.queue.ready = 0
    assert alerts.wrongs(status, Trend())[-1].text == "pool default is drained: no child runs until it is resumed"


def test_jobs_that_wait_for_a_pool_without_children_say_why() -> None:
    """Only their age rang, a minute later, and said nothing of the pool."""
    status = golden()
    pool = status.pools[0]
    pool.wanted = pool.running = pool.busy = 0
    reason = judging.Reason(judging.State.WARNING, "pool default is scaled to 0 children: 415 jobs wait")
    for each in status.classes:
        each.queue.oldest = None
    assert alerts.wrongs(status, Trend())[0] == reason
    assert judging.judge(status, judging.Thresholds()).reasons[0] == reason
    for each in status.classes:
        each.queue.ready = 0
    assert not judging.judge(status, judging.Thresholds()).reasons
    assert not any("pool" in each.text for each in alerts.wrongs(status, Trend()))


async def test_the_hints_offer_what_the_keys_would_do(daemon: Daemon) -> None:
    daemon.status.pools[0].state, daemon.status.classes[0].paused = "draining", True
    async with console(daemon) as c:
        assert "D resume" in c.text and "P " not in c.text.splitlines()[-1]
        await c.press("down")
        await c.sees("P unpause")
        await c.sees("sandbox.worker.A  paused: 3 ready jobs wait until P lets it run again")


async def test_nothing_of_the_head_is_cut_and_its_height_stays(daemon: Daemon) -> None:
    busy(daemon)
    async with console(daemon) as c:
        head = lines_of(c.app)[2:9]
        assert "connection refused" in head[1] and "next try in 8 s" in head[6]  # whole, though they need two lines
        assert not any("…" in line for line in head)
        height = c.app.main.overview.totals.line_count
        daemon.status.pools[0].state, daemon.status.pools[0].error = "running", None
        await c.frame()
        assert c.app.main.overview.totals.line_count == height


def test_how_old_the_picture_is_stands_there_only_where_it_matters() -> None:
    picture = Picture(interval=5.0).with_status(golden(), golden().now)
    states = [headline.header(picture, UNICODE, golden().now + old)[0][1][1].text for old in (0, 1, 4)]
    assert states == ["● running", "● running", "● running, seen 4s ago"]


def test_what_was_meant() -> None:
    names = ["shop.mail.Slow", "shop.mail.Fragile"]
    assert nearest("Slow", names) == nearest("slow", names) == nearest("Slwo", names) == "did you mean shop.mail.Slow?"
    assert nearest("x", names) == "there is shop.mail.Slow, shop.mail.Fragile"
    assert nearest("x", []) == "there is none"


# -- help -------------------------------------------------------------------------------------------------------------


def test_every_column_of_every_list_has_a_meaning() -> None:
    assert {name: set(meanings) for name, meanings in MEANINGS.items()} == {
        name: {column.id for column in columns} for name, columns in COLUMNS.items()
    }
    assert COLUMNS.keys() == LISTS.keys()


async def test_the_help_begins_with_the_list_at_hand_and_can_be_searched(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("question_mark")
        await c.sees("Columns of this list: pools and classes")
        lines = c.text.splitlines()
        assert [line.split()[0] for line in lines[2:13]] == [
            "CLASS", "DONE", "FAIL", "JOB/S", "J/S≤100", "LATE50", "LATE95", "LATE≤5s", "READY", "LATER", "RUN",
        ]  # fmt: skip
        assert "Columns that w shows" in c.text and "TOOK95" in c.text and " TRY " not in c.text
        await c.press("space")
        await c.sees("Keys in this list")
        await c.press("b")
        await c.sees("lines 1-21")
        await c.press("slash", *"no more jobs", "enter")
        await c.sees("lines with no more jobs")
        assert "take no more jobs" in c.text and "CLASS" not in c.text
        await c.press("escape")
        await c.sees("CLASS")
        await c.press("q")
        await c.until(lambda: c.app.screen is c.app.main)


def test_the_help_names_keys_as_the_operator_has_them(tmp_path: Path) -> None:
    found = list(helptext.entries("log", [("LOG", "line", True)], [], DEFAULT, UNICODE))
    assert [entry.name for entry in found if entry.name == "v"] == ["v"]
    assert helptext.help_text(helptext.matching(found, "grave"), 60).plain.startswith("Keys in this list\n v ")
    assert helptext.help_text(helptext.matching(found, "xyzzy"), 60).plain == "nothing in the help has these words"
