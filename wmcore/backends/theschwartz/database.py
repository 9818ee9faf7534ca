"""One connection to one database, its transactions, and what its driver's errors mean.

The connection is in autocommit mode and transactions are opened by hand: so nothing is ever locked by a mere question,
and SQLite's `BEGIN IMMEDIATE` stands where it has to.
"""

import fcntl
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from wmcore.backends.theschwartz.dialects import DIALECTS, Dialect
from wmcore.config.records import DatabaseConfig
from wmcore.errors import QueueDown, SchemaMissing

T = TypeVar("T")
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
ATTEMPTS = 20


class Retry(Exception):
    """The database chose this transaction to give way (deadlock, busy): do it again."""


class Database:
    """A lazily opened connection. Not for two threads at once, never over a fork."""

    def __init__(self, config: DatabaseConfig, index: int, *, durable: bool = False) -> None:
        """`durable`: on SQLite, every commit reaches the disk (inserts); else the last ones may be lost with the power,
        which for claims and acknowledgements means that a job runs again."""
        self.config = config
        self.index = index
        self.name = config.name
        self.dialect: Dialect = DIALECTS[make_url(config.url).get_backend_name()]
        self._durable = durable
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._queue_fd: int | None = None
        self.tables: frozenset[str] = frozenset()
        self.fine_insert_time = False
        self.skip_locked = False

    # -- connecting ----------------------------------------------------------------------------------------------------

    def table(self, name: str) -> str:
        return f"{self.config.prefix}{name}"

    def has(self, name: str) -> bool:
        """Is there such a table (as of the connecting)?"""
        return self.table(name) in self.tables

    @property
    def bare(self) -> bool:
        """Only TheSchwartz' own tables: as Perl's schema files leave a database."""
        return not (self.has("wm_claim") and self.has("wm_attempt") and self.has("wm_failed"))

    def connect(self) -> Connection:
        """The connection, opened where needed. Raises QueueDown, SchemaMissing."""
        if self._connection is None:
            try:
                if self._engine is None:
                    self._engine = self._make_engine()
                self._connection = self._engine.connect()
                self._look_round(self._connection)
            except SQLAlchemyError as error:
                self.drop()
                raise self.meaning(error) from None
            except SchemaMissing:
                self.drop()
                raise
        return self._connection

    def _make_engine(self) -> Engine:
        url = make_url(self.config.url)
        arguments = self.dialect.connect_arguments(CONNECT_SECONDS, STATEMENT_SECONDS)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
        if self.dialect.name == "sqlite":
            synchronous = "FULL" if self._durable else "NORMAL"

            @event.listens_for(engine, "connect")
            def prepare(connection: Any, record: object) -> None:
                connection.execute("PRAGMA journal_mode=WAL")
                connection.execute(f"PRAGMA synchronous={synchronous}")
                connection.execute("PRAGMA busy_timeout=10000")

            if url.database and url.database != ":memory:":
                self._queue_fd = self._open_queue_lock(url.database)
        return engine

    def _open_queue_lock(self, path: str) -> int | None:
        """SQLite's busy handler is not fair; a flock in front of it is nearly so."""
        try:
            return os.open(f"{path}-wmlock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None

    def _look_round(self, connection: Connection) -> None:
        looker = inspect(connection)
        self.tables = frozenset(looker.get_table_names())
        self.skip_locked = self.dialect.can_skip_locked(connection)
        self.fine_insert_time = False
        if self.table("job") in self.tables:
            columns = {column["name"] for column in looker.get_columns(self.table("job"))}
            self.fine_insert_time = "wm_insert_time" in columns

    def require_schema(self) -> None:
        """Raises SchemaMissing where TheSchwartz' tables are not there."""
        self.connect()
        missing = [self.table(name) for name in ("funcmap", "job", "error", "exitstatus") if not self.has(name)]
        if missing:
            self.drop()
            raise SchemaMissing(
                f"database {self.name} has no table {missing[0]}; create TheSchwartz' tables: wmcore --init-db -f CONF"
            )

    def drop(self) -> None:
        """Forget the connection; the next use opens another."""
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.invalidate()
                connection.close()
            except SQLAlchemyError:
                pass

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except SQLAlchemyError:
                pass
        if self._queue_fd is not None:
            os.close(self._queue_fd)
            self._queue_fd = None
        self._engine = None

    # -- statements ----------------------------------------------------------------------------------------------------

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """One statement. Raises QueueDown, Retry; IntegrityError passes."""
        try:
            return self.connect().execute(_statement(sql), values or {})
        except IntegrityError:
            raise
        except DBAPIError as error:
            if self.dialect.is_retry(error):
                raise Retry from None
            self.drop()
            raise self.meaning(error) from None
        except SQLAlchemyError as error:
            self.drop()
            raise self.meaning(error) from None

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        return list(self.run(sql, values).all())

    def one(self, sql: str, values: Mapping[str, Any] | None = None) -> Any | None:
        return self.run(sql, values).first()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN to COMMIT; whatever is raised inside rolls back. A QueueDown out of the COMMIT itself leaves in doubt
        whether it happened."""
        self.connect()
        self._queue_up()
        try:
            self.run(self.dialect.begin)
            try:
                yield
            except BaseException:
                self._rollback()
                raise
            self.run("COMMIT")
        finally:
            self._leave_queue()

    def _rollback(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute(_statement("ROLLBACK"))
            except SQLAlchemyError:
                self.drop()

    def _queue_up(self) -> None:
        if self._queue_fd is not None:
            fcntl.flock(self._queue_fd, fcntl.LOCK_EX)

    def _leave_queue(self) -> None:
        if self._queue_fd is not None:
            fcntl.flock(self._queue_fd, fcntl.LOCK_UN)

    def atomically(self, work: Callable[[], T]) -> T:
        """`work` in a transaction, again where the database chose it to give way."""
        for attempt in range(ATTEMPTS):
            try:
                with self.transaction():
                    return work()
            except Retry:
                time.sleep(0.002 * (attempt + 1))
        raise QueueDown(f"database {self.name}: deadlocks or locks in {ATTEMPTS} attempts")

    def meaning(self, error: SQLAlchemyError) -> QueueDown:
        """What the driver said, without what nobody may read."""
        original = getattr(error, "orig", None) or error
        said = " ".join(str(part) for part in getattr(original, "args", ()) or (original,)).strip() or repr(original)
        password = make_url(self.config.url).password
        if password:
            said = said.replace(str(password), "***")
        return QueueDown(f"database {self.name}: {said.splitlines()[0]}")

    @property
    def now(self) -> float:
        """The server's clock."""
        row = self.one(f"SELECT {self.dialect.now}")
        assert row is not None
        return float(row[0])


_statements: dict[str, Any] = {}


def _statement(sql: str) -> Any:
    """`text()` objects are kept: SQLAlchemy caches their compiled form by identity of the text."""
    found = _statements.get(sql)
    if found is None:
        found = _statements[sql] = text(sql)
    return found
