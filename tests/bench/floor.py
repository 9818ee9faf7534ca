"""The driver alone: two processes claim and acknowledge 100 rows at a time, two commits a turn, no framework.

`python -m tests.bench.floor`: jobs/s, the median of the rounds. What a framework can be compared with; one that needs
one commit a turn can be faster.
"""

import multiprocessing
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from functools import partial
from typing import Any

from sqlalchemy import make_url

from tests.bench.common import Bench, alone, median, rate
from tests.bench.filling import fill
from wmcore.backends.theschwartz.dialects import MYSQL, POSTGRESQL, SQLITE, Dialect

NAME = "bench_jobs.Noop"
PROCESSES = 2
BATCH = 100
JOBS = {"PostgreSQL": 200_000, "MariaDB": 200_000, "SQLite": 1_000_000}
COLUMNS = "jobid, arg, uniqkey, insert_time, wm_insert_time, run_after, grabbed_until, priority"
Tally = Any  # an array of counts, one for each process
Turns = Iterator[int]
"""Of one process: by turns how many jobs it has claimed, and 0 when they are acknowledged."""


def due(dialect: Dialect) -> str:
    second = dialect.second
    return f"funcid = 1 AND run_after <= {second} AND grabbed_until <= {second} ORDER BY run_after LIMIT {BATCH}"


def postgresql(dsn: str) -> Turns:
    import psycopg

    claim = (
        f"UPDATE job SET grabbed_until = {POSTGRESQL.second} + 3600 WHERE ctid = ANY(ARRAY(SELECT ctid FROM job "
        f"WHERE {due(POSTGRESQL)} FOR UPDATE SKIP LOCKED)) RETURNING {COLUMNS}"
    )
    acknowledge = "DELETE FROM job WHERE jobid = ANY(%s) AND grabbed_until >= %s"
    with psycopg.connect(dsn, autocommit=True) as connection, connection.cursor() as cursor:
        while True:
            rows = cursor.execute(claim).fetchall()
            yield len(rows)
            cursor.execute(acknowledge, ([row[0] for row in rows], rows[0][6] if rows else 0))
            yield 0


def mariadb(dsn: str, *, from_mark: bool = False) -> Turns:
    """Without `from_mark` each claim walks over all that was deleted and not yet purged, at the head of the index."""
    import pymysql

    url = make_url(dsn)
    claim = (
        f"SELECT {COLUMNS} FROM job FORCE INDEX (job_funcid_run_after) WHERE run_after >= %s AND {due(MYSQL)} "
        "FOR UPDATE SKIP LOCKED"
    )
    mark = 0
    connection = pymysql.connect(
        host=url.host, port=url.port, user=url.username, password=str(url.password), database=url.database,
        autocommit=True, init_command="SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
    )  # fmt: skip
    with closing(connection), connection.cursor() as cursor:
        while True:
            connection.begin()
            cursor.execute(claim, [mark])
            rows = cursor.fetchall()
            ids = [row[0] for row in rows]
            if from_mark:
                mark = rows[-1][5] if len(rows) == BATCH else 0
            if ids:
                cursor.execute(f"UPDATE job SET grabbed_until = {MYSQL.second} + 3600 WHERE jobid IN %s", [ids])
            connection.commit()
            yield len(ids)
            if ids:
                cursor.execute("DELETE FROM job WHERE jobid IN %s AND grabbed_until > 0", [ids])
            yield 0


def sqlite(dsn: str) -> Turns:
    claim = (
        f"UPDATE job SET grabbed_until = {SQLITE.second} + 3600 "
        f"WHERE jobid IN (SELECT jobid FROM job WHERE {due(SQLITE)}) RETURNING {COLUMNS}"
    )
    connection = sqlite3.connect(make_url(dsn).database or "", isolation_level=None, timeout=30)
    for pragma in (*SQLITE.prepare, "PRAGMA synchronous = NORMAL"):
        connection.execute(pragma)
    acknowledge = f"DELETE FROM job WHERE jobid IN ({','.join('?' * BATCH)})"
    with closing(connection):
        while True:
            connection.execute("BEGIN IMMEDIATE")
            ids = [row[0] for row in connection.execute(claim)]
            connection.execute("COMMIT")
            yield len(ids)
            connection.execute("BEGIN IMMEDIATE")
            connection.execute(acknowledge, ids + [0] * (BATCH - len(ids)))
            connection.execute("COMMIT")
            yield 0


DRIVERS: dict[str, Mapping[str, Callable[[str], Turns]]] = {
    "PostgreSQL": {"floor": postgresql},
    "MariaDB": {"floor": mariadb, "floor from a low-water mark": partial(mariadb, from_mark=True)},
    "SQLite": {"floor": sqlite},
}


def work(turns: Callable[[str], Turns], dsn: str, place: int, tally: Tally) -> None:
    for claimed in turns(dsn):
        tally[place] += claimed


def measured(bench: Bench, kind: str, which: str = "floor") -> float:
    """One run, jobs/s."""
    total = JOBS[kind] // (3 if bench.quick else 1)
    with bench.database(kind) as dsn:
        fill(dsn, NAME, total)
        context = multiprocessing.get_context("fork")
        tally = context.Array("Q", PROCESSES, lock=False)
        turns = DRIVERS[kind][which]
        workers = [context.Process(target=work, args=(turns, dsn, n, tally)) for n in range(PROCESSES)]
        for worker in workers:
            worker.start()
        try:
            return rate(lambda: sum(tally), total, 10)
        finally:
            for worker in workers:
                worker.kill()
                worker.join()


def run(bench: Bench) -> None:
    rows = []
    for kind in bench.kinds:
        for which in DRIVERS[kind]:
            rates = [measured(bench, kind, which) for _ in range(bench.rounds)]
            rows.append((kind, which, median(rates), min(rates), max(rates)))
    bench.table(
        f"The driver alone: {PROCESSES} processes, {BATCH} rows a turn, two commits a turn, jobs/s",
        ("database", "what", "median", "least", "most"),
        rows,
    )


if __name__ == "__main__":
    alone(run)
