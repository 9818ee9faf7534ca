"""The whole screen, cell by cell, with its styles: tests/console/golden/*.txt. After a wanted change run with
UPDATE_GOLDEN=1 and read the difference."""

import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from tests.console.console import Console, console
from tests.console.daemon import Daemon, many_failed
from tests.console.screen import dump, lines_of
from wmcore.protocol.messages import Child, JobClass, Pool, Queue, QueuedJob, Server
from wmtui.glyphs import ASCII

GOLDEN = Path(__file__).parent / "golden"
SIZES = [(80, 24), (160, 48)]


def same(c: Console, name: str) -> None:
    path, seen = GOLDEN / f"{name}.txt", dump(c.app)
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(seen, encoding="utf-8")
    wanted = path.read_text(encoding="utf-8") if path.exists() else ""
    assert seen == wanted, f"{name} looks different; if that is meant: UPDATE_GOLDEN=1 pytest {__file__}"


def busy(daemon: Daemon) -> None:
    """Two pools, long names, many children, many failed jobs."""
    status = daemon.status
    names = ["acme.billing.workers.ChargeCustomerMonthly", "acme.mail.workers.SendNewsletter", "sandbox.worker.B"]
    status.classes = [
        msgspec.structs.replace(
            status.classes[i % 2],
            name=name,
            completed=361_402_118 // (i + 1),
            queue=Queue(ready=10_001, delayed=i, running=i),
        )
        for i, name in enumerate(names)
    ]
    status.classes[1].paused = True
    status.pools = [
        Pool(name="default", wanted=12, running=11, busy=7, state="backing off", workers=names[:2],
             error="exit code 3 within 0.2 s, next try in 8 s"),
        Pool(name="slow", wanted=2, running=2, busy=1, state="draining", workers=names[2:], generation=2),
    ]  # fmt: skip
    states = ["busy", "busy", "finishing", "idle", "starting", "dead"]
    status.children = [
        Child(
            slot=slot, pid=41_000 + slot, pool="slow" if slot > 10 else "default", state=states[slot % 6],
            class_name=names[slot % 3] if slot % 6 < 3 else None, job=f"0-{9_123_000 + slot}" if slot % 6 < 3 else None,
            job_since=status.now - 0.7 * 4**slot if slot % 6 < 3 else None, jobs_done=12_345 * slot, rss=31 << 20,
            started_at=status.now - 1000,
        )
        for slot in range(13)
    ]  # fmt: skip
    status.backend.ok = False
    status.backend.servers[0] = Server(
        name="postgresql://app@db2/jobs", ok=False, since=status.now - 252, error="connection refused"
    )
    daemon.set_failed(many_failed(350))


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("prepare", [None, busy], ids=["quiet", "busy"])
async def test_main_screen(daemon: Daemon, size: tuple[int, int], prepare: Callable[[Daemon], None] | None) -> None:
    if prepare is not None:
        prepare(daemon)
    async with console(daemon, size) as c:
        await c.until(lambda: c.app.main.overview.failed.row_count == len(daemon.failed) or len(daemon.failed) > 2)
        same(c, f"main-{'quiet' if prepare is None else 'busy'}-{size[0]}x{size[1]}")


@pytest.mark.parametrize("prepare", [None, busy], ids=["quiet", "busy"])
async def test_at_80x24_everything_is_to_be_seen_at_once(
    daemon: Daemon, prepare: Callable[[Daemon], None] | None
) -> None:
    if prepare is not None:
        prepare(daemon)
    async with console(daemon) as c:
        lines = lines_of(c.app)
        assert all(len(line) == 80 for line in lines) and len(lines) == 24
        heads = [i for i, line in enumerate(lines) if line[1:].split()[:1] in (["CLASS"], ["SLOT"], ["FAILED"])]
        assert len(heads) == 3
        for head, following in zip(heads, [*heads[1:], 22], strict=True):
            assert sum(bool(line.strip()) for line in lines[head + 1 : following]) >= 2, lines[head]


def queued(n: int) -> list[QueuedJob]:
    return [
        QueuedJob(id=f"0-{i}", class_name="sandbox.worker.B", state=("running", "ready", "delayed")[min(i, 2)],
                  insert_time=1795435800.0, run_after=1795435800.0 + 80 * i, priority=5, uniqkey=f"user:{i}",
                  arg=f'{{"user": {4700 + i}, "name": "Jürgen"}}')
        for i in range(n)
    ]  # fmt: skip


