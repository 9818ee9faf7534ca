"""What differs between the three databases, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    now: str  # Unix seconds with a fraction, by the server's clock
    second: str  # the same, whole: stable within a statement, so that an index can be used
    begin: str
    auto_id: str  # type of a column that numbers itself
    blob: str
    long_text: str
    lock_rows: str  # behind a SELECT: its rows are ours until COMMIT
    retry_codes: Sequence[object]  # errors that mean "do that transaction again"
    message_limit: int | None  # of `error.message`
    coalesce: str  # the column of that name, which is a keyword too

    def connect_arguments(self, connect_seconds: int, statement_seconds: int) -> dict[str, Any]:
        match self.name:
            case "postgresql":
                return {
                    "connect_timeout": connect_seconds,
                    "options": f"-c statement_timeout={statement_seconds * 1000}",
                    "keepalives_idle": 30,
                    "tcp_user_timeout": statement_seconds * 1000,
                }
            case "mysql":
                return {
                    "connect_timeout": connect_seconds,
                    "read_timeout": statement_seconds,
                    "write_timeout": statement_seconds,
                    # The default, REPEATABLE READ, locks gaps: two children that delete batches deadlock at once.
                    "init_command": "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
                }
        return {"timeout": 10, "check_same_thread": False}

    def can_skip_locked(self, connection: Connection) -> bool:
        """PostgreSQL, MySQL 8 and MariaDB 10.6 step over rows that others hold."""
        version = connection.dialect.server_version_info or (0,)
        match self.name:
            case "postgresql":
                return True
            case "mysql":
                maria = getattr(connection.dialect, "is_mariadb", False)
                return tuple(version[:2]) >= ((10, 6) if maria else (8, 0))
        return False

    def is_retry(self, error: DBAPIError) -> bool:
        original = error.orig
        code = getattr(original, "sqlstate", None)
        if code is None and original is not None and original.args:
            code = original.args[0]
        if self.name == "sqlite":
            return "locked" in str(original) or "busy" in str(original)
        return code in self.retry_codes


SQLITE = Dialect(
    name="sqlite",
    now="((julianday('now') - 2440587.5) * 86400.0)",
    second="CAST(strftime('%s', 'now') AS INTEGER)",
    begin="BEGIN IMMEDIATE",
    auto_id="INTEGER PRIMARY KEY AUTOINCREMENT",
    blob="BLOB",
    long_text="TEXT",
    lock_rows="",
    retry_codes=(),
    message_limit=None,
    coalesce='"coalesce"',
)
POSTGRESQL = Dialect(
    name="postgresql",
    now="CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    second="CAST(floor(extract(epoch FROM now())) AS bigint)",
    begin="BEGIN",
    auto_id="BIGSERIAL PRIMARY KEY",
    blob="BYTEA",
    long_text="TEXT",
    lock_rows=" FOR UPDATE",
    retry_codes=("40001", "40P01", "55P03"),
    message_limit=None,
    coalesce='"coalesce"',
)
MYSQL = Dialect(
    name="mysql",
    now="UNIX_TIMESTAMP(NOW(6))",
    second="UNIX_TIMESTAMP()",
    begin="START TRANSACTION",
    auto_id="BIGINT UNSIGNED PRIMARY KEY NOT NULL AUTO_INCREMENT",
    blob="LONGBLOB",
    long_text="LONGTEXT",
    lock_rows=" FOR UPDATE",
    retry_codes=(1213, 1205, 1020),
    message_limit=255,
    coalesce="`coalesce`",
)
DIALECTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}
