"""A child's life: connect, take turns with the queue, run jobs, leave."""

import os
import random
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec
from setproctitle import setproctitle

from wmcore import events
from wmcore.backends.base import ChildQueue
from wmcore.backends.records import Claimed
from wmcore.child.pace import Batching, Pace
from wmcore.child.runner import Runner, Undisturbed, describe
from wmcore.child.wakeup import Wakeup
from wmcore.errors import Fenced, QueueDown, Refused
from wmcore.loading import delay_ms
from wmcore.logs import Formatter, JobEnd, LogFile, redirect_output
from wmcore.model import ChildState, Failure, Outcome
from wmcore.scoreboard import COUNTED, ChildSlot
from wmcore.worker import Completed, Declined, Failed, Job, Replaced, Verdict

T = TypeVar("T")
SAFETY_NET = 60.0
"""Seconds (about) after which an idle child looks for work by itself."""
LOOK_SECONDS = 0.02
"""How often a child looks for signals between the jobs of a batch, and asks a class what it says of all its jobs."""
ORDERS_SECONDS = 0.001
"""How often it looks for the orders that stand in the scoreboard."""
BOOK_SECONDS = 0.001
"""Log lines and records of jobs that end within so long are written together, where the next one will take no longer
either: both writes cost as much for one job as for ten."""
FINISHED_PATIENCE = 5.0
"""Seconds that a child which was told to leave goes on trying to write a job's end to a queue that is down."""

_COUNTER = {
    Outcome.COMPLETED: COUNTED.index("completed"),
    Outcome.REPLACED: COUNTED.index("completed"),
    Outcome.FAILED: COUNTED.index("failed"),
    Outcome.RETRIED: COUNTED.index("retried"),
    Outcome.DECLINED: COUNTED.index("declined"),
    Outcome.LATE: COUNTED.index("late"),
}


@dataclass(frozen=True, slots=True)
class Outputs:
    """Where a child's lines and records go."""

    log: LogFile
    formatter: Formatter
    event_fd: int
    error_path: Path | None  # standard output and error go there, and are opened anew with the log
    debug: bool


