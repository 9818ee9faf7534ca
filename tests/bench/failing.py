"""A failed list full of records, made by the database itself: `fill_failed(dsn, count)`."""

import json
import time

from sqlalchemy import create_engine, text

from wmcore.backends.fingerprint import fingerprint
from wmcore.config.dsn import parse_database

CLASSES = tuple(f"bench.Class{number}" for number in range(10))
ERRORS = (
    "ReadTimeout: no answer from api.example.com within 30 s (request #)",
    "KeyError: 'user_#'",
    "OperationalError: deadlock detected, process # waits for ShareLock",
    "ConnectionRefusedError: [Errno 111] 10.0.0.7:# refused the connection",
    "killed by signal 9 (SIGKILL), job #",
)
RARE = "ValueError: the rare one, row #"
"""One in 10,000, of the first class."""
RETRIED = "CASE WHEN g % 10 = 3 THEN {} ELSE {} END"
"""One in ten."""
DAYS = 30
_NUMBERS = {
    "postgresql": "generate_series(1, {count}) AS n(g)",
    "mysql": "(SELECT seq AS g FROM seq_1_to_{count}) n",
    "sqlite": "(WITH RECURSIVE n(g) AS (SELECT 1 UNION ALL SELECT g + 1 FROM n WHERE g < {count}) SELECT g FROM n) n",
}
_BLOB = {"postgresql": "convert_to(:arg, 'UTF8')", "mysql": ":arg", "sqlite": "CAST(:arg AS BLOB)"}
_SETTLE = {
    "postgresql": ["VACUUM ANALYZE wm_failed", "CHECKPOINT"],
    "mysql": ["ANALYZE TABLE wm_failed"],
    "sqlite": ["PRAGMA wal_checkpoint(TRUNCATE)"],
}
TRACEBACK = "Traceback (most recent call last):\n" + "".join(
    f'  File "/srv/app/jobs/part{number}.py", line {number * 37}, in step{number}\n    self.go_on(payload)\n'
    for number in range(8)
)


def fill_failed(dsn: str, count: int) -> None:
    """`count` records over the last thirty days, a second or so apart, evenly mixed, one in ten of them retried."""
    engine = create_engine(parse_database({"dsn": dsn}).url)
    kind, begin = engine.dialect.name, time.time() - DAYS * 86400
    kinds = [(name, error) for name in CLASSES for error in ERRORS]
    attempts = json.dumps([{"at": begin, "message": "m", "traceback": TRACEBACK, "exit_status": 1, "host": "web3"}])
    arg = json.dumps({"user": 4711, "amount": 12.5, "lines": ["x" * 40] * 4})
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE kinds (k INTEGER, funcname VARCHAR(99), error TEXT, print VARCHAR(32))"))
        rows = [
            {"k": place, "f": name, "e": error, "p": fingerprint(name, error.replace("#", "1"))}
            for place, (name, error) in enumerate([*kinds, (CLASSES[0], RARE)])
        ]
        connection.execute(text("INSERT INTO kinds VALUES (:k, :f, :e, :p)"), rows)
        which = f"CASE WHEN g % 10000 = 77 THEN {len(kinds)} ELSE g * 7 % {len(kinds)} END"
        retried = ", ".join((RETRIED.format(1, 0), RETRIED.format("'0-1'", "NULL")))
        connection.execute(
            text(
                "INSERT INTO wm_failed (funcname, jobid, arg, insert_time, run_after, failed_at, message, "
                "attempt_count, attempts, host, slot, fingerprint, retried, retried_as) "
                f"SELECT funcname, g, {_BLOB[kind]}, "
                f":begin + g * :step, :begin + g * :step, :begin + g * :step, REPLACE(error, '#', {_text(kind)}), 1, "
                f":attempts, 'web3', 3, print, {retried} FROM {_NUMBERS[kind].format(count=count)} "
                f"JOIN kinds ON k = {which} ORDER BY g"
            ),
            {"arg": arg, "begin": begin, "step": DAYS * 86400 / count, "attempts": attempts},
        )
        connection.execute(text("DROP TABLE kinds"))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for statement in _SETTLE[kind]:
            connection.execute(text(statement))
    engine.dispose()


def _text(kind: str) -> str:
    return "CAST(g AS CHAR)" if kind == "mysql" else "CAST(g AS TEXT)"
