"""What a console asks of 1,000,000 failed jobs: `python -m tests.bench.failed`. QUICK: 100,000.

A real daemon answers over its socket; while it does, others ask it for nothing but a greeting: how long that takes is
how long its loop was held up. A loaded machine holds it up too: see "nothing else", and the idle loop beside it.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.bench.common import Bench, Row, alone, percentile
from tests.bench.failing import CLASSES, fill_failed
from tests.bench.pulse import COLUMNS, Pulse
from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.protocol.blocking import Client
from wmcore.protocol.messages import (
    FailedFilter,
    FailedPage,
    GroupFailed,
    ListBulk,
    ListFailed,
    Request,
    StartBulk,
)

RARE = "the rare one"
OPEN = FailedFilter(retried=False)


def timed(path: Path, act: Callable[[Client], Any], rounds: int) -> tuple[float, ...]:
    """p50 and the longest, and the greetings meanwhile."""
    took = []
    with Pulse(path) as pulse, Client.connect(path, 60) as client:
        act(client)  # connections are opened
        for _ in range(rounds):
            begun = time.perf_counter()
            act(client)
            took.append((time.perf_counter() - begun) * 1000)
    return percentile(took, 0.5), max(took), *pulse.figures


def asking(request: Request) -> Callable[[Client], Any]:
    return lambda client: client.call(request)


def questions(daemon: Daemon) -> dict[str, Callable[[Client], Any]]:
    """What is open, as the console asks for it, if nothing else is said."""
    one = CLASSES[0]
    following: FailedPage = daemon.call(ListFailed(filter=OPEN))
    group = daemon.call(GroupFailed(filter=OPEN)).groups[0].fingerprint
    retried, of_class = FailedFilter(retried=True), FailedFilter(class_name=one, retried=False)
    return {
        "nothing else": lambda client: time.sleep(0.1),
        "first page, total": asking(ListFailed(filter=OPEN)),
        "End": asking(ListFailed(filter=OPEN, order="oldest", count=False)),
        "next page": asking(ListFailed(filter=OPEN, cursor=following.cursor, count=False)),
        "class": asking(ListFailed(filter=of_class)),
        "class, End": asking(ListFailed(filter=of_class, order="oldest")),
        "group": asking(ListFailed(filter=FailedFilter(fingerprint=group, retried=False))),
        "error text, rare": asking(ListFailed(filter=FailedFilter(error=RARE, retried=False))),
        "class and rare text": asking(ListFailed(filter=FailedFilter(class_name=one, error=RARE, retried=False))),
        "groups": asking(GroupFailed(filter=OPEN)),
        "groups of a class": asking(GroupFailed(filter=of_class)),
        "groups of a text": asking(GroupFailed(filter=FailedFilter(error="deadlock", retried=False))),
        "retried, with their fates": asking(ListFailed(filter=retried)),
        "open and retried": asking(ListFailed()),
        "groups of both": asking(GroupFailed()),
        "of one job": asking(ListFailed(filter=FailedFilter(job="0-4711"))),
    }


@contextmanager
def full(bench: Bench, kind: str, count: int) -> Iterator[Daemon]:
    with bench.database(kind) as dsn, tempfile.TemporaryDirectory(prefix="wmbench-") as folder:
        fill_failed(dsn, count)
        daemon = Daemon(Path(folder) / "one", dsn)
        daemon.start("-c", "1")
        try:
            until(lambda: daemon.status().backend.ok)
            yield daemon
        finally:
            daemon.kill_everything()


def bulk(daemon: Daemon, action: str) -> Row:
    which = FailedFilter(fingerprint=daemon.call(GroupFailed(filter=OPEN)).groups[0].fingerprint, retried=False)
    total = daemon.call(ListFailed(filter=which)).total
    with Pulse(daemon.folder / "wm.sock") as pulse:
        begun = time.perf_counter()
        daemon.call(StartBulk(action=action, filter=which, expected=total))
        until(lambda: daemon.call(ListBulk())[0].state == "done", 600)
        took = time.perf_counter() - begun
    run = daemon.call(ListBulk())[0]
    return action, run.done, run.refused, took, run.done / took, *pulse.figures


def run(bench: Bench) -> None:
    count = 100_000 if bench.quick else 1_000_000
    lists: list[Row] = []
    bulks: list[Row] = []
    for kind in bench.kinds:
        with full(bench, kind, count) as daemon:
            for name, act in questions(daemon).items():
                lists.append((kind, name, *timed(daemon.folder / "wm.sock", act, 5 if bench.quick else 20)))
            bulks += [(kind, *bulk(daemon, action)) for action in ("retry", "delete")]
    bench.table(
        f"Questions about {count:,} failed jobs, and a greeting meanwhile, ms",
        ("database", "question", "p50", "max", *COLUMNS), lists,
    )  # fmt: skip
    bench.table(
        "A run through a group of them, and a greeting meanwhile, ms",
        ("database", "action", "done", "refused", "s", "jobs/s", *COLUMNS), bulks,
    )  # fmt: skip


if __name__ == "__main__":
    alone(run)