class Child:
    """The loop. `run` returns when it is time to leave."""

    def __init__(
        self, slot: ChildSlot, queue: ChildQueue, runners: Sequence[Runner], classes: Sequence[int], wakeup: Wakeup,
        outputs: Outputs, batching: Batching,
    ) -> None:  # fmt: skip
        self._slot = slot
        self._queue = queue
        self._undisturbed = Undisturbed(queue)
        self._runners = runners
        self._rotation = deque(classes)
        self._wakeup = wakeup
        self._out = outputs
        self._pid = os.getpid()
        self._ended: list[tuple[Claimed, JobEnd]] = []  # completed, to be acknowledged by the next turn
        self._acknowledged: list[tuple[Claimed, JobEnd]] = []  # to be booked
        self._booked_at = 0.0  # monotonic
        self._log_generation = slot.board.log_generation
        self._grab_for = [runner.grab_for for runner in runners]
        self._failures_to_reach = 0
        self._batching = batching
        self._paces = [Pace(seconds) for seconds in slot.take_paces()]
        self._shown = ""
        self._heard: int | None = None  # the class that was asked last what it says of all its jobs
        self._hear_at = 0.0  # monotonic: when it is asked again
        self._one_policy = False  # and the slot has it

    def run(self) -> None:
        while not self._leaving():
            try:
                jobs = self._turn(self._open_classes())
            except QueueDown as error:
                self._queue_down(error)
                continue
            self._queue_answered()
            if not jobs:
                self._idle()
                continue
            self._run_all(jobs)
        self._slot.state(ChildState.FINISHING)
        self._title("finishing")
        if self._ended or not self._queue.settled:
            self._insist(lambda: self._turn(()))
        self.book_acknowledged()
        if self._queue.settled:
            self._slot.settled()
            self._slot.leave_paces([pace.seconds for pace in self._paces])
            self._slot.departed(self._pid)

    def _run_all(self, jobs: Sequence[Claimed]) -> None:
        """A batch, of one class. What is not started when something comes between is given back by the next turn."""
        index, claimed_ns = jobs[0].class_index, time.monotonic_ns()
        runner, pace = self._runners[index], self._paces[index]
        begun = orders_at = time.monotonic()
        if index != self._heard or begun > self._hear_at:
            self._hear(runner, jobs[0])
        one_policy = self._one_policy
        for place, job in enumerate(jobs):
            if begun > orders_at:
                orders_at = begun + ORDERS_SECONDS
                if place and self._something_came_between(index):
                    break
            if not (one_policy or self._could_note_policy(runner, job)) or not self._run(runner, job, claimed_ns):
                break
            ended = time.monotonic()
            pace.ran(ended - begun)
            begun = ended
        self._rotate(index)

    def _hear(self, runner: Runner, job: Claimed) -> None:
        """What a class says of all its jobs at this moment, asked once for many of them, be they one batch or not."""
        runner.limits.stand()
        self._one_policy = runner.has_one_policy
        if self._one_policy:
            self._note_policy(runner, job)
        self._heard, self._hear_at = job.class_index, time.monotonic() + LOOK_SECONDS

    def _something_came_between(self, class_index: int) -> bool:
        if self._wakeup.long_ago(LOOK_SECONDS):
            self._look_for_orders()
        return self._wakeup.finishing or self._slot.told_to_finish(self._pid) or self._slot.board.paused(class_index)

    def _most(self) -> list[int]:
        """How many jobs of each class the next batch may have: as many as will be done within the bound."""
        left = max(1, self._slot.works_per_child - self._slot.jobs_done)
        return [min(left, pace.most(self._batching)) for pace in self._paces]

    def _leaving(self) -> bool:
        self._look_for_orders()
        return self._wakeup.finishing or self._slot.jobs_done >= self._slot.works_per_child

    def _look_for_orders(self) -> None:
        if self._wakeup.long_ago(LOOK_SECONDS):  # a signal is known without looking, an order stands in the slot
            self._wakeup.look()
        if self._slot.told_to_finish(self._pid):
            self._wakeup.finishing = True

    def _open_classes(self) -> list[int]:
        return [index for index in self._rotation if not self._slot.board.paused(index)]

    def _rotate(self, class_index: int) -> None:
        """A class that had its turn goes to the end: no class starves another."""
        self._rotation.remove(class_index)
        self._rotation.append(class_index)

    # -- the queue -----------------------------------------------------------------------------------------------------

    def _turn(self, classes: Sequence[int]) -> Sequence[Claimed]:
        turn = self._queue.turn(classes, self._grab_for, self._most())
        self._acknowledge(turn.late)
        if not (turn.jobs and self._can_book_later(turn.jobs[0])):
            self.book_acknowledged()
        if self._out.debug and turn.jobs:
            self._debug(f"claimed {', '.join(job.id for job in turn.jobs)}")
        return turn.jobs

    def _acknowledge(self, late: frozenset[str]) -> None:
        """All that was completed is acknowledged by now; `late` of it were not ours any more."""
        ended, self._ended = self._ended, []
        if late:
            ended = [(job, self._late(job, end) if job.id in late else end) for job, end in ended]
        self._acknowledged += ended

    def _can_book_later(self, following: Claimed) -> bool:
        seconds = self._paces[following.class_index].seconds
        return seconds is not None and seconds < BOOK_SECONDS and time.monotonic() < self._booked_at + BOOK_SECONDS

    def book_acknowledged(self) -> None:
        """Whatever a turn has left to be booked with the next."""
        if self._acknowledged:
            ended, self._acknowledged = self._acknowledged, []
            self._book(ended)

    def _late(self, job: Claimed, end: JobEnd) -> JobEnd:
        """It had finished after its lease had gone to somebody else: it does not count as completed here."""
        self._slot.uncount_completed(job.class_index)
        return msgspec.structs.replace(end, outcome=Outcome.LATE)

    def _queue_down(self, error: QueueDown) -> None:
        """The queue is down: a state that the manager shows, no reason to die."""
        self.book_acknowledged()
        self._note_trouble(error)
        self._slot.state(ChildState.IDLE)
        self._title("waits for the queue")
        self._wait(min(2.0, 0.1 * 2 ** min(self._failures_to_reach, 5)) * random.uniform(0.7, 1.3))  # noqa: S311

    def _note_trouble(self, error: QueueDown) -> None:
        """For the status at each failure, for the errorlogfile at the first."""
        if self._failures_to_reach == 0:
            print(f"child {self._slot.slot}: {error}", file=sys.stderr)
        self._failures_to_reach += 1
        self._slot.trouble(True)

    def _queue_answered(self) -> None:
        if self._failures_to_reach:
            self._failures_to_reach = 0
            self._slot.trouble(False)

    def _idle(self) -> None:
        self._slot.state(ChildState.IDLE)
        self._title("idle")
        self._wait(SAFETY_NET * random.uniform(0.8, 1.2))  # noqa: S311

    def _wait(self, seconds: float) -> None:
        """Until something happens here or at the queue, at most so long."""
        self._wakeup.wait(min(seconds, self._queue.patience()), self._queue.descriptors())

    def _insist(self, write: Callable[[], T]) -> T:
        """Write a job's end, however long the queue is down; after an order to leave only for some seconds more: then
        whoever closes our books goes on from the slot."""
        give_up: float | None = None
        while True:
            try:
                done = write()
                self._queue_answered()
                return done
            except QueueDown as error:
                if self._wakeup.finishing and give_up is None:
                    give_up = time.monotonic() + FINISHED_PATIENCE
                if give_up is not None and time.monotonic() > give_up:
                    raise
                self._note_trouble(error)
                self._look_for_orders()
                if self._wakeup.finishing:
                    time.sleep(0.2)
                else:
                    self._wakeup.wait(0.5)

    # -- a job ---------------------------------------------------------------------------------------------------------

    def _run(self, runner: Runner, claimed: Claimed, claimed_ns: int) -> bool:
        """False: it is not ours any more."""
        start_ns = time.monotonic_ns()
        delay, lateness = delay_ms(claimed, (start_ns - claimed_ns) / 1e9)
        if not self._queue.start(claimed):
            return False
        self._slot.busy(claimed.class_index, claimed.id, start_ns, runner.timeout())
        self._title(runner.name)
        try:
            job = runner.run(claimed, self._undisturbed)
        except KeyboardInterrupt:
            self._give_back(claimed)
            return False
        self._slot.stop_clock()
        process = (time.monotonic_ns() - start_ns) / 1e6
        outcome = self._end(runner, job, process, delay, lateness)
        done = outcome in (Outcome.COMPLETED, Outcome.REPLACED)
        # The time that was spent on all of them is the first one's.
        for companion in job.settle_companions(done) if job.companions else ():
            if not isinstance(companion.verdict, Declined):  # what only goes back has failed nothing if we die now
                self._queue.start(companion.claimed)
            self._end(runner, companion, 0.0, *delay_ms(companion.claimed, 0.0))
        return True

    def _end(self, runner: Runner, job: Job, process: float, delay: float, lateness: float) -> Outcome:
        """Figures in milliseconds."""
        claimed, verdict = job.claimed, job.verdict
        assert verdict is not None
        self._slot.note_figures(process, delay, lateness)
        end = JobEnd(runner.name, Outcome.COMPLETED, claimed.id, process, delay, lateness, claimed.delay_kind)
        if isinstance(verdict, Completed):
            self._queue.complete(claimed, runner.limits.keep_exit_status_seconds(), verdict.result)
            # Counted here and not with the acknowledgement: a child that is killed in between has done it all the same.
            self._slot.count_completed(claimed.class_index)
            self._ended.append((claimed, end))
            self._slot.done(failed=False)
            return Outcome.COMPLETED
        outcome = self._insist(partial(self._finish, claimed, runner, job, verdict))
        self._slot.done(failed=outcome in (Outcome.FAILED, Outcome.RETRIED))
        self._acknowledge(self._queue.late_before())
        self._acknowledged.append((claimed, msgspec.structs.replace(end, outcome=outcome)))
        self.book_acknowledged()
        if isinstance(verdict, Failed):
            sys.stderr.write(describe(verdict, runner.name, claimed.id, outcome is Outcome.RETRIED, time.time()))
            sys.stderr.flush()
        return outcome

    def _give_back(self, claimed: Claimed) -> None:
        """Ctrl-C at the terminal that this child has to itself: the whole daemon stops."""
        self._queue.decline(claimed, None)
        self.stop_daemon()

    def stop_daemon(self) -> None:
        self._wakeup.finishing = True
        os.kill(self._slot.board.manager_pid, signal.SIGINT)

    def _note_policy(self, runner: Runner, claimed: Claimed) -> None:
        """Before the job, so that the manager can count a death of this child as its class wants it."""
        policy = runner.policy(Job(claimed, self._queue))
        self._slot.note_policy(policy.max_retries, policy.retry_delay_seconds, policy.keep_exit_status_seconds)

    def _could_note_policy(self, runner: Runner, claimed: Claimed) -> bool:
        """False where the class has to ask the queue for it, and that is down: the job goes back."""
        try:
            self._note_policy(runner, claimed)
        except QueueDown as error:
            self._note_trouble(error)
            return False
        return True

    def _finish(self, claimed: Claimed, runner: Runner, job: Job, verdict: Verdict) -> Outcome:
        """Everything but a plain completion is written at once."""
        if isinstance(verdict, Failed):
            policy = replace(runner.policy(job), permanent=verdict.permanent)
            return self._queue.fail(claimed, verdict.failure, policy)
        try:
            if isinstance(verdict, Declined):
                return self._queue.decline(claimed, verdict.run_after)
            assert isinstance(verdict, Replaced)
            return self._queue.replace(claimed, verdict.jobs, runner.limits.keep_exit_status_seconds())
        except Refused as error:  # a successor that the database does not take: the job's own mistake
            print(f"{runner.name} job {claimed.id}: {error}", file=sys.stderr)
            return self._queue.fail(claimed, Failure(str(error)), runner.policy(job))

    # -- what is said about it -----------------------------------------------------------------------------------------

    def _book(self, ended: Sequence[tuple[Claimed, JobEnd]]) -> None:
        """Counts, log lines and records of attempts whose end has been committed."""
        self._follow_log()
        self._booked_at, now = time.monotonic(), time.time()
        records = []
        for job, end in ended:
            if end.outcome is not Outcome.COMPLETED:  # these were counted when they finished
                self._slot.count(job.class_index, _COUNTER[end.outcome])
            figures = end.delay_ms, end.lateness_ms, end.process_ms
            records.append(events.pack(job.class_index, end.outcome, self._slot.slot, *figures))
        self._out.log.write(self._out.formatter.jobs([end for _, end in ended], now))
        dropped = events.write(self._out.event_fd, records)
        if dropped:
            self._slot.count_dropped(dropped)

    def _follow_log(self) -> None:
        """HUP reached the manager: open the files anew. Level-triggered, so none is missed in a long job."""
        generation = self._slot.board.log_generation
        if generation != self._log_generation:
            self._log_generation = generation
            self._out.log.reopen()
            if self._out.error_path is not None:
                redirect_output(self._out.error_path)

    def _title(self, doing: str) -> None:
        if doing != self._shown:
            self._shown = doing
            setproctitle(f"wmcore: child {self._slot.slot} {doing}")

    def _debug(self, text: str) -> None:
        self._out.log.write(self._out.formatter.note(f"child {self._slot.slot} {text}", time.time(), "debug"))


def run_child(child: Child) -> int:
    """The whole life; returns the exit code."""
    try:
        child.run()
    except KeyboardInterrupt:  # Ctrl-C between two jobs, at the terminal that this child has to itself
        child.stop_daemon()
    except Fenced as error:
        print(f"child leaves: {error}", file=sys.stderr)
        return 0
    except QueueDown as error:
        print(f"child leaves with its last job's end unwritten, the manager closes its books: {error}", file=sys.stderr)
        return 0
    finally:
        child.book_acknowledged()
    return 0
