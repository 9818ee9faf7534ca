"""Status frames to those who want the same: the frame is made once for all of them, and what they are sent is encoded
once. Whoever has not read the last frame yet gets none, and the next one whole."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Protocol

from wmcore.protocol import delta
from wmcore.protocol.framing import encode_notification
from wmcore.protocol.messages import Status


class Viewer(Protocol):
    @property
    def behind(self) -> bool:
        """Has it not read yet what it was sent?"""

    def send(self, line: bytes) -> None: ...


class Broadcast:
    """To all viewers with one interval and one kind of frames."""

    def __init__(self, build: Callable[[], Awaitable[Status]], interval: float, kind: bool | str) -> None:
        """`kind`: Subscribe's `delta`."""
        self._build = build
        self._interval = interval
        self._kind = kind
        self._viewers: dict[Viewer, bool] = {}  # does it have the last frame?
        self._last: Status | None = None
        self._joined = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def join(self, viewer: Viewer) -> None:
        """It gets a whole frame at once."""
        self._viewers[viewer] = False
        self._joined.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())

    def leave(self, viewer: Viewer) -> None:
        self._viewers.pop(viewer, None)
        if not self._viewers and self._task is not None:
            self._task.cancel()
            self._task = None

    @property
    def empty(self) -> bool:
        return not self._viewers

    async def _run(self) -> None:
        due = time.monotonic()
        while True:
            self._joined.clear()
            self._send(await self._build())
            now = time.monotonic()
            if now >= due:
                due = max(due + self._interval, now)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._joined.wait(), due - now)

    def _send(self, frame: Status) -> None:
        before, self._last = self._last, frame
        whole = cache(lambda: encode_notification("status", frame))
        change = cache(lambda: self._change(before, frame))
        for viewer, has_last in list(self._viewers.items()):
            if viewer.behind:
                self._viewers[viewer] = False
            else:
                self._viewers[viewer] = True
                viewer.send(change() if has_last else whole())

    def _change(self, before: Status | None, frame: Status) -> bytes:
        if before is None or self._kind is False:
            return encode_notification("status", frame)
        if self._kind == "rows":
            return encode_notification("status.rows", delta.rows(before, frame))
        return encode_notification("status.delta", delta.members(before, frame))
