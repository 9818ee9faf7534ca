"""A console on a test's daemon, with a clock that stands, and waiting for facts."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot

from tests.console.daemon import Daemon
from tests.console.screen import text_of
from wmcore.protocol.messages import Request
from wmtui.app import ConsoleApp
from wmtui.feed import SocketFeed
from wmtui.glyphs import UNICODE, Glyphs
from wmtui.keymap import DEFAULT, SIGNS, Keymap
from wmtui.screens.confirm import ARMED_AFTER_SECONDS, Confirm

DEADLINE_SECONDS = 10.0
TYPED = {name: sign for sign, name in SIGNS.items()} | {"space": " "}


class Now:
    """The console's clock."""

    def __init__(self, value: float) -> None:
        self.value = value

    def __call__(self) -> float:
        return self.value


@dataclass
class Console:
    app: ConsoleApp
    pilot: Pilot[None]
    daemon: Daemon
    now: Now

    @property
    def text(self) -> str:
        return text_of(self.app)

    async def until(self, fact: Callable[[], object], what: str = "") -> None:
        deadline = time.monotonic() + DEADLINE_SECONDS
        await self.quiet()
        while not fact():
            if time.monotonic() > deadline:
                raise AssertionError(f"still not so: {what or fact}\n{self.text}")
            await asyncio.sleep(0.01)
            await self.quiet()

    async def quiet(self) -> None:
        """All that was begun has been done, and the screen shows it; Pilot's pause guesses that, from the time that the
        processor was at work. What another process or the clock brings is not waited for."""
        await all_done()
        if self.app.is_running:
            self.app.screen._on_timer_update()
            await all_done()

    async def sees(self, words: str) -> None:
        await self.until(lambda: words in self.text, f"{words!r} on the screen")

    async def stable(self) -> None:
        """The first layout takes a few turns; then nothing moves by itself."""
        same, before = 0, ""
        deadline = time.monotonic() + DEADLINE_SECONDS
        while same < 2 and time.monotonic() < deadline:
            await self.quiet()
            same, before = (same + 1 if before == self.text and self.text else 0), self.text

    async def press(self, *keys: str) -> None:
        """What Pilot's does; it waits for idleness four times a key."""
        for key in keys:
            name = _character_to_key(key) if len(key) == 1 else key
            self.app.post_message(events.Key(name, key if len(key) == 1 else TYPED.get(key)))
            await self.quiet()

    async def fill(self, text: str) -> None:
        """A whole line at once, and enter: a key at a time takes its time, and one test does that."""
        await self.until(lambda: self.app.main.prompt.display, "the line to type in")
        self.app.main.prompt.line.value = text
        await self.press("enter")

    async def frame(self) -> None:
        """The daemon's status as it is now has arrived."""
        before = self.app.status
        self.daemon.send_frame()
        await self.until(lambda: self.app.status is not before, "a new status")
        await self.quiet()

    async def asked(self, request: Request) -> None:
        """The daemon has been asked exactly this, last."""
        await self.until(lambda: self.daemon.commands()[-1:] == [request], f"{request} in {self.daemon.commands()}")

    async def answer(self, *keys: str) -> None:
        """A dialog is there, and its keys work; type these."""
        await self.until(lambda: isinstance(self.app.screen, Confirm), "a question")
        dialog = self.app.screen
        assert isinstance(dialog, Confirm)
        dialog._shown_at -= ARMED_AFTER_SECONDS
        await self.press(*keys)

    async def settled(self) -> None:
        """Nothing was sent and nothing is asked: give it the time in which it would have been."""
        for _ in range(3):
            await self.quiet()


async def all_done() -> None:
    """Nobody in this process has anything to do at once: several turns of the loop had no work but this."""
    loop = asyncio.get_running_loop()
    turns = 0
    deadline = time.monotonic() + DEADLINE_SECONDS
    while turns < 3 and time.monotonic() < deadline:
        await asyncio.sleep(0)
        turns = 0 if loop._ready else turns + 1  # type: ignore[attr-defined]


@asynccontextmanager
async def console(
    daemon: Daemon, size: tuple[int, int] = (80, 24), *, read_only: bool = False, glyphs: Glyphs = UNICODE,
    others: Sequence[Daemon] = (), keys: Keymap = DEFAULT,
) -> AsyncIterator[Console]:  # fmt: skip
    now = Now(daemon.status.now)
    feeds = [SocketFeed(each.path, now=now) for each in (daemon, *others)]
    app = ConsoleApp(feeds, glyphs, read_only=read_only, only_one=not others, keys=keys, now=now)
    async with app.run_test(size=size) as pilot:
        opened = Console(app, pilot, daemon, now)
        await opened.until(lambda: app.status is not None, "a first status")
        await opened.stable()
        yield opened
