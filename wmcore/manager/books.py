"""The books of dead children that are still to be closed; on disk until they are."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from wmcore.backends.base import Book, Place
from wmcore.model import Failure, RetryPolicy
from wmcore.scoreboard import SlotView


def cause_of(status: int | None, killed: str | None) -> str:
    """A death in words. `status`: as wait4 gives it, None where nobody saw it; `killed`: our own reason, where we did
    it."""
    if killed:
        return killed
    if status is None:
        return "nobody saw how"
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
        job=view.job or "",
    )


def is_settled(view: SlotView, exit_code: int) -> bool:
    """A child that left by itself with everything acknowledged has taken its position back. Every other is looked
    after: its last COMMIT may have happened without its knowing."""
    return exit_code == 0 and view.place.seq == 0 and view.place.noted_class < 0


class Shelf:
    """Open books in a file of the state directory."""

    def __init__(self, path: Path, on_trouble: Callable[[str], None]) -> None:
        self._path = path
        self._on_trouble = on_trouble
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
        try:
            temporary.write_text(json.dumps([asdict(book) for book in self.books]))
            temporary.rename(self._path)
        except OSError as error:  # they are in memory too, and the claim rows tell the most of it
            self._on_trouble(f"{self._path}: {error.strerror}; open books would not outlive this process")


def _from_json(entry: dict[str, Any]) -> Book:
    plain = dict(entry)
    place = dict(plain["place"])
    plain["place"] = Place(**{**place, "companions": tuple(place.get("companions", ()))})
    plain["failure"] = Failure(**plain["failure"])
    plain["policy"] = RetryPolicy(**plain["policy"])
    plain["open_databases"] = tuple(plain["open_databases"])
    return Book(**plain)
