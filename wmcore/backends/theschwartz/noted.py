"""Without our tables: what a child claims stands in its slot before the claim is committed, so that whoever finds it
dead knows what to give back."""

from collections.abc import Callable
from typing import TypeVar

from wmcore.backends.base import MOST_COMPANIONS, Position
from wmcore.backends.theschwartz import outcomes
from wmcore.backends.theschwartz.database import CommitInDoubt, Database
from wmcore.backends.theschwartz.rows import Row

T = TypeVar("T")


class Noted:
    """The claims of one child in one database."""

    def __init__(self, db: Database, position: Position) -> None:
        self._db = db
        self._position = position
        self._companions: list[int] = []
        self._doubtful: list[tuple[int, int, int]] = []  # jobid, funcid, lease of claims whose COMMIT is in doubt

    def claim(self, class_index: int, take: Callable[[], tuple[list[Row], int]]) -> tuple[list[Row], int]:
        """One job: the slot has room for one, and for its companions."""

        def work() -> tuple[list[Row], int]:
            self._companions = []
            self._position.claimed(self._db.index, 0)  # the job before is acknowledged: nothing of it may stay
            found, lease = take()
            for row in found:
                self._position.note(self._db.index, row.jobid, lease, class_index)
            self._doubtful = [(row.jobid, row.funcid, lease) for row in found]
            return found, lease

        done = self._unless_in_doubt(work)
        self._doubtful = []
        return done

    def extend(self, lease: int, limit: int, take: Callable[[int], list[Row]]) -> list[Row]:
        """More jobs under the same lease, at most `limit` and as many as the slot has room for."""
        room = min(limit, MOST_COMPANIONS - len(self._companions))
        if room < 1:
            return []

        def work() -> list[Row]:
            found = take(room)
            self._position.companions([*self._companions, *(row.jobid for row in found)])
            self._doubtful = [(row.jobid, row.funcid, lease) for row in found]
            return found

        found = self._unless_in_doubt(work)
        self._doubtful = []
        self._companions += [row.jobid for row in found]
        return found

    @property
    def in_doubt(self) -> bool:
        return bool(self._doubtful)

    def _unless_in_doubt(self, work: Callable[[], T]) -> T:
        try:
            return self._db.atomically(work)
        except CommitInDoubt:
            raise  # `give_back` knows them
        except BaseException:
            self._doubtful = []
            self._position.companions(self._companions)
            raise

    def give_back(self) -> None:
        """Claims whose COMMIT was in doubt: whether it happened or not, they are not ours afterwards."""
        if self._doubtful:
            self._db.atomically(self._release_doubtful)
            self._doubtful = []
            self._position.companions(self._companions)

    def _release_doubtful(self) -> None:
        """Locked first: that waits for the COMMIT, where it is still on its way."""
        numbers = ",".join(str(jobid) for jobid, _, _ in self._doubtful)
        self._db.rows(
            f"SELECT jobid FROM {self._db.table('job')} WHERE jobid IN ({numbers}){self._db.dialect.lock_rows}"
        )
        for claim in self._doubtful:
            outcomes.release(self._db, *claim)
