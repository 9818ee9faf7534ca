"""A child's side of gearmand: one job at a time from one or several servers, by the rules that keep a job from running
twice.

- One GRAB at a time over all servers; its answer is awaited before anything else is asked.
- The end of a job and the next GRAB go out together.
- A connection that is lost has given its job back: whoever ends it then is late.
- Before a job runs it stands in the slot, so that the manager can count the death of its child.
"""

import time
import zlib
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from wmcore.backends.base import News, Position, Turn
from wmcore.backends.gearman import packets, unique
from wmcore.backends.gearman.parked import Attempt, Parked, Parking
from wmcore.backends.gearman.results import encoded
from wmcore.backends.gearman.running import Running, stamp_of
from wmcore.backends.gearman.source import Source
from wmcore.backends.gearman.submitting import submission
from wmcore.backends.gearman.unique import Past
from wmcore.backends.records import Claimed, NewJob
from wmcore.backends.theschwartz import outcomes
from wmcore.backends.theschwartz.outcomes import Who
from wmcore.errors import QueueDown
from wmcore.model import ESTIMATED, MEASURED, UNKNOWN, Failure, Outcome, RetryPolicy

TEND_SECONDS = 0.01
"""So often, while one job follows the other, the connections are looked after."""
_KINDS = {News.STATUS: packets.WORK_STATUS, News.DATA: packets.WORK_DATA, News.WARNING: packets.WORK_WARNING}


@dataclass(slots=True)
class Held:
    """The job in hand."""

    job: Claimed
    source: Source
    life: int  # of its connection
    handle: bytes
    mark: int
    stamp: int
    past: Past
    known: list[Parked] = field(default_factory=list)  # what the daemon has noted of it
    end: bytes = b""  # the packet that ends it, still to be sent
    successors: list[bytes] = field(default_factory=list)

    @property
    def ours(self) -> bool:
        return self.source.connection.life == self.life

    @property
    def attempts(self) -> list[Attempt]:
        return [attempt for row in self.known for attempt in row.attempts]

    @property
    def keys(self) -> list[str]:
        return [row.key for row in self.known]

    @property
    def failures(self) -> int:
        """Its unique id counts the attempts before this submission, on whichever host; deaths since are only noted."""
        return self.past.failures + sum(len(row.attempts) for row in self.known if row.in_gearmand)


def mark_of(unique_id: bytes, raw: bytes) -> int:
    """What tells a job from a later one of the same handle: a server that is started anew counts from 1 again."""
    return zlib.crc32(raw, zlib.crc32(unique_id))


def key_of(server: str, handle: str, mark: int) -> str:
    return f"{server} {handle} {mark:08x}"


