"""What it costs to replace a child after its 100 jobs: `python -m tests.bench.recycle`.

One child, no-op jobs that leave stamps. Cost: from the end of a child's last job to the start of its replacement's
first; leave: to the making of the replacement's class instances (the last acknowledgement, exit, reaping, fork);
connect: from there to its first job (connection, claim).
"""

from itertools import pairwise

from tests.bench.common import Bench, Row, alone, percentile, ratio
from tests.bench.daemons import STAMPED, daemon, stamps
from tests.bench.filling import fill
from tests.bench.throughput import ours
from tests.waiting import until

WORKS = 100


def costs(bench: Bench, kind: str) -> list[tuple[float, float, float]]:
    """Milliseconds: whole, leave, connect."""
    lives = 10 if bench.quick else 60
    with bench.database(kind) as dsn:
        fill(dsn, STAMPED, (lives + 2) * WORKS)
        with daemon(dsn, [STAMPED], "-c", "1", "-w", str(WORKS)) as running:
            until(lambda: len(stamps(running, STAMPED)) > lives * WORKS, 120, "enough lives")
            runs = sorted(stamps(running, STAMPED), key=lambda stamp: stamp.start)
    found = []
    for last, first in pairwise(runs):
        if last.pid != first.pid:
            whole, leave = first.start - last.end, first.made - last.end
            found.append((whole * 1000, leave * 1000, (whole - leave) * 1000))
    return found


def loss(bench: Bench, kind: str) -> Row:
    """Jobs/s of two children with few and with many jobs each."""
    few, many = (ours(bench, kind, 2, works) for works in (WORKS, 100_000))
    return kind, few, many, ratio(few, many)


def run(bench: Bench) -> None:
    rows = []
    for kind in bench.kinds:
        whole, leave, connect = zip(*costs(bench, kind), strict=True)
        quartet = (percentile(whole, 0.5), percentile(leave, 0.5), percentile(connect, 0.5), percentile(whole, 0.95))
        rows.append((kind, *quartet, len(whole)))
    columns = ("database", "p50", "of which leave", "connect", "p95", "recycles")
    bench.table(f"A recycle, ms of a child's time (-w {WORKS})", columns, rows)
    if not bench.quick:
        losses = [loss(bench, kind) for kind in bench.kinds]
        columns = ("database", f"-w {WORKS}", "-w 100000", "ratio")
        bench.table("Jobs/s with and without recycling, 2 children", columns, losses)


if __name__ == "__main__":
    alone(run)
