"""The manager's loops. No error ends one of them: it is shown, and the loop goes on after a pause."""

import asyncio
import sys
import time
import traceback
from collections.abc import Awaitable, Callable

AGAIN_SECONDS = 1.0
AGAIN_MOST_SECONDS = 30.0
"""The pause after an error; doubled with each one more."""
SHOWN_SECONDS = 600.0
"""So long after its last error a loop's trouble stands among the notices."""


class Loops:
    def __init__(self, note: Callable[[str, str], None], again_seconds: float = AGAIN_SECONDS) -> None:
        """`note`: writes a sentence of a level into the log."""
        self._note = note
        self._again_seconds = again_seconds
        self._troubles: dict[str, tuple[str, float]] = {}  # name -> sentence, when (monotonic)

    def start(self, name: str, loop: Callable[[], Awaitable[None]]) -> asyncio.Task[None]:
        """`name`: what it is to the operator. `loop` runs for ever, and is begun anew after an error."""
        return asyncio.create_task(self._keep(name, loop))

    async def _keep(self, name: str, loop: Callable[[], Awaitable[None]]) -> None:
        pause = self._again_seconds
        while True:
            begun = time.monotonic()
            try:
                await loop()
            except Exception as error:  # the door
                self._show(name, error)
            if time.monotonic() - begun > AGAIN_MOST_SECONDS:
                pause = self._again_seconds
            await asyncio.sleep(pause)
            pause = min(AGAIN_MOST_SECONDS, pause * 2)

    def _show(self, name: str, error: Exception) -> None:
        """In the status; what is not there already, in the log too, and with its traceback in the errorlogfile."""
        sentence = f"{name} failed and goes on: {type(error).__name__}: {error}"
        known = sentence in self.notices
        self._troubles[name] = sentence, time.monotonic()
        if not known:
            self._note(sentence, "error")
            traceback.print_exception(error, file=sys.stderr)
            sys.stderr.flush()

    @property
    def notices(self) -> list[str]:
        now = time.monotonic()
        return [sentence for sentence, at in self._troubles.values() if now - at < SHOWN_SECONDS]
