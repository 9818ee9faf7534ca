"""The books of dead children that are still to be closed; on disk until they are."""

import json
import os
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wmcore import process
from wmcore.backends.base import Book, Place
from wmcore.model import ChildState, Failure, RetryPolicy
from wmcore.scoreboard import Scoreboard, SlotView


def cause_of(status: int, killed: str | None) -> str:
    """A death in words. `status`: as wait4 gives it; `killed`: our own reason, where we did it."""
    if killed:
        return killed
    if os.WIFSIGNALED(status):
        number = os.WTERMSIG(status)
        try:
            return f"killed by signal {number} ({signal.Signals(number).name})"
        except ValueError:
            return f"killed by signal {number}"
    return f"exit code {os.waitstatus_to_exitcode(status)}"


def make_book(view: SlotView, policy: tuple[int, int, int], cause: str, *, counts: bool) -> Book:
    retries, delay, keep = policy
    return Book(
        slot=view.slot,
        owner=view.owner,
        place=view.place,
        counts=counts,
        failure=Failure(f"child {view.slot} (pid {view.pid}) died during the job: {cause}"),
        policy=RetryPolicy(retries, delay, keep),
        pid=view.pid,
    )


def is_settled(view: SlotView, exit_code: int) -> bool:
    """A child that left by itself and never claimed anything has no open books. Every other is looked after: its last
    COMMIT may have happened without its knowing."""
    return exit_code == 0 and view.place.seq == 0 and view.place.noted_class < 0


class Shelf:
    """Open books in a file of the state directory."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.books: list[Book] = []

    def load(self) -> None:
        """What a former life could not close."""
        try:
            stored = json.loads(self._path.read_text())
            self.books = [_from_json(entry) for entry in stored]
        except (OSError, ValueError, KeyError, TypeError):  # none, or a torn file: the claim rows still tell the rest
            self.books = []

    def put(self, book: Book) -> None:
        self.books.append(book)
        self._save()

    def take(self, book: Book) -> None:
        self.books.remove(book)
        self._save()

    def _save(self) -> None:
        temporary = self._path.with_name(self._path.name + ".new")
        temporary.write_text(json.dumps([asdict(book) for book in self.books]))
        temporary.rename(self._path)


def _from_json(entry: dict[str, Any]) -> Book:
    plain = dict(entry)
    plain["place"] = Place(**plain["place"])
    plain["failure"] = Failure(**plain["failure"])
    plain["policy"] = RetryPolicy(**plain["policy"])
    plain["open_databases"] = tuple(plain["open_databases"])
    return Book(**plain)


def of_former_life(board: Scoreboard) -> list[Book]:
    """The books that the last life's scoreboard shows open; those of its children that are still at work are theirs."""
    same_boot = board.boot_id == process.boot_id()
    books = []
    for slot in range(board.slots):
        view = board.view(slot)
        if view.state is ChildState.DEAD or not view.owner or (same_boot and process.is_life(view.pid, view.start)):
            continue
        cause = "the whole daemon was killed" if same_boot else "the machine went down"
        books.append(make_book(view, board.policy(slot), cause, counts=True))
    return books


def survivors(board: Scoreboard) -> list[SlotView]:
    """Children of the last life that are still at work (they finish their job and leave)."""
    if board.boot_id != process.boot_id():
        return []
    views = [board.view(slot) for slot in range(board.slots)]
    return [view for view in views if process.is_life(view.pid, view.start)]
