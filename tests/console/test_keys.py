"""Each key and the request that it sends, seen by a real server on a real socket."""

import asyncio
from pathlib import Path

import msgspec
import pytest
from textual import events

from tests.console.console import Console, console
from tests.console.daemon import Daemon, many_failed, record_of
from wmcore.protocol import messages as m
from wmcore.protocol.framing import Code, RpcError
from wmtui.screens.confirm import ARMED_AFTER_SECONDS, Confirm
from wmtui.screens.record import RecordScreen


async def test_scaling_is_chosen_shown_and_applied(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("plus", "equals_sign", "plus", "minus")
        assert "wanted 4>6" in c.text and "PENDING default 4 > 6" in c.text
        assert "enter apply" in c.text and daemon.commands() == []
        await c.press("enter")
        await c.asked(m.Scale(pool="default", to=6))
        await c.sees("pool default: 4 > 6 children")
        await c.frame()
        assert "wanted 6" in c.text and "PENDING" not in c.text


@pytest.mark.parametrize("leave", ["escape", "wait"])
async def test_a_pending_number_is_dropped(daemon: Daemon, leave: str) -> None:
    async with console(daemon) as c:
        await c.press("plus")
        if leave == "escape":
            await c.press("escape")
        else:
            c.now.value += 10
            c.app.session.picture = c.app.picture.with_status(daemon.status, c.now())  # still live
            c.app.tick()
            await c.quiet()
        assert "wanted 4 " in c.text and "discarded" in c.text
        await c.press("enter")
        await c.settled()
        assert daemon.commands() == []


async def test_scaling_to_nothing_or_far_up_asks(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("minus", "minus", "minus", "minus", "minus", "enter")
        await c.sees("Scale pool default from 4 to 0?")
        await c.answer("n")
        await c.sees("cancelled: nothing was sent")
        await c.press(*["plus"] * 5, "enter")
        await c.sees("from 4 to 9?")
        assert daemon.commands() == []
        await c.answer("y")
        await c.asked(m.Scale(pool="default", to=9))


async def test_very_many_children_are_typed(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("colon", *"scale default 99999", "enter")
        await c.sees("type 99999 and enter to scale to 99999")


async def test_drain_and_resume(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("D")
        await c.sees("Drain pool default?")
        assert "web3/conf-1a2b3c4d" in c.text and "each child leaves after its job" in c.text
        await c.answer("y")
        await c.asked(m.Drain(pool="default"))
        await c.frame()
        await c.sees("DRAINING")
        await c.press("D")
        await c.sees("Resume pool default?")
        await c.answer("y")
        await c.asked(m.Resume(pool="default"))


async def test_pause_and_unpause(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("P")
        await c.sees("put the cursor on a class first")
        await c.press("down", "down", "P")
        await c.sees("Pause class sandbox.worker.B?")
        await c.answer("y")
        await c.asked(m.Pause(class_name="sandbox.worker.B"))
        await c.frame()
        assert "‖paused" in c.text and "P unpause" in c.text
        await c.press("P")
        await c.asked(m.Unpause(class_name="sandbox.worker.B"))


async def test_kill_names_what_was_seen_and_a_refusal_is_said(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("tab", "down", "K")
        await c.sees("Kill child 4721 at once?")
        daemon.status.children[1].job = "0-9999"  # it has gone on
        await c.frame()
        await c.answer("y")
        await c.asked(m.Kill(slot=1, pid=4721, job="0-9121"))
        await c.sees("kill: slot 1 is not at that job any more")


async def test_what_a_kill_did_is_told_whole_on_a_small_screen(daemon: Daemon) -> None:
    daemon.status.children[1].job = "0-123456789"
    async with console(daemon) as c:
        await c.press("tab", "down", "K")
        await c.answer("y")
        await c.sees("killed pid 4721 in slot 1; job 0-123456789 is given back and runs again")


async def test_recycle(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("t")
        await c.sees("t (recycle) is for children (1, 2)")
        await c.press("tab", "j", "j", "t")
        await c.asked(m.Recycle(slot=2))
        await c.sees("leaves after its job and is replaced")


async def test_retry_one_and_delete_one(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("shift+tab", "r")
        await c.asked(m.RetryFailed(ids=["0-12"]))
        await c.sees("retry waits: Failed 'A' 1")
        await c.press("j", "X")
        await c.sees("Delete 1 failed job?")
        await c.answer("y")
        await c.asked(m.DeleteFailed(ids=["0-11"]))
        await c.sees("deleted 0-11")
        assert "killed by signal 9" not in c.text


async def test_what_became_of_a_retry_is_seen_and_said(daemon: Daemon) -> None:
    """"retried", and then nothing: did it help?"""
    daemon.set_failed(many_failed(5))
    async with console(daemon) as c:
        await c.press("4", "down", "space", "space", "r")
        await c.answer("y")
        await c.sees("retry waits: Failed 'A' 4")
        await c.frame()
        await c.sees("4 Failed 3!")
        assert [each.id for each in c.app.session.failed.records] == ["0-5", "0-4", "0-3", "0-2", "0-1"]
        for each, fate in zip(daemon.failed[1:3], ("done", "failed"), strict=True):
            each.fate = fate
        again = msgspec.structs.replace(
            daemon.failed[2], id="0-6", failed_at=daemon.status.now, retried_as=None, fate=None
        )
        daemon.failed[2].failed_as = "0-6"
        daemon.set_failed([again, *daemon.failed])
        c.now.value += 1.5
        c.app.tick()
        await c.sees("2 retried: 1 done, 1 failed again")
        await c.frame()
        await c.sees("retry done: Failed 'A' 4")
        await c.sees("failed again: Failed 'A' 3")
        assert [each.id for each in c.app.session.failed.records] == ["0-6", "0-5", "0-4", "0-3", "0-2", "0-1"]
        await c.press("1")
        await c.press("4")
        await c.until(lambda: len(c.app.session.failed.records) == 4, "only what is open, when it is looked at anew")
        await c.press("slash")
        await c.fill("retried:yes")
        await c.until(lambda: [each.id for each in c.app.session.failed.records] == ["0-4", "0-3"])
        await c.sees("filter retried:yes: 2 failed jobs")


async def test_marked_jobs_are_acted_on_together(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(10))
    async with console(daemon) as c:
        await c.press("shift+tab", "space", "down", "space")
        await c.sees("2 marked")
        await c.press("r")
        await c.sees("Retry 2 failed jobs?")
        await c.answer("y")
        await c.asked(m.RetryFailed(ids=["0-10", "0-8"]))
        await c.press("space", "u", "X")
        await c.sees("Delete 1 failed job?")


async def test_over_a_hundred_jobs_are_typed(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(150))
    async with console(daemon) as c:
        await c.press("4")
        await c.until(lambda: c.app.main.failed_view.failed.row_count >= 100)
        await c.press(*["pagedown"] * 5)
        await c.until(lambda: c.app.main.failed_view.failed.row_count == 150)
        await c.press("asterisk", "X")
        await c.sees("type 150 and enter to delete")
        await c.answer("y", "1", "5", "enter")
        assert isinstance(c.app.screen, Confirm) and not any(isinstance(x, m.DeleteFailed) for x in daemon.asked)
        await c.sees("that is not 150")
        await c.press("0", "enter")
        await c.until(lambda: any(isinstance(x, m.DeleteFailed) for x in daemon.asked))
        (deleted,) = [x for x in daemon.asked if isinstance(x, m.DeleteFailed)]
        assert len(deleted.ids or []) == 150


async def test_the_whole_record(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(3))
    async with console(daemon) as c:
        await c.press("shift+tab", "enter")
        await c.sees('"user_id": 4711')
        await c.sees("failed job 0-3  1 of 3  lines 1-21 of")
        assert "attempt 4 of 4" in c.text
        await c.press("pagedown")
        await c.sees("KeyError: 4711")
        await c.press("n")
        await c.sees("failed job 0-2  2 of 3")
        await c.sees("0-8802")
        await c.press("N", "N")
        await c.sees("there is no other record that way")
        await c.press("n")
        await c.sees("0-8802")
        await c.press("r")
        await c.until(lambda: m.RetryFailed(ids=["0-2"]) in daemon.asked)
        await c.press("X")
        await c.answer("y")
        await c.until(lambda: m.DeleteFailed(ids=["0-2"]) in daemon.asked)
        await c.until(lambda: not isinstance(c.app.screen, RecordScreen))


async def test_the_record_tells_what_becomes_of_its_retry(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(3))
    daemon.answers[m.GetFailed] = lambda request: record_of(next(r for r in daemon.failed if r.id == request.id))
    async with console(daemon) as c:
        await c.press("4", "enter")
        await c.sees("lines 1-21 of 33")
        await c.press("end")
        await c.sees("the same as attempt 2")
        await c.press("home", "r")
        await c.sees("as job 0-8803r: waits")
        daemon.failed[0].fate = "done"
        c.now.value += 1.5
        c.app.tick()
        await c.sees("as job 0-8803r: done")
        await c.press("c")
        assert "as job 0-8803r: done" in c.app.clipboard and "Traceback (most recent call last)" in c.app.clipboard


async def test_the_ways_back_from_a_record(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("shift+tab")
        for key in ("q", "backspace", "escape"):
            await c.press("home", "enter")
            await c.sees("failed job 0-12")
            await c.press("n", key)
            await c.until(lambda: not isinstance(c.app.screen, RecordScreen))
            assert c.app.main.overview.failed.cursor_key == "0-11"  # the cursor followed


async def test_a_record_that_is_gone_is_said(daemon: Daemon) -> None:
    async with console(daemon) as c:
        daemon.failed = []
        await c.press("shift+tab", "enter")
        await c.sees("there is no failed job 0-12")


async def test_the_failed_list_goes_on_behind_the_status(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(350))
    async with console(daemon) as c:
        failed = c.app.main.failed_view.failed
        await c.press("4")
        for rows in (100, 200, 300):
            for _ in range(9):
                await c.press("pagedown")
            await c.until(lambda rows=rows: failed.row_count >= rows)
        pages = [each for each in daemon.asked if isinstance(each, m.ListFailed)]
        assert [page.cursor for page in pages][:3] == [None, "100", "200"]


async def test_to_the_other_end_of_a_long_list_and_back_in_one_page_each(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(5000))
    async with console(daemon) as c:
        failed = c.app.main.failed_view.failed
        await c.press("4")
        await c.until(lambda: failed.row_count == 100)
        asked = len(daemon.asked)
        await c.press("G")
        await c.until(lambda: failed.cursor_key == "0-1")
        await c.sees("4982-5000/5,000")
        assert len(daemon.asked) == asked + 1
        await c.press("up")
        for _ in range(9):
            await c.press("pageup")
        await c.until(lambda: failed.row_count == 200)
        await c.press("g")
        await c.until(lambda: failed.cursor_key == "0-5000")
        assert len(daemon.asked) <= asked + 3


async def test_enter_is_inert_in_a_question_and_its_keys_wait(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console(daemon) as c:
        with monkeypatch.context() as slowly:
            slowly.setattr("wmtui.screens.confirm.ARMED_AFTER_SECONDS", 60.0)
            await c.press("D", "y")  # typed at once: the y is not for a question nobody has read
            await c.sees("Drain pool default?")
        await c.answer("enter", "space", "Y")
        assert isinstance(c.app.screen, Confirm)
        await c.press("escape")
        await c.settled()
        assert daemon.commands() == []


async def test_a_second_y_in_one_read_neither_ends_the_console_nor_says_yes_again(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("D")
        await c.sees("Drain pool default?")
        dialog = c.app.screen
        assert isinstance(dialog, Confirm)
        dialog._shown_at -= ARMED_AFTER_SECONDS
        for _ in range(3):
            dialog.post_message(events.Key("y", "y"))
        await c.asked(m.Drain(pool="default"))
        await c.settled()
        assert c.app.screen is c.app.main and c.app.return_code is None
        assert daemon.commands() == [m.Drain(pool="default")]


async def test_two_keys_in_one_read_act_on_the_pane_that_the_first_chose(daemon: Daemon) -> None:
    """Pilot waits after each key; a terminal does not."""
    async with console(daemon) as c:
        from textual import events

        for key in ("tab", "down", "t"):
            c.app.post_message(events.Key(key, key if len(key) == 1 else None))
        await c.asked(m.Recycle(slot=1))


async def test_read_only_refuses_every_change(daemon: Daemon) -> None:
    async with console(daemon, read_only=True) as c:
        await c.sees("READ-ONLY")
        for key in ("plus", "D", "tab", "K", "t", "tab", "r", "X"):
            await c.press(key)
            assert not isinstance(c.app.screen, Confirm), key
        assert daemon.commands() == [] and "read-only: nothing was sent" in c.text
        await c.press("exclamation_mark", "r")
        await c.asked(m.RetryFailed(ids=["0-12"]))


async def test_a_refusal_of_one_of_several_is_told(daemon: Daemon) -> None:
    def partly(request: m.RetryFailed) -> m.FailedChanged:
        return m.FailedChanged(done=["0-12"], refused=[m.RefusedItem(id="0-11", reason="its uniqkey is taken")])

    daemon.answers[m.RetryFailed] = partly
    async with console(daemon) as c:
        await c.press("shift+tab", "space", "space", "r")
        await c.answer("y")
        await c.sees("retried 0-12, 1 refused: its uniqkey is taken")


async def test_an_error_of_the_daemon_is_said(daemon: Daemon) -> None:
    def down(request: m.RetryFailed) -> m.FailedChanged:
        raise RpcError(Code.QUEUE_DOWN, "no answer from db2")

    daemon.answers[m.RetryFailed] = down
    async with console(daemon) as c:
        await c.press("shift+tab", "r")
        await c.sees("failed.retry: no answer from db2")


async def test_help_is_the_table_of_keys(daemon: Daemon) -> None:
    async with console(daemon, (100, 90)) as c:
        await c.press("question_mark")
        await c.sees("help for Overview")
        assert "leave the console" in c.text and "LATE≤5s" in c.text and "◌ starting" in c.text
        await c.press("q")
        await c.sees("default")


@pytest.mark.parametrize("keys", ["question_mark", "2 enter", "shift+tab enter"])
async def test_the_console_is_left_while_a_page_opens(daemon: Daemon, crash_reports: Path, keys: str) -> None:
    """Help, a child, a record: it crashed where the page had nothing in it yet."""
    async with console(daemon) as c:
        for key in keys.split():
            c.app.post_message(events.Key(key, None))
        c.app.exit()
    assert not crash_reports.exists()


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_detach(daemon: Daemon, key: str) -> None:
    async with console(daemon) as c:
        await c.press(key)
        assert c.app.return_code == 0 and daemon.commands() == []


async def test_ctrl_c_leaves_a_dialog_too(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("D")
        await c.sees("Drain pool")
        await c.press("ctrl+c")
        assert c.app.return_code == 0


async def test_nobody_answers_a_question_for_half_a_minute(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wmtui.screens.confirm.GIVEN_UP_AFTER_SECONDS", 0.05)
    async with console(daemon) as c:
        await c.press("D")
        await c.sees("no answer within 30 s: nothing was sent")


async def test_who_types_is_not_nobody_and_can_begin_anew(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a minute after the question came it went, whatever was being typed then."""
    async with console(daemon) as c:
        await c.press("colon")
        await c.fill("stop")
        await c.sees("type web3 and enter to stop")
        dialog = c.app.screen
        begun: list[str] = []
        assert isinstance(dialog, Confirm)
        monkeypatch.setattr(dialog._patience, "reset", lambda: begun.append(dialog.typed))
        await c.answer(*"wrong", "ctrl+u", *"web3", "enter")
        assert begun == ["", "w", "wr", "wro", "wron", "wrong", "", "w", "we", "web", "web3"]
        await c.asked(m.Stop(now=False))


async def moved(c: Console) -> object:
    await asyncio.sleep(0)
    return c.app.main.overview.children_table.cursor_key


async def test_the_cursor_stays_on_its_child(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("tab", "down", "down")
        assert await moved(c) == (2, 4722)
        daemon.status.children = [child for child in daemon.status.children if child.slot != 0]
        await c.frame()
        assert await moved(c) == (2, 4722)
        daemon.status.children = [m.Child(slot=0, pid=5000, pool="default", state="idle"), *daemon.status.children]
        await c.frame()
        assert await moved(c) == (2, 4722)
        daemon.status.children = [child for child in daemon.status.children if child.slot != 2]
        await c.frame()
        assert await moved(c) == (3, 4735)  # gone: the one at its place
        daemon.status.children = []
        await c.frame()
        assert await moved(c) is None
        await c.press("K")
        await c.sees("put the cursor on a child first")


async def test_the_cursor_stays_on_its_failed_job_while_others_fail(daemon: Daemon) -> None:
    everything = many_failed(80)
    daemon.set_failed(everything[5:])
    async with console(daemon) as c:
        failed = c.app.main.overview.failed
        await c.press("shift+tab")
        assert failed.cursor_key == "0-75"
        daemon.set_failed(everything)
        await c.frame()
        assert failed.cursor_key == "0-75" and failed.cursor == 5
        await c.press("home", "tab")
        more = many_failed(82)
        daemon.set_failed(more)
        await c.frame()
        assert failed.cursor_key == "0-82"  # nobody works there: the newest stays in sight


async def test_a_question_keeps_its_target_while_the_list_moves(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(10)[3:])
    async with console(daemon) as c:
        await c.press("shift+tab", "X")
        await c.sees("Delete 1 failed job?")
        daemon.set_failed(many_failed(10))
        await c.frame()
        await c.answer("y")
        await c.asked(m.DeleteFailed(ids=["0-7"]))
