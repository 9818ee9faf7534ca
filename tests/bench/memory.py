"""What a daemon weighs, and how soon a started one has done its first job: `python -m tests.bench.memory`.

PSS shares out what processes have in common; a child's own is what nobody else has.
"""

import tempfile
import time
from pathlib import Path

from tests.bench.common import LIB, Bench, alone, median
from tests.bench.daemons import STAMPED, all_idle, daemon, stamps
from tests.integration.daemon import Daemon
from tests.waiting import until

CHILDREN = 4


def megabytes(pid: int, *fields: str) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    return sum(sizes[field] for field in fields) / 1024


def weights(running: Daemon) -> dict[str, list[float]]:
    """PSS of manager and loader, own memory of each child."""
    found: dict[str, list[float]] = {"manager": [], "loader": [], "child": []}
    for pid in running.processes():
        title = Path(f"/proc/{pid}/cmdline").read_text()
        what = next((word for word in ("loader", "child") if title.startswith(f"wmcore: {word}")), "manager")
        fields = ("Private_Clean", "Private_Dirty") if what == "child" else ("Pss",)
        found[what].append(megabytes(pid, *fields))
    return found


def weigh(bench: Bench) -> None:
    with bench.database("PostgreSQL") as dsn, daemon(dsn, [STAMPED], "-c", str(CHILDREN)) as running:
        all_idle(running, CHILDREN)
        with running.client() as client:
            client.insert_many(STAMPED, [{"n": number, "ms": 50} for number in range(4 * CHILDREN)])
        until(lambda: len({stamp.pid for stamp in stamps(running, STAMPED)}) == CHILDREN, 30, "a job in each child")
        all_idle(running, CHILDREN)
        found = weights(running)
    rows = [(what, len(sizes), max(sizes)) for what, sizes in found.items()]
    rows.append(("manager and loader", 1, sum(found["manager"] + found["loader"])))
    title = "Memory, PostgreSQL: PSS of manager and loader, own memory of idle children that have worked"
    bench.table(title, ("what", "processes", "MB, the largest"), rows)


def start_to_first_job(bench: Bench, kind: str) -> tuple[float, float]:
    """Seconds from the command to its return, and to the first job's end."""
    with bench.database(kind) as dsn, tempfile.TemporaryDirectory() as folder:
        made = Daemon(Path(folder), dsn, workers=[STAMPED], inc_path=[str(LIB)])
        with made.client() as client:
            client.insert(STAMPED, {"n": 0})
        try:
            begun = time.time()
            made.start()
            returned = time.time() - begun
            until(lambda: stamps(made, STAMPED))
            return returned, stamps(made, STAMPED)[0].end - begun
        finally:
            made.kill_everything()


def run(bench: Bench) -> None:
    if "PostgreSQL" in bench.kinds:
        weigh(bench)
    found = {kind: [start_to_first_job(bench, kind) for _ in range(bench.rounds)] for kind in bench.kinds}
    rows = [(kind, median([r for r, _ in pairs]), median([e for _, e in pairs])) for kind, pairs in found.items()]
    bench.table("Start, s", ("database", "command returns", "first job done"), rows)


if __name__ == "__main__":
    alone(run)
