"""Keys that are typed before what they are for has come."""

import pytest
from textual import events

from tests.console.console import Console, console
from tests.console.daemon import Daemon, many_failed
from wmcore.protocol import messages as m
from wmtui.screens.base import Reading

SIGNS = {"enter": "\r", "escape": None}


def typed(c: Console, *keys: str) -> None:
    """In one read: nobody waits for an answer between them."""
    for key in keys:
        c.app.post_message(events.Key(key, SIGNS.get(key, key)))


def with_a_job(daemon: Daemon) -> None:
    job = m.QueuedJob(id="0-7", class_name="sandbox.worker.A", state="ready", insert_time=1.0, run_after=1.0)
    daemon.answers[m.ListJobs] = lambda request: m.JobPage(jobs=[job], cursor=None)


@pytest.mark.parametrize("keys", ["4fEEq", "3EEq", "5Eq"])
async def test_q_behind_an_enter_closes_what_is_still_asked_for_and_not_the_console(daemon: Daemon, keys: str) -> None:
    daemon.set_failed(many_failed(20))
    with_a_job(daemon)
    async with console(daemon) as c:
        typed(c, *("enter" if key == "E" else key for key in keys))
        await c.sees("nothing will open; q again leaves the console")
        await c.settled()
        assert not isinstance(c.app.screen, Reading)
        typed(c, "q")
        await c.until(lambda: not c.app.is_running, "the end")


async def test_esc_does_the_same_and_stays_in_the_list(daemon: Daemon) -> None:
    with_a_job(daemon)
    async with console(daemon) as c:
        typed(c, "3", "enter", "enter", "escape")
        await c.sees("nothing will open")
        await c.sees("0-7")
        assert c.app.main.queue_view.pane is c.app.main.queue_view.jobs


async def test_enter_typed_ahead_opens_the_row_when_it_is_there(daemon: Daemon) -> None:
    with_a_job(daemon)
    async with console(daemon) as c:
        typed(c, "3", "enter", "enter")
        await c.sees("job 0-7")
        assert isinstance(c.app.screen, Reading)
        await c.press("q")
        assert c.app.is_running and c.app.main.queue_view.pane is c.app.main.queue_view.jobs


async def test_what_was_typed_ahead_opens_nothing_for_a_reader_who_has_gone_elsewhere(daemon: Daemon) -> None:
    with_a_job(daemon)
    async with console(daemon) as c:
        typed(c, "3", "enter", "enter", "2")
        await c.until(lambda: c.app.session.jobs.records, "the jobs")
        await c.settled()
        assert c.app.screen is c.app.main
