"""Submits failed jobs again when they are due, whether children are there or not. What it has to do stands on disk: it
goes on after a restart, and nothing is lost while no server answers."""

import time
from collections.abc import Sequence
from pathlib import Path

from wmcore.backends.gearman.chore import Chore
from wmcore.backends.gearman.parked import Parked, Parking
from wmcore.backends.gearman.submitting import submit_anywhere
from wmcore.backends.gearman.talk import Talk
from wmcore.backends.records import NewJob
from wmcore.errors import Refused

AT_ONCE = 200
REFUSED_SECONDS = 10.0
"""So long a job is left alone that a server does not take: the next may be of another function."""


class Retrying(Chore):
    pause_seconds = 0.25

    def __init__(self, servers: Sequence[str], prefix: str, state_dir: Path) -> None:
        super().__init__("failed jobs wait to be tried again")
        self._talks = [Talk(server) for server in servers]
        self._prefix = prefix
        self._parking = Parking(state_dir)

    def turn(self) -> bool:
        if not self._parking.exists:
            return False
        now, refused, submitted = time.time(), None, list[Parked]()
        due = self._parking.due(now, AT_ONCE)
        try:
            for row in due:
                try:
                    submit_anywhere(self._talks, self._prefix, NewJob(row.funcname, row.raw, uniqkey=row.key))
                except Refused as error:
                    self._parking.put_off(row, now + REFUSED_SECONDS)
                    refused = error
                else:
                    submitted.append(row)
        finally:  # what is said again, because we died before this, has the same unique id
            self._parking.submitted(submitted, now)
        if refused is not None:
            raise refused
        return len(due) == AT_ONCE

    def close(self) -> None:
        for talk in self._talks:
            talk.close()
        self._parking.close()
