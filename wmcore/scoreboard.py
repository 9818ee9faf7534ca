"""Shared memory between the manager and its children: one file in `state_dir`, mapped by all of them.

Layout, in 8-byte words (each store of an aligned word is atomic, so nothing here takes a lock):

    header   magic, version, slots, classes, slot words, manager's pid and start time, log generation, boot id
             then one word per class: non-zero = paused                        written by the manager
    slot     64 words written by its child alone (`W_*`), 8 by the manager     see below
             then five words per class, see COUNTED                             written by its child, kept over lives

The manager reads everything without asking anybody: a wedged child is visible, and so is what a dead one was doing.
"""

import mmap
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from wmcore.backends.base import MOST_COMPANIONS, Place, Progress
from wmcore.model import ChildState

MAGIC = 0x31_44_52_4F_42_4D_57  # "WMBORD1"
VERSION = 2
CAPACITY = 1024
"""Slots that a daemon can have."""

_HEADER_WORDS = 16
H_MAGIC, H_VERSION, H_SLOTS, H_CLASSES, H_STRIDE, H_PID, H_START, H_LOG_GENERATION, H_BOOT = range(9)  # boot id: 8..11

_CHILD_WORDS = 64  # the last of them: W_COMPANIONS + MOST_COMPANIONS
_MANAGER_WORDS = 8
_COUNTS = 5
"""Counters per class: see `COUNTED`."""

# Words of a slot that its child writes.
W_POSITION = 0  # seq << 32 | database << 24 | started << 12 | finished: one store moves it
W_STATE = 1  # ChildState
W_CLASS = 2  # class index + 1, 0 = none
W_SINCE = 3  # CLOCK_MONOTONIC ns when the job started
W_DONE = 4  # jobs finished in this life
W_FAILED = 5  # failed attempts in this life
W_PID = 6
W_START = 7  # start time of the pid (/proc): tells a dead child from a reused number
W_BORN = 8  # CLOCK_MONOTONIC ns
W_DEADLINE = 9  # CLOCK_MONOTONIC ns after which the manager kills, 0 = none
W_TIMEOUT_MS = 10  # the limit that the deadline was made of
W_NOTED_DATABASE = 11  # without wm_claim: the one job claimed
W_NOTED_NUMBER = 12
W_NOTED_LEASE = 13
W_NOTED_CLASS = 14  # class index + 1
W_POLICY_RETRIES = 15  # policy of the job in hand, so that the manager can close its books
W_POLICY_DELAY = 16
W_POLICY_KEEP = 17
W_DROPPED = 18  # event records that did not fit into the pipe, kept over lives
W_LAST_PROCESS_US = 19  # of the last finished, not yet acknowledged job: for the log line of whoever closes the books
W_LAST_DELAY_US = 20
W_LAST_LATENESS_US = 21
W_JOB_LENGTH = 22
W_TROUBLE = 23  # non-zero: the queue did not take or answer the child's last statement
_W_JOB = 24  # job id, up to 96 bytes
_JOB_BYTES = 96
_W_OWNER = 36  # this life's token, 32 bytes
_OWNER_BYTES = 32
W_HELD = 40  # jobs of the batch in hand
W_CLAIMED = 41  # CLOCK_MONOTONIC ns when it was claimed
W_COUNTED = 42  # `finished` of the position when a completion was last counted
W_COMPANIONS = 43  # without wm_claim: how many jobs are claimed beside the noted one; their numbers follow
_KEPT = (W_DROPPED,)

# Words of a slot that the manager writes, counted from the end of the child's.
M_FINISH = _CHILD_WORDS + 0  # the pid that shall finish its job and leave
M_WORKS = _CHILD_WORDS + 1  # works_per_child

