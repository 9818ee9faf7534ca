"""What is sent to the terminal again: the lines that changed, in few pieces."""

from collections.abc import Callable

import pytest
from textual.strip import Strip

from tests.console.console import console
from tests.console.daemon import Daemon
from wmcore.protocol.messages import Queue
from wmtui.widgets.textline import TextLines


def drawn(widget: TextLines, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lines that are drawn from now on."""
    lines: list[int] = []
    draw: Callable[[int], Strip] = widget.render_line

    def render_line(y: int) -> Strip:
        lines.append(y)
        return draw(y)

    monkeypatch.setattr(widget, "render_line", render_line)
    return lines


async def test_a_line_of_the_head_that_says_the_same_is_not_drawn_again(
    daemon: Daemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    daemon.status.classes[0].paused = True  # there is something to say beneath the two lines of figures
    daemon.status.classes[0].queue = Queue(ready=100, delayed=0, running=0)
    async with console(daemon) as c:
        totals = c.app.main.overview.totals
        assert totals.line_count > 2
        lines = drawn(totals, monkeypatch)
        daemon.status.classes[0].completed += 100_000
        await c.frame()
        assert set(lines) == {0}


async def test_a_row_without_cursor_or_mark_begins_in_its_own_style(daemon: Daemon) -> None:
    """Every piece of a line of another style costs the terminal a whole colour sequence."""
    async with console(daemon) as c:
        pools = c.app.main.overview.pools
        begins = [next(iter(pools.render_line(y))) for y in range(1, pools.row_count + 1)]
        assert begins[0].text.startswith(c.app.glyphs.cursor)
        rows = [each for i, each in enumerate(begins) if pools.rows[i].cells]
        assert rows and all(len(each.text) > 1 for each in rows)
