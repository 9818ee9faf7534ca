"""A child's side: its own slot."""

import time
from collections.abc import Sequence

from wmcore.backends.base import MOST_COMPANIONS
from wmcore.model import ChildState
from wmcore.scoreboard.board import Scoreboard
from wmcore.scoreboard.layout import (
    C_PACE,
    CHILD_WORDS,
    CLASS_WORDS,
    JOB_BYTES,
    KEPT,
    M_FINISH,
    M_WORKS,
    MANAGER_WORDS,
    OWNER_BYTES,
    W_ACKED,
    W_BORN,
    W_CLAIMED,
    W_CLASS,
    W_COMPANIONS,
    W_COUNTED,
    W_DEADLINE,
    W_DEPARTED,
    W_DONE,
    W_DROPPED,
    W_FAILED,
    W_HELD,
    W_JOB,
    W_JOB_LENGTH,
    W_LAST_DELAY_US,
    W_LAST_LATENESS_US,
    W_LAST_PROCESS_US,
    W_NOTED_CLASS,
    W_NOTED_DATABASE,
    W_NOTED_LEASE,
    W_NOTED_NUMBER,
    W_OWNER,
    W_PID,
    W_POLICY_DELAY,
    W_POLICY_KEEP,
    W_POLICY_RETRIES,
    W_POSITION,
    W_SINCE,
    W_START,
    W_STATE,
    W_TIMEOUT_MS,
    W_TROUBLE,
)

_FIRST_CLASS = CHILD_WORDS + MANAGER_WORDS


