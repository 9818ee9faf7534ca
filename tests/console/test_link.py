"""The connection: lost and found again, old data, another life of the daemon."""

import dataclasses

import pytest

from tests.console.console import console
from tests.console.daemon import Daemon, many_failed
from tests.console.screen import dump
from wmcore.protocol import messages as m
from wmtui.feed import BACKOFF_SECONDS, Connecting, Frame, Lost, SocketFeed
from wmtui.screens.confirm import Confirm


async def test_gone_and_back(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("tab", "down")
        await daemon.stop()
        c.now.value += 42
        await c.sees("STOPPED: web3  data is 00:42 old  retry in 1 s (1)")
        assert "sandbox.worker.A" in c.text and "r reconnect" in c.text and "D drain" not in c.text
        assert " dim" in dump(c.app)
        await c.press("up")  # the last data can be looked through
        assert c.app.main.overview.children_table.cursor_key == (0, 4720)
        await c.press("K")
        assert not isinstance(c.app.screen, Confirm)
        await c.sees("nothing was sent: there is no connection")
        await c.press("tab", "r")  # r is the frame's now, also in the list of failed jobs
        await c.sees("(2)")
        await daemon.start()
        await c.press("r")
        await c.until(lambda: not c.app.disconnected)
        await c.sees("connected again after 00:42")
        assert "STOPPED" not in c.text and " dim" not in [line[6:] for line in dump(c.app).splitlines()]
        assert c.app.main.overview.children_table.cursor_key == (0, 4720)
        assert daemon.commands() == []


async def test_connected_again_it_waits_for_a_whole_picture_and_says_so(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await daemon.stop()
        await c.sees("STOPPED")
        daemon.answers[m.Subscribe] = lambda request: m.Subscription(interval=1.0)  # and no status behind it
        await daemon.start()
        c.now.value += 3
        await c.press("r")
        await c.sees("RESYNC 00:03")
        await c.sees("connected again, waiting for its status")
        await c.press("6")
        await c.sees("◌ resync 00:03")
        await c.press("D")
        await c.sees("nothing was sent: there is no connection")
        del daemon.answers[m.Subscribe]
        await daemon.stop()
        await c.sees("✗ stopped")
        await daemon.start()
        await c.press("r")
        await c.until(lambda: not c.app.disconnected)


async def test_a_silent_daemon_is_stale_and_gets_no_commands(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("D")
        await c.sees("Drain pool")
        c.now.value += 3.5
        c.app.tick()
        await c.sees("STALE 00:03")
        await c.sees("the question was withdrawn")
        await c.press("D")
        assert not isinstance(c.app.screen, Confirm)
        await c.sees("the data is 4 s old")
        assert daemon.commands() == []


async def test_a_new_life_of_the_daemon_is_said_for_a_while(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("plus")
        daemon.status.pid, daemon.status.started_at = 5000, daemon.status.now - 4
        await c.frame()
        await c.sees("the daemon was restarted: pid 4711 is 5000 now  up 4.0s")


async def test_a_number_that_can_not_be_applied_any_more_is_dropped(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("plus")
        await daemon.stop()
        await c.sees("STOPPED")
        assert "wanted 4>5" not in c.text


async def test_marks_of_records_that_are_gone_go_too(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(5))
    async with console(daemon) as c:
        await c.press("shift+tab", "space", "space")
        daemon.set_failed(daemon.failed[1:])
        await c.frame()
        assert c.app.main.overview.failed.marks == {"0-4"}


async def test_before_the_first_data(daemon: Daemon) -> None:
    from wmtui.app import ConsoleApp
    from wmtui.glyphs import UNICODE

    await daemon.stop()
    app = ConsoleApp(SocketFeed(daemon.path), UNICODE)
    async with app.run_test(size=(80, 24)) as pilot:
        from tests.console.console import Console, Now

        c = Console(app, pilot, daemon, Now(0))
        await c.sees("is it running?")
        for key in ("plus", "D", "tab", "K", "enter", "X", "question_mark", "q"):
            await c.press(key)
        await daemon.start()
        await c.press("r")
        await c.sees("sandbox.worker.A")


async def test_the_feed_backs_off(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    await daemon.stop()
    feed = SocketFeed(daemon.path, now=lambda: 100.0)
    news: list[object] = []

    class Enough(Exception):
        pass

    def post(item: object) -> None:
        news.append(item)
        if len(news) == 14:
            raise Enough

    async def no_wait(seconds: float) -> None:
        return

    monkeypatch.setattr(feed, "_wait", no_wait)
    with pytest.raises(Enough):
        await feed.run(post)
    lost = [item for item in news if isinstance(item, Lost)]
    assert [item.retry_at - 100 for item in lost] == [*BACKOFF_SECONDS[1:], 10, 10, 10]
    assert all("no such socket" in item.reason for item in lost)
    assert [item.attempt for item in news if isinstance(item, Connecting)] == [1, 2, 3, 4, 5, 6, 7]
    assert not any(isinstance(item, Frame) for item in news)
    assert dataclasses.is_dataclass(lost[0])
