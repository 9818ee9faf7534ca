"""From a key to a request: may it be sent, does it have to be asked for, what is said about the reply."""

from collections.abc import Callable, Sequence
from typing import Any

from wmcore.errors import WmError
from wmcore.protocol.messages import (
    Bulk,
    Child,
    DeleteFailed,
    Drain,
    FailedChanged,
    FailedFilter,
    FailedGroup,
    FailedPage,
    FailedSummary,
    JobClass,
    Kill,
    ListFailed,
    Pause,
    Pool,
    Recycle,
    Request,
    Resume,
    RetryFailed,
    Scale,
    Scaled,
    StartBulk,
    Status,
    Stop,
    StopBulk,
    Unpause,
)
from wmtui import bulkwords, questions
from wmtui.desk import Desk
from wmtui.failedlist import frozen, in_group
from wmtui.pending import asks
from wmtui.printing import clean, plural
from wmtui.questions import Question


class Steering:
    """Every method takes what the operator saw when the key was pressed; that, and nothing newer, is sent."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def scale(self, pool: Pool, to: int) -> None:
        def told(reply: Scaled) -> None:
            change = f"stays at {reply.wanted}" if reply.before == reply.wanted else f"{reply.before} > {reply.wanted}"
            self._desk.say(f"pool {clean(reply.pool)}: {change} children")

        question = questions.scale(self._seen(), pool, to, self._desk.trend) if asks(pool.wanted, to) else None
        self._do(question, Scale(pool=pool.name, to=to), told)

    def drain(self, pool: Pool) -> None:
        told = f"pool {clean(pool.name)} drains; D resumes it"
        self._do(questions.drain(self._seen(), pool), Drain(pool=pool.name), lambda _: self._desk.say(told))

    def resume(self, pool: Pool) -> None:
        told = f"pool {clean(pool.name)} resumes"
        self._do(questions.resume(self._seen(), pool), Resume(pool=pool.name), lambda _: self._desk.say(told))

    def drain_or_resume(self, pool: Pool) -> None:
        (self.resume if pool.state == "draining" else self.drain)(pool)

    def drain_or_resume_daemon(self) -> None:
        status = self._desk.status
        if status is None:
            self._desk.say("nothing is known of this daemon yet", error=True)
        elif all(pool.state == "draining" for pool in status.pools):
            self.resume_daemon()
        else:
            self.drain_daemon()

    def drain_daemon(self) -> None:
        question = questions.drain_daemon(self._seen(), self._desk.called)
        self._do(question, Drain(), lambda _: self._desk.say("all pools drain; :resume ends it"))

    def resume_daemon(self) -> None:
        self._do(None, Resume(), lambda _: self._desk.say("all pools resume"))

    def pause(self, each: JobClass) -> None:
        told = f"class {clean(each.name)} is paused; P lets it run again"
        self._do(questions.pause(self._seen(), each), Pause(class_name=each.name), lambda _: self._desk.say(told))

    def unpause(self, each: JobClass) -> None:
        told = f"class {clean(each.name)} runs again"
        self._do(None, Unpause(class_name=each.name), lambda _: self._desk.say(told))

    def pause_or_unpause(self, each: JobClass) -> None:
        (self.unpause if each.paused else self.pause)(each)

    def kill(self, children: Sequence[Child], done: Callable[[], None] | None = None) -> None:
        requests = [Kill(slot=child.slot, pid=child.pid, job=child.job) for child in children]
        one, question = children[0], questions.kill(self._seen(), children)
        if len(children) > 1:
            self._do(question, requests, self._tally(requests, "killed", done))
        else:
            told = f"killed pid {one.pid} in slot {one.slot}"
            told += "" if one.job is None else f"; job {clean(one.job)} is given back and runs again"
            self._do(question, requests, self._saying(told, done))

    def recycle(self, children: Sequence[Child], done: Callable[[], None] | None = None) -> None:
        one, requests = children[0], [Recycle(slot=child.slot) for child in children]
        if len(children) > 1:
            self._do(None, requests, self._tally(requests, "replaced (after their jobs)", done))
        else:
            told = f"the child in slot {one.slot} (pid {one.pid}) leaves after its job and is replaced"
            self._do(None, requests, self._saying(told, done))

    def recycle_pool(self, pool: Pool) -> None:
        told = f"the children of pool {clean(pool.name)} are replaced, each after its job"
        question = questions.recycle_pool(self._seen(), pool)
        self._do(question, Recycle(pool=pool.name), lambda _: self._desk.say(told))

    def retry(self, ids: Sequence[str], done: Callable[[], None] | None = None) -> None:
        """One is retried at once: it can be deleted again."""

        def told(reply: FailedChanged) -> None:
            self._desk.retried(set(reply.done))
            self._changed("retried", reply, done)

        question = questions.retry(self._seen(), self._records(ids)) if len(ids) > 1 else None
        self._do(question, RetryFailed(ids=list(ids)), told)

    def delete(self, ids: Sequence[str], done: Callable[[], None] | None = None) -> None:
        def told(reply: FailedChanged) -> None:
            self._desk.deleted(set(reply.done))
            self._changed("deleted", reply, done)

        self._do(questions.delete(self._seen(), self._records(ids)), DeleteFailed(ids=list(ids)), told)

    def bulk(self, action: str, asked: FailedFilter, said: str) -> None:
        """All of a filter, by the daemon itself, which counts them first."""

        def counted(page: FailedPage) -> None:
            if not page.total:
                self._desk.say("no failed job matches the filter")
                return
            these = frozen(asked, page.records[0].failed_at) if page.records else asked
            question = questions.bulk(self._seen(), action, asked, page.total, page.at_least, said)
            self._start_bulk(question, action, these, page.total, page.at_least)

        if not self._desk.refuses_writing():
            self._desk.send(ListFailed(filter=asked, limit=1), counted)

    def bulk_group(self, action: str, group: FailedGroup, said: str) -> None:
        """`said`: the filter that the groups were made of."""
        asked = in_group(self._desk.failed.filter, group)
        question = questions.group(self._seen(), action, group, asked, said)
        self._start_bulk(question, action, frozen(asked, group.last), group.count, group.at_least)

    def _start_bulk(self, question: Question, action: str, asked: FailedFilter, expected: int, at_least: bool) -> None:
        def told(run: Bulk) -> None:
            self._desk.bulk_begun(run)
            self._desk.say(f"{action} of {plural(run.total, 'job')} has begun; b stops it")

        self._do(question, StartBulk(action=action, filter=asked, expected=expected, at_least=at_least), told)

    def stop_bulk(self) -> None:
        """The one that is running."""

        def told(reply: Bulk) -> None:
            self._desk.say(f"{reply.action}: {clean(reply.state)} after {reply.done:,} of {reply.total:,}")

        run = bulkwords.running(self._desk.status)
        if run is None:
            self._desk.say("no bulk action is running")
        else:
            self._do(None, StopBulk(id=run.id), told)

    def stop_daemon(self, now: bool) -> None:
        question = questions.stop_daemon(self._seen(), self._desk.called, now)
        self._do(question, Stop(now=now), lambda _: self._desk.say("the daemon is stopping"))

    # ----------------------------------------------------------------------------------------------------------------

    def _do(self, question: Question | None, request: Request | Sequence[Request], told: Callable[[Any], None]) -> None:
        """`told` gets each reply, and where there are several requests the refusals too."""
        if self._desk.refuses_writing():
            return
        requests = [request] if isinstance(request, Request) else list(request)

        def send() -> None:
            if not self._desk.refuses_writing():
                for each in requests:
                    self._desk.send(each, told, told if len(requests) > 1 else None)

        if question is None:
            send()
        else:
            self._desk.ask(question, send)

    def _saying(self, told: str, done: Callable[[], None] | None) -> Callable[[Any], None]:
        def say(reply: Any) -> None:
            self._desk.say(told)
            if done is not None:
                done()

        return say

    def _tally(
        self, requests: Sequence[Request], did: str, finished: Callable[[], None] | None
    ) -> Callable[[Any], None]:
        """Says what became of all of them when the last one is answered."""
        replies: list[Any] = []

        def told(reply: Any) -> None:
            replies.append(reply)
            if len(replies) == len(requests):
                refused = [clean(str(each)) for each in replies if isinstance(each, WmError)]
                done = f"{did} {len(requests) - len(refused)} of {plural(len(requests), 'child')}"
                why = f", {len(refused)} refused: {'; '.join(sorted(set(refused))[:3])}" if refused else ""
                self._desk.say(done + why, error=bool(refused))
                if finished is not None:
                    finished()

        return told

    def _seen(self) -> Status:
        status = self._desk.status
        assert status is not None  # what a key acts on was in one
        return status

    def _records(self, ids: Sequence[str]) -> list[FailedSummary]:
        """A record that has left the list since stays in the question by its id."""
        recent = self._seen().failed.recent
        known = {record.id: record for record in (*recent, *self._desk.failed.records)}
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
        if done is not None and reply.done:
            done()