class ChildSlot:
    """A child's own slot: what it writes, and the orders that it reads. Implements `backends.base.Position`."""

    def __init__(self, board: Scoreboard, slot: int) -> None:
        self.board = board
        self.slot = slot
        base = board.base(slot)
        self._words = board.words[base : base + board.stride]
        self._raw = board.raw[base * 8 : (base + board.stride) * 8]
        self._held = 0

    def begin_life(self, pid: int, start: int, owner: str, born_ns: int) -> None:
        words = self._words
        words[W_HELD] = 0  # first: nobody may take what follows for the beginning of a batch
        for index in range(CHILD_WORDS):
            if index not in KEPT:
                words[index] = 0
        raw = owner.encode()[:OWNER_BYTES].ljust(OWNER_BYTES, b"\0")
        self._raw[W_OWNER * 8 : W_OWNER * 8 + OWNER_BYTES] = raw
        words[W_START], words[W_BORN], words[W_STATE], words[W_PID] = start, born_ns, ChildState.STARTING, pid

    # Position ---------------------------------------------------------------------------------------------------------

    def claimed(self, database: int, seq: int, held: int = 0) -> None:
        words = self._words
        words[W_HELD] = 0
        words[W_NOTED_CLASS] = 0
        self._held = (seq & 0xFFFFFFFF) << 32 | (database & 0xFF) << 24
        words[W_POSITION] = self._held
        words[W_COUNTED] = words[W_ACKED] = 0
        words[W_CLAIMED] = time.monotonic_ns()
        words[W_HELD] = held

    def keep_whole(self) -> None:
        self._words[W_HELD] = 0

    def note(self, database: int, number: int, lease: int, class_index: int) -> None:
        words = self._words
        words[W_NOTED_CLASS] = 0
        self._held = 0
        words[W_POSITION] = 0
        words[W_COMPANIONS] = 0
        words[W_NOTED_DATABASE], words[W_NOTED_NUMBER], words[W_NOTED_LEASE] = database, number, lease
        words[W_NOTED_CLASS] = class_index + 1

    def companions(self, numbers: Sequence[int]) -> None:
        words = self._words
        for place, number in enumerate(numbers[:MOST_COMPANIONS], W_COMPANIONS + 1):
            words[place] = number
        words[W_COMPANIONS] = min(len(numbers), MOST_COMPANIONS)

    def started(self, count: int) -> None:
        self._held = self._held & ~0xFFF000 | count << 12
        self._words[W_POSITION] = self._held

    def acknowledged(self, count: int) -> None:
        self._words[W_ACKED] = count

    def finished(self, count: int) -> None:
        self._held = self._held & ~0xFFF | count
        self._words[W_POSITION] = self._held

    # What the console sees --------------------------------------------------------------------------------------------

    def state(self, state: ChildState) -> None:
        self._words[W_STATE] = state

    def busy(self, class_index: int, job: str, now_ns: int, timeout_seconds: float | None) -> None:
        words = self._words
        raw = job.encode()[:JOB_BYTES]
        words[W_JOB_LENGTH] = 0
        self._raw[W_JOB * 8 : W_JOB * 8 + len(raw)] = raw
        words[W_JOB_LENGTH] = len(raw)
        words[W_SINCE] = now_ns
        if timeout_seconds:
            words[W_TIMEOUT_MS] = int(timeout_seconds * 1000)
            words[W_DEADLINE] = now_ns + int(timeout_seconds * 1e9)
        words[W_CLASS] = class_index + 1
        words[W_STATE] = ChildState.BUSY

    def stop_clock(self) -> None:
        """The job has ended: its time limit no longer counts, however long the writing takes."""
        self._words[W_DEADLINE] = 0

    def settled(self) -> None:
        """Everything is acknowledged: there are no books to close."""
        self._words[W_NOTED_CLASS] = 0
        self.claimed(0, 0)

    def departed(self, pid: int) -> None:
        """The last word that this life writes: the slot may have another child."""
        self._words[W_DEPARTED] = pid

    def done(self, failed: bool) -> None:
        words = self._words
        words[W_DEADLINE] = 0
        words[W_CLASS] = 0
        words[W_JOB_LENGTH] = 0
        words[W_DONE] += 1
        if failed:
            words[W_FAILED] += 1

    def trouble(self, there_is: bool) -> None:
        self._words[W_TROUBLE] = there_is

    def note_policy(self, max_retries: int, retry_delay_seconds: int, keep_seconds: int) -> None:
        words = self._words
        words[W_POLICY_RETRIES], words[W_POLICY_DELAY], words[W_POLICY_KEEP] = (
            max_retries,
            retry_delay_seconds,
            keep_seconds,
        )

    def note_figures(self, process_ms: float, delay_ms: float, lateness_ms: float) -> None:
        words = self._words
        words[W_LAST_PROCESS_US] = int(process_ms * 1000)
        known = delay_ms >= 0  # NaN is not
        words[W_LAST_DELAY_US] = int(delay_ms * 1000) if known else 0
        words[W_LAST_LATENESS_US] = int(lateness_ms * 1000) if known else 0

    def count_completed(self, class_index: int) -> None:
        """The job that was finished last. A child that dies between the two has its last one counted by the manager."""
        words = self._words
        words[_FIRST_CLASS + class_index * CLASS_WORDS] += 1
        words[W_COUNTED] = self._held & 0xFFF

    def count(self, class_index: int, counter: int) -> None:
        """`counter`: index into COUNTED."""
        self._words[_FIRST_CLASS + class_index * CLASS_WORDS + counter] += 1

    def uncount_completed(self, class_index: int) -> None:
        self._words[_FIRST_CLASS + class_index * CLASS_WORDS] -= 1

    def count_dropped(self, records: int) -> None:
        self._words[W_DROPPED] += records

    # What one life leaves to the next ---------------------------------------------------------------------------------

    def leave_paces(self, seconds: Sequence[float | None]) -> None:
        """How long jobs take, by class index, for the slot's next child."""
        for index, each in enumerate(seconds):
            self._words[_FIRST_CLASS + index * CLASS_WORDS + C_PACE] = 0 if each is None else max(1, int(each * 1e9))

    def take_paces(self) -> list[float | None]:
        """As the last child left them. They can be had once: after one that was killed, nothing is known."""
        places = [_FIRST_CLASS + index * CLASS_WORDS + C_PACE for index in range(self.board.classes)]
        found = [self._words[place] / 1e9 or None for place in places]
        for place in places:
            self._words[place] = 0
        return found

    # Orders -----------------------------------------------------------------------------------------------------------

    @property
    def jobs_done(self) -> int:
        return self._words[W_DONE]

    def told_to_finish(self, pid: int) -> bool:
        return self._words[M_FINISH] == pid

    @property
    def works_per_child(self) -> int:
        return self._words[M_WORKS]
