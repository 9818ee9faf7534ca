"""The six views: what each shows, how one goes about in them, and what the daemon is asked for it."""

import asyncio
import json
from pathlib import Path

import msgspec
import pytest
from textual import events

from tests.console.console import Console, console
from tests.console.daemon import Daemon, everything, many_failed
from wmcore.protocol import messages as m
from wmtui.saying import HANDS_SECONDS
from wmtui.screens.confirm import Confirm
from wmtui.screens.record import RecordScreen

A, B = "sandbox.worker.A", "sandbox.worker.B"


def several_errors(n: int = 60) -> list[m.FailedSummary]:
    """Of two classes, with three errors."""
    records = many_failed(n)
    for i, record in enumerate(records):
        record.class_name = (A, B)[i % 2]
        record.error = (f"KeyError: {i}", "timeout after 30 s", "KeyError: x")[i % 3]
        record.fingerprint = f"f{i % 2}{i % 3}"
    return records


def jobs(n: int, name: str = B) -> list[m.QueuedJob]:
    return [
        m.QueuedJob(id=f"0-{i}", class_name=name, state="ready", insert_time=1795435800.0, run_after=1795435800.0 + i,
                    priority=5, arg=f'{{"foo": {i}}}')
        for i in range(n)
    ]  # fmt: skip


async def asked(c: Console, kind: type[m.Request]) -> list[m.Request]:
    await c.settled()
    return [each for each in c.daemon.asked if isinstance(each, kind)]


async def test_a_number_key_for_each_view(daemon: Daemon) -> None:
    async with console(daemon) as c:
        for number, (name, words) in enumerate((
            ("Overview", "jobs/s"), ("Children", "SLOT"), ("Queue", "CLEARS"), ("Failed 12!", "FAILED"),
            ("Log", "every level; following"), ("Fleet 1", "B/RUN/N"),
        ), 1):  # fmt: skip
            await c.press(str(number))
            await c.sees(f"[{number} {name}]")
            await c.sees(words)
        await c.press("escape", "shift+tab")  # a number leaves no way back
        await c.sees("[5 Log]")
        await c.press("shift+tab")
        await c.sees("[4 Failed 12!]")


