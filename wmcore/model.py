"""The words: states, outcomes and frozen records that every part of the house shares. Touches neither OS nor clock."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class DaemonState(StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    DRAINING = "draining"
    STOPPING = "stopping"


class PoolState(StrEnum):
    RUNNING = "running"
    DRAINING = "draining"  # no more claims, children leave after their job; stays so, with nobody left, until resumed
    BACKING_OFF = "backing off"  # children die young: the next fork waits
    STOPPING = "stopping"


class ChildState(IntEnum):
    """As the child writes it into its slot; the wire has the lower-case name."""

    DEAD = 0
    STARTING = 1
    IDLE = 2
    BUSY = 3
    FINISHING = 4

    @property
    def word(self) -> str:
        return self.name.lower()


class BulkState(StrEnum):
    """Of a run through thousands of failed jobs."""

    RUNNING = "running"
    STOPPING = "stopping"  # behind the transaction in hand
    DONE = "done"
    STOPPED = "stopped"  # by somebody, or by the daemon's own end
    FAILED = "failed"  # the queue did not answer any more

    @property
    def ended(self) -> bool:
        return self not in (BulkState.RUNNING, BulkState.STOPPING)


class Fate(StrEnum):
    """Of the job that a retry made of a failed one."""

    WAITING = "waiting"  # in the queue
    RUNNING = "running"
    DONE = "done"  # not in the queue any more, and not among the failed jobs
    FAILED = "failed"  # again, and for good: it has a record of its own
    GONE = "gone"  # not in the queue any more: whether it is done, or waits to be tried again, nobody can say
    UNKNOWN = "unknown"  # its queue does not answer, or is not ours any more


class LogLevel(StrEnum):
    """Of a line of the log; later ones are graver."""

    DEBUG = "debug"
    INFO = "info"
    NOTICE = "notice"
    WARNING = "warning"
    ERROR = "error"


class Outcome(IntEnum):
    """How one attempt at a job ended."""

    COMPLETED = 0
    FAILED = 1  # finally: it stands in the failed list
    RETRIED = 2  # the attempt failed, another will follow
    DECLINED = 3  # not counted as an attempt
    REPLACED = 4  # completed, its successors inserted in the same transaction
    LATE = 5  # finished after its lease had gone to somebody else: nothing was written


MEASURED, ESTIMATED, UNKNOWN = "measured", "estimated", ""
"""How a job's moment of insertion is known. Where it is not, it has neither delay nor lateness."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What is kept of a failed attempt."""

    message: str
    traceback: str = ""
    exit_status: int = 1


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What a class says about its failures, evaluated for one job (seconds are whole, as TheSchwartz stores them)."""

    max_retries: int = 0
    retry_delay_seconds: int = 0
    keep_exit_status_seconds: int = 0
    permanent: bool = False

    def retries(self, failures: int) -> bool:
        """Is there another attempt after the `failures`-th failure?"""
        return not self.permanent and failures <= self.max_retries


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds; all None where nothing was measured."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None
    mean: float | None = None


@dataclass(frozen=True, slots=True)
class QueueFigures:
    """A class's jobs in the queue; counts bounded by `COUNT_LIMIT`, `oldest_ms`: age of the oldest claimable job."""

    ready: int = 0
    delayed: int = 0
    running: int = 0
    oldest_ms: float | None = None
    workers: int | None = None  # connected and able, on all hosts, where the queue knows


@dataclass(frozen=True, slots=True)
class FlowRates:
    """How a class's jobs come and go, per second; None where it is not known. `clears_in_ms`: until nothing is ready,
    if it goes on so; with known rates, None: never."""

    in_rate: float | None = None
    out_rate: float | None = None
    clears_in_ms: float | None = None


MOST_IN_BATCH = 4000
"""Jobs that a child can hold: its position in the slot counts to 4,095."""
COUNT_LIMIT = 10_001
"""A count that reaches this means "more than 10,000": nobody may make a database count a million rows each second."""
