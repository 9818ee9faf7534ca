"""A queue full of jobs, made by the database itself: `filled(dsn, name, ready, delayed)`."""

import time

from sqlalchemy import create_engine, text

from wmcore.config.dsn import parse_database

HOUR = 3600
LITTLE = 1000
"""So few more jobs need no settling."""
_NUMBERS = {
    "postgresql": "generate_series(1, {count}) AS t(g)",
    "mysql": "(SELECT seq AS g FROM seq_1_to_{count}) t",
    "sqlite": "(WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < {count}) SELECT g FROM n) t",
}
_ARG = {
    "postgresql": "convert_to('{\"n\": ' || g || '}', 'UTF8')",
    "mysql": "CONCAT('{\"n\": ', g, '}')",
    "sqlite": "CAST('{\"n\": ' || g || '}' AS BLOB)",
}
_SETTLE = {  # what a server has done in the background, in a queue that grew by and by
    "postgresql": ["VACUUM ANALYZE job", "CHECKPOINT"],
    "mysql": ["ANALYZE TABLE job"],
    "sqlite": ["PRAGMA wal_checkpoint(TRUNCATE)"],
}


def settle(dsn: str) -> None:
    engine = create_engine(parse_database({"dsn": dsn}).url)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in _SETTLE[engine.dialect.name]:
            connection.execute(text(statement))
    engine.dispose()


def fill(dsn: str, name: str, ready: int, delayed: int = 0, *, priorities: bool = False) -> None:
    """`ready` jobs of class `name` that fell due over the last hour, `delayed` ones of the hour after next."""
    engine = create_engine(parse_database({"dsn": dsn}).url)
    kind, now = engine.dialect.name, int(time.time())
    with engine.begin() as connection:
        known = connection.execute(text("SELECT funcid FROM funcmap WHERE funcname = :name"), {"name": name}).scalar()
        if known is None:
            connection.execute(text("INSERT INTO funcmap (funcname) VALUES (:name)"), {"name": name})
    for count, begin in ((ready, now - HOUR - 1), (delayed, now + 2 * HOUR)):
        with engine.begin() as connection:
            if count:
                connection.execute(text(_insert(kind, count, begin, priorities)), {"name": name})
    engine.dispose()
    if ready + delayed > LITTLE:
        settle(dsn)


def _insert(kind: str, count: int, begin: int, priorities: bool) -> str:
    due = f"{begin} + g / {count // HOUR + 1}"
    priority = "g * 7 % 10" if priorities else "NULL"
    arg = _ARG[kind].replace(":", "\\:")
    return (
        "INSERT INTO job (funcid, arg, insert_time, run_after, grabbed_until, priority, wm_insert_time) "
        f"SELECT (SELECT funcid FROM funcmap WHERE funcname = :name), {arg}, {due}, {due}, 0, {priority}, {due} "
        f"FROM {_NUMBERS[kind].format(count=count)}"
    )