COUNTED = ("completed", "failed", "retried", "declined", "late")


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot at one moment."""

    slot: int
    pid: int
    start: int
    state: ChildState
    class_index: int | None
    job: str | None
    since_ns: int
    born_ns: int
    done: int
    failed: int
    deadline_ns: int
    timeout_ms: int
    trouble: bool
    counted: bool  # is the job that was finished last among the counts?
    owner: str
    place: Place


def _words(count: int, stride: int, classes: int) -> int:
    return _HEADER_WORDS + classes + count * stride


class Scoreboard:
    """A mapped scoreboard file."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, 0)
        self.words = memoryview(self._map).cast("Q")
        self._bytes = memoryview(self._map)
        self.slots = self.words[H_SLOTS]
        self.classes = self.words[H_CLASSES]
        self.stride = self.words[H_STRIDE]

    @classmethod
    def create(cls, path: Path, classes: int, slots: int = CAPACITY) -> "Scoreboard":
        """A fresh, zeroed scoreboard at `path`, in place of any older one."""
        stride = -(-(_CHILD_WORDS + _MANAGER_WORDS + _COUNTS * classes) // 8) * 8
        temporary = path.with_name(path.name + ".new")
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        os.ftruncate(fd, _words(slots, stride, classes) * 8)
        words = memoryview(mmap.mmap(fd, 0)).cast("Q")
        words[H_VERSION], words[H_SLOTS], words[H_CLASSES], words[H_STRIDE] = VERSION, slots, classes, stride
        words[H_MAGIC] = MAGIC
        temporary.rename(path)
        return cls(fd)

    @classmethod
    def open(cls, path: Path) -> "Scoreboard | None":
        """The scoreboard that a former life left, or None where there is none that can be read."""
        try:
            fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except OSError:
            return None
        size = os.fstat(fd).st_size
        if size >= _HEADER_WORDS * 8:
            board = cls(fd)
            words = board.words
            whole = _words(board.slots, board.stride, board.classes) * 8
            if words[H_MAGIC] == MAGIC and words[H_VERSION] == VERSION and size == whole:
                return board
            board.close()
        os.close(fd)
        return None

    def close(self) -> None:
        self.words.release()
        self._bytes.release()
        self._map.close()

    # -- the manager's words ------------------------------------------------------------------------------------------

    def identify(self, pid: int, start: int, boot_id: str) -> None:
        self.words[H_PID], self.words[H_START] = pid, start
        raw = boot_id.encode()[:32].ljust(32, b"\0")
        self._bytes[H_BOOT * 8 : H_BOOT * 8 + 32] = raw

    @property
    def manager_pid(self) -> int:
        return self.words[H_PID]

    @property
    def boot_id(self) -> str:
        return bytes(self._bytes[H_BOOT * 8 : H_BOOT * 8 + 32]).rstrip(b"\0").decode(errors="replace")

    @property
    def log_generation(self) -> int:
        """Goes up when the log files have to be opened anew."""
        return self.words[H_LOG_GENERATION]

    def bump_log_generation(self) -> None:
        self.words[H_LOG_GENERATION] += 1

    def set_paused(self, class_index: int, paused: bool) -> None:
        self.words[_HEADER_WORDS + class_index] = int(paused)

    def paused(self, class_index: int) -> bool:
        return self.words[_HEADER_WORDS + class_index] != 0

    def base(self, slot: int) -> int:
        """Index of the slot's first word."""
        return _HEADER_WORDS + self.classes + slot * self.stride

    def order_finish(self, slot: int, pid: int) -> None:
        self.words[self.base(slot) + M_FINISH] = pid

    def order_works(self, slot: int, works_per_child: int) -> None:
        self.words[self.base(slot) + M_WORKS] = works_per_child

    def mark_dead(self, slot: int) -> None:
        """After the child was reaped: its counts stay, its life is over."""
        self.words[self.base(slot) + W_STATE] = ChildState.DEAD

    # -- reading ------------------------------------------------------------------------------------------------------

    def view(self, slot: int) -> SlotView:
        base = self.base(slot)
        word = self.words[base : base + _CHILD_WORDS].tolist()
        state = ChildState(word[W_STATE]) if word[W_STATE] <= ChildState.FINISHING else ChildState.DEAD
        start = (base + _W_JOB) * 8
        job = bytes(self._bytes[start : start + min(word[W_JOB_LENGTH], _JOB_BYTES)]).decode(errors="replace")
        owner = bytes(self._bytes[(base + _W_OWNER) * 8 : (base + _W_OWNER) * 8 + _OWNER_BYTES])
        return SlotView(
            slot=slot,
            pid=word[W_PID],
            start=word[W_START],
            state=state,
            class_index=word[W_CLASS] - 1 if word[W_CLASS] else None,
            job=job or None,
            since_ns=word[W_SINCE],
            born_ns=word[W_BORN],
            done=word[W_DONE],
            failed=word[W_FAILED],
            deadline_ns=word[W_DEADLINE],
            timeout_ms=word[W_TIMEOUT_MS],
            trouble=word[W_TROUBLE] != 0,
            counted=word[W_COUNTED] >= word[W_POSITION] & 0xFFF,
            owner=owner.rstrip(b"\0").decode(errors="replace"),
            place=_place(word),
        )

    def progress(self, slot: int) -> Progress:
        base = self.base(slot)
        position = self.words[base + W_POSITION]
        return Progress(self.words[base + W_HELD], position >> 12 & 0xFFF, position & 0xFFF)

    def held_since(self, slot: int) -> int | None:
        """When a batch was claimed of which something is not started yet (CLOCK_MONOTONIC ns)."""
        progress = self.progress(slot)
        return self.words[self.base(slot) + W_CLAIMED] if progress.started < progress.held > 1 else None

    def counts(self, class_index: int, slots: int) -> list[int]:
        """A class's counters in the order of COUNTED, since the daemon's start: the sum over the first `slots`."""
        totals = [0] * _COUNTS
        offset = _CHILD_WORDS + _MANAGER_WORDS + class_index * _COUNTS
        for slot in range(slots):
            at = self.base(slot) + offset
            for index in range(_COUNTS):
                totals[index] += self.words[at + index]
        return totals

    def total(self, word: int, slots: int) -> int:
        """The sum of one child word (`W_DROPPED`) over the first `slots`."""
        return sum(self.words[self.base(slot) + word] for slot in range(slots))

    def policy(self, slot: int) -> tuple[int, int, int]:
        """max_retries, retry_delay and keep_exit_status_for (s) of the job in hand, as its child noted them."""
        base = self.base(slot)
        return self.words[base + W_POLICY_RETRIES], self.words[base + W_POLICY_DELAY], self.words[base + W_POLICY_KEEP]

    def last_figures(self, slot: int) -> tuple[float, float, float]:
        """Run time, delay and lateness (ms) of the last finished job."""
        base = self.base(slot)
        us = self.words[base + W_LAST_PROCESS_US : base + W_LAST_LATENESS_US + 1].tolist()
        return us[0] / 1000, us[1] / 1000, us[2] / 1000


def _place(word: list[int]) -> Place:
    position = word[W_POSITION]
    noted = word[W_NOTED_CLASS] > 0
    return Place(
        database=word[W_NOTED_DATABASE] if noted else position >> 24 & 0xFF,
        seq=position >> 32,
        started=position >> 12 & 0xFFF,
        finished=position & 0xFFF,
        noted_number=word[W_NOTED_NUMBER] if noted else 0,
        noted_lease=word[W_NOTED_LEASE] if noted else 0,
        noted_class=word[W_NOTED_CLASS] - 1,
        companions=tuple(word[W_COMPANIONS + 1 :][: word[W_COMPANIONS]]) if noted else (),
    )


class ChildSlot:
    """A child's own slot: what it writes, and the orders that it reads. Implements `backends.base.Position`."""

    def __init__(self, board: Scoreboard, slot: int) -> None:
        self.board = board
        self.slot = slot
        base = board.base(slot)
        self._words = board.words[base : base + board.stride]
        self._raw = board._bytes[base * 8 : (base + board.stride) * 8]
        self._held = 0

    def begin_life(self, pid: int, start: int, owner: str, born_ns: int) -> None:
        words = self._words
        for index in range(_CHILD_WORDS):
            if index not in _KEPT:
                words[index] = 0
        raw = owner.encode()[:_OWNER_BYTES].ljust(_OWNER_BYTES, b"\0")
        self._raw[_W_OWNER * 8 : _W_OWNER * 8 + _OWNER_BYTES] = raw
        words[W_START], words[W_BORN], words[W_STATE], words[W_PID] = start, born_ns, ChildState.STARTING, pid

    # Position ---------------------------------------------------------------------------------------------------------

    def claimed(self, database: int, seq: int, held: int = 0) -> None:
        words = self._words
        words[W_HELD] = 0
        words[W_NOTED_CLASS] = 0
        self._held = (seq & 0xFFFFFFFF) << 32 | (database & 0xFF) << 24
        words[W_POSITION] = self._held
        words[W_COUNTED] = 0
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

    def finished(self, count: int) -> None:
        self._held = self._held & ~0xFFF | count
        self._words[W_POSITION] = self._held

    # What the console sees --------------------------------------------------------------------------------------------

    def state(self, state: ChildState) -> None:
        self._words[W_STATE] = state

    def busy(self, class_index: int, job: str, now_ns: int, timeout_seconds: float | None) -> None:
        words = self._words
        raw = job.encode()[:_JOB_BYTES]
        words[W_JOB_LENGTH] = 0
        self._raw[_W_JOB * 8 : _W_JOB * 8 + len(raw)] = raw
        words[W_JOB_LENGTH] = len(raw)
        words[W_SINCE] = now_ns
        words[W_TIMEOUT_MS] = int(timeout_seconds * 1000) if timeout_seconds else 0
        words[W_DEADLINE] = now_ns + int(timeout_seconds * 1e9) if timeout_seconds else 0
        words[W_CLASS] = class_index + 1
        words[W_STATE] = ChildState.BUSY

    def stop_clock(self) -> None:
        """The job has ended: its time limit no longer counts, however long the writing takes."""
        self._words[W_DEADLINE] = 0

    def settled(self) -> None:
        """Everything is acknowledged: there are no books to close."""
        self._words[W_NOTED_CLASS] = 0
        self.claimed(0, 0)

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
        words[W_LAST_DELAY_US] = int(max(0.0, delay_ms) * 1000)
        words[W_LAST_LATENESS_US] = int(max(0.0, lateness_ms) * 1000)

    def count_completed(self, class_index: int) -> None:
        """The job that was finished last. A child that dies between the two has its last one counted by the manager."""
        words, finished = self._words, self._held & 0xFFF
        words[_CHILD_WORDS + _MANAGER_WORDS + class_index * _COUNTS] += 1
        words[W_COUNTED] = finished

    def count(self, class_index: int, counter: int) -> None:
        """`counter`: index into COUNTED."""
        self._words[_CHILD_WORDS + _MANAGER_WORDS + class_index * _COUNTS + counter] += 1

    def uncount_completed(self, class_index: int) -> None:
        self._words[_CHILD_WORDS + _MANAGER_WORDS + class_index * _COUNTS] -= 1

    def count_dropped(self, records: int) -> None:
        self._words[W_DROPPED] += records

    # Orders -----------------------------------------------------------------------------------------------------------

    @property
    def jobs_done(self) -> int:
        return self._words[W_DONE]

    def told_to_finish(self, pid: int) -> bool:
        return self._words[M_FINISH] == pid

    @property
    def works_per_child(self) -> int:
        return self._words[M_WORKS]
