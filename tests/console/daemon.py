"""A socket server that speaks the protocol for the console's tests: sends the frames that a test sets, notes every
request, answers what a daemon would. Run as a program it serves a lively picture, to use the console by hand:
`python -m tests.console.daemon SOCKET`."""

import asyncio
import math
import random
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

from wmcore.protocol import framing
from wmcore.protocol import messages as m
from wmcore.protocol.framing import Code, RpcError
from wmtui.failedlist import matches

GOLDEN = Path(__file__).parent.parent / "golden" / "status.json"
COUNT_LIMIT = 10_001
METHODS = m.METHODS | {kind.method: kind for kind in (m.GroupFailed, m.StartBulk, m.StopBulk, m.ListBulk)}


def everything() -> m.Status:
    return msgspec.json.decode(GOLDEN.read_bytes(), type=m.Status)


def golden() -> m.Status:
    """Of that the quiet part: one pool, nothing that drains, no bulk run."""
    status = everything()
    status.pools, status.bulk, status.kill_at = status.pools[:1], [], None
    return status


class Daemon:
    """`status` is what the next frame says, and steering changes it; `failed` the whole failed list, newest first."""

    def __init__(self, path: Path, status: m.Status | None = None) -> None:
        self.path = path
        self.status = status or golden()
        self.failed: list[m.FailedSummary] = list(self.status.failed.recent)
        self.jobs: list[m.QueuedJob] = []
        self.log: list[tuple[str, str]] = []
        self.asked: list[m.Request] = []
        self.answers: dict[type[m.Request], Callable[[Any], Any]] = {}  # in place of what a daemon would say
        self.subscribers: list[tuple[asyncio.StreamWriter, asyncio.Event]] = []
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        self._server = await asyncio.start_unix_server(self._serve, str(self.path))

    async def stop(self) -> None:
        """As a daemon that ends in order: its socket goes, then everybody's connection is closed."""
        if self._server is not None:
            self._server.close()
        self.path.unlink(missing_ok=True)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def send_frame(self) -> None:
        """To everybody who subscribed, now."""
        for writer, _ in self.subscribers:
            if not writer.is_closing():
                writer.write(framing.encode_notification("status", self.status))

    def commands(self) -> list[m.Request]:
        """The requests that change something, in their order."""
        looking = (
            m.Subscribe | m.Hello | m.ListFailed | m.LookFailed | m.GetFailed | m.GroupFailed | m.ListJobs | m.TailLog
        )
        return [each for each in self.asked if not isinstance(each, looking)]

    def set_failed(self, records: list[m.FailedSummary], recent: int = 50) -> None:
        """The status has those that are open."""
        self.failed = records
        still = [each for each in records if each.retried_as is None]
        self.status.failed = m.Failed(count=min(len(still), COUNT_LIMIT), recent=still[:recent])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            while line := await reader.readline():
                writer.write(self._answer(line, writer))
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            self.subscribers = [each for each in self.subscribers if each[0] is not writer]
            writer.close()

    def _answer(self, line: bytes, writer: asyncio.StreamWriter) -> bytes:
        incoming = framing.decode_request(line)
        kind = METHODS[incoming.method]
        request = framing.decode_body(incoming.params, kind)
        self.asked.append(request)
        try:
            if kind in self.answers:
                return framing.encode_result(incoming.id, self.answers[kind](request))
            if isinstance(request, m.Subscribe):
                self.subscribers.append((writer, asyncio.Event()))
                reply = framing.encode_result(incoming.id, m.Subscription(interval=request.interval))
                return reply + framing.encode_notification("status", self.status)
            return framing.encode_result(incoming.id, getattr(self, f"on_{kind.__name__}")(request))
        except RpcError as error:
            return framing.encode_error(incoming.id, error)

    # -- what a daemon would do --------------------------------------------------------------------------------------

    def _pool(self, name: str | None) -> m.Pool:
        return next(pool for pool in self.status.pools if pool.name == (name or self.status.pools[0].name))

    def on_Hello(self, request: m.Hello) -> m.HelloReply:  # noqa: N802
        status = self.status
        return m.HelloReply(
            version=status.version, protocol=status.protocol, host=status.host, pid=status.pid, role="operator",
            instance=status.instance, type=status.type, started_at=status.started_at, conf=status.conf,
        )  # fmt: skip

    def on_Scale(self, request: m.Scale) -> m.Scaled:  # noqa: N802
        pool = self._pool(request.pool)
        before, pool.wanted = pool.wanted, request.to or 0
        return m.Scaled(pool=pool.name, before=before, wanted=pool.wanted)

    def on_Drain(self, request: m.Drain) -> m.PoolsChanged:  # noqa: N802
        self._pool(request.pool).state = "draining"
        return m.PoolsChanged(pools=[self._pool(request.pool).name])

    def on_Resume(self, request: m.Resume) -> m.PoolsChanged:  # noqa: N802
        self._pool(request.pool).state = "running"
        return m.PoolsChanged(pools=[self._pool(request.pool).name])

    def on_Pause(self, request: m.Pause) -> m.ClassChanged:  # noqa: N802
        return self._pause(request.class_name, True)

    def on_Unpause(self, request: m.Unpause) -> m.ClassChanged:  # noqa: N802
        return self._pause(request.class_name, False)

    def _pause(self, name: str, paused: bool) -> m.ClassChanged:
        next(each for each in self.status.classes if each.name == name).paused = paused
        return m.ClassChanged(class_name=name, paused=paused)

    def on_Recycle(self, request: m.Recycle) -> m.SlotsChanged:  # noqa: N802
        return m.SlotsChanged(slots=[request.slot or 0])

    def on_Kill(self, request: m.Kill) -> m.Killed:  # noqa: N802
        child = next((each for each in self.status.children if each.slot == request.slot), None)
        if child is None or (child.pid, child.job) != (request.pid, request.job):
            raise RpcError(Code.REFUSED, f"slot {request.slot} is not at that job any more")
        return m.Killed(slot=request.slot, pid=request.pid, job=request.job)

    def on_ListFailed(self, request: m.ListFailed) -> m.FailedPage:  # noqa: N802
        found = [each for each in self.failed if matches(each, request.filter)]
        start, end = stretch_of(len(found), request.cursor, request.limit, request.order == "oldest")
        return m.FailedPage(
            records=found[start:end], total=min(len(found), COUNT_LIMIT) if request.count else None,
            cursor=str(end) if end < len(found) else None, before=str(start) if start else None,
        )  # fmt: skip

    def on_GroupFailed(self, request: m.GroupFailed) -> m.FailedGroups:  # noqa: N802
        groups: dict[tuple[str, str], m.FailedGroup] = {}
        for each in self.failed:
            if not matches(each, request.filter):
                continue
            error = re.sub(r"\d+", "N", each.error)
            group = groups.setdefault(
                (each.class_name, error),
                m.FailedGroup(
                    fingerprint=each.fingerprint, class_name=each.class_name, error=error, count=0,
                    first=each.failed_at, last=each.failed_at, newest=each.id,
                ),
            )  # fmt: skip
            group.count, group.first = group.count + 1, min(group.first, each.failed_at)
        return m.FailedGroups(groups=list(groups.values()))

    def on_StartBulk(self, request: m.StartBulk) -> m.Bulk:  # noqa: N802
        run = m.Bulk(
            id="b1", action=request.action, filter=request.filter, state="running", total=request.expected,
            started_at=self.status.now,
        )  # fmt: skip
        self.status.bulk = [run]
        return run

    def on_StopBulk(self, request: m.StopBulk) -> m.Bulk:  # noqa: N802
        run = self.status.bulk[0]
        run.state = "stopping"
        return run

    def on_ListJobs(self, request: m.ListJobs) -> m.JobPage:  # noqa: N802
        found = [each for each in self.jobs if request.class_name in (None, each.class_name)]
        start, end = stretch_of(len(found), request.cursor, request.limit, request.order == "last")
        return m.JobPage(
            jobs=found[start:end], cursor=str(end) if end < len(found) else None, before=str(start) if start else None
        )

    def on_TailLog(self, request: m.TailLog) -> m.LogLines:  # noqa: N802
        order = ["debug", "info", "notice", "warning", "error"]
        start = len(self.log) - request.lines if request.after is None else int(request.after)
        found = [
            (level, line)
            for level, line in self.log[max(0, start) :]
            if (request.level is None or order.index(level) >= order.index(request.level))
            and (request.text or "").lower() in line.lower()
        ]
        return m.LogLines(
            path="/var/log/workermanager.log", lines=[line for _, line in found], levels=[level for level, _ in found],
            cursor=str(len(self.log)),
        )  # fmt: skip

    def on_Stop(self, request: m.Stop) -> m.Stopping:  # noqa: N802
        self.status.state = "stopping"
        return m.Stopping(state="stopping", children=len(self.status.children))

    def on_GetFailed(self, request: m.GetFailed) -> m.FailedRecord:  # noqa: N802
        found = next((each for each in self.failed if each.id == request.id), None)
        if found is None:
            raise RpcError(Code.NOT_FOUND, f"there is no failed job {request.id}")
        return record_of(found)

    def on_RetryFailed(self, request: m.RetryFailed) -> m.FailedChanged:  # noqa: N802
        ids = request.ids or []
        for each in self.failed:
            if each.id in ids:
                each.retried_as, each.retried_at, each.fate = f"{each.job}r", self.status.now, "waiting"
        if self.failed:
            self.set_failed(self.failed)
        return m.FailedChanged(done=ids)

    def on_LookFailed(self, request: m.LookFailed) -> list[m.FailedSummary]:  # noqa: N802
        return [each for each in self.failed if each.id in request.ids]

    def on_DeleteFailed(self, request: m.DeleteFailed) -> m.FailedChanged:  # noqa: N802
        ids = set(request.ids or [])
        self.set_failed([each for each in self.failed if each.id not in ids])
        return m.FailedChanged(done=list(request.ids or []))


