"""What differs between the three databases, side by side."""

from collections.abc import Iterable, Sequence
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
    row: str | None  # what names a row of any table; None: DELETE knows LIMIT
    lock_rows: str  # behind a SELECT: its rows are ours until COMMIT
    retry_codes: Sequence[object]  # errors that mean "do that transaction again"
    message_limit: int | None  # of `error.message`
    coalesce: str  # the column of that name, which is a keyword too
    prepare: Sequence[str]  # statements for each new connection; {seconds} is the limit of a statement
    list_tables: str
    list_columns: str  # of the table :job
    packet: str  # asks how large a statement may be
    list_indexes: str  # of a table, where a statement has to name the index (funcid, run_after)

    def connect_arguments(self, connect_seconds: int, statement_seconds: int) -> dict[str, Any]:
        """So that a server that has fallen silent hangs nobody for ever."""
        match self.name:
            case "postgresql":
                return {
                    "connect_timeout": connect_seconds,
                    "keepalives_idle": connect_seconds,
                    "keepalives_interval": connect_seconds,
                    "keepalives_count": 3,
                    "tcp_user_timeout": statement_seconds * 1000,
                }
            case "mysql":
                return {
                    "connect_timeout": connect_seconds,
                    "read_timeout": statement_seconds,
                    "write_timeout": statement_seconds,
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
        if self.name == "sqlite":
            return "locked" in str(original) or "busy" in str(original)
        if self.name == "postgresql":
            return getattr(original, "sqlstate", None) in self.retry_codes
        code = original.args[0] if original is not None and original.args else None
        return code in self.retry_codes


SQLITE = Dialect(
    name="sqlite",
    now="((julianday('now') - 2440587.5) * 86400.0)",
    second="CAST(strftime('%s', 'now') AS INTEGER)",
    begin="BEGIN IMMEDIATE",
    auto_id="INTEGER PRIMARY KEY AUTOINCREMENT",
    blob="BLOB",
    long_text="TEXT",
    row="rowid",
    lock_rows="",
    retry_codes=(),
    message_limit=None,
    coalesce='"coalesce"',
    prepare=("PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL"),
    list_tables="SELECT name FROM sqlite_master WHERE type IN ('table', 'view')",
    list_columns="SELECT name FROM pragma_table_info(:job)",
    packet="",
    list_indexes="",
)
POSTGRESQL = Dialect(
    name="postgresql",
    now="CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    second="CAST(floor(extract(epoch FROM now())) AS bigint)",
    begin="BEGIN",
    auto_id="BIGSERIAL PRIMARY KEY",
    blob="BYTEA",
    long_text="TEXT",
    row="ctid",
    lock_rows=" FOR UPDATE",
    retry_codes=("40001", "40P01", "55P03"),
    message_limit=None,
    coalesce='"coalesce"',
    prepare=("SET statement_timeout = {seconds}000",),
    list_tables=(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'f') AND pg_table_is_visible(oid) "
        "AND relnamespace <> CAST('pg_catalog' AS regnamespace)"
    ),
    list_columns="SELECT attname FROM pg_attribute WHERE attrelid = to_regclass(:job) AND attnum > 0",
    packet="",
    list_indexes="",
)
MYSQL = Dialect(
    name="mysql",
    now="UNIX_TIMESTAMP(NOW(6))",
    second="UNIX_TIMESTAMP()",
    begin="START TRANSACTION",
    auto_id="BIGINT UNSIGNED PRIMARY KEY NOT NULL AUTO_INCREMENT",
    blob="LONGBLOB",
    long_text="LONGTEXT",
    row=None,
    lock_rows=" FOR UPDATE",
    retry_codes=(1213, 1205, 1020),
    message_limit=255,
    coalesce="`coalesce`",
    prepare=(
        # The default, REPEATABLE READ, locks gaps: two children that delete batches deadlock at once.
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        # An old server cuts what is too long and says nothing.
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')",
        # UNIX_TIMESTAMP(NOW(6)) goes by the local time, which has one hour twice a year.
        "SET SESSION time_zone = '+00:00'",
        "SET SESSION innodb_lock_wait_timeout = 10",
    ),
    list_tables="SELECT table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
    list_columns=(
        "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = :job"
    ),
    packet="SELECT @@max_allowed_packet",
    list_indexes="SHOW INDEX FROM ",
)


def claim_index(listed: Iterable[Sequence[Any]]) -> str:
    """The hint to use the index (funcid, run_after): MySQL locks every row that it looks at on any other way."""
    columns = {(row[2], int(row[3])): row[4] for row in listed}
    for name, position in columns:
        if position == 2 and (columns[name, 1], columns[name, 2]) == ("funcid", "run_after"):
            return f" FORCE INDEX (`{name}`)"
    return ""


DIALECTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}
