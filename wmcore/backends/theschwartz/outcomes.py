"""What happens to a job's row at its end. Each function stands inside somebody's transaction, and says with the lease
in its WHERE clause whose job it means."""

import json
import socket
from collections.abc import Sequence
from dataclasses import dataclass

from wmcore.backends.fingerprint import fingerprint
from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.database import Database
from wmcore.backends.theschwartz.rows import Row
from wmcore.errors import Refused
from wmcore.model import Failure, Outcome, RetryPolicy

HOST = socket.gethostname()
LAST_SECOND = 2**31 - 1
"""The latest moment that the tables' INTEGER columns can hold."""
MESSAGE_LIMIT = 10_000
TRACEBACK_LIMIT = 50_000


@dataclass(frozen=True, slots=True)
class Who:
    """Which child an attempt belongs to."""

    slot: int | None  # None: no child, a client that took the job
    pid: int


def delete_finished(db: Database, jobid: int, funcid: int, lease: int, keep_seconds: int = 0) -> bool:
    """Acknowledge a completed job; False: it is not ours any more."""
    values = {"jobid": jobid, "funcid": funcid, "lease": lease}
    done = db.run(
        f"DELETE FROM {db.table('job')} WHERE jobid = :jobid AND funcid = :funcid AND grabbed_until = :lease", values
    )
    if done.rowcount == 1 and keep_seconds > 0:
        _keep_exit_status(db, jobid, funcid, 0, keep_seconds)
    return done.rowcount == 1


def delete_all(db: Database, jobids: Sequence[int], funcid: int, lease: int) -> bool:
    """Acknowledge completed jobs. False: not all of them were still ours."""
    if not jobids:
        return True
    where = f"{rows.among(db, jobids, funcid)} AND grabbed_until = {lease}"
    return db.run_literally(f"DELETE FROM {db.table('job')} WHERE {where}").rowcount == len(jobids)


def delete_all_finished(db: Database, ended: Sequence[tuple[int, int]], funcid: int, lease: int) -> set[int]:
    """Acknowledge completed jobs (jobid, seconds that the exit status is kept). Returns those that were still ours."""
    if not ended:
        return set()
    plain = [jobid for jobid, keep in ended if keep <= 0]
    if len(plain) < len(ended):
        return {jobid for jobid, keep in ended if delete_finished(db, jobid, funcid, lease, keep)}
    job, where = db.table("job"), f"{rows.among(db, plain, funcid)} AND grabbed_until = {lease}"
    if db.returns_deleted:
        return {int(row[0]) for row in db.rows_literally(f"DELETE FROM {job} WHERE {where} RETURNING jobid")}
    ours = {int(row[0]) for row in db.rows_literally(f"SELECT jobid FROM {job} WHERE {where} FOR UPDATE")}
    if ours:
        db.run_literally(f"DELETE FROM {job} WHERE {rows.among(db, ours, funcid)}")
    return ours


def release_all(db: Database, jobids: Sequence[int], funcid: int, lease: int) -> None:
    """Give back jobs that were not started, where they are still ours."""
    if jobids:
        db.run_literally(
            f"UPDATE {db.table('job')} SET grabbed_until = 0 "
            f"WHERE {rows.among(db, jobids, funcid)} AND grabbed_until = {lease}"
        )


def release(db: Database, jobid: int, funcid: int, lease: int, run_after: float | None = None) -> bool:
    """Give a job back, due at once or at `run_after`; False: it is not ours any more."""
    after = None if run_after is None else max(0, min(LAST_SECOND, int(run_after)))
    values = {"jobid": jobid, "funcid": funcid, "lease": lease}
    due = "" if after is None else f", run_after = {after}"
    done = db.run(
        f"UPDATE {db.table('job')} SET grabbed_until = 0{due} "
        f"WHERE jobid = :jobid AND funcid = :funcid AND grabbed_until = :lease",
        values,
    )
    return done.rowcount == 1


def held(db: Database, jobid: int, funcid: int, lease: int) -> Row | None:
    """The row, locked, where it is still ours."""
    found = db.one(
        f"{rows.select(db)} WHERE jobid = :jobid AND funcid = :funcid AND grabbed_until = :lease{db.dialect.lock_rows}",
        {"jobid": jobid, "funcid": funcid, "lease": lease},
    )
    return None if found is None else rows.read(found)


