"""What differs between the three databases, side by side."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError


@dataclass(frozen=True, slots=True)
class Dialect:
    name: str
    now: str  # Unix seconds with a fraction, by the server's clock
    second: str  # the same, whole: stable within a statement, so that an index can be used
    begin: str
    begin_lazily: str  # the next COMMIT need not reach the disk: whatever is committed after it carries it there
    auto_id: str  # type of a column that numbers itself
    blob: str
    long_text: str
    row: str | None  # what names a row of any table; None: DELETE knows LIMIT
    lock_rows: str  # behind a SELECT: its rows are ours until COMMIT
    retry_codes: Sequence[object]  # errors that mean "do that transaction again"
    message_limit: int | None  # of `error.message`
    coalesce: str  # the column of that name, which is a keyword too
    prepare: Sequence[str]  # statements for each new connection; {seconds} is the limit of a statement
    insist_on_indexes: Sequence[str]  # the same, for those of children
    # Give ("table", name) for each table, view and, where `list_indexes` has not them, usable index (at least for those
    # in :names), and ("column", name) for each column of :job.
    look: Sequence[str]
    about: str  # asks for the server's version, and how large a statement may be; where that makes a difference
    list_indexes: str  # of a table, where a statement has to name the index (funcid, run_after)
    use_index: str  # behind a table's name: by this index alone

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
                    "autocommit": True,  # as SQLAlchemy will have it; PyMySQL would turn it off first
                }
        return {"timeout": 10, "check_same_thread": False}

    def can_skip_locked(self, version: str) -> bool:
        """PostgreSQL, MySQL 8 and MariaDB 10.6 step over rows that others hold. `version`: as the server says it:
        "8.0.36", "10.11.6-MariaDB", or with a pretended one in front, "5.5.5-10.11.6-MariaDB"."""
        if self.name != "mysql":
            return self.name == "postgresql"
        maria = is_mariadb(version)
        found = re.search(r"(\d+)\.(\d+)\.\d+-MariaDB" if maria else r"(\d+)\.(\d+)", version, re.IGNORECASE)
        return found is not None and (int(found[1]), int(found[2])) >= ((10, 6) if maria else (8, 0))

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
    begin_lazily="",
    auto_id="INTEGER PRIMARY KEY AUTOINCREMENT",
    blob="BLOB",
    long_text="TEXT",
    row="rowid",
    lock_rows="",
    retry_codes=(),
    message_limit=None,
    coalesce='"coalesce"',
    insist_on_indexes=(),
    prepare=("PRAGMA busy_timeout = 10000", "PRAGMA journal_mode = WAL"),
    look=(
        "SELECT 'table', name FROM sqlite_master WHERE type IN ('table', 'view', 'index') "
        "UNION ALL SELECT 'column', name FROM pragma_table_info(:job)",
    ),
    about="",
    list_indexes="",
    use_index=" INDEXED BY {}",
)
_MISLEADING = ("enable_seqscan", "enable_bitmapscan", "enable_sort", "jit")
POSTGRESQL = Dialect(
    name="postgresql",
    now="CAST(extract(epoch FROM clock_timestamp()) AS double precision)",
    second="CAST(floor(extract(epoch FROM now())) AS bigint)",
    begin="BEGIN",
    begin_lazily="SET LOCAL synchronous_commit = off",
    auto_id="BIGSERIAL PRIMARY KEY",
    blob="BYTEA",
    long_text="TEXT",
    row="ctid",
    lock_rows=" FOR UPDATE",
    retry_codes=("40001", "40P01", "55P03"),
    message_limit=None,
    coalesce='"coalesce"',
    # Of a queue that has filled since it was last analysed PostgreSQL believes that it is small: a turn took 0.3 to 3
    # seconds until it was analysed anew.
    insist_on_indexes=tuple(f"SET {each} = off" for each in _MISLEADING),
    prepare=("SET statement_timeout = {seconds}000",),
    look=(
        "SELECT 'table', relname FROM pg_class WHERE relname = ANY(:names) "
        "AND relkind IN ('r', 'p', 'v', 'f', 'i', 'I') AND pg_table_is_visible(oid) "
        "AND oid NOT IN (SELECT indexrelid FROM pg_index WHERE NOT indisvalid) "
        "UNION ALL SELECT 'column', attname FROM pg_attribute WHERE attrelid = to_regclass(:job) AND attnum > 0",
    ),
    about="",
    list_indexes="",
    use_index="",
)
MYSQL = Dialect(
    name="mysql",
    now="UNIX_TIMESTAMP(NOW(6))",
    second="UNIX_TIMESTAMP()",
    begin="START TRANSACTION",
    begin_lazily="",
    auto_id="BIGINT UNSIGNED PRIMARY KEY NOT NULL AUTO_INCREMENT",
    blob="LONGBLOB",
    long_text="LONGTEXT",
    row=None,
    lock_rows=" FOR UPDATE",
    retry_codes=(1213, 1205, 1020),
    message_limit=255,
    coalesce="`coalesce`",
    insist_on_indexes=(),
    prepare=(
        # The default, REPEATABLE READ, locks gaps: two children that delete batches deadlock at once.
        "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED",
        # An old server cuts what is too long and says nothing; UNIX_TIMESTAMP(NOW(6)) goes by the local time, which has
        # one hour twice a year.
        "SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES'), SESSION time_zone = '+00:00', "
        "SESSION innodb_lock_wait_timeout = 10",
    ),
    look=(  # in two: names of tables and of columns may have different collations, which do not go into one
        "SELECT 'table', table_name FROM information_schema.tables WHERE table_schema = DATABASE()",
        "SELECT 'column', column_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND table_name = :job",
    ),
    about="SELECT VERSION(), @@max_allowed_packet",
    list_indexes="SHOW INDEX FROM ",
    use_index=" FORCE INDEX ({})",
)


def is_mariadb(version: str) -> bool:
    return "mariadb" in version.lower()


def claim_index(listed: Iterable[Sequence[Any]]) -> str:
    """The hint to use the index (funcid, run_after): MySQL locks every row that it looks at on any other way."""
    columns = {(row[2], int(row[3])): row[4] for row in listed}
    for name, position in columns:
        if position == 2 and (columns[name, 1], columns[name, 2]) == ("funcid", "run_after"):
            return f" FORCE INDEX (`{name}`)"
    return ""


DIALECTS = {"sqlite": SQLITE, "postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL}
