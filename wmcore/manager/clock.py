"""Unix time of moments of the monotonic clock."""

import time

SLACK = 0.05
"""Seconds: so far the two may drift apart before the difference is taken anew."""


class SteadyClock:
    """The same answer for the same moment whenever it is asked: else every row of a status would change each time."""

    def __init__(self) -> None:
        self._difference = time.time() - time.monotonic()

    def compare(self) -> None:
        """With the system's clock, which somebody may have set; before some moments are asked for."""
        now = time.time() - time.monotonic()
        if abs(now - self._difference) > SLACK:
            self._difference = now

    def unix(self, monotonic: float) -> float:
        return round(monotonic + self._difference, 3)
