"""What every part of the bench stands on: fresh databases, rates, tables, the file of figures.

A part is a module with `run(bench)`; `alone(run)` makes it a command: `python -m tests.bench.PART [--quick]
[--json FILE] [--on PostgreSQL,MariaDB,SQLite]`.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import wmcore
from tests.bench.servers import DurableMariaDB, DurablePostgreSQL
from tests.contract.rig import make_config
from tests.waiting import until
from wmcore.backends.theschwartz import init_db
from wmcore.config.dsn import parse_database

KINDS = ("PostgreSQL", "MariaDB", "SQLite")
LIB = Path(__file__).parent / "lib"
Row = Sequence[Any]


class Bench:
    """One run: its servers, started when they are first used, and its figures."""

    def __init__(self, quick: bool = False, kinds: Sequence[str] = KINDS) -> None:
        self.quick = quick
        self.kinds = kinds
        self._servers: dict[str, DurablePostgreSQL | DurableMariaDB] = {}
        self._tables: list[dict[str, Any]] = []
        self._about = about()

    @property
    def rounds(self) -> int:
        return 1 if self.quick else 5

    @contextmanager
    def database(self, kind: str, *, empty: bool = False, notify_trigger: bool = False) -> Iterator[str]:
        """The URL of a fresh database after --init-db (`empty`: without any table), dropped at the end."""
        with tempfile.TemporaryDirectory(prefix="wmbench-") as folder:
            server = None if kind == "SQLite" else self._server(kind)
            dsn = server.new_database() if server else f"sqlite:///{folder}/queue.db"
            try:
                if not empty:
                    config = make_config(Path(folder), [parse_database({"dsn": dsn})])
                    init_db(config, dry_run=False, notify_trigger=notify_trigger)
                yield dsn
            finally:
                if server:
                    forced = " WITH (FORCE)" if kind == "PostgreSQL" else ""
                    server.execute(f"DROP DATABASE {dsn.rpartition('/')[2]}{forced}")

    def _server(self, kind: str) -> DurablePostgreSQL | DurableMariaDB:
        if kind not in self._servers:
            try:
                self._servers[kind] = DurablePostgreSQL() if kind == "PostgreSQL" else DurableMariaDB()
            except pytest.skip.Exception as missing:
                sys.exit(f"{missing}; or leave it out: --on SQLite,...")
            self._servers[kind].start()
        return self._servers[kind]

    def statements(self, kind: str, dsn: str) -> int | None:
        """So many were sent to this database so far; None where nobody counts."""
        return None if kind == "SQLite" else self._server(kind).statements(dsn.rpartition("/")[2])

    def table(self, title: str, columns: Row, rows: Sequence[Row]) -> None:
        """Printed now, written at the end."""
        self._tables.append({"title": title, "columns": list(columns), "rows": [list(row) for row in rows]})
        print(f"\n{title}\n{drawn(columns, rows)}", flush=True)

    def write(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {**self._about, "load_at_end": os.getloadavg()[0], "quick": self.quick, "tables": self._tables}
        path.write_text(json.dumps(found, indent=1) + "\n")

    def close(self) -> None:
        for server in self._servers.values():
            server.close()


def about() -> dict[str, Any]:
    """Which code, which machine, how busy with other things."""
    git = ["git", "-C", str(Path(wmcore.__file__).parent)]
    commit = subprocess.run([*git, "describe", "--always", "--dirty"], capture_output=True, text=True)
    return {
        "commit": commit.stdout.strip() or "unknown",
        "at": time.strftime("%Y-%m-%dT%H:%M:%S"),
        "python": platform.python_version(),
        "cpus": os.cpu_count(),
        "load_at_start": os.getloadavg()[0],
    }


# -- figures ----------------------------------------------------------------------------------------------------------


def rate(count: Callable[[], int], total: int, seconds: float) -> float:
    """Jobs/s between the first tenth of `total` and the last, as `count` shows them; of a slow system, over `seconds`
    from its fifth on."""
    until(count, 60, "the first job")
    tenth, begun = total // 10, time.monotonic()
    until(lambda: count() >= tenth or time.monotonic() > begun + seconds / 5, seconds)
    before, begun = count(), time.monotonic()
    until(lambda: count() >= total - tenth or time.monotonic() > begun + seconds, seconds + 10)
    return (count() - before) / (time.monotonic() - begun)


def median(figures: Sequence[float]) -> float | None:
    return statistics.median(figures) if figures else None


def percentile(figures: Sequence[float], share: float) -> float:
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def ratio(one: float | None, other: float | None) -> float | None:
    return None if one is None or not other else round(one / other, 2)


def drawn(columns: Row, rows: Sequence[Row]) -> str:
    cells = [[_cell(value) for value in row] for row in [columns, *rows]]
    widths = [max(len(row[place]) for row in cells) for place in range(len(columns))]
    words = [all(isinstance(row[place], str) for row in rows) for place in range(len(columns))]
    aligned = [
        [cell.ljust(width) if word else cell.rjust(width) for cell, width, word in zip(row, widths, words, strict=True)]
        for row in cells
    ]
    return "\n".join("  ".join(row).rstrip() for row in aligned)


def _cell(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}" if abs(value) < 10 else f"{value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


# -- commands ---------------------------------------------------------------------------------------------------------


def bench_of_arguments(parts: Sequence[str] = ()) -> tuple[Bench, argparse.Namespace]:
    parser = argparse.ArgumentParser(prog="python -m tests.bench")
    if parts:
        parser.add_argument("part", nargs="*", default=parts, help=f"of {', '.join(parts)}")
    parser.add_argument("--quick", action="store_true", help="few and short runs")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures here")
    parser.add_argument("--on", default=",".join(KINDS), metavar="DATABASES", help="default: %(default)s")
    arguments = parser.parse_args()
    return Bench(arguments.quick, tuple(arguments.on.split(","))), arguments


def run_parts(bench: Bench, parts: Mapping[str, Callable[[Bench], None]], path: Path | None) -> None:
    """One after the other; what is measured by then is written also when one breaks or somebody stops us."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    try:
        for name, part in parts.items():
            begun = time.monotonic()
            part(bench)
            print(f"\n({name}: {time.monotonic() - begun:.0f} s)", flush=True)
    finally:
        if path:
            bench.write(path)
        bench.close()


def alone(run: Callable[[Bench], None]) -> None:
    bench, arguments = bench_of_arguments()
    run_parts(bench, {Path(sys.argv[0]).stem: run}, arguments.json)