async def test_out_of_what_a_key_led_into_means_back_where_it_was_pressed(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("down", "enter")
        await c.sees("[2 Children]")
        await c.sees("filter class=sandbox.worker.A")
        await c.press("escape")
        await c.sees("[1 Overview]")
        await c.press("l")
        await c.sees("[5 Log]")
        await c.press("escape")
        await c.sees("[1 Overview]")
        await c.press("2")
        await c.sees("[2 Children]")
        assert "filter class" not in c.text


async def test_rows_stay_where_they_are_while_keys_are_pressed(daemon: Daemon) -> None:
    """A row that was aimed at moved away between two keys."""
    async with console(daemon) as c:
        await c.press("3")
        await c.sees("[3 Queue]")
        table = c.app.main.queue_view.classes_table
        before = [table.rows.key(i) for i in range(table.row_count)]
        last = next(each for each in daemon.status.classes if each.name == before[-1])
        last.queue.ready = 9_000
        await c.frame()
        await c.until(lambda: table.rows.items[-1].queue.ready == 9_000, "the new figures")
        assert [table.rows.key(i) for i in range(table.row_count)] == before
        c.now.value += HANDS_SECONDS
        await c.frame()
        await c.until(lambda: table.rows.key(0) == last.name, "the order of now")


async def test_number_and_enter_in_one_read_open_the_row_of_the_new_view(daemon: Daemon) -> None:
    """Pilot waits after each key; a terminal does not."""
    async with console(daemon) as c:
        for key in ("4", "enter"):
            c.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await c.until(lambda: isinstance(c.app.screen, RecordScreen), "the record")
        await c.sees("failed job 0-12")


async def test_the_most_wrong_is_one_line(daemon: Daemon) -> None:
    daemon.status.classes[0].lately.failed = 0
    async with console(daemon) as c:
        await c.sees("✓  4 of 4 children running, 415 jobs waiting")
        daemon.status.classes[1].queue.oldest = 400_000.0
        daemon.status.classes[0].paused = True
        await c.frame()
        await c.sees(f"✗  1 of 2 (a shows all): {B}: the oldest job waiting for 6m40s")
        await c.press("a")
        await c.sees("all that is wrong with web3")
        assert f"{A} is paused, 3 jobs waiting" in c.text  # at once, not a second later
        await c.sees("(critical above 5m00s)")


async def test_the_overview_tells_when_a_backlog_is_gone(daemon: Daemon) -> None:
    """Only the Queue view did, once a scaling had been carried out."""
    each = daemon.status.classes[1]
    each.queue = m.Queue(ready=412, delayed=0, running=2, in_rate=4.0, out_rate=14.3, oldest=15_000.0)
    async with console(daemon) as c:
        await c.sees(f"{B}: 412 ready, gone in ~40s")  # the cursor is on the pool
        await c.press("end")
        await c.sees(f"{B}: 412 ready, gone in ~40s  late p50 ")
        await c.press("up")
        await c.sees(f"{A}  late p50 ")


async def test_a_hundred_classes_leave_room_for_children_and_failed_jobs(daemon: Daemon) -> None:
    names = [f"app.jobs.C{i}" for i in range(100)]
    daemon.status.classes = [msgspec.structs.replace(daemon.status.classes[0], name=name) for name in names]
    daemon.status.pools[0].workers = names
    async with console(daemon) as c:
        heights = [pane.size.height for pane in c.app.main.overview.panes]
        assert heights[1:] == [3, 3] and heights[0] > 8
        await c.press("end")
        await c.sees("app.jobs.C99")


async def test_a_class_leads_to_its_children_and_back(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("down", "enter")
        await c.sees("[2 Children]")
        await c.sees("filter class=sandbox.worker.A")
        assert [child.slot for child in c.app.main.children_view.children_table.rows.items] == [1]
        await c.press("enter")
        await c.sees("child 4721 in slot 1")
        await c.sees("its class")
        daemon.status.children = [child for child in daemon.status.children if child.slot != 1]
        await c.frame()
        await c.sees("This child has gone")
        await c.press("q", "escape")
        await c.until(lambda: len(c.app.main.children_view.children_table.rows) == 3)
        await c.press("escape")
        await c.sees("[1 Overview]")


async def test_a_filter_works_while_it_is_typed(daemon: Daemon) -> None:
    async with console(daemon) as c:
        table = c.app.main.children_view.children_table
        await c.press("2", "slash", *"state:bu")
        await c.until(lambda: len(table.rows) == 2)
        assert "esc cancel" in c.text and "q detach" not in c.text
        await c.press("enter")
        await c.sees("filter state:bu")
        await c.press("slash", "escape")  # given up: as it was
        assert len(table.rows) == 2
        await c.press("slash")
        await c.fill("nobody")
        await c.sees("nothing matches the filter")
        await c.press("escape")
        assert len(table.rows) == 4
        await c.press("slash")
        await c.fill("wage>3")
        await c.sees("there is no 'wage' here; there is slot, pid, state")


async def test_keys_typed_behind_the_slash_are_text(daemon: Daemon) -> None:
    async with console(daemon) as c:
        for key in ("2", "slash", "q", "K", "1", "enter"):
            c.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await c.sees("filter qK1")
        assert daemon.commands() == [] and c.app.main.number == 2


async def test_the_order_is_shown_and_the_cursor_stays_on_its_row(daemon: Daemon) -> None:
    async with console(daemon) as c:
        table = c.app.main.children_view.children_table
        await c.press("2", "down", "s", "s", "s")
        await c.sees("sorted by DONE, most first")
        await c.sees("DONE▼")
        done = [child.jobs_done for child in table.rows.items]
        assert done == sorted(done, reverse=True) and table.cursor_key == (1, 4721)
        await c.press("o")
        assert [child.jobs_done for child in table.rows.items] == sorted(done) and table.cursor_key == (1, 4721)


async def test_a_question_keeps_its_child_while_the_order_changes(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("2", "down", "s", "s", "s", "K")
        await c.sees("Kill child 4721 at once?")
        daemon.status.children[1].jobs_done = 0
        await c.frame()
        await c.answer("y")
        await c.asked(m.Kill(slot=1, pid=4721, job="0-9121"))


async def test_marked_children_are_killed_together_by_a_typed_number(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("2", "space", "space", "K")
        await c.sees("Kill 2 children at once?")
        await c.answer("y", "enter")
        assert isinstance(c.app.screen, Confirm)
        daemon.status.children = daemon.status.children[1:]  # one leaves meanwhile
        await c.frame()
        await c.press("2", "enter")
        await c.asked(m.Kill(slot=1, pid=4721, job="0-9121"))
        assert m.Kill(slot=0, pid=4720, job="0-9120") in daemon.commands()
        await c.sees("killed 1 of 2 children, 1 refused: slot 0 is not at that job any more")


async def test_a_held_picture_stands_still(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("p")
        daemon.status.classes[0].completed = 4242
        await c.frame()
        c.now.value += 5
        c.app.session.picture = c.app.picture.with_status(daemon.status, c.now())
        c.app.tick()
        await c.sees("HELD 00:05")
        assert "4242" not in c.text and "p go on" in c.text
        await c.press("p")
        await c.sees("4242")


async def test_rolling_replacement_asks(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("R")
        await c.sees("Replace all children of pool default?")
        await c.sees("same:  wmtui recycle default")
        await c.answer("y")
        await c.asked(m.Recycle(pool="default"))


async def test_the_number_chosen_says_what_it_will_do(daemon: Daemon) -> None:
    for each in daemon.status.classes:
        each.queue.in_rate, each.queue.out_rate = 2.0, 4.0
    daemon.status.pools[0].busy = 4
    async with console(daemon, (120, 30)) as c:
        await c.press("plus", "plus", "plus", "plus")
        await c.sees("PENDING default 4 > 8 children: 415 waiting, gone in ~1m09s (now gone in ~3m26s), +120M")


# -- queue ------------------------------------------------------------------------------------------------------------


async def test_gearman_tells_who_works_and_not_how_long_jobs_wait(daemon: Daemon) -> None:
    daemon.status.backend.name = "Gearman"
    daemon.status.classes[0].queue.workers = 1717
    async with console(daemon) as c:
        await c.press("3")
        await c.sees("WORKERS")
        await c.sees(" 1,717 ")
        assert "OLDEST" not in c.text
        daemon.jobs = []
        await c.press("enter")
        await c.sees("none waits to be tried again: gearmand lists no others")


async def test_the_jobs_of_a_class_as_pages(daemon: Daemon) -> None:
    daemon.jobs = [*jobs(350), *jobs(3, A)]
    async with console(daemon) as c:
        table = c.app.main.queue_view.jobs
        await c.press("3", "enter")
        await c.until(lambda: len(table.rows) == 100)
        await c.press(*["pagedown"] * 5)
        await c.until(lambda: len(table.rows) == 200)
        await c.press("end")
        await c.until(lambda: table.cursor_key == "0-349")
        await c.press("enter")
        await c.sees('{"foo": 349}')
        await c.press("q", "slash")
        await c.fill("state:del x")
        await c.until(lambda: daemon.asked[-1] == m.ListJobs(class_name=B, state="delayed", text="x"))
        await c.press("escape", "escape")
        await c.sees("CLEARS")
        assert all(each.class_name == B for each in await asked(c, m.ListJobs))  # type: ignore[attr-defined]


async def test_a_job_is_found_by_its_id_and_by_its_uniqkey(daemon: Daemon) -> None:
    """Whichever class it is of: from the list of classes, and by a command."""
    daemon.jobs = [m.QueuedJob(id="0-7", class_name=B, state="ready", insert_time=0, run_after=0, uniqkey="Q")]
    async with console(daemon) as c:
        await c.press("3", "slash")
        await c.fill("id:0-7")
        await c.sees("filter id:0-7")
        await c.sees(f"0-7       {B}")
        assert (await asked(c, m.ListJobs))[-1] == m.ListJobs(id="0-7", limit=100)
        await c.press("slash")
        await c.fill("uniqkey:Q state:ready")
        await c.until(lambda: m.ListJobs(uniqkey="Q", state="ready", limit=100) in daemon.asked)
        await c.press("escape", "escape")
        await c.sees("CLEARS")
        await typed(c, "jobs --uniqkey Q")
        await c.sees("jobs of all classes, the oldest first, filter uniqkey:Q")
        await c.press("l")
        await c.sees("LOG: every level, with 'job:0-7'")


# -- failed -----------------------------------------------------------------------------------------------------------


async def test_failed_jobs_are_filtered_by_the_daemon(daemon: Daemon) -> None:
    daemon.set_failed(several_errors())
    async with console(daemon) as c:
        table = c.app.main.failed_view.failed
        await c.press("4", "slash")
        await c.fill(f"class:{A} KeyError")
        await c.until(lambda: len(table.rows) == 20)
        asked_for = [each.filter for each in await asked(c, m.ListFailed)]  # type: ignore[attr-defined]
        assert asked_for[-1] == m.FailedFilter(class_name=A, error="KeyError", retried=False)
        await c.sees("20 failed jobs")
        daemon.set_failed([msgspec.structs.replace(daemon.failed[0], id="new", failed_at=1795435899.0), *daemon.failed])
        await c.frame()
        await c.until(lambda: table.rows.key(0) == "new", "what failed since and matches")
        await c.press("escape")
        await c.until(lambda: len(table.rows) > 20)


async def test_groups_lead_to_their_jobs(daemon: Daemon) -> None:
    daemon.set_failed(several_errors())
    async with console(daemon) as c:
        await c.press("4", "f")
        await c.sees("KeyError: N")
        await c.sees("groups by class and error")
        await c.press("down", "enter")
        view = c.app.main.failed_view
        await c.until(lambda: len(view.failed.rows) == 10)
        assert view.session.failed.filter == m.FailedFilter(fingerprint="f11", retried=False)
        await c.press("escape")
        await c.until(lambda: view.grouped)
        await c.press("r")
        await c.sees("Retry 10 failed jobs?")
        await c.sees("wmtui failed retry --all --fingerprint f00")
        await c.answer("y")
        newest = max(record.failed_at for record in daemon.failed if record.fingerprint == "f00")
        asked_for = m.FailedFilter(fingerprint="f00", retried=False, until=newest)
        await c.asked(m.StartBulk(action="retry", filter=asked_for, expected=10))


async def test_the_same_command_has_the_whole_filter(daemon: Daemon) -> None:
    """The age too, which the daemon is asked for as a moment; a group of it as well."""
    daemon.set_failed(several_errors())
    async with console(daemon, (120, 30)) as c:
        since = f"--since {c.now() - 3600:.3f}"
        await c.press("4", "slash")
        await c.fill("age<1h KeyError")
        await c.press("A")
        await c.sees("same:")
        assert f"wmtui failed retry --all --error KeyError {since}" in unframed(c.text)
        await c.answer("n")
        await c.press("f")
        await c.sees("NEWEST SAID")
        await c.until(lambda: c.app.main.failed_view.groups.row_count == 4)
        await c.press("X")
        await c.sees("filter age<1h KeyError")
        assert "--error KeyError --fingerprint" in unframed(c.text) and since in unframed(c.text)


def unframed(text: str) -> str:
    """What a dialog says, in one line."""
    return " ".join(text.replace("┃", " ").split())


async def test_a_group_of_a_filter_is_that_part_and_leads_back_to_the_filter(daemon: Daemon) -> None:
    daemon.set_failed(several_errors())
    async with console(daemon) as c:
        await c.press("4", "slash")
        await c.fill("KeyError")
        await c.press("f")
        await c.sees("4 groups by class and error")
        await c.press("enter")
        view = c.app.main.failed_view
        asked_for = m.FailedFilter(fingerprint="f00", error="KeyError", retried=False)
        await c.until(lambda: view.session.failed.filter == asked_for)
        await c.sees(f"filter KeyError class={A} KeyError")
        await c.press("escape")
        await c.sees("4 groups by class and error")
        assert view.session.failed_text == "KeyError"


async def test_the_cursor_stays_on_its_group_when_a_bulk_run_ends(daemon: Daemon) -> None:
    """It went to the first one: r once more was about another error."""
    daemon.set_failed(several_errors())
    async with console(daemon) as c:
        await c.press("4", "f")
        await c.sees("groups by class and error")
        groups = c.app.main.failed_view.groups
        await c.press("end")
        last, asked_before = groups.cursor_key, len(await asked(c, m.GroupFailed))
        run = m.Bulk(
            id="b7", action="retry", filter=m.FailedFilter(), state="done", done=3, total=3, started_at=c.now(),
            ended_at=c.now(), by="ops",
        )  # fmt: skip
        daemon.status.bulk.insert(0, run)
        await c.frame()
        await c.sees("retry done: 3 of 3")
        assert groups.cursor_key == last
        c.app.tick()
        await c.until(lambda: sum(isinstance(each, m.GroupFailed) for each in daemon.asked) > asked_before)


async def test_all_of_a_filter_are_retried_with_progress_and_a_stop_key(daemon: Daemon) -> None:
    daemon.set_failed(several_errors())
    async with console(daemon) as c:
        await c.press("4", "slash")
        await c.fill("KeyError")
        await c.sees("40 failed jobs")
        await c.press("A")
        await c.sees("Retry 40 failed jobs?")
        await c.answer("y")
        newest = max(record.failed_at for record in daemon.failed if "KeyError" in record.error)
        these = m.FailedFilter(error="KeyError", retried=False, until=newest)
        await c.asked(m.StartBulk(action="retry", filter=these, expected=40))
        daemon.status.bulk[0].done = 20
        c.now.value += 11  # what was said last is gone
        await c.frame()
        c.app.tick()
        await c.sees("retry running [########........] 20 of 40")
        await c.press("b")
        await c.asked(m.StopBulk(id="b1"))
        asked_before = len(await asked(c, m.ListFailed))
        daemon.status.bulk[0] = msgspec.structs.replace(daemon.status.bulk[0], state="stopped", ended_at=c.now())
        await c.frame()
        await c.sees("retry stopped: 20 of 40; /retried:yes tells what becomes of them")
        await c.until(lambda: sum(isinstance(each, m.ListFailed) for each in daemon.asked) > asked_before)


async def test_a_bulk_run_that_ends_between_two_frames_is_told_too(daemon: Daemon) -> None:
    """"has begun; b stops it" stayed, and the groups that it had deleted too."""
    daemon.set_failed(several_errors())
    async with console(daemon) as c:
        await c.press("4", "f")
        await c.sees("KeyError")
        run = m.Bulk(
            id="b7", action="delete", filter=m.FailedFilter(), state="done", done=3, total=3, started_at=c.now(),
            ended_at=c.now(), by="ops",
        )  # fmt: skip
        asked_before = len(await asked(c, m.GroupFailed))
        daemon.status.bulk.insert(0, run)
        await c.frame()
        await c.sees("delete done: 3 of 3")
        c.now.value += 11
        c.app.tick()
        await c.until(lambda: sum(isinstance(each, m.GroupFailed) for each in daemon.asked) > asked_before)


async def test_the_record_beside_the_list_on_a_wide_screen(daemon: Daemon) -> None:
    async with console(daemon, (160, 40)) as c:
        await c.press("4")
        await c.sees("attempt 4 of 4")
        await c.press("down")
        await c.sees("0-8744, 4 attempts")


# -- log --------------------------------------------------------------------------------------------------------------


async def test_the_log_follows_until_somebody_looks_up(daemon: Daemon) -> None:
    daemon.log = [("info", f"2026-11-23T12:00:00 line {i}") for i in range(50)]
    async with console(daemon) as c:
        await c.press("5")
        await c.sees("I  12:00:00 line 49")
        daemon.log.append(("error", "2026-11-23T12:00:01 it broke"))
        c.app.tick()
        await c.sees("E  12:00:01 it broke")
        await c.press("up")
        await c.sees("not following")
        daemon.log += [("info", f"later {i}") for i in range(30)]
        c.app.tick()
        await c.until(lambda: c.app.main.log_view.table.row_count == 81)
        assert "it broke" in c.text and "later 29" not in c.text
        await c.press("f")
        await c.sees("later 29")
        await c.press("v", "v")
        await c.sees("warnings and errors")
        await c.until(lambda: "it broke" in c.text and "later" not in c.text)
        await c.press("enter")
        await c.sees("2026-11-23T12:00:01 it broke")


async def test_a_line_of_the_log_leads_to_its_job(daemon: Daemon) -> None:
    daemon.log = [("info", f"2026-11-23T12:00:00 TheSchwartz job failed {A} process:1 delay:2 job:{job}")
                  for job in ("0-8801", "0-7", "0-3")]  # fmt: skip
    daemon.answers[m.ListJobs] = lambda request: m.JobPage(
        jobs=[m.QueuedJob(id="0-7", class_name=A, state="delayed", insert_time=0, run_after=0, arg='{"n": 1}')]
        if request.id == "0-7" else []
    )  # fmt: skip
    async with console(daemon) as c:
        await c.press("5")
        await c.sees("job:0-3")
        await c.press("enter")
        await c.sees("job 0-3 is neither in the queue nor among the failed jobs.")
        await c.press("q", "up", "enter")
        await c.sees("job 0-7 is delayed in the queue")
        await c.press("q", "up", "enter")
        await c.sees("job 0-8801 failed 2026-11-23 12:11:30, after 4 attempts: record 0-12")


async def test_the_log_is_searched_upwards_and_down(daemon: Daemon) -> None:
    names = ["A" if i % 10 else "Rare" for i in range(100)]
    daemon.log = [("info", f"2026-11-23T12:00:00 job completed {name} job:0-{i}") for i, name in enumerate(names)]
    async with console(daemon) as c:
        await c.press("5")
        await c.sees("job:0-99")
        await c.press("slash")
        await c.fill("rare")
        await c.sees("'rare': 10 of 10; not following")
        await c.sees("▸I  12:00:00 job completed Rare job:0-90")
        await c.press("N", "N")
        await c.sees("▸I  12:00:00 job completed Rare job:0-70")
        await c.press("n")
        await c.sees("'rare': 9 of 10")
        await c.press("n", "n")
        await c.sees("'rare' is not further down")
        await c.press("escape")
        await c.sees("every level; not following")
        await c.press("ampersand")
        await c.fill("job:0-7")
        await c.until(lambda: c.app.main.log_view.table.row_count == 11)
        await c.sees("LOG: every level, with 'job:0-7'")


async def test_a_search_for_an_error_is_told_of_the_other_log(daemon: Daemon) -> None:
    """The log says that a job failed; why stands in the error log only."""
    daemon.log = [("error", f"2026-11-23T12:00:00 job failed A job:0-{i}") for i in range(10)]
    async with console(daemon) as c:
        await c.press("5")
        await c.sees("job:0-9")
        await c.press("slash")
        await c.fill("KeyError")
        await c.sees("'KeyError' is not in the last 10 lines; v leads to the error log")
        await c.press("slash")
        await c.fill("job:0-3")
        await c.press("n")
        await c.sees("'job:0-3' is not further down")
        assert "error log" not in c.text


async def test_a_search_of_the_log_goes_on_in_what_was_not_here(daemon: Daemon) -> None:
    """First only the last lines are asked for."""
    daemon.log = [("error" if i == 30 else "info", f"2026-11-23T12:00:00 line {i}") for i in range(1000)]
    async with console(daemon) as c:
        table = c.app.main.log_view.table
        await c.press("5")
        await c.until(lambda: table.row_count == 200)
        await c.press("slash")
        await c.fill("line 30")
        await c.sees("line 309")
        assert table.row_count == 1000
        for _ in range(10):
            await c.press("N")
        await c.sees("▸E  12:00:00 line 30")
        await c.press("N")
        await c.sees("'line 30' is not in the last 1,000 lines")
        await c.press("v", "v", "v")
        await c.sees("LOG: errors")
        c.now.value += 11  # what was said last is gone
        await c.press("home")
        await c.sees("'line 30': 1 of 1")


async def test_the_first_line_of_the_log_is_of_all_that_are_kept(daemon: Daemon) -> None:
    daemon.log = [("info", f"2026-11-23T12:00:00 line {i}") for i in range(1000)]
    async with console(daemon) as c:
        await c.press("5")
        await c.sees("line 999")
        await c.sees("/last 200")
        await c.press("home")
        await c.sees("▸I  12:00:00 line 0")
        await c.sees("1-19/1000")
        await c.sees("not following")


async def test_the_lines_of_one_class(daemon: Daemon) -> None:
    daemon.log = [("info", f"completed {A}"), ("info", f"completed {B}")]
    async with console(daemon) as c:
        await c.press("down", "l")
        await c.sees(f"completed {A}")
        assert f"completed {B}" not in c.text and f"with '{A}'" in c.text


# -- the command line -------------------------------------------------------------------------------------------------


async def typed(c: Console, line: str) -> None:
    await c.press("colon")
    await c.fill(line)


async def test_commands_ask_what_keys_ask(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await typed(c, "scale default 6")
        await c.asked(m.Scale(pool="default", to=6))
        await typed(c, "scale +20")
        await c.sees("Scale pool default from 4 to 24?")
        await c.press("n")
        await typed(c, "wmtui drain")
        await c.sees("Drain pool default?")
        await c.press("n")
        await typed(c, f"pause {A}")
        await c.answer("y")
        await c.asked(m.Pause(class_name=A))
        await typed(c, "kill 1")
        await c.sees("Kill child 4721")
        await c.press("n")
        await typed(c, "failed retry 0-12")
        await c.asked(m.RetryFailed(ids=["0-12"]))
        await typed(c, f"failed delete --all --class {A}")
        await c.sees("Delete 1 failed job?")
        await c.press("escape")
        await typed(c, "stop --now")
        await c.sees("type web3 and enter to stop")
        await c.answer(*"web3", "enter")
        await c.asked(m.Stop(now=True))


async def test_what_resume_ends_is_what_drain_began(daemon: Daemon) -> None:
    """:resume was for the first pool only, and a second :drain resumed them all."""
    pool = daemon.status.pools[0]
    daemon.status.pools = [pool, msgspec.structs.replace(pool, name="slow", workers=[])]
    async with console(daemon, (160, 40)) as c:
        for each in daemon.status.pools:
            each.state = "draining"
        await c.frame()
        await c.sees(":resume slow ends it")
        await typed(c, "drain")
        await c.sees("Drain all of web3?")
        await c.press("escape")
        await typed(c, "resume slow")
        await c.sees("Resume pool slow?")
        await c.press("n")
        await typed(c, "resume")
        await c.asked(m.Resume())
        await c.sees("all pools resume")
        daemon.status.pools[0].state, daemon.status.pools[1].state = "running", "draining"
        await c.frame()
        await typed(c, "resume")
        await c.sees("Resume pool slow?")


async def test_a_command_that_makes_no_sense_is_said(daemon: Daemon) -> None:
    nonsense = (
        ("scael 3", "there is no 'scael'; did you mean scale?"),
        ("scale", "the following arguments are required"),
        ("scale nope 3", "there is no pool 'nope'; there is default"),
        ("drain Default", "there is no pool 'Default'; did you mean default?"),
        ("pause nope", f"there is no class 'nope'; there is {A}, {B}"),
        ("pause Sandbox.worker.b", f"did you mean {B}?"),
        ("pause b", f"there is no class 'b'; did you mean {B}?"),
        ("kill 77", "there is no child in slot 77"),
        ("failed retry", "it goes: wmtui failed retry ID"),
        ("attach x", "attach is for the shell"),
        ("sort nope", "sort: this list has class, late95, ready"),
        ('log "', "No closing quotation"),
    )
    async with console(daemon, (160, 40)) as c:
        for line, said in nonsense:
            await typed(c, line)
            await c.sees(said)
        assert daemon.commands() == []


async def test_commands_that_look(daemon: Daemon) -> None:
    daemon.jobs = jobs(3)
    async with console(daemon) as c:
        for line, words in (
            ("children", "[2 Children]"), (f"jobs --class {B}", f"jobs of {B}"), ("failed list --error Fail", "Fail:"),
            ("log --error", "the error log"), ("log --level warning --text x", "warnings and errors, with 'x'"),
            ("failed groups", "2 groups by class and error"), ("failed list", "enter open"),
            (f"jobs --class {B} --state ready", "filter state:ready"),
            ("view q", "[3 Queue]"), ("status", "[1 Overview]"),
            ("sort late95", "sorted by LATE95, most first"), ("check", "OK: 4 of 4 children running"),
            ("failed show 0-12", "attempt 4"),
        ):  # fmt: skip
            await typed(c, line)
            await c.sees(words)


async def test_tab_completes_and_up_brings_back(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("colon", *"unp")
        await c.until(lambda: c.app.main.prompt.line._suggestion == "unpause")
        await c.press("tab", *"sand")
        await c.until(lambda: c.app.main.prompt.line._suggestion == f"unpause {A}")
        await c.press("tab", "enter")
        await c.asked(m.Unpause(class_name=A))
        await c.press("colon", "up")
        assert c.app.main.prompt.line.value == f"unpause {A}"
        await c.press("escape", "colon", *"unp", "tab", "space")  # who types the blank himself has one
        assert c.app.main.prompt.line.value == "unpause "
        await c.press("escape", "colon", *"pause ")
        await c.sees(f" {A}  {B}")  # what may follow, before a letter of it is typed
        await c.press("tab", "tab")
        assert c.app.main.prompt.line.value == f"pause {B}"
        await c.press("escape")
        assert c.app.main.prompt.display is False


# -- taking away ------------------------------------------------------------------------------------------------------


async def test_copy_and_export(daemon: Daemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with console(daemon, (160, 40)) as c:
        await c.press("4", "y")
        assert c.app.clipboard == '0-12 sandbox.worker.A: Failed \'A\' 1 {"foo": 1}'
        await c.press("space", "e")
        await c.sees("wrote 1 row to")
        (file,) = tmp_path.glob("wmtui-failed-web3-*.jsonl")
        assert file.stat().st_mode & 0o777 == 0o600
        assert [json.loads(line)["id"] for line in file.read_text().splitlines()] == ["0-12"]
        await c.press("2", "asterisk", "y")
        assert c.app.clipboard.splitlines()[::3] == [
            "slot 0, pid 4720, busy sandbox.worker.B 0-9120", "slot 3, pid 4735, starting"
        ]
        await c.press("u", "e")
        await c.sees("wrote 4 rows to")
        monkeypatch.chdir("/proc")
        await c.press("e")
        await c.sees("nothing was written")


# -- several daemons --------------------------------------------------------------------------------------------------


async def test_a_fleet_each_with_its_own_state(daemon: Daemon, tmp_path: Path) -> None:
    async with Daemon(tmp_path / "other", everything()) as other:
        other.status.host, other.status.pools = "web9", other.status.pools[:1]
        async with console(daemon, others=[other]) as c:
            await c.press("6")
            await c.sees("[6 Fleet 2]")
            await other.stop()
            await c.sees("✗ stopped")
            await c.sees("[6 Fleet 1/2!]")
            assert "web3" in c.text and "STOPPED" not in c.text  # the one that is looked at is well
            await other.start()
            await c.press("down", "enter")
            c.app.session.feed.retry_now()
            await c.until(lambda: c.app.session.called.startswith("web9"))
            await c.until(lambda: not c.app.disconnected)
            await c.press("D")
            await c.answer("y")
            await c.until(lambda: other.commands() == [m.Drain(pool="default")])
            assert daemon.commands() == []
            await c.press("left_square_bracket")
            await c.until(lambda: "web3" in c.text.splitlines()[0])


async def test_draining_a_whole_daemon_needs_its_name(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("6", "D")
        await c.sees("type web3 and enter to drain")
        await c.answer("y", "enter")
        assert daemon.commands() == []
        await c.press("backspace", *"web3", "enter")
        await c.asked(m.Drain())


async def test_nothing_is_asked_for_that_nobody_looks_at(daemon: Daemon) -> None:
    """Lists and logs are fetched by the view that shows them."""
    async with console(daemon) as c:
        for _ in range(3):
            await c.frame()
            c.app.tick()
        await asyncio.sleep(0)
        assert {type(each) for each in daemon.asked} == {m.Hello, m.Subscribe}
