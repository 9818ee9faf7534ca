"""What watching costs a daemon with 1,000 children and 100 classes: `python -m tests.bench.viewers`.

The daemon's own loop, scoreboard, figures and socket, in a process of its own; another writes into the slots and the
event pipe what so many busy children would. Viewers are connected over the socket and take a frame each second.
"""

import asyncio
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from tests.bench.common import Bench, Row, alone
from tests.contract.rig import make_config
from tests.waiting import until
from wmcore import events
from wmcore.backends.theschwartz import init_db
from wmcore.config.dsn import parse_database
from wmcore.config.records import ClassConfig, PoolConfig
from wmcore.logs import Formatter, LogFile
from wmcore.manager.core import Manager, Outputs
from wmcore.manager.formerlife import FormerLife
from wmcore.manager.state import Child
from wmcore.model import ChildState, Outcome
from wmcore.protocol.client import Client
from wmcore.protocol.messages import GetStatus, Subscribe
from wmcore.scoreboard import ChildSlot, Scoreboard
from wmcore.server import Server, listen

CHILDREN, CLASSES = 1000, 100
JOBS_PER_SECOND = 2000
WATCHERS = (0, 1, 10)
LAG_STEP = 0.002


# -- the daemon's process ---------------------------------------------------------------------------------------------


def serve(folder: Path) -> None:
    database = parse_database({"dsn": f"sqlite:///{folder}/queue.db"})
    classes = tuple(ClassConfig(f"bench.jobs.Class{number}") for number in range(CLASSES))
    config = replace(
        make_config(folder, [database]), classes=classes,
        pools=(PoolConfig("default", tuple(range(CLASSES)), concurrency=CHILDREN),),
    )  # fmt: skip
    init_db(config, dry_run=False)
    board = Scoreboard.create(folder / "scoreboard", CLASSES)
    outputs = Outputs(LogFile([config.logfile]), Formatter("TheSchwartz"), False, True)
    manager = Manager(config, board, FormerLife([]), outputs, lambda generation: None, lambda reason: None)
    reader, writer = manager._event_fd, manager.loaders._event_fd
    parent = os.getpid()
    worker = os.fork()
    if not worker:
        be_children(board, writer, parent)
    asyncio.run(_serve(manager, folder, worker, reader))


async def _serve(manager: Manager, folder: Path, worker: int, reader: int) -> None:
    asyncio.get_running_loop().add_reader(reader, manager._take_events)
    manager.loader_ready([each.path for each in manager.config.classes], [])
    for slot in range(CHILDREN):
        manager.state.children[slot] = Child(slot, 0, os.open("/dev/null", os.O_WRONLY), pid=worker, started_at=1.0)
    manager.children.slots_used = CHILDREN
    server = Server(manager, listen(folder / "sock"))
    await server.start()
    tick = asyncio.create_task(manager._tick_loop())
    lags = asyncio.create_task(_lags(folder / "lag"))
    await asyncio.gather(tick, lags)


async def _lags(path: Path) -> None:
    """The longest that the loop was held up, since somebody has deleted the file."""
    while True:
        await asyncio.sleep(0.5)
        if path.with_suffix(".on").exists():
            worst = 0.0
            while path.with_suffix(".on").exists():
                begun = time.perf_counter()
                await asyncio.sleep(LAG_STEP)
                worst = max(worst, time.perf_counter() - begun - LAG_STEP)
            path.write_text(str(worst * 1000))


def be_children(board: Scoreboard, writer: int, parent: int) -> None:
    """Each has one job a second or two, another one each time."""
    slots = [ChildSlot(board, slot) for slot in range(CHILDREN)]
    for each in slots:
        each.begin_life(os.getpid(), 1, "owner", time.monotonic_ns())
    number, step = 0, 0.05
    while os.getppid() == parent:
        records = []
        for _ in range(int(JOBS_PER_SECOND * step)):
            number += 1
            slot, index = random.randrange(CHILDREN), random.randrange(CLASSES)
            slots[slot].busy(index, f"0-{number}", time.monotonic_ns(), None)
            slots[slot].state(ChildState.BUSY)
            slots[slot].count_completed(index)
            lateness = random.expovariate(0.01)
            records.append(events.pack(index, Outcome.COMPLETED, slot, lateness, lateness, 20.0))
        events.write(writer, records)
        time.sleep(step)
    os._exit(0)


# -- watching it ------------------------------------------------------------------------------------------------------


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def watch(path: Path, kind: bool | str) -> subprocess.Popen[bytes]:
    """One viewer: reads and throws away, counts bytes."""
    return subprocess.Popen(
        [sys.executable, "-m", "tests.bench.viewers", "--watch", str(path), str(kind)], stdout=subprocess.PIPE
    )


def be_viewer(path: str, kind: str) -> None:
    client = Client.connect(path)
    client.call(Subscribe(interval=1.0, delta={"False": False, "True": True}.get(kind, kind)))
    taken, stopped = 0, False

    def stop(*_: object) -> None:
        nonlocal stopped
        stopped = True

    signal.signal(signal.SIGTERM, stop)
    client._socket.settimeout(0.1)
    while not stopped:
        try:
            taken += len(client._socket.recv(1 << 20))
        except TimeoutError:
            continue
    print(taken)


def measured(bench: Bench, folder: Path, daemon: int) -> list[Row]:
    rows: list[Row] = []
    seconds = 5 if bench.quick else 20
    for count, kind in [(0, ""), *((count, kind) for kind in (False, "rows") for count in WATCHERS[1:])]:
        viewers = [watch(folder / "sock", kind) for _ in range(count)]
        with Client.connect(folder / "sock") as client:
            until(lambda client=client, count=count: client.call(GetStatus()).viewers == count, 30)  # type: ignore[misc]
        time.sleep(12 if count == 0 else 3)  # figures are kept fresh for ten seconds after a look
        before, begun = cpu_seconds(daemon), time.monotonic()
        (folder / "lag.on").touch()
        time.sleep(seconds)
        took = time.monotonic() - begun
        share = (cpu_seconds(daemon) - before) / took * 100
        (folder / "lag.on").unlink()
        time.sleep(1.0)
        for viewer in viewers:
            viewer.terminate()
        taken = [int(viewer.communicate()[0]) / (took + 4) / 1000 for viewer in viewers]
        lag = float((folder / "lag").read_text())
        rows.append((count, {False: "whole", "rows": "rows"}.get(kind, "-"), share, lag, max(taken, default=None)))
    return rows


def run(bench: Bench) -> None:
    with tempfile.TemporaryDirectory(prefix="wmbench-") as name:
        folder = Path(name)
        daemon = subprocess.Popen([sys.executable, "-m", "tests.bench.viewers", "--serve", name])
        try:
            until((folder / "sock").exists, 30)
            rows = measured(bench, folder, daemon.pid)
        finally:
            daemon.kill()
            daemon.wait()
    bench.table(
        f"A daemon with {CHILDREN} children and {CLASSES} classes, {JOBS_PER_SECOND} jobs/s, a frame a second",
        ("viewers", "frames", "% of a core", "loop held up ms", "kB/s each"), rows,
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(Path(sys.argv[2]))
    elif sys.argv[1:2] == ["--watch"]:
        be_viewer(*sys.argv[2:4])
    else:
        alone(run)
