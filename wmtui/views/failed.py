"""Jobs that were given up: the list, grouped by class and error, beside it the record where there is room."""

from collections.abc import Sequence
from typing import Any, ClassVar

from rich.text import Text
from textual.app import ComposeResult
from textual.containers import Horizontal

from wmcore.errors import WmError
from wmcore.protocol.messages import FailedFilter, FailedGroups, FailedPage, FailedRecord, GetFailed, GroupFailed
from wmtui import failedrows, opening
from wmtui.failedlist import OPEN, in_group
from wmtui.filtering import failed_filter
from wmtui.formatting import count
from wmtui.lens import sort_title
from wmtui.printing import clean, plural
from wmtui.recordtext import record_text
from wmtui.session import Session
from wmtui.stretch import Want
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable
from wmtui.widgets.page import Page

RESTS_SECONDS = 0.15
"""The record beside the list is fetched when the cursor has rested so long."""
GROUPS_SECONDS = 10.0
"""The groups are asked for anew after so long, where the number of failed jobs has changed."""

NONE_SECONDS = 1.0
"""The same where there were none: that would be seen to be wrong."""


class Failed(View):
    name_ = "failed"
    filters_at_once: ClassVar[bool] = False

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        self.lenses = {"failed": failedrows.FAILED_LENS, "groups": failedrows.GROUP_LENS}
        self.failed = LineTable("failed", failedrows.FAILED_COLUMNS, glyphs)
        self.failed.edge = self._edge
        self.groups = LineTable("groups", failedrows.GROUP_COLUMNS, glyphs)
        self.groups.display = False
        self.page = Page()
        self.panes = (self.failed, self.groups)
        self._asking: Session | None = None
        self._beside = ("", "")  # the record that is shown beside the list, and the fate of its retry
        self._around: tuple[FailedFilter, str] = OPEN, ""  # what the groups are of, while one of them is looked at
        self._groups_of: tuple[int | None, float] = (None, 0.0)  # how many failed jobs there were, and when
        with Horizontal(classes="beside"):
            yield self.failed
            yield self.groups
            yield self.page

    # -- painting ----------------------------------------------------------------------------------------------------

    def paint(self) -> None:
        session, status = self.session, self.session.shown
        now = status.now if status else 0.0
        known = session.failed
        total = "" if known.count == len(known.records) else self.total()
        lens, glyphs = self.lenses["failed"], self.console_app.glyphs
        rows = failedrows.failed_rows(lens.see(known.records), now, session.twice_failed())
        skipped = known.behind() if self.oldest_first else known.skipped()
        self.failed.set_rows(rows, sort_title(failedrows.FAILED_COLUMNS, lens, glyphs), total, skipped)
        none = "no failed jobs" if known.filter == OPEN else "nothing matches the filter (esc takes it away)"
        self.say_empty(self.failed, none if known.begun or known.count == 0 else "asking ...")
        self.keep_marks(self.failed)
        if self.grouped:
            lens = self.lenses["groups"]
            found = lens.see(session.groups.groups if session.groups else [])
            self.say_empty(self.groups, "no failed jobs" if session.groups else "asking ...")
            titles = sort_title(failedrows.GROUP_COLUMNS, lens, glyphs)
            self.groups.set_rows(failedrows.group_rows(found, now), titles)
        self.page.display = self.wide
        if self.page.display and self._beside[0]:
            self._show_beside()  # its retry may have ended
        if self._asking is None and not known.begun and (known.filter != OPEN or not known.records):
            self._ask(self._at_top)

    @property
    def oldest_first(self) -> bool:
        return self.lenses["failed"].turned

    @property
    def _at_top(self) -> Want:
        """The page that the list begins with."""
        return "last" if self.oldest_first else "first"

    def _sorted(self, change: Any) -> None:
        """The cursor goes to the top, where the oldest or the newest are: they may have to be asked for."""
        before, pane = self.oldest_first, self.pane
        super()._sorted(change)
        if pane is not self.failed:
            return
        if before == self.oldest_first:
            self.console_app.say("failed jobs stand by time: o turns them round; their groups (f) sort")
        else:
            self.console_app.say(f"the {'oldest' if self.oldest_first else 'newest'} first")
            known = self.session.failed
            if known.begun and known.cursor is None and known.before is None:  # all are here
                self.failed.go_to_top()
            elif not self.console_app.disconnected:
                self._ask(self._at_top, jump=True)

    @property
    def grouped(self) -> bool:
        return self.groups.display

    def total(self) -> str:
        """How many there are, as far as is known."""
        known = self.session.failed
        if known.count is not None and known.count < known.listed:
            return f"{known.listed:,}"
        return f"{known.count:,}+" if known.at_least and known.count else count(known.count)

    def note(self) -> str:
        session = self.session
        said = f"filter {session.failed_text}: " if session.failed_text else ""
        if self.grouped:
            found = session.groups
            if found is None:
                return "groups: asking ..."
            part = f", of the newest {found.scanned or 0:,} failed jobs" if found.partial else ""
            part += ", asking anew ..." if session.groups_stale else ""
            groups = f"{said}{plural(len(found.groups), 'group')} by class and error{part}"
            if (group := self.target.group()) is None:
                return groups
            return f"{groups}; this one's newest is {clean(f'{group.newest}: {group.example or group.error}')}"
        if session.failed.partial:
            looked = f"{session.failed.scanned or 0:,}"
            return f"{said}{self.total()} found in the first {looked} rows; down goes on, f groups them all"
        return f"{said}{self.total()} failed job{'' if self.total() == '1' else 's'}" if said else ""

    def entered(self) -> None:
        self.session.leave_settled()
        self.paint()
        if self.grouped:
            self._ask_groups()
        self.cursor_moved("failed")

    def groups_changed(self) -> None:
        """What is here stays to be seen, dimmed, until the daemon has made them anew."""
        if self.grouped and self.main.view is self:
            self._ask_groups()

    def set_dimmed(self, dimmed: bool) -> None:
        super().set_dimmed(dimmed)
        self.groups.set_dimmed(dimmed or self.session.groups_stale)

    def tick(self, now: float) -> None:
        failed = self.session.status.failed.count if self.session.status else None
        asked, at = self._groups_of
        stale = failed != asked or self.session.groups is None or self.session.groups_stale
        shown = self.session.groups and self.session.groups.groups
        pause = GROUPS_SECONDS if shown else NONE_SECONDS
        if self.grouped and stale and now - at >= pause and not self.console_app.disconnected:
            self._ask_groups()

    # -- filter and groups -------------------------------------------------------------------------------------------

    def filter_text(self) -> str:
        """What was typed; of a group nothing was."""
        return "" if self.session.failed.filter.fingerprint is not None else self.session.failed_text

    def set_filter(self, text: str, pane: str = "") -> None:
        self.narrow(failed_filter(text, self.console_app.now()), text.strip())

    def narrow(self, asked: FailedFilter, said: str) -> None:
        session = self.session
        session.failed.narrow(asked)
        session.failed_text, session.groups, session.groups_stale = said, None, False
        self.unmark()
        if session.status is not None:
            session.failed.merge(session.status.failed)
        self.paint()
        if self.grouped:
            self._ask_groups()
        self.cursor_moved("failed")

    def action_facet(self) -> None:
        self.show_groups(not self.grouped)

    def show_groups(self, shown: bool) -> None:
        self.groups.display, self.failed.display = shown, not shown
        self.screen.set_focus(self.groups if shown else self.failed)
        self.paint()
        if shown:
            self._ask_groups()
        self.cursor_moved(self.pane.pane)

    def step_back(self) -> bool:
        if self.grouped:
            self.show_groups(False)
            return True
        if self.session.failed.filter == OPEN:
            return False
        grouped = self.session.failed.filter.fingerprint is not None
        self.narrow(*(self._around if grouped else (OPEN, "")))
        if grouped:  # out of a group, to the groups
            self.action_facet()
        return True

    def open_row(self, target: Target) -> None:
        if (group := target.group()) is not None:
            said = f"class={group.class_name} {group.error}" if group.class_name else group.error or "older"
            self.show_groups(False)
            self._around = self.session.failed.filter, self.session.failed_text
            asked, around = self._around
            text = around if asked.fingerprint is not None else f"{around} {clean(said)}".lstrip()
            self.narrow(in_group(asked, group), text)
        elif target.pane == "failed" and target.key is not None:
            opening.record(self.console_app, str(target.key))

    def waits_for_rows(self) -> bool:
        if self.grouped:
            return self.session.groups is None
        return not self.session.failed.records and self._asking is self.session

    def action_retry_all(self) -> None:
        self.console_app.steering.bulk("retry", self.session.failed.filter, self.session.failed_text)

    def open_panes(self) -> Sequence[LineTable]:
        return [self.pane]

    @property
    def pane(self) -> LineTable:
        return self.groups if self.grouped else self.failed

    # -- pages -------------------------------------------------------------------------------------------------------

    def cursor_moved(self, pane: str) -> None:
        if self.page.display:
            self.set_timer(RESTS_SECONDS, self._show_beside)
        if pane != "failed":
            return
        known, cursor = self.session.failed, self.failed.cursor
        want = known.wants(len(known.records) - 1 - cursor if self.oldest_first else cursor)
        if want is not None and self._asking is None and not self.console_app.disconnected:
            self._ask(self._at_top if want == "first" else want)

    def _edge(self, side: int) -> bool:
        want = self.session.failed.edge(-side if self.oldest_first else side)
        if want is None or self.console_app.disconnected:
            return False
        self._ask(want, jump=True)
        return True

    def _ask(self, want: Want, jump: bool = False) -> None:
        session = self._asking = self.session
        known = session.failed
        request = known.request(want)

        def take(page: FailedPage) -> None:
            self._asking = None
            if known.filter == request.filter:
                known.take_page(want, page)
                self.paint()
                if jump and known.records:
                    self.failed.go_to(known.records[-1 if want == "last" else 0].id)
                self.cursor_moved("failed")  # it may have gone on meanwhile
            else:
                self.paint()  # asks for the filter of now

        def give_up(error: WmError) -> None:
            self._asking = None
            known.begun = True  # not again and again by itself
            self.console_app.refused(request, error)

        self.console_app.send(request, take, give_up)

    def _ask_groups(self) -> None:
        session = self.session
        asked = session.failed.filter
        failed = session.status.failed.count if session.status else None
        self._groups_of = (failed, self.console_app.now())

        def take(found: FailedGroups) -> None:
            if session.failed.filter == asked:
                session.groups, session.groups_stale = found, False
                self.paint()
                self.set_dimmed(self.console_app.disconnected)
                self.console_app.notice_changed()

        self.console_app.send(GroupFailed(filter=asked), take)

    # -- the record beside the list ----------------------------------------------------------------------------------

    def _show_beside(self) -> None:
        """Of a group the newest one."""
        group, record = self.target.group(), self.session.failed[str(self.failed.cursor_key)]
        wanted = (group.newest, "") if group else (record.id, record.fate or "") if record else None
        if wanted is None or not self.page.display or wanted == self._beside or self.console_app.disconnected:
            return
        before, self._beside = self._beside, wanted

        def show(record: FailedRecord) -> None:
            if record.id == self._beside[0]:
                self.page.show(record_text(record))
            if record.id != before[0]:
                self.page.scroll_home(animate=False)

        def gone(error: object) -> None:
            self.page.show(Text(clean(str(error))))

        self.console_app.send(GetFailed(id=wanted[0]), show, gone)

    def on_resize(self) -> None:
        self.paint()
        self.cursor_moved("failed")

    def exported(self, item: Any) -> Any:
        return item
