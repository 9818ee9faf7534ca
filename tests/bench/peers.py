"""Other systems on the same machine, two worker processes each, no-op jobs; None where one is not installed.

WMCORE_BENCH_PYTHON names a Python that has them: pip install 'pgqueuer[asyncpg]' uvloop procrastinate
'psycopg[binary,pool]' huey 'saq[postgres]' celery sqlalchemy psycopg2-binary. The Perl original needs Debian's
libtheschwartz-perl, libdbd-pg-perl, libdbd-mysql-perl and libdbd-sqlite3-perl.
"""

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from sqlalchemy import make_url

from tests.bench.common import Bench, rate
from tests.bench.filling import fill
from tests.bench.peer_scripts.counting import EVERY

FOLDER = Path(__file__).parent / "peer_scripts"
PYTHON = os.environ.get("WMCORE_BENCH_PYTHON", "")
PEERS = {
    "PostgreSQL": ("PgQueuer", "Procrastinate", "SAQ", "Celery", "Perl", "Perl -w 100"),
    "MariaDB": ("Perl", "Perl -w 100"),
    "SQLite": ("Huey", "Perl", "Perl -w 100"),
}
JOBS = {
    "PgQueuer": 150_000, "Procrastinate": 20_000, "SAQ": 10_000, "Celery": 5_000, "Huey": 60_000, "Perl": 20_000,
    "Perl -w 100": 10_000,
}  # fmt: skip
PROCESSES = 2
PERL_CLASS = "bench_jobs::Noop"


@cache
def installed(name: str) -> bool:
    if name.startswith("Perl"):
        return _succeeds(["perl", "-MTheSchwartz", "-e", "1"])
    return bool(PYTHON) and _succeeds([PYTHON, "-c", f"import {name.lower()}"])


def _succeeds(command: Sequence[str]) -> bool:
    try:
        return subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0
    except OSError:
        return False


def measured(bench: Bench, kind: str, name: str) -> float | None:
    """One run, jobs/s; None: not installed."""
    if not installed(name):
        return None
    total = JOBS[name] // (4 if bench.quick else 1)
    perl, _, per_child = name.partition(" -w ")
    with bench.database(kind, empty=perl != "Perl") as dsn, tempfile.NamedTemporaryFile() as counts:
        command = _perl(dsn, total) if perl == "Perl" else _python(name, dsn, total)
        command += [counts.name, *per_child.split()]
        workers = [
            subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True) for _ in range(PROCESSES)
        ]
        try:
            return rate(lambda: Path(counts.name).stat().st_size * EVERY, total, 2 if bench.quick else 8)
        finally:
            for worker in workers:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()


def _python(name: str, dsn: str, total: int) -> list[str]:
    script = [PYTHON, str(FOLDER / f"with_{name.lower()}.py")]
    place = make_url(dsn).database or "" if name == "Huey" else dsn
    subprocess.run([*script, "prepare", place, str(total)], check=True, stderr=subprocess.DEVNULL)
    return [*script, "work", place]


def _perl(dsn: str, total: int) -> list[str]:
    fill(dsn, PERL_CLASS, total)
    url = make_url(dsn)
    where = {
        "postgresql": f"dbi:Pg:dbname={url.database};host={url.host};port={url.port}",
        "mysql": f"dbi:mysql:dbname={url.database};host={url.host};port={url.port}",
        "sqlite": f"dbi:SQLite:dbname={url.database}",
    }[url.get_backend_name()]
    return ["perl", str(FOLDER / "theschwartz.pl"), where, url.username or "", str(url.password or "")]
