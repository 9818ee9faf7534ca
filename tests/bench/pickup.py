"""What an idle daemon costs, and how soon it starts a job: `python -m tests.bench.pickup [JOBS]`.

For each database: CPU of manager, loader and 4 children over 20 idle seconds without a viewer (share of one core), then
the time from before the insert of a job to its start, one at a time into the idle daemon, p50 / p95 / max in
milliseconds.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.integration.daemon import Daemon
from tests.servers import MariaDB, PostgreSQL
from tests.waiting import until

QUIET_SECONDS = 12
"""Our own questions keep the daemon's figures fresh for a while."""
IDLE_SECONDS = 20
TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def measure(name: str, dsn: str, jobs: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        daemon = Daemon(Path(folder) / "one", dsn, workers=["jobs.Stamp"]).init_db().start("-c", "4")
        try:
            until(lambda: len(daemon.status().children) == 4 and daemon.status().backend.ok)
            client = daemon.client()
            client.insert("jobs.Stamp", {"n": -1})
            until(daemon.marks)
            time.sleep(QUIET_SECONDS)
            pids = daemon.processes()
            before = cpu_seconds(pids)
            time.sleep(IDLE_SECONDS)
            idle = (cpu_seconds(pids) - before) / IDLE_SECONDS
            waits = []
            for n in range(jobs):
                seen = len(daemon.marks())
                begun = time.time()
                client.insert("jobs.Stamp", {"n": n})
                until(lambda seen=seen: len(daemon.marks()) > seen)
                waits.append((float(daemon.marks()[-1]) - begun) * 1000)
                time.sleep(0.05 + 0.013 * (n % 10))  # no step with the asker
            waits.sort()
            p95 = waits[int(len(waits) * 0.95)]
            print(
                f"{name:12} idle {idle:6.2%} of a core   pick-up p50 {statistics.median(waits):6.1f} "
                f"p95 {p95:6.1f} max {waits[-1]:6.1f} ms ({jobs} jobs)"
            )
        finally:
            daemon.kill_everything()


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        measure("SQLite", f"sqlite:///{folder}/queue.db", jobs)
    for kind in (PostgreSQL, MariaDB):
        server = kind()
        try:
            server.start()
            measure(kind.__name__, server.new_database(), jobs)
        finally:
            server.close()


if __name__ == "__main__":
    main()
