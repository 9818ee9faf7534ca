"""The line beneath the lists."""

from tests.console.console import console
from tests.console.daemon import Daemon, many_failed


async def test_an_error_is_said_in_full_and_covers_no_row(daemon: Daemon) -> None:
    """A box with it lay over the last rows."""
    daemon.set_failed(many_failed(30))
    async with console(daemon) as c:
        await c.press("4", "end")
        await c.until(lambda: c.app.main.failed_view.failed.cursor_key == "0-1")
        said = "class must be one of those that this daemon runs, and " + "so " * 25 + "it ends here"
        c.app.say(said, error=True)
        await c.sees("it ends here")
        await c.sees("▸12:10:03 sandbox.worker.A   4 Failed 'A' 1")
        assert len([line for line in c.text.split("\n") if "Failed 'A'" in line]) == 18
        c.app.say("short")
        await c.until(lambda: "it ends here" not in c.text and "Failed 'A' 19\n" in c.text, "the row that made room")


async def test_a_long_row_makes_no_room_for_itself(daemon: Daemon) -> None:
    daemon.status.failed.recent[0].error = "x" * 200
    async with console(daemon) as c:
        await c.press("4")
        await c.sees("xxx")
        assert c.app.main._lines("status").line_count == 1


async def test_the_line_beneath_groups_says_of_what_it_is_the_number(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(200))
    async with console(daemon) as c:
        await c.press("4", "f")
        await c.sees("1 group by class and error; this one's newest is 0-200: Failed 'A' N")