def failures(db: Database, jobid: int) -> int:
    """Failed attempts so far. Perl's are only in `error`, ours in both; `error` is cleaned after a week."""
    errors = db.one(f"SELECT count(*) FROM {db.table('error')} WHERE jobid = :jobid", {"jobid": jobid})
    counted = int(errors[0]) if errors else 0
    if db.has("wm_attempt"):
        attempts = db.one(f"SELECT count(*) FROM {db.table('wm_attempt')} WHERE jobid = :jobid", {"jobid": jobid})
        counted = max(counted, int(attempts[0]) if attempts else 0)
    return counted


def failure_log(db: Database, jobid: int) -> list[str]:
    """The messages of a job's failed attempts, oldest first; they outlive the job for a week."""
    found = db.rows(
        f"SELECT message FROM {db.table('error')} WHERE jobid = :jobid ORDER BY error_time", {"jobid": jobid}
    )
    return [str(row[0]) for row in found]


def exit_status(db: Database, jobid: int) -> int | None:
    """Of a job that has ended, as long as it is kept."""
    row = db.one(f"SELECT status FROM {db.table('exitstatus')} WHERE jobid = :jobid", {"jobid": jobid})
    return None if row is None else int(row[0])


def record_failure(
    db: Database, local: Database | None, row: Row, funcname: str, failure: Failure, policy: RetryPolicy, who: Who
) -> Outcome:
    """A failed attempt at a job that we hold (`row`): it is tried again, or moves to the failed list. `local`: the
    daemon's own store, for a database without our tables; what goes there is committed before the row is deleted. A
    client has none: there the arguments go with the row, as in Perl."""
    failure = storable(failure)
    before = failures(db, row.jobid)
    _write_error(db, row, failure)
    if db.has("wm_attempt"):
        _write_attempt(db, row, failure, who)
    if policy.retries(before + 1):
        release(db, row.jobid, row.funcid, row.grabbed_until, int(row.now) + policy.retry_delay_seconds)
        return Outcome.RETRIED
    attempts = read_attempts(db, row)
    if not db.has("wm_attempt"):
        attempts[-1:] = [attempt(row.now, failure, who)]  # the error row has only its message
    if local is not None:
        _write_failed_locally(local, db, row, funcname, failure, attempts, who)
    elif db.has("wm_failed"):
        write_failed(db, row, funcname, failure, attempts, who)
    if db.has("wm_attempt"):
        db.run(f"DELETE FROM {db.table('wm_attempt')} WHERE jobid = :jobid", {"jobid": row.jobid})
    delete_finished(db, row.jobid, row.funcid, row.grabbed_until)
    if policy.keep_exit_status_seconds > 0:
        _keep_exit_status(db, row.jobid, row.funcid, failure.exit_status or 1, policy.keep_exit_status_seconds)
    return Outcome.FAILED


def storable(failure: Failure) -> Failure:
    """Text that every database takes: no NUL, nothing that UTF-8 has no bytes for (file names bring such), no book."""
    return Failure(
        _clean(failure.message)[:MESSAGE_LIMIT], _clean(failure.traceback)[-TRACEBACK_LIMIT:], failure.exit_status
    )


def _clean(text: str) -> str:
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def read_attempts(db: Database, row: Row) -> list[dict[str, object]]:
    """Every failed attempt, oldest first: ours with traceback, Perl's with what `error` has."""
    ours: list[dict[str, object]] = []
    if db.has("wm_attempt"):
        ours = [
            dict(zip(_ATTEMPT_KEYS, found, strict=True))
            for found in db.rows(
                f"SELECT at, message, traceback, exit_status, host, slot, pid FROM {db.table('wm_attempt')} "
                f"WHERE jobid = :jobid ORDER BY id",
                {"jobid": row.jobid},
            )
        ]
    known = {(int(float(str(attempt["at"]))), str(attempt["message"])[:200]) for attempt in ours}
    errors = db.rows(
        f"SELECT error_time, message FROM {db.table('error')} WHERE jobid = :jobid ORDER BY error_time",
        {"jobid": row.jobid},
    )
    theirs: list[dict[str, object]] = [
        {"at": float(at), "message": message} for at, message in errors if (int(at), message[:200]) not in known
    ]
    return sorted([*theirs, *ours], key=lambda attempt: float(str(attempt["at"])))


