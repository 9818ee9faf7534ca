"""The manager's loops: no error ends one, and none stays unseen."""

import asyncio

import pytest

from wmcore.manager.loops import Loops


class Shaky:
    """Breaks as it is told, then runs for ever."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = list(errors)
        self.runs = asyncio.Event()

    async def run(self) -> None:
        if self._errors:
            raise self._errors.pop(0)
        self.runs.set()
        await asyncio.Event().wait()


async def test_a_loop_goes_on_and_its_errors_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[tuple[str, str]] = []
    loops = Loops(lambda sentence, level: said.append((sentence, level)), again_seconds=0.001)
    shaky = Shaky(ValueError("no number"), ValueError("no number"), TypeError("no text"))
    task = loops.start("counting", shaky.run)
    async with asyncio.timeout(10):
        await shaky.runs.wait()
    assert said == [
        ("counting failed and goes on: ValueError: no number", "error"),
        ("counting failed and goes on: TypeError: no text", "error"),
    ], "the same one is said once"
    assert loops.notices == ["counting failed and goes on: TypeError: no text"]
    errors = capsys.readouterr().err
    assert "raise self._errors.pop(0)" in errors
    assert errors.count("ValueError: no number") == 1
    task.cancel()


async def test_a_loop_that_is_told_to_end_ends() -> None:
    loops = Loops(lambda sentence, level: None)
    shaky = Shaky()
    task = loops.start("counting", shaky.run)
    async with asyncio.timeout(10):
        await shaky.runs.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert loops.notices == []
