"""Forgetting what is old, in small transactions: nobody shall wait for a table that was not cleaned for years."""

from collections.abc import Sequence

from wmcore.backends.theschwartz.database import Database

WEEK = 7 * 86400
AT_ONCE = 1000
MOST = 100_000
"""Rows of a table in one go: the rest is the next one's."""


def clean(db: Database) -> None:
    """Attempts older than a week, and exit statuses whose time is over, as TheSchwartz does it. Raises QueueDown."""
    second = db.dialect.second
    # Without our tables attempts are counted by these rows: those of jobs that still wait are needed.
    spared = f" AND {_job_is_gone(db, 'error')}" if db.bare else ""
    _delete(db, "error", f"error_time < {second} - {WEEK}{spared}")
    _delete(db, "exitstatus", f"delete_after < {second}")
    if db.has("wm_attempt"):
        _delete(db, "wm_attempt", f"at < {second} - {WEEK} AND {_job_is_gone(db, 'wm_attempt')}")


def forget_failed(stores: Sequence[Database], keep_days: float) -> None:
    """Finally failed jobs that were kept long enough. Raises QueueDown."""
    for db in stores:
        old = f"failed_at < {db.dialect.second} - {int(keep_days * 86400)}"
        for which in ("retried = 0 AND ", "retried = 1 AND ") if db.knows_retried else ("",):
            _delete(db, "wm_failed", which + old)


def _job_is_gone(db: Database, table: str) -> str:
    return f"NOT EXISTS (SELECT 1 FROM {db.table('job')} j WHERE j.jobid = {db.table(table)}.jobid)"


def _delete(db: Database, name: str, where: str) -> None:
    table, row = db.table(name), db.dialect.row
    if row is None:
        sql = f"DELETE FROM {table} WHERE {where} LIMIT {AT_ONCE}"
    else:
        sql = f"DELETE FROM {table} WHERE {row} IN (SELECT {row} FROM {table} WHERE {where} LIMIT {AT_ONCE})"
    for _ in range(MOST // AT_ONCE):
        if db.run(sql).rowcount < AT_ONCE:
            return
