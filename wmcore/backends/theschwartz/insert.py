"""Inserting jobs, many rows in one statement: for clients, for `replace_with`, for a retry from the failed list."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy.exc import IntegrityError

from wmcore.backends.records import NewJob
from wmcore.backends.theschwartz.database import Database, padded
from wmcore.backends.theschwartz.notifying import returning
from wmcore.backends.theschwartz.rows import Funcids
from wmcore.errors import Refused

PER_STATEMENT = 512
BYTES_PER_STATEMENT = 1_000_000
"""Of arguments; a single larger one goes alone."""
PACKET_REST = 4096
"""What a statement has beside a single argument."""


def insert_jobs(db: Database, funcids: Funcids, jobs: Sequence[NewJob]) -> list[int | None]:
    """Inside a transaction; the funcids have been made. Returns jobids, None where the uniqkey was taken."""
    insert = _insert_mysql if db.dialect.name == "mysql" else _insert_returning
    ids: list[int | None] = []
    for job in jobs:
        if len(job.raw) > db.packet - PACKET_REST:
            raise Refused(
                f"database {db.name} does not take this value: an argument of {len(job.raw):,} bytes, and its "
                f"max_allowed_packet is {db.packet:,}"
            )
    for some in _portions(jobs, min(BYTES_PER_STATEMENT, db.packet // 2)):
        ids += insert(db, [_values(funcids.make(job.funcname), job) for job in some])
    return ids


def _portions(jobs: Sequence[NewJob], most_bytes: int) -> Iterator[Sequence[NewJob]]:
    """Of few different lengths: each is a statement that is kept compiled."""
    start = 0
    while start < len(jobs):
        count = PER_STATEMENT
        while count > 1 and (
            start + count > len(jobs) or sum(len(job.raw) for job in jobs[start : start + count]) > most_bytes
        ):
            count //= 2
        yield jobs[start : start + count]
        start += count


_COLUMNS = ("funcid", "arg", "uniqkey", "run_after", "grabbed_until", "priority", "coalesce")


def _values(funcid: int, job: NewJob) -> dict[str, Any]:
    return {
        "funcid": funcid,
        "arg": job.raw,
        "uniqkey": None if job.uniqkey is None else str(job.uniqkey),
        "run_after": None if job.run_after is None else int(job.run_after),
        "grabbed_until": int(job.grabbed_until or 0),
        "priority": job.priority,
        "coalesce": None if job.coalesce is None else str(job.coalesce),
    }


def _into(db: Database) -> str:
    fine = ", wm_insert_time" if db.fine_insert_time else ""
    return (
        f"INSERT INTO {db.table('job')} (funcid, arg, uniqkey, insert_time, run_after, grabbed_until, priority, "
        f"{db.dialect.coalesce}{fine})"
    )


_ARRAYS = dict(zip(_COLUMNS, ("bigint", "bytea", "text", "bigint", "bigint", "bigint", "text"), strict=True))


def _sql_of_arrays(db: Database, values: Sequence[dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """PostgreSQL: an array for each column. Thousands of placeholders take longer than all the rest."""
    d = db.dialect
    fine = f", {d.now}" if db.fine_insert_time else ""
    arrays = ", ".join(f"CAST(:{column} AS {kind}[])" for column, kind in _ARRAYS.items())
    sql = (
        f"{_into(db)} SELECT funcid, arg, uniqkey, {d.second}, COALESCE(run_after, {d.second}), grabbed_until, "
        f"priority, co{fine} FROM unnest({arrays}) AS t (funcid, arg, uniqkey, run_after, grabbed_until, priority, co)"
    )
    return sql, {column: [row[column] for row in values] for column in _COLUMNS}


def _sql(db: Database, count: int) -> str:
    d = db.dialect
    fine_value = f", {d.now}" if db.fine_insert_time else ""
    tuples = ", ".join(
        f"(:funcid{n}, :arg{n}, :uniqkey{n}, {d.second}, COALESCE(:run_after{n}, {d.second}), :grabbed_until{n}, "
        f":priority{n}, :coalesce{n}{fine_value})"
        for n in range(count)
    )
    return f"{_into(db)} VALUES {tuples}"


def _bound(values: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {f"{column}{n}": row[column] for n, row in enumerate(values) for column in _COLUMNS}


def _insert_returning(db: Database, values: Sequence[dict[str, Any]]) -> list[int | None]:
    """Numbers are given in the order of the rows, and come back in any: those with a key are told apart by it."""
    arrays = db.dialect.name == "postgresql"
    sql, bound = _sql_of_arrays(db, values) if arrays else (_sql(db, len(values)), _bound(values))
    gently = f"ON CONFLICT (funcid, uniqkey) DO NOTHING RETURNING jobid, funcid, uniqkey{returning(db)}"
    made = db.rows(f"{sql} {gently}", bound)
    plain = iter(sorted(int(jobid) for jobid, _, uniqkey, *_ in made if uniqkey is None))
    keyed = {(int(funcid), uniqkey): int(jobid) for jobid, funcid, uniqkey, *_ in made if uniqkey is not None}
    return [
        next(plain) if row["uniqkey"] is None else keyed.pop((row["funcid"], row["uniqkey"]), None) for row in values
    ]


def _insert_mysql(db: Database, values: Sequence[dict[str, Any]]) -> list[int | None]:
    """MySQL has no such clause. A duplicate fails its statement but not the transaction: then one by one."""
    if len(values) == 1:
        return [_insert_one_mysql(db, values[0])]
    free = _free_mysql(db, values)
    if not free:
        return [None] * len(values)
    try:
        done = db.run(_sql(db, len(free)), _bound([values[place] for place in free]))
    except IntegrityError:  # a key was taken just now, or differs from another only by what MySQL does not see (case)
        return [_insert_one_mysql(db, row) for row in values]
    step = db.one("SELECT @@auto_increment_increment")
    made = dict(zip(free, range(int(done.lastrowid), 2**63, int(step[0]) if step else 1), strict=False))
    return [made.get(place) for place in range(len(values))]


def _insert_one_mysql(db: Database, row: dict[str, Any]) -> int | None:
    try:
        return int(db.run(_sql(db, 1), _bound([row])).lastrowid)
    except IntegrityError:
        if row["uniqkey"] is None:
            raise
        return None


def _free_mysql(db: Database, values: Sequence[Mapping[str, Any]]) -> list[int]:
    """The places of the rows whose key is not taken: not in the table, and not by a row before."""
    taken = _taken(db, values)
    free = []
    for place, row in enumerate(values):
        key = (row["funcid"], row["uniqkey"])
        if row["uniqkey"] is None or key not in taken:
            free.append(place)
            taken.add(key)
    return free


def _taken(db: Database, values: Sequence[Mapping[str, Any]]) -> set[tuple[int, str]]:
    given = [row["uniqkey"] for row in values if row["uniqkey"] is not None]
    if not given:
        return set()
    keys = {f"k{n}": key for n, key in enumerate(padded(given))}
    funcids = ",".join(str(funcid) for funcid in {row["funcid"] for row in values})
    among = ",".join(f":{key}" for key in keys)
    found = db.rows(
        f"SELECT funcid, uniqkey FROM {db.table('job')} WHERE funcid IN ({funcids}) AND uniqkey IN ({among})", keys
    )
    return {(int(funcid), uniqkey) for funcid, uniqkey in found}
