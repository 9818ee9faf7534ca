"""From a key to a request: may it be sent, does it have to be asked for, what is said about the reply."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from wmcore.protocol.messages import (
    Child,
    DeleteFailed,
    Drain,
    FailedChanged,
    FailedSummary,
    JobClass,
    Kill,
    Pause,
    Pool,
    Recycle,
    Request,
    Resume,
    RetryFailed,
    Scale,
    Scaled,
    Status,
    Unpause,
)
from wmtui import questions
from wmtui.failedlist import FailedList
from wmtui.pending import asks
from wmtui.printing import clean
from wmtui.questions import Question


class Desk(Protocol):
    """What steering needs of the app."""

    failed: FailedList

    @property
    def status(self) -> Status | None: ...
    def refuses_writing(self) -> bool: ...
    def send(self, request: Request, done: Callable[[Any], None]) -> None: ...
    def ask(self, question: Question, yes: Callable[[], None]) -> None: ...
    def say(self, text: str, error: bool = False) -> None: ...
    def failed_changed(self) -> None: ...


class Steering:
    """Every method takes what the operator saw when the key was pressed; that, and nothing newer, is sent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def scale(self, pool: Pool, to: int) -> None:
        def told(reply: Scaled) -> None:
            self._desk.say(f"pool {clean(reply.pool)}: {reply.before} > {reply.wanted} children")

        question = questions.scale(self._seen(), pool, to) if asks(pool.wanted, to) else None
        self._do(question, Scale(pool=pool.name, to=to), told)

    def drain_or_resume(self, pool: Pool) -> None:
        name = clean(pool.name)
        if pool.state == "draining":
            question = questions.resume(self._seen(), pool)
            self._do(question, Resume(pool=pool.name), lambda _: self._desk.say(f"pool {name} resumes"))
        else:
            question = questions.drain(self._seen(), pool)
            self._do(question, Drain(pool=pool.name), lambda _: self._desk.say(f"pool {name} drains; D resumes it"))

    def pause_or_unpause(self, each: JobClass) -> None:
        name = clean(each.name)
        if each.paused:
            self._do(None, Unpause(class_name=each.name), lambda _: self._desk.say(f"class {name} runs again"))
        else:
            question = questions.pause(self._seen(), each)
            told = f"class {name} is paused; P lets it run again"
            self._do(question, Pause(class_name=each.name), lambda _: self._desk.say(told))

    def kill(self, child: Child) -> None:
        told = f"killed the child in slot {child.slot} (pid {child.pid})"
        request = Kill(slot=child.slot, pid=child.pid, job=child.job)
        self._do(questions.kill(self._seen(), child), request, lambda _: self._desk.say(told))

    def recycle(self, child: Child) -> None:
        told = f"the child in slot {child.slot} (pid {child.pid}) leaves after its job and is replaced"
        self._do(None, Recycle(slot=child.slot), lambda _: self._desk.say(told))

    def retry(self, ids: Sequence[str], done: Callable[[], None] | None = None) -> None:
        """One is retried at once: it can be deleted again."""

        def told(reply: FailedChanged) -> None:
            self._desk.failed.mark_retried(set(reply.done))
            self._changed("retried", reply, done)

        question = questions.retry(self._seen(), self._records(ids)) if len(ids) > 1 else None
        self._do(question, RetryFailed(ids=list(ids)), told)

    def delete(self, ids: Sequence[str], done: Callable[[], None] | None = None) -> None:
        def told(reply: FailedChanged) -> None:
            self._desk.failed.remove(set(reply.done))
            self._changed("deleted", reply, done)

        self._do(questions.delete(self._seen(), self._records(ids)), DeleteFailed(ids=list(ids)), told)

    # ----------------------------------------------------------------------------------------------------------------

    def _do(self, question: Question | None, request: Request, told: Callable[[Any], None]) -> None:
        if self._desk.refuses_writing():
            return

        def send() -> None:
            if not self._desk.refuses_writing():
                self._desk.send(request, told)

        if question is None:
            send()
        else:
            self._desk.ask(question, send)

    def _seen(self) -> Status:
        status = self._desk.status
        assert status is not None  # what a key acts on was in one
        return status

    def _records(self, ids: Sequence[str]) -> list[FailedSummary]:
        """A record that has left the list since stays in the question by its id."""
        known = {record.id: record for record in self._desk.failed.records}
        unknown = {i: FailedSummary(id=i, class_name="?", job=i, failed_at=0.0, error="?") for i in ids}
        return [known.get(i, unknown[i]) for i in ids]

    def _changed(self, did: str, reply: FailedChanged, done: Callable[[], None] | None) -> None:
        parts = []
        if reply.done:
            parts.append(f"{did} {reply.done[0]}" if len(reply.done) == 1 else f"{did} {len(reply.done):,} jobs")
        if reply.refused:
            reasons = sorted({item.reason for item in reply.refused})
            parts.append(f"{len(reply.refused):,} refused: {'; '.join(reasons[:3])}")
        self._desk.say(clean(", ".join(parts) or f"nothing was {did}"), error=bool(reply.refused))
        self._desk.failed_changed()
        if done is not None and reply.done:
            done()