class GearmanChild:
    """Implements `backends.base.ChildQueue`."""

    def __init__(
        self, sources: Sequence[Source], names: Sequence[str], prefix: str, who: Who, position: Position,
        parking: Parking, running: Running, estimate: Callable[[int, str], float | None],
    ) -> None:  # fmt: skip
        """`estimate`: from server and handle to the moment of the insert, where anybody can say."""
        self._names = names
        self._sources = sources
        self._prefix = prefix
        self._index = {packets.wire_name(prefix, name): index for index, name in enumerate(names)}
        self._who = who
        self._position = position
        self._parking = parking
        self._running = running
        self._estimate = estimate
        self._order = deque(sources)
        self._order.rotate(-(who.slot or 0))
        self._held: Held | None = None
        self._tended = 0.0
        self._deaths = 0  # as many as we have looked at
        self._resting = False  # all classes are paused
        self._marked: frozenset[str] = frozenset()

    # -- turns ---------------------------------------------------------------------------------------------------------

    def turn(self, classes: Sequence[int], grab_for: Sequence[int], most: Sequence[int] | None = None) -> Turn:
        now = time.monotonic()
        if self._held is None:
            for each in self._sources:
                each.look_again()
        if self._held is None or now - self._tended > TEND_SECONDS:
            self._tend(now)
        ended, late = self._take_ended()
        self._resting = not classes
        if not classes:
            self._settle(ended)
            return Turn((), late)
        source = self._next(now)
        before = b""
        if ended is not None and ended.source is source:
            before = ended.end
        elif ended is not None:
            ended.source.connection.send(ended.end)
        jobs = self._draw(source, before, classes, now)
        if ended is not None and ended.source.refused():  # somebody else has had it meanwhile
            late = frozenset((ended.job.id,))
        if jobs and (most is None or most[jobs[0].class_index] == 1):
            self._rest_elsewhere(jobs[0])
        if not (jobs or ended or late) and all(source.connection.failing for source in self._sources):
            raise QueueDown("; ".join(source.trouble for source in self._sources))
        return Turn(jobs, late)

    def _tend(self, now: float) -> None:
        self._tended = now
        for source in self._sources:
            source.tend(now)

    def _take_ended(self) -> tuple[Held | None, frozenset[str]]:
        """The job that is done and whose end is to be sent; its id where it is not ours any more. One that was never
        started goes back."""
        held = self._held
        if held is None:
            return None, frozenset()
        if not held.end:
            held.source.connection.give_back()
            self._held = None
            return None, frozenset()
        if held.known:
            self._parking.forget(held.keys)
        self._held = None
        return (held, frozenset()) if held.ours else (None, frozenset((held.job.id,)))

    def _next(self, now: float) -> Source | None:
        """The server to ask: one that still owes an answer, before all others."""
        wants = None
        for source in self._order:
            if source.asking:
                return source
            if wants is None and source.wants_asking(now):
                wants = source
        return wants

    def _draw(self, source: Source | None, before: bytes, classes: Sequence[int], now: float) -> Sequence[Claimed]:
        """A job from the first server that has one."""
        while source is not None:
            if not source.asking:
                source.ask(classes, before, now)
                before = b""
            answer = source.answer()
            if answer is None and source.asking:
                return ()  # it takes longer: the child waits for it together with everything that may wake it
            if answer is not None and answer[0] == packets.NO_JOB:
                source.nothing_there(now)
            elif answer is not None:
                source.gave()
                job = self._take(source, *answer)
                if job is not None:
                    self._order.remove(source)
                    self._order.append(source)
                    return (job,)
            source = self._next(now)
        return ()

    def _rest_elsewhere(self, job: Claimed) -> None:
        """It may take long (more than one would make no batch): the other servers are not to wake this child meanwhile,
        perhaps instead of one that has time."""
        for source in self._sources:
            if source.index != job.database:
                source.rest()

    def _settle(self, ended: Held | None) -> None:
        """Whoever leaves or rests leaves nothing behind: the end is with the server, and no job on its way here."""
        for source in self._sources:
            last = ended.end if ended is not None and ended.source is source else b""
            if last or source.asking:
                source.settle(last)
            source.rest()

    @property
    def settled(self) -> bool:
        return self._held is None and not any(source.asking for source in self._sources)

    # -- waiting -------------------------------------------------------------------------------------------------------

    def descriptors(self) -> Sequence[tuple[int, int]]:
        found = (source.connection.descriptor for source in self._sources)
        return [each for each in found if each is not None]

    def patience(self) -> float:
        nothing_wanted = self._resting or any(source.asking for source in self._sources)  # until that answers
        return max(0.0, min(source.due_at(nothing_wanted) for source in self._sources) - time.monotonic())

    # -- what is known of a job that comes -----------------------------------------------------------------------------

    def _take(self, source: Source, kind: int, body: bytes) -> Claimed | None:
        """None: it is not to be run."""
        received = time.time()
        handle, function, unique_id, raw = packets.assigned(kind, body)
        name, text = handle.decode(errors="replace"), unique_id.decode(errors="replace")
        past = unique.read(text, received)
        mark = mark_of(unique_id, raw)
        stamp = stamp_of(handle, mark)
        self._running.await_books(stamp)
        job = self._claimed(source, name, function, text, raw, past, received)
        held = Held(job, source, source.connection.life, handle, mark, stamp, past)
        try:
            held.known = known = self._known(source, name, mark, text)
            if known and text.startswith(unique.OURS):
                held.job = job = msgspec.structs.replace(job, uniqkey=known[0].uniqkey)
            if known and self._dismiss(held, known[-1], received):
                return None
        except QueueDown:  # nobody has the job in hand now: it goes back
            source.connection.drop("the daemon's own store does not answer")
            raise
        self._held = held
        return job

    def _claimed(
        self, source: Source, handle: str, function: bytes, text: str, raw: bytes, past: Past, received: float
    ) -> Claimed:
        inserted, kind = past.inserted, MEASURED
        if inserted is None:
            inserted = self._estimate(source.index, handle)
            kind = UNKNOWN if inserted is None else ESTIMATED
        index = self._index[function]
        uniqkey = None if not text or text.startswith(unique.OURS) else text
        return Claimed(
            f"{source.index}-{handle}", index, self._names[index], raw, received if inserted is None else inserted,
            past.due, received, uniqkey=uniqkey, database=source.index, handle=handle, delay_kind=kind,
        )  # fmt: skip

    def _known(self, source: Source, handle: str, mark: int, text: str) -> list[Parked]:
        """Its history, then the deaths of this submission."""
        deaths = self._running.deaths
        if deaths != self._deaths:
            self._marked, self._deaths = self._parking.marked(), deaths
        keys = [text] if text.startswith(unique.OURS) and self._parking.exists else []
        if self._marked and (key := key_of(source.server, handle, mark)) in self._marked:
            keys.append(key)
        return sorted(self._parking.find(*keys), key=lambda row: row.in_gearmand) if keys else []

    def _dismiss(self, held: Held, row: Parked, now: float) -> bool:
        """A job that has killed its child, and may not run again, or not yet."""
        if row.state == "exhausted":
            failure = Failure(str(row.attempts[-1]["message"]))
            self._parking.fail(held.keys, held.job, failure, held.attempts, self._who, now)
        elif row.state == "died" and row.due > now:
            self._park(held, held.attempts, held.failures, row.due, now)
        else:
            return False
        self._send_failure(held, str(row.attempts[-1]["message"]))
        return True

    # -- one job -------------------------------------------------------------------------------------------------------

    def start(self, job: Claimed) -> bool:
        held = self._in_hand(job)
        self._position.note(held.source.index, held.mark, held.past.failures, job.class_index)
        self._position.started(1)
        self._running.started(held.stamp)
        return True

    def failures(self, job: Claimed) -> int:
        return self._in_hand(job).failures

    def failure_log(self, job: Claimed) -> list[str]:
        return [str(attempt["message"]) for attempt in self._in_hand(job).attempts]

    def coalesce(self, job: Claimed, value: str, limit: int, *, prefix: bool) -> Sequence[Claimed]:
        return ()

    def tell(self, job: Claimed, news: News, *words: bytes) -> None:
        held = self._in_hand(job)
        if held.ours:
            held.source.connection.send(packets.pack(_KINDS[news], held.handle, *words))

    def result(self, value: Any) -> Any:
        return encoded(value)

    def complete(self, job: Claimed, keep_exit_status_seconds: int = 0, result: Any = None) -> None:
        held = self._in_hand(job)
        held.end = packets.pack(packets.WORK_COMPLETE, held.handle, result or b"")
        self._finished(held)

    def fail(self, job: Claimed, failure: Failure, policy: RetryPolicy) -> Outcome:
        held = self._in_hand(job)
        if self._lost(held):
            return Outcome.LATE
        failure, now = outcomes.storable(failure), time.time()
        attempts = [*held.attempts, outcomes.attempt(now, failure, self._who)]
        failures = held.failures + 1
        if policy.retries(failures):
            self._park(held, attempts, failures, now + policy.retry_delay_seconds, now)
            outcome = Outcome.RETRIED
        else:
            self._parking.fail(held.keys, job, failure, attempts, self._who, now)
            outcome = Outcome.FAILED
        self._finished(held)
        self._send_failure(held, failure.message)
        return outcome

    def decline(self, job: Claimed, run_after: float | None) -> Outcome:
        """At once: gearmand gives it to somebody else, and whoever waits for it waits on. For later: the daemon keeps
        it, and whoever waits is told that it failed, since gearmand has no other word."""
        held, now = self._in_hand(job), time.time()
        if self._lost(held):
            return Outcome.LATE
        self._finished(held)
        if run_after is None or run_after <= now:
            held.source.connection.give_back()
            self._held = None
        else:
            self._park(held, held.attempts, held.failures, run_after, now)
            self._send_failure(held, "put off")
        return Outcome.DECLINED

    def replace(self, job: Claimed, jobs: Sequence[NewJob], keep_exit_status_seconds: int = 0) -> Outcome:
        """First the successors, on the same server, then the end. What has to be said again is said by the same unique
        ids: none is inserted twice."""
        held = self._in_hand(job)
        if self._lost(held):
            return Outcome.LATE
        held.successors = held.successors or [submission(self._prefix, new) for new in jobs]
        for packet in held.successors:
            held.source.submit(packet)
        if held.known:
            self._parking.forget(held.keys)
        self._finished(held)
        held.source.connection.send(packets.pack(packets.WORK_COMPLETE, held.handle, b""))
        self._held = None
        return Outcome.REPLACED

    def late_before(self) -> frozenset[str]:
        return frozenset()

    def _finished(self, held: Held) -> None:
        """Whatever happens now, its run is over."""
        self._position.finished(1)
        self._running.ended(held.stamp)

    def _in_hand(self, job: Claimed) -> Held:
        assert self._held is not None
        assert self._held.job.id == job.id
        return self._held

    def _lost(self, held: Held) -> bool:
        """Has the server given it to somebody else, or forgotten it?"""
        self._tend(time.monotonic())
        if not held.ours:
            self._finished(held)
            self._held = None
        return not held.ours

    def _park(self, held: Held, attempts: list[Attempt], failures: int, due: float, now: float) -> None:
        """The daemon keeps it until it is due."""
        job = held.job
        inserted = job.insert_time if job.delay_kind else None
        row = Parked(
            0, unique.ours(failures, inserted, due, held.mark << 16 ^ time.time_ns()), "waiting", job.funcname, job.raw,
            job.uniqkey, inserted, attempts, due,
        )  # fmt: skip
        self._parking.wait(held.keys, row, now)

    def _send_failure(self, held: Held, message: str) -> None:
        """The reason goes before it as a warning, which every client understands. Not as WORK_EXCEPTION: gearmand 1.1
        makes of it, for clients that did not ask for such, a failure with a broken handle, and they hang or die."""
        reason = packets.pack(packets.WORK_WARNING, held.handle, message.encode())
        held.source.connection.send(reason + packets.pack(packets.WORK_FAIL, held.handle))
        self._held = None

    def abandon(self) -> None:
        """In a process that a job has forked: the connections are its parent's."""
        for source in self._sources:
            source.connection.abandon()

    def close(self) -> None:
        for source in self._sources:
            source.connection.abandon()
        self._parking.close()
