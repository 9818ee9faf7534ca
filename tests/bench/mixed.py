"""Jobs of 5 ms and of 2 s together: `python -m tests.bench.mixed`.

One pool of 4 children, jobs inserted in bursts: the longest time without a break that a due job waited while a child
was idle. That is more than what it may have waited in a batch behind a running one: the pick-up is in it. Once with the
two lengths as two classes, once as one class, of which every hundredth job is a surprise.
Two pools of 2 children, a class each: p95 of the short class's delay (from insert to start) with and without long jobs.
"""

import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.bench.common import Bench, Row, alone, percentile, ratio
from tests.bench.daemons import LONG, SHORT, Stamp, all_idle, daemon, stamps
from tests.waiting import until
from wmcore import TheSchwartzClient

CHILDREN = 4
SHORT_MS, LONG_MS = 5, 2000
BURST, BURSTS_A_SECOND = 20, 5
BLINK = 0.005
"""Seconds between two jobs of a child that are no idleness."""
Span = tuple[float, float]
Insert = Callable[[TheSchwartzClient, int], None]
"""What is inserted with burst number so and so."""


def job(ms: int) -> dict[str, Any]:
    return {"n": 0, "ms": ms}


def short_jobs(client: TheSchwartzClient, number: int) -> None:
    client.insert_many(SHORT, [job(SHORT_MS)] * BURST)


def two_classes(client: TheSchwartzClient, number: int) -> None:
    short_jobs(client, number)
    if number % BURSTS_A_SECOND == 0:
        client.insert(LONG, job(LONG_MS))


def surprises(client: TheSchwartzClient, number: int) -> None:
    """As much work, in one class."""
    surprise = [job(LONG_MS)] if number % BURSTS_A_SECOND == 0 else []
    client.insert_many(SHORT, [*[job(SHORT_MS)] * (BURST // 2), *surprise, *[job(SHORT_MS)] * (BURST // 2)])


def ran(bench: Bench, kind: str, insert: Insert, **settings: Any) -> dict[str, list[Stamp]]:
    bursts = BURSTS_A_SECOND * (3 if bench.quick else 30)
    options = () if "pools" in settings else ("-c", str(CHILDREN))
    with (
        bench.database(kind) as dsn,
        daemon(dsn, [SHORT, LONG], *options, works_per_child=100_000, **settings) as running,
        running.client() as client,
    ):
        all_idle(running, CHILDREN)
        count, begun = 0, time.monotonic()
        for number in range(bursts):
            time.sleep(max(0.0, begun + number / BURSTS_A_SECOND - time.monotonic()))
            insert(client, number)
            count += BURST + int(insert is not short_jobs and number % BURSTS_A_SECOND == 0)
        until(lambda: sum(len(stamps(running, name)) for name in (SHORT, LONG)) == count, 120, "all jobs")
        return {name: stamps(running, name) for name in (SHORT, LONG)}


def idleness(runs: Sequence[Stamp]) -> list[Span]:
    """When at least one child had nothing to do, in order."""
    begin, end = min(stamp.due for stamp in runs), max(stamp.end for stamp in runs)
    gaps: list[Span] = []
    for pid in (pids := {stamp.pid for stamp in runs}):
        last = begin
        for stamp in sorted((s for s in runs if s.pid == pid), key=lambda s: s.start):
            gaps += [(last, stamp.start)] if stamp.start - last > BLINK else []
            last = stamp.end
        gaps.append((last, end))
    gaps += [(begin, end)] * (CHILDREN - len(pids))  # those that never had a job
    joined: list[Span] = []
    for gap in sorted(gaps):
        if joined and gap[0] <= joined[-1][1]:
            joined[-1] = joined[-1][0], max(gap[1], joined[-1][1])
        else:
            joined.append(gap)
    return joined


def needless_waits(runs: Sequence[Stamp]) -> list[float]:
    """Of each job the longest span, in ms, in which it was due and a child idle."""
    spans = idleness(runs)
    return [
        1000 * max([0.0, *(min(stamp.start, end) - max(stamp.due, begin) for begin, end in spans)]) for stamp in runs
    ]


def one_pool(bench: Bench, kind: str, word: str, insert: Insert) -> Row:
    found = ran(bench, kind, insert)
    runs = [*found[SHORT], *found[LONG]]
    waits = needless_waits(runs)
    return kind, word, len(runs), percentile(waits, 0.5), percentile(waits, 0.99), max(waits)


def own_pools(bench: Bench, kind: str) -> Row:
    pools = {
        word: {"workers": [name], "concurrency": CHILDREN // 2, "works_per_child": 100_000}
        for word, name in (("short", SHORT), ("long", LONG))
    }
    delays = []
    for insert in (short_jobs, two_classes):
        runs = ran(bench, kind, insert, pools=pools)[SHORT]
        delays.append(percentile([(stamp.start - stamp.due) * 1000 for stamp in runs], 0.95))
    return kind, *delays, ratio(delays[1], delays[0])


def run(bench: Bench) -> None:
    kinds = bench.kinds[:1] if bench.quick else bench.kinds
    rows = []
    for kind in kinds:
        rows += [one_pool(bench, kind, "two classes", two_classes), one_pool(bench, kind, "surprises", surprises)]
    columns = ("database", "jobs are", "count", "p50", "p99", "max")
    bench.table("One pool: due while a child was idle, longest span, ms", columns, rows)
    columns = ("database", "alone p95", "beside long jobs p95", "ratio")
    bench.table("A pool each: delay of the short class, ms", columns, [own_pools(bench, kind) for kind in kinds])


if __name__ == "__main__":
    alone(run)