LOG = [
    ("notice", "2026-11-23T12:00:00 WorkerManager 1 started with PID 4721"),
    ("info", "2026-11-23T12:00:01 TheSchwartz job completed sandbox.worker.A process:2346 delay:155"),
    ("error", "2026-11-23T12:00:02 TheSchwartz job failed sandbox.worker.A process:2 delay:155"),
    ("warning", "2026-11-23T12:00:03 WorkerManager 1 exited with PID 4721 and exit code: 1"),
]


@pytest.mark.parametrize(
    ("name", "keys", "there"),
    [
        ("children", "2", "SLOT"), ("queue", "3", "CLEARS"), ("jobs", "3 enter", "user:1"), ("log", "5", "4721 and"),
        ("groups", "4 f", "groups by"), ("fleet", "6", "DAEMON"), ("pending", "plus plus", "PENDING"),
        ("typed", "colon s c a", "scale"),
    ],
)  # fmt: skip
async def test_views(daemon: Daemon, name: str, keys: str, there: str) -> None:
    daemon.jobs, daemon.log = queued(3), LOG
    for each in daemon.status.classes:
        each.queue.in_rate, each.queue.out_rate, each.queue.clears_in = 2.0, 4.0, 154_000.0
    async with console(daemon) as c:
        await c.press(*keys.split())
        await c.sees(there)
        await c.stable()
        same(c, f"{name}-80x24")


async def test_failed_jobs_with_the_record_beside_them(daemon: Daemon) -> None:
    async with console(daemon, (160, 30)) as c:
        await c.press("4")
        await c.sees("attempt 4 of 4")
        await c.stable()
        same(c, "failed-160x30")


async def test_in_ascii(daemon: Daemon) -> None:
    busy(daemon)
    async with console(daemon, glyphs=ASCII) as c:
        assert c.text.isascii()
        same(c, "main-ascii-80x24")
        await c.press("D")
        await c.sees("Drain pool")
        assert c.text.isascii()


async def test_a_question(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("D")
        await c.sees("Drain pool")
        same(c, "question-80x24")


async def test_a_record(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await c.press("shift+tab", "enter")
        await c.sees("lines 1-21")
        same(c, "record-80x24")


async def test_help(daemon: Daemon) -> None:
    async with console(daemon, (80, 60)) as c:
        await c.press("question_mark")
        await c.sees("help for Overview")
        same(c, "help-80x60")


async def test_nothing_there_yet(daemon: Daemon) -> None:
    daemon.status.children, daemon.status.classes, daemon.status.pools[0].workers = [], [], []
    daemon.set_failed([])
    async with console(daemon) as c:
        same(c, "empty-80x24")
        for key in ("down", "end", "tab", "pagedown", "K", "tab", "enter", "r", "X", "space", "home"):
            await c.press(key)
        assert daemon.commands() == []


async def test_any_size_is_drawn(daemon: Daemon) -> None:
    busy(daemon)
    async with console(daemon) as c:
        for width, height in ((60, 15), (61, 16), (100, 30), (200, 50), (40, 10), (20, 3), (1, 1)):
            await c.pilot.resize_terminal(width, height)
            await c.until(lambda height=height: len(lines_of(c.app)) == height)
            assert {len(line) for line in lines_of(c.app)} == {width}
            if (width, height) == (40, 10):
                await c.sees("needs 60x15, is 40x10")
                assert len(c.text.strip().splitlines()) == 1


async def test_a_thousand_children(daemon: Daemon) -> None:
    daemon.status.children = [Child(slot=i, pid=i + 100, pool="default", state="idle") for i in range(1000)]
    async with console(daemon) as c:
        await c.press("tab", "end")
        assert c.app.main.overview.children_table.cursor_key == (999, 1099) and "-1000/1000" in c.text
        await c.press("home", "pagedown")
        assert c.app.main.overview.children_table.cursor > 1


async def test_a_class_without_figures_is_shown(daemon: Daemon) -> None:
    daemon.status.classes = [JobClass(name="sandbox.worker.A")]
    async with console(daemon) as c:
        assert "sandbox.worker.B" in c.text and "Traceback" not in c.text
