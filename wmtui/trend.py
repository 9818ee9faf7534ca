"""Does a class's backlog grow or shrink? The daemon's rates are of twenty seconds, in which a burst of jobs counts as a
flow: what the console itself has seen since says more. Pure."""

from collections import deque

from wmcore.protocol.messages import Queue, Status

STEADY = 1.05
"""So little more comes in than goes out that neither is to be told from the other."""
LATELY_SECONDS = 8.0
LONG_SECONDS = 60.0


class Trend:
    """How many jobs of each class were ready, over the last minute."""

    def __init__(self) -> None:
        self._seen: dict[str, deque[tuple[float, int | None]]] = {}

    def take(self, status: Status) -> None:
        self._seen = {each.name: self._with(each.name, status.now, each.queue.ready) for each in status.classes}

    def _with(self, name: str, now: float, ready: int | None) -> deque[tuple[float, int | None]]:
        seen = self._seen.get(name, deque())
        if seen and now <= seen[-1][0]:
            seen.clear()  # the clock was set, or another daemon answers
        seen.append((now, ready))
        while now - seen[0][0] > LONG_SECONDS + LATELY_SECONDS:
            seen.popleft()
        return seen

    def _growth(self, name: str, seconds: float) -> float | None:
        """Jobs per second over the last `seconds`; None where that is not known."""
        seen = self._seen.get(name, ())
        if not seen:
            return None
        until, now = seen[-1]
        then = next(((at, ready) for at, ready in reversed(seen) if until - at >= seconds), None)
        if then is None or then[1] is None or now is None:
            return None
        return (now - then[1]) / (until - then[0])

    def clears_in(self, name: str, queue: Queue) -> float | None:
        """Milliseconds until none is ready, if things stay as they are."""
        if queue.clears_in is not None:
            return queue.clears_in
        growth = self._growth(name, LATELY_SECONDS)
        if growth is None or growth >= 0 or not queue.ready:
            return None
        return queue.ready / -growth * 1000

    def word(self, name: str, queue: Queue) -> str:
        """For a backlog that does not shrink: "steady", "growing", "never" (it has grown for long); "" where nobody
        knows."""
        if queue.in_rate is None or queue.out_rate is None:
            return ""
        if queue.in_rate <= queue.out_rate * STEADY:
            return "steady"
        growths = [self._growth(name, seconds) for seconds in (LATELY_SECONDS, LONG_SECONDS)]
        return "never" if all(growth is not None and growth > 0 for growth in growths) else "growing"
