"""What steering needs of the console for one daemon, the one that was looked at when the key was pressed."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from wmcore.errors import WmError
from wmcore.protocol.messages import Bulk, FailedPage, FailedSummary, LookFailed, Request, Status
from wmtui.failedlist import FailedList
from wmtui.printing import clean
from wmtui.questions import Question
from wmtui.session import Session
from wmtui.trend import Trend

if TYPE_CHECKING:
    from wmtui.app import ConsoleApp


class Desk:
    def __init__(self, app: "ConsoleApp", session: Session) -> None:
        self._app = app
        self._session = session

    @property
    def status(self) -> Status | None:
        return self._session.status

    @property
    def trend(self) -> Trend:
        return self._session.trend

    @property
    def failed(self) -> FailedList:
        return self._session.failed

    @property
    def called(self) -> str:
        """Short: for titles, and to be typed."""
        title, status = self._session.title, self._session.status
        return title.short if title is not None else clean(status.host) if status is not None else self._session.called

    def refuses_writing(self) -> bool:
        """May nothing be sent now? Says why."""
        why = self._session.why_no_writing(self._app.now())
        if why:
            self.say(why, error=True)
        return bool(why)

    def send(
        self, request: Request, done: Callable[[Any], None], failed: Callable[[WmError], None] | None = None
    ) -> None:
        """`done` gets the reply. A refusal is said, unless `failed` takes it."""
        self._app.send(request, done, failed, self._session)

    def ask(self, question: Question, yes: Callable[[], None]) -> None:
        """The command in it means the same daemon in a shell too."""
        self._app.ask(question.at(self._session.target), yes, lambda: self._session.why_no_writing(self._app.now()))

    def say(self, text: str, error: bool = False) -> None:
        """By which daemon, where there are several."""
        self._app.say(text if len(self._app.sessions) == 1 else f"{self._session.called}: {text}", error)

    def retried(self, ids: set[str]) -> None:
        self._session.retried(ids, self._app.now())
        self._app.main.all_changed()

    def look_at_retries(self) -> None:
        """What has become of them? Nothing is said where the daemon is too old to know."""
        session, now = self._session, self._app.now()
        if session.disconnected(now):
            return
        self._look_at_bulk(now)
        if not (ids := session.retries.due(now)):
            return

        def take(records: list[FailedSummary]) -> None:
            if said := session.looked(records, ids):
                self.say(said)
            self._app.main.all_changed()
            self._app.picture_changed()  # a record that is read, too

        self.send(LookFailed(ids=ids), take, lambda error: None)

    def bulk_begun(self, run: Bulk) -> None:
        self._session.bulk_fates.begun(run)

    def bulk_ended(self, run: Bulk) -> None:
        """From now on it is looked at what becomes of the jobs that it put back."""
        fates, now = self._session.bulk_fates, self._app.now()

        def take(page: FailedPage) -> None:
            if said := fates.found(page, now):
                self.say(said)

        if (request := fates.asks(run)) is not None:
            self.send(request, take, lambda error: None)

    def _look_at_bulk(self, now: float) -> None:
        fates = self._session.bulk_fates

        def take(records: list[FailedSummary]) -> None:
            if said := fates.take(records, ids, now):
                self.say(said)

        if ids := fates.due(now):
            self.send(LookFailed(ids=ids), take, lambda error: None)

    def deleted(self, ids: set[str]) -> None:
        self._session.deleted(ids)
        self._app.main.all_changed()
