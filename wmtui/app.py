"""The console's app: owns the picture of each daemon, carries requests to it and says what became of them."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from textual import events
from textual.app import App
from textual.filter import LineFilter
from textual.widgets import Input

from wmcore.errors import WmError
from wmcore.protocol.messages import Request, Status
from wmtui import bulkwords, exporting, forecast, keymap, naming
from wmtui.cells import Cell
from wmtui.desk import Desk
from wmtui.failedlist import FailedList
from wmtui.feed import Feed, Frame, feed_of
from wmtui.glyphs import Glyphs
from wmtui.keymap import Keymap
from wmtui.messages import Answered, FeedNews
from wmtui.naming import name_of
from wmtui.pending import Pending
from wmtui.picture import Picture
from wmtui.printing import clean, plural
from wmtui.questions import Question
from wmtui.saying import Saying
from wmtui.screens.base import Reading, Shown
from wmtui.screens.confirm import GIVEN_UP_AFTER_SECONDS, Confirm
from wmtui.screens.help import Help
from wmtui.screens.main import MainScreen
from wmtui.session import Session
from wmtui.steering import Steering
from wmtui.target import Where, target_word
from wmtui.terminal import HangupWatch, Harmless, catch_signals, choose_glyphs, drawn_in, keep_crash, read_patiently
from wmtui.views.base import WIDE
from wmtui.widgets.drawing import bindings

TICK_SECONDS = 1.0
TOAST_SECONDS = 4.0


class ConsoleApp(App[None]):
    ENABLE_COMMAND_PALETTE = False
    CSS_PATH = "console.tcss"
    BINDINGS = bindings([keymap.DETACH], priority=True)
    HORIZONTAL_BREAKPOINTS = [(WIDE, "-wide")]  # noqa: RUF012 (Textual's way)

    def __init__(
        self,
        feeds: Feed | Sequence[Feed],
        glyphs: Glyphs,
        *,
        read_only: bool = False,
        only_one: bool = False,
        keys: Keymap = keymap.DEFAULT,
        now: Callable[[], float] = time.time,
        on_terminal: bool = False,
    ) -> None:
        """`only_one`: a command means this daemon without naming it. `on_terminal`: there is a real one, whose
        signals and end are ours to handle."""
        super().__init__()
        feeds = feeds if isinstance(feeds, Sequence) else [feeds]
        self.sessions = [Session(feed, read_only, "" if only_one else target_word(feed.name)) for feed in feeds]
        self.session = self.sessions[0]
        self.glyphs = glyphs
        self.now = now
        self.keys = keys
        self.pending: Pending | None = None
        self._harmless = Harmless(drawn_in() if on_terminal else None)
        self.saying = Saying(now)
        self._held_at = 0.0
        self._crashed = False
        self._hangup = HangupWatch() if on_terminal else None

    async def on_event(self, event: events.Event) -> None:
        """A key acts before the next one is looked at: several may come in one read, and Textual would send them all to
        what had the keys when the first one came. Not while a text is typed or a question is asked."""
        at_once = isinstance(event, events.Key) and not event.is_forwarded and self.screen.is_mounted
        if at_once and not isinstance(self.focused, Input) and not isinstance(self.screen, Confirm):
            assert isinstance(event, events.Key)
            self.saying.key_pressed()
            if not await self._check_bindings(event.key, priority=True) and not await self._check_bindings(event.key):
                self._say_no_key(event.key)
            return
        await super().on_event(event)

    def get_default_screen(self) -> MainScreen:
        """It has the class of its width at once: one that came later would have every widget styled anew."""
        return MainScreen(id="main", classes="-wide" if self.size.width >= WIDE else "")

    def get_line_filters(self) -> Sequence[LineFilter]:
        return [*super().get_line_filters(), self._harmless]

    def on_mount(self) -> None:
        if self.keys.own:
            self.set_keymap(dict(self.keys.own))
        if self._hangup is not None:
            catch_signals(self._leave)
        for session in self.sessions:
            self.run_worker(session.feed.run(partial(self._post, session)), name=session.name)
        self.set_interval(TICK_SECONDS, self.tick)

    # -- what is known -----------------------------------------------------------------------------------------------

    @property
    def picture(self) -> Picture:
        return self.session.picture

    @property
    def status(self) -> Status | None:
        return self.session.status

    @property
    def failed(self) -> FailedList:
        return self.session.failed

    @property
    def desk(self) -> Desk:
        """Of the daemon that is looked at now; it stays with that one."""
        return Desk(self, self.session)

    @property
    def steering(self) -> Steering:
        return Steering(self.desk)

    @property
    def disconnected(self) -> bool:
        return self.session.disconnected(self.now())

    @property
    def main(self) -> MainScreen:
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    def _post(self, session: Session, news: Any) -> None:
        self.post_message(FeedNews(session, news))

    def on_feed_news(self, event: FeedNews) -> None:
        if not self.is_running:  # the screens are being taken down
            return
        session = event.session
        before = name_of(session.status)
        said = session.take(event.news, self.now())
        if len(self.sessions) > 1 and name_of(session.status) != before:
            self._name_all()
        if session.ended:
            said = bulkwords.end(session.ended)
            session.failed.forget()  # what it did to them is not to be seen in what is here
            session.groups_stale = True
            Desk(self, session).bulk_ended(session.ended)
            if session is self.session:
                self.main.failed_view.groups_changed()
        if said:
            self.say(said if len(self.sessions) == 1 else f"{session.called}: {said}")
        if session is not self.session:
            if self.main.view is self.main.fleet_view:
                self.main.fleet_view.paint_soon()
            return
        self._tick_pending()
        if isinstance(event.news, Frame) and session.held is None:
            self.main.all_changed()
        self.picture_changed()

    def tick(self) -> None:
        """Once a second: ages grow, and what has become impossible is given up."""
        if not self.is_running:
            return
        if self._hangup is not None and self._hangup.gone():
            self._leave(129)
            return
        if isinstance(self.screen, Confirm) and (why := self.screen.grounds()):
            self.screen.withdraw()
            self.say(f"the question was withdrawn: {why}", error=True)
        self.saying.tick()
        self._tick_pending()
        for session in self.sessions:
            Desk(self, session).look_at_retries()
        self.main.view.tick(self.now())
        self.picture_changed()

    def picture_changed(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, Shown):
                screen.picture_changed()

    # -- daemons -----------------------------------------------------------------------------------------------------

    def _name_all(self) -> None:
        """Another one may have come, or another one answers."""
        for session, name in zip(self.sessions, naming.names([each.status for each in self.sessions]), strict=True):
            session.title = name

    def go_to_daemon(self, name: str) -> None:
        self.look_at(name)
        self.main.view.entered()
        self.picture_changed()

    def look_at(self, name: str) -> None:
        """From now on it is this one that the header shows and the keys act on."""
        self.session = next(each for each in self.sessions if each.name == name)
        self.pending = None
        if self.main.view is not self.main.fleet_view:  # its marks are of daemons
            self.main.view.drop_marks()

    def next_daemon(self, step: int) -> None:
        if len(self.sessions) == 1:
            self.say("this console is attached to one daemon; wmtui attach A B shows several")
            return
        position = (self.sessions.index(self.session) + step) % len(self.sessions)
        self.go_to_daemon(self.sessions[position].name)

    def toggle_hold(self) -> None:
        """Each daemon's picture by itself."""
        session = self.session
        session.held = None if session.held is not None else session.status
        self._held_at = self.now()
        self.say("the picture is held still; p goes on" if session.held else "the picture moves again")
        self.main.all_changed()

    def held_for(self) -> float | None:
        return None if self.session.held is None else self.now() - self._held_at

    # -- saying ------------------------------------------------------------------------------------------------------

    def say(self, text: str, error: bool = False) -> None:
        """In the status line; an error that does not fit into that of a text also over it."""
        self.saying.say(text, error)
        if error and self.screen is not self.main and len(text) > self.size.width - len("! "):
            self.notify(clean(text), severity="error", timeout=TOAST_SECONDS, markup=False)
        self.notice_changed()

    def unsay(self) -> None:
        """What was said last has to make way for what the screen shows now."""
        self.saying.unsay()
        self.notice_changed()

    def _say_no_key(self, name: str) -> None:
        if not self.saying.unread_error:
            self.say(self.keys.why_not(name, self.screen is self.main))

    def notice_cell(self) -> Cell | None:
        return self.saying.cell(self.glyphs)

    def notice_changed(self) -> None:
        for screen in self.screen_stack:
            if isinstance(screen, Shown):
                screen.notice_changed()

    # -- doing -------------------------------------------------------------------------------------------------------

    def why_no_writing(self) -> str:
        return self.session.why_no_writing(self.now())

    def ask(self, question: Question, yes: Callable[[], None], grounds: Callable[[], str]) -> None:
        """`grounds`: why it can not be done any more; empty while it can."""

        dialog = Confirm(question, self.glyphs, grounds, self.copy)

        def answered(said: bool | None) -> None:
            if said:
                self.unsay()  # of a question before it, that nothing was sent
                yes()
            elif said is False:
                marks = len(self.main.view.pane.marks)
                why = f"no answer within {GIVEN_UP_AFTER_SECONDS:.0f} s" if dialog.given_up else "cancelled"
                self.say(f"{why}: nothing was sent" + (f"; {marks:,} still marked, u unmarks" if marks else ""))

        self.push_screen(dialog, answered)

    def send(
        self, request: Request, done: Callable[[Any], None], failed: Callable[[WmError], None] | None = None,
        session: Session | None = None,
    ) -> None:  # fmt: skip
        """Ask a daemon, the one that is looked at if no other is named; `done` gets the reply. A refusal is said here,
        unless `failed` takes it."""
        asked = session or self.session

        async def call() -> None:
            try:
                reply, error = await asked.feed.call(request), None
            except WmError as problem:
                reply, error = None, problem
            self.post_message(Answered(asked, request, reply, error, done, failed))

        # Not the coroutine itself: where the console is being left, nobody would begin it.
        self.run_worker(call, name=request.method)  # type: ignore[arg-type]

    def on_answered(self, event: Answered) -> None:
        if not self.is_running:
            return
        if event.error is None:
            event.done(event.reply)
            return
        if event.failed is not None:
            event.failed(event.error)
            return
        self.refused(event.request, event.error, event.session)

    def refused(self, request: Request, error: WmError, session: Session | None = None) -> None:
        where = "" if len(self.sessions) == 1 else f"{(session or self.session).called}: "
        self.say(f"{where}{request.method}: {error}", error=True)

    # -- the number that is not applied yet --------------------------------------------------------------------------

    def set_pending(self, chosen: Pending | None) -> None:
        self.pending = chosen
        self.main.all_changed()

    def _tick_pending(self) -> None:
        """Give up what nobody has touched for a while, or what can not be applied any more."""
        if self.pending is not None and self.pending.expired(self.now()):
            self.set_pending(None)
            self.say("discarded after 10 s: nothing was changed")
        elif self.pending is not None and self.why_no_writing():
            self.set_pending(None)

    def pending_cell(self) -> Cell | None:
        return forecast.pending_cell(self.pending, self.status, self.session.trend)

    # -- taking away -------------------------------------------------------------------------------------------------

    def copy(self, text: str) -> None:
        self.copy_to_clipboard(text)
        self.say(f"copied {plural(len(text), 'character')} to the clipboard, if your terminal lets programs do that")

    def export(self, name: str, items: Sequence[Any]) -> None:
        host = self.status.host if self.status else "daemon"
        try:
            path = exporting.export(name, host, items)
        except OSError as error:
            self.say(f"nothing was written: {error.strerror} ({error.filename})", error=True)
        else:
            self.say(f"wrote {plural(len(items), 'row')} to {path}")

    # -- keys and the end --------------------------------------------------------------------------------------------

    def toggle_read_only(self) -> None:
        read_only = not self.picture.read_only
        for session in self.sessions:
            session.picture = replace(session.picture, read_only=read_only)
        self.say("read-only: keys that change something refuse" if self.picture.read_only else "keys work again")
        self.picture_changed()

    def go_to_view(self, number: int) -> None:
        """Out of every text that lies over the views."""
        while isinstance(self.screen, Reading):
            self.screen.dismiss(None)
        self.main.go_to_view(number)

    def action_help(self) -> None:
        self.push_screen(Help(self.main.view))

    def action_detach(self) -> None:
        self.exit(return_code=0)

    def _leave(self, code: int) -> None:
        self.exit(return_code=code)

    def _fatal_error(self) -> None:
        """Textual would print a traceback with the values of all variables, and with them job arguments, on the
        operator's terminal."""
        if self._crashed:  # what fails in taking it down adds nothing
            return
        self._crashed = True
        error = getattr(self, "_exception", None) or RuntimeError("unknown")
        self.panic(keep_crash(error))


def run(daemons: Where | Sequence[Where], *, read_only: bool = False, ascii_only: bool = False, only_one: bool = False,
        keys: Keymap = keymap.DEFAULT) -> int:  # fmt: skip
    """Open the console on these daemons; returns the exit code when the operator has left. `only_one`: nobody had to
    say which. The caller has set Textual's environment variables before this module was imported."""
    feeds = [feed_of(where) for where in (daemons if isinstance(daemons, Sequence) else [daemons])]
    glyphs = choose_glyphs(ascii_only)
    app = ConsoleApp(feeds, glyphs, read_only=read_only, only_one=only_one, keys=keys, on_terminal=True)
    read_patiently()
    app.run(mouse=False)
    return app.return_code or 0
