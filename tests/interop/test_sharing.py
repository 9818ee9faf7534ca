"""Perl's workers and our daemon on one queue at once.

What a site on SQLite has to set: nothing. DBD::SQLite waits 30 s for the lock and begins its transactions with BEGIN
IMMEDIATE, both by default; wmcore turns the file into WAL mode, in which it then stays. `driver_cache_expiration`,
which spares Perl a connection for every statement, is as good there as on a server.
"""

import sqlite3
import threading
from collections import Counter
from contextlib import ExitStack

import pytest

from tests.interop.site import A, B, Site, both
from tests.waiting import until

JOBS = 2000


@both
def test_each_job_runs_once_and_both_do_their_part(site: Site) -> None:
    """wmcore comes to a queue that Perl is working at."""
    site.perl.options["driver_cache_expiration"] = 300
    share(site)


sqlite_only = pytest.mark.parametrize("dsn", ["sqlite"], indirect=True)


@sqlite_only
def test_on_sqlite_a_connection_for_every_statement_will_do(site: Site) -> None:
    share(site)


@sqlite_only
def test_on_sqlite_the_first_of_us_waits_for_whoever_writes(site: Site) -> None:
    """Perl left the file in rollback mode; to turn it into WAL mode takes the lock, for which SQLite itself does not
    wait."""
    writer = sqlite3.connect(site.engine.url.database or "", isolation_level=None, check_same_thread=False)
    writer.execute("BEGIN IMMEDIATE")
    done = threading.Timer(0.3, writer.execute, ["COMMIT"])
    done.start()
    try:
        with site.client() as client:
            assert client.insert(A, 1)
    finally:
        done.join()
        writer.close()


def share(site: Site) -> None:
    working = {"ms": 5, "brief": True}
    new = [{"funcname": name, "arg": n} for n in range(JOBS // 2) for name in (A, B)]
    assert site.perl.call("insert_jobs", *new) == JOBS
    with ExitStack() as stack:
        workers = [stack.enter_context(site.perl.worker({A: working, B: working})) for _ in range(2)]
        until(lambda: len({mark["pid"] for mark in site.perl.marks()}) == 2)
        daemon = site.daemon({A: {"class": "Works"}, B: {"class": "Works"}}).start("-c", "4", "-w", "1000")
        until(lambda: site.left() == 0, 60)
        assert sum(worker.stop() for worker in workers) == len(site.perl.marks())
    ours, theirs = site.marks(), site.perl.marks()
    runs = Counter([mark["id"] for mark in ours] + [f"0-{mark['jobid']}" for mark in theirs])
    assert {jobid: times for jobid, times in runs.items() if times != 1} == {}
    assert len(runs) == JOBS
    assert min(len(ours), len(theirs)) > JOBS / 20, f"{len(ours)} here, {len(theirs)} in Perl: both do a fair part"
    until(lambda: sum(daemon.counts(name).completed for name in (A, B)) == len(ours))
    daemon.stop()
    assert "job late" not in daemon.log()
    assert site.sql("SELECT jobid FROM job") == []
    assert site.sql("SELECT message FROM error") == []
