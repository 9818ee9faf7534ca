"""What a child has in hand: its batch, and its side of each database."""

from dataclasses import dataclass, field

from wmcore.backends.base import Claimed
from wmcore.backends.theschwartz.claimrow import ClaimRow
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.noted import Noted
from wmcore.backends.theschwartz.rows import Funcids


@dataclass(slots=True)
class Batch:
    """What this child holds, all in one database and of one class."""

    database: int
    funcid: int
    lease: int
    jobs: list[Claimed]
    started: int = 0
    finished: int = 0
    acked: int = 0
    keep: dict[int, int] = field(default_factory=dict)  # jobid -> seconds that its exit status is kept
    late: frozenset[str] = frozenset()  # as the last acknowledgement found it
    doubted: bool = False  # the COMMIT of its acknowledgement, or of its job's end, was in doubt

    @property
    def numbers(self) -> list[int]:
        return [job.number for job in self.jobs]


@dataclass(slots=True)
class Side:
    """One database as this child uses it."""

    db: Database
    funcids: Funcids
    claim: ClaimRow
    noted: Noted  # instead of `claim`, where there is no wm_claim
    down_until: float = 0.0  # monotonic
