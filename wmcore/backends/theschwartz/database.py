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
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Connection, CursorResult, Engine, make_url
from sqlalchemy.exc import DataError, DBAPIError, IntegrityError, SQLAlchemyError

from wmcore.backends.theschwartz.dialects import DIALECTS, Dialect, claim_index, is_mariadb
from wmcore.backends.theschwartz.engine import STATEMENT_SECONDS, driver_sql, make_engine
from wmcore.config.records import DatabaseConfig
from wmcore.errors import QueueDown, Refused, SchemaMissing

T = TypeVar("T")
ATTEMPTS = 20
TABLES = (
    "funcmap", "job", "note", "error", "exitstatus", "wm_claim", "wm_attempt", "wm_failed", "wm_job_priority",
)  # fmt: skip
"""What `Database.has` can be asked for: TheSchwartz' own and ours, and the index that claims by priority go by."""


class Retry(Exception):
    """The database chose this transaction to give way (deadlock, busy): do it again."""


class CommitInDoubt(QueueDown):
    """The connection broke in the COMMIT: it may have happened or not."""


class Database:
    """A lazily opened connection. Not for two threads at once, never over a fork."""

    def __init__(
        self, config: DatabaseConfig, index: int, *, durable: bool = False, statement_seconds: int = STATEMENT_SECONDS,
        engine: Callable[[], Engine] | None = None,
    ) -> None:  # fmt: skip
        """`durable`: on SQLite, every commit reaches the disk (inserts); else the last ones may be lost with the power,
        which for claims and acknowledgements means that a job runs again. `statement_seconds`: no answer for so long is
        none. `engine` makes the engine, if it is not there already; both are its own then."""
        self.config = config
        self.index = index
        self.name = config.name
        url = make_url(config.url)
        self.dialect: Dialect = DIALECTS[url.get_backend_name()]
        self._make_engine = engine or partial(make_engine, config, statement_seconds, durable=durable)
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        in_file = self.dialect.name == "sqlite" and url.database and not url.database.startswith((":", "file:"))
        self._queue_path = f"{url.database}-wmlock" if in_file else None
        self._queue_fd: int | None = None
        self._inside = False  # of a transaction
        self.tables: frozenset[str] = frozenset()
        self.fine_insert_time = False
        self._failed_columns: frozenset[str] | None = None  # None: nobody asked since the connecting
        self.skip_locked = False
        self.returns_deleted = False
        self.claim_index = ""  # hints, to stand behind the table's name
        self.priority_index: str | None = None  # None: there is no such index
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

    def _look_round(self, connection: Connection) -> None:
        d, job = self.dialect, self._names("job")
        found = {tuple(row) for each in d.look for row in self._send(connection, each, job)}
        self.tables = frozenset(str(name).lower() for what, name in found if what == "table")
        self.fine_insert_time = ("column", "wm_insert_time") in found
        self._failed_columns = None
        version = ""
        if d.about:
            row: Any = self._send(connection, d.about, {}).one()
            version, self.packet = str(row[0]), int(row[1])
        self.skip_locked = d.can_skip_locked(version)
        self.returns_deleted = d.name != "mysql" or is_mariadb(version)
        if d.list_indexes and self.has("job"):
            indexes: list[Any] = list(self._send(connection, d.list_indexes + job["job"], {}))
            self.claim_index = claim_index(indexes)
            self.tables |= {str(row[2]).lower() for row in indexes}
        usable = self.has("wm_job_priority") and (d.name != "mysql" or self.skip_locked)
        self.priority_index = d.use_index.format(self.table("wm_job_priority")) if usable else None

    def _names(self, columns_of: str) -> dict[str, Any]:
        """For `Dialect.look`. PostgreSQL has them in lower case; only it asks for `names`."""
        names = [self.table(name).lower() for name in TABLES] if self.dialect.name == "postgresql" else ""
        return {"job": self.table(columns_of), "names": names}

    @property
    def fingerprints(self) -> bool:
        """Has wm_failed that column?"""
        return "fingerprint" in self._columns_of_failed()

    @property
    def knows_retried(self) -> bool:
        """Can it be looked up in wm_failed whether a record was retried?"""
        return "retried" in self._columns_of_failed()

    def _columns_of_failed(self) -> frozenset[str]:
        """Most connections never need to know."""
        if self._failed_columns is None:
            found = [tuple(row) for each in self.dialect.look for row in self.run(each, self._names("wm_failed"))]
            self._failed_columns = frozenset(str(name).lower() for what, name in found if what == "column")
        return self._failed_columns

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

    # -- statements ----------------------------------------------------------------------------------------------------

    def run(self, sql: str, values: Mapping[str, Any] | None = None) -> CursorResult[Any]:
        """One statement. Raises QueueDown, Refused for a value that the database does not take, Retry inside of a
        transaction; IntegrityError passes."""
        return self._execute(lambda connection: self._send(connection, sql, values or {}))

    def _send(self, connection: Connection, sql: str, values: Mapping[str, Any]) -> CursorResult[Any]:
        return connection.exec_driver_sql(driver_sql(sql, self.dialect), dict(values))

    def _execute(self, send: Callable[[Connection], T]) -> T:
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
            except sqlite3.Error as error:  # in the middle of the rows: others send them as a whole
                self.drop()
                raise self.meaning(error) from None
        raise QueueDown(f"database {self.name}: busy, somebody holds it locked")

    def run_literally(self, sql: str) -> CursorResult[Any]:
        """One statement made of our own words and numbers: long lists of ids are not worth compiling."""
        return self._execute(lambda connection: connection.exec_driver_sql(sql))

    def rows(self, sql: str, values: Mapping[str, Any] | None = None) -> list[Any]:
        """What a statement finds, as the driver's plain tuples."""
        return self._execute(lambda connection: _tuples(self._send(connection, sql, values or {})))

    def rows_literally(self, sql: str) -> list[Any]:
        return self._execute(lambda connection: _tuples(connection.exec_driver_sql(sql)))

    def one(self, sql: str, values: Mapping[str, Any] | None = None) -> Any | None:
        return self._execute(lambda connection: self._send(connection, sql, values or {}).first())

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
                self._connection.exec_driver_sql("ROLLBACK")
            except SQLAlchemyError:
                self.drop()

    def _queue_up(self) -> None:
        """SQLite's busy handler is not fair; a flock in front of it is nearly so."""
        if self._queue_fd is None and self._queue_path is not None:
            try:
                self._queue_fd = os.open(self._queue_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
            except OSError:
                self._queue_path = None
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
        """A transaction of one statement. Never sent again when the connection breaks: it may have been committed.
        Raises CommitInDoubt."""
        self.connect()
        for attempt in _attempts():
            self._inside = True
            try:
                return self.rows(sql, values)
            except Retry:
                time.sleep(0.002 * (attempt + 1))
            except QueueDown as error:
                raise CommitInDoubt(str(error)) from None
            finally:
                self._inside = False
        raise QueueDown(f"database {self.name}: deadlocks or locks, again and again")

    def meaning(self, error: Exception) -> QueueDown:
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


def _tuples(result: CursorResult[Any]) -> list[Any]:
    """SQLAlchemy's own rows know the names of their columns, which has its price, and nobody asks them here."""
    cursor = result.cursor
    assert cursor is not None
    return list(cursor.fetchall())


def _said(error: BaseException) -> str:
    """The driver's message, its first line."""
    original = getattr(error, "orig", None) or error
    said = " ".join(str(part) for part in getattr(original, "args", ()) or (original,)).strip() or repr(original)
    return said.splitlines()[0]


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