_ATTEMPT_KEYS = ("at", "message", "traceback", "exit_status", "host", "slot", "pid")


def attempt(at: float, failure: Failure, who: Who) -> dict[str, object]:
    return {
        "at": at, "message": failure.message, "traceback": failure.traceback, "exit_status": failure.exit_status,
        "host": HOST, "slot": who.slot, "pid": who.pid,
    }  # fmt: skip


def _write_error(db: Database, row: Row, failure: Failure) -> None:
    """TheSchwartz' own record. Its table may be in a character set that has not our letters."""
    message = failure.message[: db.dialect.message_limit]
    sql = (
        f"INSERT INTO {db.table('error')} (error_time, jobid, message, funcid) VALUES (:at, :jobid, :message, :funcid)"
    )
    values = {"at": int(row.now), "jobid": row.jobid, "message": message, "funcid": row.funcid}
    try:
        db.run(sql, values)
    except Refused:
        if db.dialect.name != "mysql":  # elsewhere that statement has spoilt the transaction
            raise
        escaped = message.encode("ascii", "backslashreplace").decode()
        db.run(sql, {**values, "message": escaped[: db.dialect.message_limit]})


def _write_attempt(db: Database, row: Row, failure: Failure, who: Who) -> None:
    db.run(
        f"INSERT INTO {db.table('wm_attempt')} (jobid, funcid, at, message, traceback, exit_status, host, slot, pid) "
        "VALUES (:jobid, :funcid, :at, :message, :traceback, :exit_status, :host, :slot, :pid)",
        {**attempt(row.now, failure, who), "jobid": row.jobid, "funcid": row.funcid},
    )


def write_failed(
    store: Database, row: Row, funcname: str, failure: Failure, attempts: list[dict[str, object]], who: Who,
    origin: str | None = None,
) -> None:  # fmt: skip
    """`origin`: the name of the database that the job came from, where it is not the store's own."""
    values = {
        "funcname": funcname, "jobid": row.jobid, "arg": row.raw, "uniqkey": row.uniqkey,
        "insert_time": row.insert_time, "run_after": row.run_after, "priority": row.priority,
        "coalesce": row.coalesce, "failed_at": row.now, "message": failure.message,
        "attempt_count": len(attempts), "attempts": json.dumps(attempts, default=str),
        "host": HOST, "slot": who.slot, "origin": origin, "lease": row.grabbed_until,
    }  # fmt: skip
    if store.fingerprints:
        values["fingerprint"] = fingerprint(funcname, failure.message)
    columns = ", ".join(store.dialect.coalesce if name == "coalesce" else name for name in values)
    places = ", ".join(f":{name}" for name in values)
    store.run(f"INSERT INTO {store.table('wm_failed')} ({columns}) VALUES ({places})", values)


def _write_failed_locally(
    local: Database, db: Database, row: Row, funcname: str, failure: Failure, attempts: list[dict[str, object]],
    who: Who,
) -> None:  # fmt: skip
    """Two databases have no common COMMIT: killed between the two, this is done again, in place of the first."""
    origin = db.name[:255]

    def write() -> None:
        local.run(
            f"DELETE FROM {local.table('wm_failed')} WHERE origin = :origin AND jobid = :jobid AND lease = :lease",
            {"origin": origin, "jobid": row.jobid, "lease": row.grabbed_until},
        )
        write_failed(local, row, funcname, failure, attempts, who, origin)

    local.atomically(write)


def _keep_exit_status(db: Database, jobid: int, funcid: int, status: int, keep_seconds: int) -> None:
    """In place of one that a former job of this number left (a database may give numbers again)."""
    now = int(db.now)
    db.run(f"DELETE FROM {db.table('exitstatus')} WHERE jobid = :jobid", {"jobid": jobid})
    db.run(
        f"INSERT INTO {db.table('exitstatus')} (jobid, funcid, status, completion_time, delete_after) "
        "VALUES (:jobid, :funcid, :status, :now, :after)",
        {
            "jobid": jobid, "funcid": funcid, "status": status if 0 <= status < 2**15 else 1, "now": now,
            "after": min(LAST_SECOND, now + keep_seconds),
        },
    )  # fmt: skip
