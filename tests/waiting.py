"""Tests wait for facts, with a deadline that is generous on a loaded machine."""

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(fact: Callable[[], T], seconds: float = 20.0, what: str = "") -> T:
    """The first true answer of `fact`; AssertionError after `seconds`."""
    deadline = time.monotonic() + seconds
    while True:
        found = fact()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds:g} s for {what or fact}; last answer: {found!r}")
        time.sleep(0.01)


async def until_async(fact: Callable[[], bool], seconds: float = 20.0) -> None:
    """The same for a test that shares its loop with what it waits for."""
    deadline = time.monotonic() + seconds
    while not fact():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {fact}"
        await asyncio.sleep(0.005)
