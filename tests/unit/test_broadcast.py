"""Frames to several viewers: made once, whole for those who have none or lost one."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from tests.unit.peer import golden
from tests.waiting import until_async
from wmcore.broadcast import Broadcast
from wmcore.protocol.messages import Status


@dataclass(eq=False)
class Viewer:
    behind: bool = False
    lines: list[bytes] = field(default_factory=list)

    def send(self, line: bytes) -> None:
        self.lines.append(line)

    @property
    def frames(self) -> list[tuple[str, Any]]:
        return [(frame["method"], frame["params"]) for frame in map(json.loads, self.lines)]


class Source:
    def __init__(self) -> None:
        self.built = 0

    async def __call__(self) -> Status:
        self.built += 1
        return msgspec.structs.replace(golden(), viewers=self.built)


@pytest.mark.parametrize("kind", [False, True, "rows"])
async def test_frames_of_each_kind(kind: bool | str) -> None:
    source, one, other = Source(), Viewer(), Viewer()
    broadcast = Broadcast(source, 0.01, kind)
    broadcast.join(one)
    broadcast.join(other)
    await until_async(lambda: len(one.lines) >= 3)
    broadcast.leave(one)
    broadcast.leave(other)
    assert one.lines == other.lines
    assert source.built == len(one.lines), "one frame for both"
    (first, whole), (then, change) = one.frames[:2]
    assert (first, whole["viewers"], whole["pid"]) == ("status", 1, 4711)
    if kind == "rows":
        assert (then, change) == (
            "status.rows", {"changed": {"viewers": 2}, "children": [], "gone": [], "classes": []},
        )  # fmt: skip
    elif kind:
        assert (then, change) == ("status.delta", {"viewers": 2})
    else:
        assert (then, change["pid"]) == ("status", 4711)


async def test_who_is_slow_loses_frames_and_gets_the_next_one_whole() -> None:
    source, quick, slow = Source(), Viewer(), Viewer()
    broadcast = Broadcast(source, 0.01, "rows")
    broadcast.join(quick)
    broadcast.join(slow)
    await until_async(lambda: len(slow.lines) >= 2)
    slow.behind = True
    had, missed = len(slow.lines), len(quick.lines)
    await until_async(lambda: len(quick.lines) >= missed + 2)
    assert len(slow.lines) == had
    slow.behind = False
    await until_async(lambda: len(slow.lines) >= had + 2)
    broadcast.leave(quick)
    broadcast.leave(slow)
    methods = [method for method, _ in slow.frames[: had + 2]]
    assert methods == ["status", *["status.rows"] * (had - 1), "status", "status.rows"]
    assert [method for method, _ in quick.frames[:4]] == ["status", *["status.rows"] * 3]


async def test_who_joins_need_not_wait_for_the_next_frame() -> None:
    broadcast, one, other = Broadcast(Source(), 3600.0, "rows"), Viewer(), Viewer()
    broadcast.join(one)
    await until_async(lambda: len(one.lines) == 1)
    broadcast.join(other)
    await until_async(lambda: len(other.lines) == 1)
    assert other.frames[0][0] == "status"
    broadcast.leave(one)
    broadcast.leave(other)
    assert broadcast.empty
    await asyncio.sleep(0)
