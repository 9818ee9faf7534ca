"""The console's app: owns the picture of the daemon, carries requests to it and says what became of them."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from textual.app import App
from textual.css.query import NoMatches
from textual.filter import LineFilter

from wmcore.errors import WmError
from wmcore.protocol.messages import FailedPage, ListFailed, Request, Status
from wmtui import keymap
from wmtui.cells import Cell
from wmtui.failedlist import PAGE, FailedList
from wmtui.feed import Connecting, Feed, Frame, Lost, News, SocketFeed
from wmtui.formatting import count, number
from wmtui.glyphs import Glyphs
from wmtui.messages import Answered, FeedNews
from wmtui.picture import Link, Phase, Picture
from wmtui.printing import clean
from wmtui.questions import Question
from wmtui.screens.base import Shown
from wmtui.screens.confirm import Confirm
from wmtui.screens.help import Help
from wmtui.screens.main import MainScreen
from wmtui.screens.record import RecordScreen
from wmtui.steering import Steering
from wmtui.terminal import HangupWatch, Harmless, catch_signals, choose_glyphs, keep_crash
from wmtui.widgets.drawing import bindings

TICK_SECONDS = 1.0
NOTICE_SECONDS = 10.0
ERROR_SECONDS = 30.0
TOAST_SECONDS = 4.0


@dataclass(frozen=True, slots=True)
class Notice:
    text: str
    error: bool
    until: float  # Unix seconds


class ConsoleApp(App[None]):
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "console.tcss"
    BINDINGS = bindings([keymap.DETACH], priority=True)

    def __init__(
        self,
        feed: Feed,
        glyphs: Glyphs,
        *,
        read_only: bool = False,
        now: Callable[[], float] = time.time,
        on_terminal: bool = False,
    ) -> None:
        """`on_terminal`: there is a real one, whose signals and end are ours to handle."""
        super().__init__()
        self.feed = feed
        self.glyphs = glyphs
        self.now = now
        self.picture = Picture(interval=feed.interval, read_only=read_only)
        self.failed = FailedList()
        self.steering = Steering(self)
        self._harmless = Harmless()
        self._notice: Notice | None = None
        self._asking_failed = False
        self._hangup = HangupWatch() if on_terminal else None

    def get_default_screen(self) -> MainScreen:
        return MainScreen(id="main")

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._harmless]

    def on_mount(self) -> None:
        if self._hangup is not None:
            catch_signals(self._leave)
        self.run_worker(self.feed.run(self._post), name="feed")
        self.set_interval(TICK_SECONDS, self.tick)

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def status(self) -> Status | None:
        return self.picture.status

    @property
    def disconnected(self) -> bool:
        return self.picture.phase(self.now()) in (Phase.LOST, Phase.CONNECTING)

    @property
    def main(self) -> MainScreen:
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    def _post(self, news: News) -> None:
        self.post_message(FeedNews(news))

    def on_feed_news(self, event: FeedNews) -> None:
        self._take(event.news)
        self._picture_changed()

    def _take(self, news: News) -> None:
        match news:
            case Connecting(attempt):
                self.picture = replace(self.picture, link=replace(self.picture.link, attempt=attempt, retry_at=None))
            case Lost(reason, attempt, retry_at):
                self.picture = replace(self.picture, link=Link(False, attempt, reason, retry_at))
            case Frame(status):
                if self.picture.link.reason:
                    self.say("connected again")
                self.picture = self.picture.with_status(status, self.now())
                self.main.status_came()
                if self.failed.merge(status.failed):
                    self.failed_changed()

    def tick(self) -> None:
        """Once a second: ages grow, and what has become impossible is given up."""
        if self._hangup is not None and self._hangup.gone():
            self._leave(129)
            return
        if isinstance(self.screen, Confirm) and (why := self.why_no_writing()):
            self.screen.withdraw()
            self.say(f"the question was withdrawn: {why}", error=True)
        if self._notice is not None and self.now() >= self._notice.until:
            self._notice = None
        with suppress(NoMatches):  # the last tick may meet a screen that is being taken down
            self._picture_changed()

    def _picture_changed(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, Shown):
                screen.picture_changed()

    # -- saying ------------------------------------------------------------------------------------------------------

    def say(self, text: str, error: bool = False) -> None:
        """In the status line; an error also over the screen, because a long sentence does not fit there."""
        lasting = ERROR_SECONDS if error else NOTICE_SECONDS
        self._notice = Notice(clean(text), error, self.now() + lasting)
        if error:
            self.notify(clean(text), severity="error", timeout=TOAST_SECONDS, markup=False)
        self.notice_changed()

    def notice_cell(self) -> Cell | None:
        if self._notice is None:
            return None
        mark = f"{self.glyphs.bad} " if self._notice.error else ""
        return Cell(mark + self._notice.text, "bold red" if self._notice.error else "bold")

    def notice_changed(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, Shown):
                screen.notice_changed()

    # -- doing -------------------------------------------------------------------------------------------------------

    def why_no_writing(self) -> str:
        return self.picture.why_no_writing(self.now())

    def refuses_writing(self) -> bool:
        """May nothing be sent now? Says why."""
        why = self.why_no_writing()
        if why:
            self.say(why, error=True)
        return bool(why)

    def ask(self, question: Question, yes: Callable[[], None]) -> None:
        def answered(said: bool | None) -> None:
            if said:
                yes()
            elif said is False:
                self.say("cancelled: nothing was sent")

        self.push_screen(Confirm(question, self.glyphs), answered)

    def send(self, request: Request, done: Callable[[Any], None]) -> None:
        """Ask the daemon; `done` gets the reply. A refusal is said."""
        self.run_worker(self._call(request, done), name=request.method)

    async def _call(self, request: Request, done: Callable[[Any], None]) -> None:
        try:
            reply, error = await self.feed.call(request), None
        except WmError as problem:
            reply, error = None, problem
        self.post_message(Answered(request, reply, error, done))

    def on_answered(self, event: Answered) -> None:
        if isinstance(event.request, ListFailed):
            self._asking_failed = False
        if event.error is None:
            event.done(event.reply)
        else:
            self.say(f"{event.request.method}: {event.error}", error=True)

    # -- failed jobs -------------------------------------------------------------------------------------------------

    def failed_changed(self) -> None:
        self.main.failed_changed()

    def failed_total(self) -> str:
        """How many there are, as far as is known."""
        known = len(self.failed.records)
        if self.failed.count is not None and self.failed.count < known:
            return number(known)
        return count(self.failed.count)

    def want_failed(self, position: int) -> None:
        """The cursor is at `position` of the list: fetch the next page where it comes near the end."""
        if self._asking_failed or self.disconnected or not self.failed.wants_more(position):
            return
        self._asking_failed = True
        self.send(ListFailed(cursor=self.failed.cursor, limit=PAGE), self._take_page)

    def _take_page(self, page: FailedPage) -> None:
        self.failed.append(page)
        self.failed_changed()

    def open_record(self, failed_id: str) -> None:
        if self.disconnected:
            self.say("there is no connection: the record can not be fetched", error=True)
            return
        self.push_screen(RecordScreen(failed_id), self._record_closed)

    def _record_closed(self, failed_id: str | None) -> None:
        """The cursor follows to the record that was read last."""
        if failed_id is not None:
            self.main.view.failed.go_to(failed_id)

    # -- keys and the end --------------------------------------------------------------------------------------------

    def toggle_read_only(self) -> None:
        self.picture = replace(self.picture, read_only=not self.picture.read_only)
        self.say("read-only: keys that change something refuse" if self.picture.read_only else "keys work again")
        self._picture_changed()

    def action_help(self) -> None:
        self.push_screen(Help())

    def action_detach(self) -> None:
        self.exit(return_code=0)

    def _leave(self, code: int) -> None:
        self.exit(return_code=code)

    def _fatal_error(self) -> None:
        """Textual would print a traceback with the values of all variables, and with them job arguments, on the
        operator's terminal."""
        error = getattr(self, "_exception", None) or RuntimeError("unknown")
        self.panic(keep_crash(error))


def run(socket_path: Path, *, read_only: bool = False, ascii_only: bool = False) -> int:
    """Open the console on the daemon at `socket_path`; returns the exit code when the operator has left. The caller
    has set Textual's environment variables before this module was imported."""
    app = ConsoleApp(SocketFeed(socket_path), choose_glyphs(ascii_only), read_only=read_only, on_terminal=True)
    app.run(mouse=False)
    return app.return_code or 0
