"""No-op jobs through a daemon, beside the driver-only floor and other systems: `python -m tests.bench.throughput`.

All that is compared takes turns within a round, so that a busy machine is busy for all of them. Medians of five rounds;
what is no part of a promise takes part in every other one.
"""

from collections.abc import Callable
from functools import partial

from tests.bench import floor, peers
from tests.bench.common import Bench, Row, alone, median, rate, ratio
from tests.bench.daemons import NOOP, completed, daemon
from tests.bench.filling import fill

CHILDREN = (1, 2, 4, 8)
WORKS = (100, 100_000)
PROMISED = ("floor", "wmcore, 2 children", "PgQueuer")
Case = Callable[[], float | None]


def ours(bench: Bench, kind: str, children: int, works: int) -> float:
    """One run, jobs/s."""
    total = floor.JOBS[kind] // (3 if bench.quick else 1)
    if works < 1000:
        total //= 4
    with bench.database(kind) as dsn:
        fill(dsn, NOOP, total)
        with daemon(dsn, [NOOP], "-c", str(children), "-w", str(works)) as running:
            return rate(completed(running, children), total, 2 if bench.quick else 6)


def cases(bench: Bench, kind: str) -> dict[str, Case]:
    found: dict[str, Case] = {which: partial(floor.measured, bench, kind, which) for which in floor.DRIVERS[kind]}
    for children in (2,) if bench.quick else CHILDREN:
        word = "child" if children == 1 else "children"
        for works in WORKS:
            found[f"wmcore, {children} {word}, -w {works}"] = partial(ours, bench, kind, children, works)
    for name in peers.PEERS[kind]:
        if not bench.quick or name == "PgQueuer":
            found[name] = partial(peers.measured, bench, kind, name)
    return found


def run(bench: Bench) -> None:
    for kind in bench.kinds:
        measured: dict[str, list[float]] = {}
        for turn in range(bench.rounds):
            for name, case in cases(bench, kind).items():
                if turn % 2 and not name.startswith(PROMISED):
                    continue
                figure = case()
                measured.setdefault(name, []).extend([] if figure is None else [figure])
        show(bench, kind, measured)


def show(bench: Bench, kind: str, measured: dict[str, list[float]]) -> None:
    medians = {name: median(figures) for name, figures in measured.items()}
    rows: list[Row] = []
    for name, figures in measured.items():
        if figures:
            shares = [ratio(medians[name], medians.get(other)) for other in ("floor", "PgQueuer")]
            rows.append((name, len(figures), medians[name], min(figures), max(figures), *shares))
        else:
            rows.append((f"{name}: not installed", *[None] * 6))
    columns = ("system", "runs", "jobs/s", "least", "most", "of floor", "of PgQueuer")
    bench.table(f"Throughput, {kind}: no-op jobs; two processes where not said", columns, rows)


if __name__ == "__main__":
    alone(run)
