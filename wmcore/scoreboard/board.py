"""The manager's side: everything, read without asking anybody; and the orders."""

import mmap
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from wmcore.backends.base import Place, Progress
from wmcore.model import ChildState
from wmcore.scoreboard.layout import (
    CAPACITY,
    CHILD_WORDS,
    CLASS_WORDS,
    COUNTS,
    H_BOOT,
    H_CLASSES,
    H_LOG_GENERATION,
    H_MAGIC,
    H_PID,
    H_SLOTS,
    H_START,
    H_STRIDE,
    H_VERSION,
    HEADER_WORDS,
    JOB_BYTES,
    M_FINISH,
    M_WORKS,
    MAGIC,
    MANAGER_WORDS,
    OWNER_BYTES,
    VERSION,
    W_ACKED,
    W_BORN,
    W_CLAIMED,
    W_CLASS,
    W_COMPANIONS,
    W_COUNTED,
    W_DEADLINE,
    W_DEPARTED,
    W_DONE,
    W_FAILED,
    W_HELD,
    W_JOB,
    W_JOB_LENGTH,
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


@dataclass(frozen=True, slots=True)
class SlotView:
    """A slot at one moment. What only the books need is made when it is asked for: a status looks at a thousand."""

    slot: int
    pid: int
    state: ChildState
    class_index: int | None
    job: str | None
    word: list[int]  # all that the child wrote
    raw_owner: bytes

    @property
    def start(self) -> int:
        return self.word[W_START]

    @property
    def since_ns(self) -> int:
        return self.word[W_SINCE]

    @property
    def born_ns(self) -> int:
        return self.word[W_BORN]

    @property
    def done(self) -> int:
        return self.word[W_DONE]

    @property
    def failed(self) -> int:
        return self.word[W_FAILED]

    @property
    def deadline_ns(self) -> int:
        return self.word[W_DEADLINE]

    @property
    def timeout_ms(self) -> int:
        return self.word[W_TIMEOUT_MS]

    @property
    def trouble(self) -> bool:
        return self.word[W_TROUBLE] != 0

    @property
    def counted(self) -> bool:
        """Is the job that was finished last among the counts?"""
        return self.word[W_COUNTED] >= self.word[W_POSITION] & 0xFFF

    @property
    def owner(self) -> str:
        return self.raw_owner.rstrip(b"\0").decode(errors="replace")

    @property
    def place(self) -> Place:
        return _place(self.word)


_STATES = tuple(ChildState)


def _words(count: int, stride: int, classes: int) -> int:
    return HEADER_WORDS + classes + count * stride


class Scoreboard:
    """A mapped scoreboard file."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        self._map = mmap.mmap(fd, 0)
        self.words = memoryview(self._map).cast("Q")
        self.raw = memoryview(self._map)
        self.slots = self.words[H_SLOTS]
        self.classes = self.words[H_CLASSES]
        self.stride = self.words[H_STRIDE]

    @classmethod
    def create(cls, path: Path, classes: int, slots: int = CAPACITY) -> "Scoreboard":
        """A fresh, zeroed scoreboard at `path`, in place of any older one."""
        stride = -(-(CHILD_WORDS + MANAGER_WORDS + CLASS_WORDS * classes) // 8) * 8
        temporary = path.with_name(path.name + ".new")
        fd = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        # With its place on the disk: where that is full, the first word on a page without one would be a SIGBUS.
        os.posix_fallocate(fd, 0, _words(slots, stride, classes) * 8)
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
        if size >= HEADER_WORDS * 8:
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
        self.raw.release()
        self._map.close()

    # -- the manager's words ------------------------------------------------------------------------------------------

    def identify(self, pid: int, start: int, boot_id: str) -> None:
        self.words[H_PID], self.words[H_START] = pid, start
        raw = boot_id.encode()[:32].ljust(32, b"\0")
        self.raw[H_BOOT * 8 : H_BOOT * 8 + 32] = raw

    @property
    def manager_pid(self) -> int:
        return self.words[H_PID]

    @property
    def boot_id(self) -> str:
        return bytes(self.raw[H_BOOT * 8 : H_BOOT * 8 + 32]).rstrip(b"\0").decode(errors="replace")

    @property
    def log_generation(self) -> int:
        """Goes up when the log files have to be opened anew."""
        return self.words[H_LOG_GENERATION]

    def bump_log_generation(self) -> None:
        self.words[H_LOG_GENERATION] += 1

    def set_paused(self, class_index: int, paused: bool) -> None:
        self.words[HEADER_WORDS + class_index] = int(paused)

    def paused(self, class_index: int) -> bool:
        return self.words[HEADER_WORDS + class_index] != 0

    def base(self, slot: int) -> int:
        """Index of the slot's first word."""
        return HEADER_WORDS + self.classes + slot * self.stride

    def order_finish(self, slot: int, pid: int) -> None:
        self.words[self.base(slot) + M_FINISH] = pid

    def order_works(self, slot: int, works_per_child: int) -> None:
        self.words[self.base(slot) + M_WORKS] = works_per_child

    def mark_dead(self, slot: int) -> None:
        """After the child was reaped: its counts stay, its life is over."""
        self.words[self.base(slot) + W_STATE] = ChildState.DEAD

    def departed(self, slot: int, pid: int) -> bool:
        """Has its child written its last word?"""
        return self.words[self.base(slot) + W_DEPARTED] == pid

    # -- reading ------------------------------------------------------------------------------------------------------

    def view(self, slot: int) -> SlotView:
        base = self.base(slot)
        word = self.words[base : base + CHILD_WORDS].tolist()
        state = _STATES[word[W_STATE]] if word[W_STATE] < len(_STATES) else ChildState.DEAD
        start = (base + W_JOB) * 8
        job = bytes(self.raw[start : start + min(word[W_JOB_LENGTH], JOB_BYTES)]).decode(errors="replace")
        return SlotView(
            slot=slot,
            pid=word[W_PID],
            state=state,
            class_index=word[W_CLASS] - 1 if word[W_CLASS] else None,
            job=job or None,
            word=word,
            raw_owner=bytes(self.raw[(base + W_OWNER) * 8 : (base + W_OWNER) * 8 + OWNER_BYTES]),
        )

    def is_idle(self, slot: int, pid: int) -> bool:
        """Is the child `pid` in this slot, and idle? Cheaper than a view."""
        base = self.base(slot)
        return self.words[base + W_PID] == pid and self.words[base + W_STATE] == ChildState.IDLE

    def progress(self, slot: int) -> Progress:
        base = self.base(slot)
        position = self.words[base + W_POSITION]
        return Progress(self.words[base + W_HELD], position >> 12 & 0xFFF, position & 0xFFF)

    def held_since(self, slot: int) -> int | None:
        """When a batch was claimed of which something is not started yet, or not acknowledged while the last of it runs
        (CLOCK_MONOTONIC ns)."""
        progress = self.progress(slot)
        open_end = progress.started < progress.held or 0 < progress.finished < progress.started
        return self.words[self.base(slot) + W_CLAIMED] if progress.held > 1 and open_end else None

    def counts(self, slots: int) -> list[int]:
        """All counters since the daemon's start, COUNTS for each class in the order of COUNTED: the sums over the first
        `slots`. A slot's words are added as the digits of one large number, so that a thousand slots with a hundred
        classes take some milliseconds."""
        length, total = CLASS_WORDS * self.classes * 8, 0
        for slot in range(slots):
            start = (self.base(slot) + CHILD_WORDS + MANAGER_WORDS) * 8
            total += int.from_bytes(self.raw[start : start + length], sys.byteorder)
        words = memoryview(total.to_bytes(length, sys.byteorder)).cast("Q").tolist()
        return [word for place, word in enumerate(words) if place % CLASS_WORDS < COUNTS]

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
        acked=word[W_ACKED],
        noted_number=word[W_NOTED_NUMBER] if noted else 0,
        noted_lease=word[W_NOTED_LEASE] if noted else 0,
        noted_class=word[W_NOTED_CLASS] - 1,
        companions=tuple(word[W_COMPANIONS + 1 :][: word[W_COMPANIONS]]) if noted else (),
    )
