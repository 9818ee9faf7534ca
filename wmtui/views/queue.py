"""What waits: per class, and of one class the jobs, by pages."""

import re

from textual.app import ComposeResult
from textual.containers import Horizontal

from wmcore.errors import WmError
from wmcore.protocol.messages import JobPage, ListJobs
from wmtui import opening, queuerows
from wmtui.cells import Rows
from wmtui.filtering import jobs_filter
from wmtui.lens import sort_title
from wmtui.session import Session
from wmtui.stretch import PAGE, Want
from wmtui.undercursor import Target
from wmtui.views.base import View
from wmtui.widgets.linetable import LineTable

POINTS = re.compile(r"(^|\s)(id|uniqkey)[:=~]")


class Queue(View):
    name_ = "queue"

    def compose(self) -> ComposeResult:
        glyphs = self.console_app.glyphs
        self.lenses = {"queue": queuerows.QUEUE_LENS}
        self.classes_table = LineTable("queue", queuerows.QUEUE_COLUMNS, glyphs)
        self.jobs = LineTable("jobs", queuerows.JOB_COLUMNS, glyphs)
        self.jobs.edge = self._edge
        self.jobs.display = False
        self.panes = (self.classes_table, self.jobs)
        self._asking: Session | None = None
        with Horizontal(classes="beside"):
            yield self.classes_table
            yield self.jobs

    def paint(self) -> None:
        status, session = self.session.shown, self.session
        if status is None:
            self.classes_table.set_rows(Rows())
            return
        glyphs, lens = self.console_app.glyphs, self.lenses["queue"]
        columns = queuerows.columns_of(status)
        self.classes_table.set_columns(columns)
        titles = sort_title(columns, lens, glyphs) | queuerows.late_title(status, glyphs)
        classes = queuerows.queue_rows(status, lens, session.trend, glyphs)
        self.classes_table.set_rows(self.arranged(self.classes_table, classes), titles)
        self.say_empty(self.classes_table, "no classes")
        self.jobs.display = session.jobs_of is not None
        self.classes_table.display = not self.jobs.display or self.wide
        if session.jobs_of is not None:
            known = session.jobs
            more = "" if known.cursor is None and known.before is None else "more"
            none = "none waits to be tried again: gearmand lists no others" if self._delayed_only else "no such job"
            self.say_empty(self.jobs, none if known.begun else "asking ...")
            skipped = 0 if known.before is None else None
            columns = queuerows.job_columns(one_class=bool(session.jobs_of))
            self.jobs.set_columns(columns)
            rows = queuerows.job_rows(known.records, columns, status.now, glyphs)
            self.jobs.set_rows(rows, total=more, skipped=skipped)

    def note(self) -> str:
        jobs, of = self.session.jobs, self.session.jobs_of
        if of is None or self.pane is not self.jobs:
            return super().note()
        said = f"jobs of {of or 'all classes'}"
        if not jobs.begun:
            return f"{said}: asking ..."
        only = f", filter {self.session.jobs_text}" if self.session.jobs_text else ""
        if jobs.partial:
            return f"{said}{only}: {jobs.scanned or 0:,} rows were looked at; down goes on"
        if self._delayed_only:
            return f"{said} that wait to be tried again{only}: gearmand lists no others"
        return f"{said}{' as they fall due' if of else ', the oldest first'}{only}"

    @property
    def _delayed_only(self) -> bool:
        status = self.session.shown
        return status is not None and status.backend.name == "Gearman"

    def filter_text(self) -> str:
        return self.session.jobs_text if self.pane is self.jobs else super().filter_text()

    @property
    def filters_at_once(self) -> bool:  # type: ignore[override]
        """But for what points at a job: that is asked for when it is entered."""
        return self.pane is not self.jobs and not POINTS.search(self.main.prompt.line.value)

    def set_filter(self, text: str, pane: str = "") -> None:
        """Of a class's jobs; of the classes, if it does not point at one job."""
        if (pane or self.pane.pane) != "jobs":
            if POINTS.search(text) and jobs_filter(text).points:
                self.show_jobs("", text.strip())
            else:
                super().set_filter(text, pane)
            return
        jobs_filter(text)  # says what is wrong with it
        self.session.jobs_text = text.strip()
        self.session.jobs.forget()
        self.paint()
        self._ask("first")

    def entered(self) -> None:
        self.paint()
        if self.pane is self.classes_table and not self.classes_table.display:
            self.screen.set_focus(self.jobs)

    def open_row(self, target: Target) -> None:
        if target.pane == "queue" and (each := target.job_class()) is not None:
            self.show_jobs(each.name)
        elif (job := target.job()) is not None:
            opening.job(self.console_app, job)

    def waits_for_rows(self) -> bool:
        return self.pane is self.jobs and self.session.jobs_of is not None and not self.session.jobs.begun

    def show_jobs(self, name: str, text: str = "") -> None:
        session = self.session
        session.jobs_of, session.jobs_text = name, text
        session.jobs.forget()
        self.paint()
        self.screen.set_focus(self.jobs)
        self._ask("first")

    def step_back(self) -> bool:
        if self.pane is not self.jobs:
            return super().step_back()
        if self.session.jobs_text:
            self.set_filter("")
            return True
        self.session.jobs_of = None
        self.paint()
        self.screen.set_focus(self.classes_table)
        return True

    def cursor_moved(self, pane: str) -> None:
        if pane == "jobs" and self._asking is None and (want := self.session.jobs.wants(self.jobs.cursor)):
            self._ask(want)

    def _edge(self, side: int) -> bool:
        want = self.session.jobs.edge(side)
        if want is not None:
            self._ask(want, jump=True)
        return want is not None

    def _ask(self, want: Want, jump: bool = False) -> None:
        session = self._asking = self.session
        name, known = session.jobs_of, session.jobs
        order = "last" if want in ("previous", "last") else "first"

        def take(page: JobPage) -> None:
            self._asking = None
            if session.jobs_of == name and asked == jobs_filter(session.jobs_text):
                known.take(want, page.jobs, page.cursor, page.before, page.partial, page.scanned)
                self.paint()
                if jump and known.records:
                    self.jobs.go_to(known.records[-1 if want == "last" else 0].id)
                self.cursor_moved("jobs")  # it may have gone on meanwhile

        def give_up(error: WmError) -> None:
            self._asking = None
            known.begun = True  # not again and again by itself
            self.console_app.refused(request, error)

        asked = jobs_filter(session.jobs_text)
        request = ListJobs(
            class_name=name or None, state=asked.state, text=asked.text, id=asked.id, uniqkey=asked.uniqkey,
            cursor=known.at(want), limit=PAGE, order=order,
        )  # fmt: skip
        self.console_app.send(request, take, give_up)