def stretch_of(n: int, cursor: str | None, limit: int, backwards: bool) -> tuple[int, int]:
    """Positions of the page in a list of `n`; a cursor is one."""
    if backwards:
        end = n if cursor is None else int(cursor)
        return max(0, end - limit), end
    start = int(cursor or 0)
    return start, min(n, start + limit)


TRACEBACK = """Traceback (most recent call last):
  File "lib/sandbox/worker.py", line 31, in work
    self.charge(**job.arg)
  File "lib/sandbox/worker.py", line 44, in charge
    user = accounts[user_id]
           ~~~~~~~~^^^^^^^^^
KeyError: 4711
"""


def record_of(summary: m.FailedSummary) -> m.FailedRecord:
    attempts = [
        m.Attempt(
            at=summary.failed_at - 20 * (summary.attempts - n), message=summary.error, traceback=TRACEBACK,
            host=summary.host, slot=summary.slot, pid=4700 + n,
        )
        for n in range(1, summary.attempts + 1)
    ]  # fmt: skip
    return m.FailedRecord(
        id=summary.id, class_name=summary.class_name, job=summary.job, failed_at=summary.failed_at,
        insert_time=summary.failed_at - 61, run_after=summary.failed_at - 60, priority=5, uniqkey=None,
        arg='{\n  "foo": 1,\n  "user_id": 4711\n}', attempts=attempts, retried_as=summary.retried_as,
    )  # fmt: skip


