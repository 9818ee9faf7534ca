"""Every child and what it does."""

from textual.app import ComposeResult

from wmtui import childrows, opening
from wmtui.cells import Rows
from wmtui.lens import sort_title
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable


class Children(View):
    name_ = "children"

    def compose(self) -> ComposeResult:
        self.lenses = {"children": childrows.CHILD_LENS}
        self.children_table = LineTable("children", childrows.CHILD_COLUMNS, self.console_app.glyphs)
        self.panes = (self.children_table,)
        yield self.children_table

    def paint(self) -> None:
        status, table = self.session.shown, self.children_table
        if status is None:
            table.set_rows(Rows())
            return
        glyphs, lens = self.console_app.glyphs, self.lenses["children"]
        table.set_columns(childrows.child_columns(status))
        children = childrows.child_rows(status, lens, glyphs)
        table.set_rows(self.arranged(table, children), sort_title(childrows.CHILD_COLUMNS, lens, glyphs))
        self.say_empty(table, "no children")
        self.keep_marks(table)

    def open_row(self, target: Target) -> None:
        if (child := target.child()) is not None:
            opening.child(self.console_app, child)
