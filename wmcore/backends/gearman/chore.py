"""Something that the manager's side does again and again in a thread of its own."""

import sys
import threading
from typing import ClassVar

from wmcore.errors import WmError


class Chore(threading.Thread):
    """`turn` every `pause_seconds`, until `leave` is called."""

    pause_seconds: ClassVar[float]

    def __init__(self, name: str) -> None:
        super().__init__(name=name, daemon=True)
        self._leave = threading.Event()
        self._trouble = ""

    def turn(self) -> bool:
        """Is there more to do, without a pause?"""
        raise NotImplementedError

    def close(self) -> None:
        """At the end, in the thread."""

    def run(self) -> None:
        """The door: trouble is said once, and tried again for ever."""
        more = False
        while not self._leave.wait(0 if more else self.pause_seconds):
            more = False
            try:
                more = self.turn()
                self._trouble = ""
            except Exception as error:
                said = str(error) if isinstance(error, WmError) else f"{type(error).__name__}: {error}"
                if said != self._trouble:
                    print(f"wmcore: {self.name}: {said}", file=sys.stderr, flush=True)
                self._trouble = said
        self.close()

    def leave(self) -> None:
        self._leave.set()
