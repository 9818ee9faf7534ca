"""Database servers whose every commit reaches the disk; those of the other tests save that time."""

from tests.servers import MariaDB, PostgreSQL


class DurablePostgreSQL(PostgreSQL):
    def command(self) -> list[str]:
        return [*super().command(), "-c", "fsync=on", "-c", "synchronous_commit=on", "-c", "shared_buffers=512MB"]

    def statements(self, database: str) -> int:
        """So many transactions ran there; an idle daemon's are single statements."""
        sql = "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = %s"
        with self._connect() as connection:
            return int(connection.execute(sql, [database]).fetchone()[0])


class DurableMariaDB(MariaDB):
    def command(self) -> list[str]:
        return [
            *super().command(), "--innodb-flush-log-at-trx-commit=1", "--innodb-buffer-pool-size=512M",
            "--innodb-log-file-size=512M",
        ]  # fmt: skip

    def statements(self, database: str) -> int:
        """So many statements were sent to this server; the question itself is one."""
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute("SHOW GLOBAL STATUS LIKE 'Questions'")
            return int(cursor.fetchone()[1])