def many_failed(n: int, newest_at: float = 1795435890.0) -> list[m.FailedSummary]:
    return [
        m.FailedSummary(
            id=f"0-{n - i}", class_name="sandbox.worker.A", job=f"0-{8800 + n - i}", failed_at=newest_at - 3 * i,
            error=f"Failed 'A' {n - i}", attempts=4, host="web3", slot=i % 4,
        )
        for i in range(n)
    ]  # fmt: skip


class Lively(Daemon):
    """Moves by itself, for eyes."""

    def move(self) -> None:
        status, now, dice = self.status, time.time(), random.Random()
        status.now = now
        pool = status.pools[0]
        pool.running = min(pool.wanted, 64) if pool.state != "draining" else max(0, pool.running - 1)
        status.children = [self._child(slot, now, dice) for slot in range(pool.running)]
        pool.busy = sum(child.state == "busy" for child in status.children)
        for each in status.classes:
            jobs = 0 if each.paused else max(0, round(30 + 25 * math.sin(now / 9) + dice.gauss(0, 5)))
            late = None if each.paused else max(1.0, 900 + 800 * math.sin(now / 20) + dice.gauss(0, 90))
            each.rate_history = [*each.rate_history[1:], jobs]
            each.lateness_history = [*each.lateness_history[1:], late]
            each.completed += jobs
            each.rate = sum(each.rate_history[-10:]) / 10
        self.send_frame()

    def _child(self, slot: int, now: float, dice: random.Random) -> m.Child:
        busy = dice.random() < 0.7
        return m.Child(
            slot=slot, pid=4720 + slot, pool="default", state="busy" if busy else "idle", rss=31 << 20,
            class_name=f"sandbox.worker.{'AB'[slot % 2]}" if busy else None, jobs_done=int(now) % 1000 + slot,
            job=f"0-{int(now) % 100000 + slot}" if busy else None, job_since=now - dice.random() if busy else None,
            started_at=now - 300 - slot,
        )  # fmt: skip


async def serve_by_hand(path: Path) -> None:
    daemon = Lively(path)
    daemon.status.started_at = time.time() - 700
    daemon.set_failed(many_failed(350, time.time() - 5))
    await daemon.start()
    while True:
        daemon.move()
        await asyncio.sleep(1.0)


if __name__ == "__main__":
    asyncio.run(serve_by_hand(Path(sys.argv[1])))
