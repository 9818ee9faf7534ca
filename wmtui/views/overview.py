"""The view that shows all at once: totals, what is most wrong, pools with their classes, children, failed jobs."""

from collections.abc import Sequence
from heapq import nlargest
from typing import Any

from textual.app import ComposeResult
from textual.containers import Container

from wmtui import childrows, failedrows, opening, poolrows, queuerows, totals
from wmtui.cells import Rows
from wmtui.formatting import count as counted
from wmtui.lens import sort_title
from wmtui.printing import clean
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable
from wmtui.widgets.textline import TextLines

LEAST_HEIGHT = 3
"""A pane's title line and two rows."""
NOTED = 3
"""Classes of a pool that the line beneath has room for: those with most to do."""
TOTAL_LINES = 4
"""Two of figures; what is most wrong may need two."""


def share_height(height: int, wanted: Sequence[int], least: int = LEAST_HEIGHT) -> list[int]:
    """Lines for each pane: the first has as many as it has rows for, but for the others' least; those share the rest.
    The last pane takes what is over."""
    given = [min(least, each) for each in wanted]
    given[0] = max(given[0], min(wanted[0], height - sum(given[1:])))
    for _ in range(max(0, height - sum(given))):
        short = [i for i, each in enumerate(wanted) if given[i] < each]
        if not short:
            break
        given[min(short, key=lambda i: given[i])] += 1
    given[-1] += max(0, height - sum(given))
    return given


class Overview(View):
    name_ = "overview"

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        self.lenses = {"pools": poolrows.CLASS_LENS, "children": childrows.CHILD_LENS}
        self.totals = TextLines(glyphs, "totals", TOTAL_LINES, steady=True)
        self.pools = LineTable("pools", poolrows.POOL_COLUMNS, glyphs)
        self.children_table = LineTable("children", childrows.CHILD_COLUMNS, glyphs)
        self.failed = LineTable("failed", failedrows.FAILED_COLUMNS, glyphs, follow_top=True)
        self.panes = (self.pools, self.children_table, self.failed)
        yield self.totals
        yield self.pools
        with Container(id="lower"):
            yield self.children_table
            yield self.failed

    def failed_records(self) -> Sequence[Any]:
        return self.session.recent()

    def note(self) -> str:
        """After a scaling somebody watches whether the backlog goes, and the table has no room for that."""
        target = self.target
        status, each, pool = target.status, target.job_class(), target.pool()
        if (said := super().note()) or status is None or target.pane != "pools" or pool is None:
            return said
        trend = self.session.trend
        if each is not None:
            backlog, name = queuerows.backlog(each, status, trend), clean(each.name)
            return f"{name}: {backlog}{target.told().removeprefix(name)}" if backlog else ""
        if pool.error:  # that comes first
            return ""
        classes = [one for one in status.classes if one.name in pool.workers and one.queue.ready]
        largest = nlargest(NOTED, classes, key=lambda one: one.queue.ready or 0)
        found = [(clean(one.name), queuerows.backlog(one, status, trend)) for one in largest]
        return "; ".join(f"{name}: {backlog}" for name, backlog in found if backlog)

    def paint(self) -> None:
        app, status = self.console_app, self.session.shown
        if status is None:
            for pane in self.panes:
                pane.set_rows(Rows())
            return
        glyphs, lens = app.glyphs, self.lenses["pools"]
        worst = totals.worst(status, self.session.wrongs(status), glyphs, app.keys.shown("wrongs"))
        self.totals.set_lines([*totals.lines(status, glyphs, app.size.width), worst])
        pools = poolrows.pool_rows(status, lens, glyphs, app.pending)
        self.pools.set_rows(self.arranged(self.pools, pools), poolrows.pool_titles(status, lens, glyphs))
        self.children_table.set_columns(childrows.child_columns(status))
        lens = self.lenses["children"]
        titles = sort_title(childrows.CHILD_COLUMNS, lens, glyphs)
        children = childrows.child_rows(status, lens, glyphs)
        self.children_table.set_rows(self.arranged(self.children_table, children), titles)
        count = status.failed.count
        total = "" if count == len(status.failed.recent) else counted(count)
        failed = failedrows.failed_rows(app.session.recent(), status.now, app.session.twice_failed())
        self.failed.set_rows(failed, total=total)
        if self.pane is not self.failed:
            self.failed.go_to_top()
        self.say_empty(self.pools, "no classes")
        self.say_empty(self.children_table, "no children")
        self.say_empty(self.failed, "no failed jobs")
        self.keep_marks(self.failed)
        self.keep_marks(self.children_table)
        self._share()

    def set_dimmed(self, dimmed: bool) -> None:
        super().set_dimmed(dimmed)
        self.totals.set_dimmed(dimmed)

    def show_active(self) -> None:
        super().show_active()
        self._share()

    def _share(self) -> None:
        height = self.size.height - self.totals.line_count
        if height <= 0:
            return
        pools, children, failed = (pane.row_count + 1 for pane in self.panes)
        if self.wide:
            given = share_height(height, [pools, max(children, failed)])
            heights = [given[0], given[1], given[1]]
        elif height < LEAST_HEIGHT * len(self.panes):  # one at a time: that which the keys act on
            heights = [height if pane is self.pane else 0 for pane in self.panes]
        else:
            heights = share_height(height, [pools, children, failed])
        for pane, each in zip(self.panes, heights, strict=True):
            if pane.size.height != each:
                pane.styles.height = each

    def on_resize(self) -> None:
        self.paint()

    def exported(self, item: Any) -> Any:
        return (item[1] or item[2]) if isinstance(item, tuple) else item

    def open_row(self, target: Target) -> None:
        pool = target.pool()
        match target.pane:
            case "pools" if (each := target.job_class()) is not None:
                self.main.show_children(f"class={each.name}")
            case "pools" if pool is not None:
                self.main.show_children(f"pool={pool.name}")
            case "children" if (child := target.child()) is not None:
                opening.child(self.console_app, child)
            case "failed" if target.key is not None:
                opening.record(self.console_app, str(target.key))
