"""One connection to one database, its transactions, and what its driver's errors mean.

The connection is in autocommit mode and transactions are opened by hand: so nothing is ever locked by a mere question,
and SQLite's `BEGIN IMMEDIATE` stands where it has to.
"""

import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, TextClause, create_engine, event, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import NullPool

from wmcore.backends.theschwartz.dialects import DIALECTS, Dialect, claim_index
from wmcore.config.records import DatabaseConfig
from wmcore.errors import QueueDown, Refused, SchemaMissing

T = TypeVar("T")
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
LOCK_SECONDS = 10
ATTEMPTS = 20


class Retry(Exception):
    """The database chose this transaction to give way (deadlock, busy): do it again."""


class CommitInDoubt(QueueDown):
    """The connection broke in the COMMIT: it may have happened or not."""


class Database:
    """A lazily opened connection. Not for two threads at once, never over a fork."""

    def __init__(
        self, config: DatabaseConfig, index: int, *, durable: bool = False, statement_seconds: int = STATEMENT_SECONDS
    ) -> None:
        """`durable`: on SQLite, every commit reaches the disk (inserts); else the last ones may be lost with the power,
        which for claims and acknowledgements means that a job runs again. `statement_seconds`: no answer for so long is
        none."""
        self.config = config
        self.index = index
        self.name = config.name
        self.dialect: Dialect = DIALECTS[make_url(config.url).get_backend_name()]
        self._durable = durable
        self._statement_seconds = statement_seconds
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._queue_fd: int | None = None
        self._inside = False  # of a transaction
        self.tables: frozenset[str] = frozenset()
        self.fine_insert_time = False
        self.fingerprints = False  # has wm_failed that column?
        self.skip_locked = False
        self.returns_deleted = False
        self.claim_index = ""
        self.packet = 2**31  # bytes of a statement

    # -- connecting ----------------------------------------------------------------------------------------------------

    def table(self, name: str) -> str:
        return f"{self.config.prefix}{name}"

    def has(self, name: str) -> bool:
        """Is there such a table (as of the connecting)?"""
        return self.table(name).lower() in self.tables

    @property
    def bare(self) -> bool:
        """Only TheSchwartz' own tables: as Perl's schema files leave a database."""
        return not (self.has("wm_claim") and self.has("wm_attempt") and self.has("wm_failed"))

    def connect(self) -> Connection:
        """The connection, opened where needed. Raises QueueDown."""
        if self._connection is None:
            try:
                if self._engine is None:
                    self._engine = self._make_engine()
                self._connection = self._engine.connect()
                self._look_round(self._connection)
            except SQLAlchemyError as error:
                self.drop()
                raise self.meaning(error) from None
        return self._connection

    def _make_engine(self) -> Engine:
        url = make_url(self.config.url)
        arguments = self.dialect.connect_arguments(CONNECT_SECONDS, self._statement_seconds)
        engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT", connect_args=arguments)
        statements = [each.format(seconds=self._statement_seconds) for each in self.dialect.prepare]
        if self.dialect.name == "sqlite":
            statements.append(f"PRAGMA synchronous = {'FULL' if self._durable else 'NORMAL'}")
            if url.database and not url.database.startswith((":", "file:")):
                self._queue_fd = self._open_queue_lock(url.database)

        @event.listens_for(engine, "connect")
        def prepare(connection: Any, record: object) -> None:
            cursor = connection.cursor()
            for each in statements:
                _patiently(cursor, each)
            cursor.close()
            if self.dialect.name == "postgresql" and not connection.autocommit:
                connection.commit()  # a SET is undone by the rollback of its transaction

        return engine

    def _open_queue_lock(self, path: str) -> int | None:
        """SQLite's busy handler is not fair; a flock in front of it is nearly so."""
        try:
            return os.open(f"{path}-wmlock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        except OSError:
            return None

    def _look_round(self, connection: Connection) -> None:
        d, job, failed = self.dialect, {"job": self.table("job")}, {"job": self.table("wm_failed")}
        self.tables = frozenset(str(row[0]).lower() for row in connection.execute(statement(d.list_tables)))
        columns = {row[0] for row in connection.execute(statement(d.list_columns), job)}
        self.fine_insert_time = "wm_insert_time" in columns
        self.fingerprints = self.has("wm_failed") and "fingerprint" in {
            row[0] for row in connection.execute(statement(d.list_columns), failed)
        }
        self.skip_locked = d.can_skip_locked(connection)
        self.returns_deleted = d.name != "mysql" or bool(getattr(connection.dialect, "is_mariadb", False))
        if d.packet:
            self.packet = int(connection.execute(statement(d.packet)).scalar() or self.packet)
        if d.list_indexes and self.has("job"):
            self.claim_index = claim_index(connection.execute(statement(d.list_indexes + job["job"])).all())

    def look_again(self) -> None:
        """Which tables are there now?"""
        self._look_round(self.connect())

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
        """One statement. Raises QueueDown, Refused for a value that the database does not take, Retry inside of a
        transaction; IntegrityError passes."""
        return self._execute(lambda connection: connection.execute(statement(sql), values or {}))

    def _execute(self, send: Callable[[Connection], CursorResult[Any]]) -> CursorResult[Any]:
        for attempt in _attempts():
            used_before = self._connection is not None
            try:
                return send(self.connect())
            except IntegrityError:
                raise
            except (DataError, OverflowError, UnicodeEncodeError) as error:
                raise Refused(f"database {self.name} does not take this value: {_said(error)}") from None
            except SQLAlchemyError as error:
                broken = getattr(error, "connection_invalidated", False)
                if isinstance(error, DBAPIError) and self.dialect.is_retry(error):
                    if self._inside:
                        raise Retry from None
                    time.sleep(0.002 * (attempt + 1))
                    continue
                self.drop()
                if broken and used_before and not self._inside:
                    continue  # it went stale while nobody used it: the server was started anew, or had a time limit
                raise self.meaning(error) from None
        raise QueueDown(f"database {self.name}: busy, somebody holds it locked")

    def run_literally(self, sql: str) -> CursorResult[Any]:
        """One statement made of our own words and numbers: long lists of ids are not worth compiling."""
        return self._execute(lambda connection: connection.exec_driver_sql(sql))

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        return list(self.run(sql, values).all())

    def one(self, sql: str, values: Mapping[str, Any] | None = None) -> Any | None:
        return self.run(sql, values).first()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN to COMMIT; whatever is raised inside rolls back. Raises Retry, QueueDown, CommitInDoubt."""
        self.connect()
        self._queue_up()
        try:
            self.run(self.dialect.begin)
            self._inside = True
            try:
                yield
            except BaseException:
                self._rollback()
                raise
            try:
                self.run("COMMIT")
            except Retry:
                self._rollback()
                raise
            except QueueDown as error:
                raise CommitInDoubt(str(error)) from None
        finally:
            self._inside = False
            self._leave_queue()

    def _rollback(self) -> None:
        if self._connection is not None:
            try:
                self._connection.execute(statement("ROLLBACK"))
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
        for attempt in _attempts():
            try:
                with self.transaction():
                    return work()
            except Retry:
                time.sleep(0.002 * (attempt + 1))
        raise QueueDown(f"database {self.name}: deadlocks or locks, again and again")

    def at_once(self, sql: str, values: Mapping[str, Any]) -> list[Any]:
        """A transaction of one statement, by the driver's own placeholders. Never sent again when the connection
        breaks: it may have been committed. Raises CommitInDoubt."""
        self.connect()
        for attempt in _attempts():
            self._inside = True
            try:
                return list(self._execute(lambda connection: connection.exec_driver_sql(sql, values)).all())
            except Retry:
                time.sleep(0.002 * (attempt + 1))
            except QueueDown as error:
                raise CommitInDoubt(str(error)) from None
            finally:
                self._inside = False
        raise QueueDown(f"database {self.name}: deadlocks or locks, again and again")

    def meaning(self, error: SQLAlchemyError) -> QueueDown:
        """What the driver said, without what nobody may read."""
        said = _said(error)
        password = make_url(self.config.url).password
        if password:
            said = said.replace(str(password), "***")
        return QueueDown(f"database {self.name}: {said}")

    @property
    def now(self) -> float:
        """The server's clock."""
        row = self.one(f"SELECT {self.dialect.now}")
        assert row is not None
        return float(row[0])


def _said(error: BaseException) -> str:
    """The driver's message, its first line."""
    original = getattr(error, "orig", None) or error
    said = " ".join(str(part) for part in getattr(original, "args", ()) or (original,)).strip() or repr(original)
    return said.splitlines()[0]


def _patiently(cursor: Any, sql: str) -> None:
    """To turn a file into WAL mode takes SQLite's lock, and there its busy handler is not asked."""
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            cursor.execute(sql)
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            time.sleep(0.005)
        else:
            return


def _attempts() -> Iterator[int]:
    """So many, and for so long: each may have waited for a lock."""
    until = time.monotonic() + STATEMENT_SECONDS
    for attempt in range(ATTEMPTS):
        if attempt and time.monotonic() > until:
            return
        yield attempt


def padded(values: Sequence[T]) -> list[T]:
    """The last one again and again, up to a power of two: statements are kept compiled, there should be few of them."""
    return [*values, *([values[-1]] * ((1 << (len(values) - 1).bit_length()) - len(values)))]


@lru_cache(maxsize=512)
def statement(sql: str) -> TextClause:
    """SQLAlchemy keeps the compiled form by identity of the text."""
    return text(sql)
