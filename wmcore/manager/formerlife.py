"""What former lives of this daemon left behind: books of their dead, and children that still finish their jobs.

Each life has a scoreboard file of its own. The last one's is put aside, not overwritten, while somebody still works on
it: so the lives after the next one know of them too.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from wmcore import process
from wmcore.backends.base import Book
from wmcore.manager import books
from wmcore.model import ChildState
from wmcore.scoreboard import Scoreboard, SlotView

NAME = "scoreboard"


@dataclass(slots=True)
class Board:
    """A former life's scoreboard, and who is still at work on it."""

    board: Scoreboard
    path: Path
    survivors: list[SlotView]


def put_aside(state_dir: Path) -> list[Board]:
    """At the start, before this life's scoreboard is made: all earlier ones that say anything."""
    latest = state_dir / NAME
    if latest.exists():
        latest.rename(state_dir / f"{NAME}.{time.time_ns()}")
    found = []
    for path in sorted(state_dir.glob(f"{NAME}.[0-9]*")):
        board = Scoreboard.open(path)
        if board is None:
            path.unlink(missing_ok=True)
            continue
        found.append(Board(board, path, list(_survivors(board))))
    return found


def _survivors(board: Scoreboard) -> Iterator[SlotView]:
    if board.boot_id != process.boot_id():
        return
    for slot in range(board.slots):
        view = board.view(slot)
        if process.is_life(view.pid, view.start):
            yield view


class FormerLife:
    def __init__(self, boards: list[Board]) -> None:
        self._boards = boards

    def dead(self) -> list[Book]:
        """Books of those that died with their manager; asked once, then they are the caller's."""
        found = []
        for entry in self._boards:
            same_boot = entry.board.boot_id == process.boot_id()
            cause = "the whole daemon was killed" if same_boot else "the machine went down"
            alive = {view.slot for view in entry.survivors}
            found += [book for book in _open_books(entry.board, cause) if book.slot not in alive]
        return found

    def shelved(self) -> None:
        """The caller has the books of the dead on disk: boards that nobody works on have served."""
        for entry in self._boards:
            alive = {view.slot for view in entry.survivors}
            for slot in range(entry.board.slots):
                if slot not in alive:
                    entry.board.mark_dead(slot)
        self._forget_empty()

    @property
    def survivors(self) -> list[SlotView]:
        return [view for entry in self._boards for view in entry.survivors]

    def follow(self) -> list[Book]:
        """Books of survivors that have gone since the last call."""
        found = []
        for entry in self._boards:
            gone = [view for view in entry.survivors if not process.is_life(view.pid, view.start)]
            for view in gone:
                entry.survivors.remove(view)
                last = entry.board.view(view.slot)
                if last.owner == view.owner and not books.is_settled(last, 0):
                    cause = "it died after its manager"
                    found.append(books.make_book(last, entry.board.policy(view.slot), cause, counts=True))
                entry.board.mark_dead(view.slot)
        if found:
            return found
        self._forget_empty()
        return []

    def _forget_empty(self) -> None:
        for entry in [entry for entry in self._boards if not entry.survivors]:
            self._boards.remove(entry)
            entry.path.unlink(missing_ok=True)


def _open_books(board: Scoreboard, cause: str) -> Iterator[Book]:
    for slot in range(board.slots):
        view = board.view(slot)
        if view.state is not ChildState.DEAD and view.owner:
            yield books.make_book(view, board.policy(slot), cause, counts=True)
