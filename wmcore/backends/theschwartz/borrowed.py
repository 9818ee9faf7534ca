"""An application's own connection, inside whose transaction jobs are inserted."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, CursorResult, make_url
from sqlalchemy.orm import Session

from wmcore.backends.theschwartz.database import Database
from wmcore.errors import Refused

T = TypeVar("T")


class Borrowed(Database):
    """Begins and ends nothing, and hides no error: what goes wrong is the application's transaction's to know."""

    def __init__(self, home: Database, connection: Connection) -> None:
        """`home`: the same database as the client knows it."""
        super().__init__(home.config, home.index)
        self._given = connection
        if self.dialect.name == "sqlite":  # another connection could wait for this one's transaction
            self._look_round(connection)
        else:
            home.require_schema()
            self.tables, self.fine_insert_time = home.tables, home.fine_insert_time

    def connect(self) -> Connection:
        return self._given

    def _execute(self, send: Callable[[Connection], CursorResult[Any]]) -> CursorResult[Any]:
        return send(self._given)

    def atomically(self, work: Callable[[], T]) -> T:
        return work()

    def drop(self) -> None:
        """It is not ours."""


def connection_of(given: Connection | Session) -> Connection:
    """Raises TypeError."""
    if isinstance(given, Session):
        return given.connection()
    if isinstance(given, Connection):
        return given
    raise TypeError(
        f"connection= takes a SQLAlchemy Connection or Session, not {type(given).__name__}; with asyncio write "
        "await session.run_sync(lambda session: client.insert(..., connection=session))"
    )


def home_of(databases: Sequence[Database], connection: Connection) -> Database:
    """Which of a client's databases an application's connection leads to. Raises Refused."""
    url = connection.engine.url
    if len(databases) == 1 and databases[0].dialect.name == _kind(url):
        return databases[0]
    for db in databases:
        if _place(make_url(db.config.url)) == _place(url):
            return db
    names = ", ".join(db.name for db in databases)
    raise Refused(f"the connection leads to {url.render_as_string()}, this client's databases are {names}")


def _kind(url: URL) -> str:
    return "mysql" if url.get_backend_name() in ("mysql", "mariadb") else url.get_backend_name()


_PORTS = {"mysql": 3306, "postgresql": 5432}


def _place(url: URL) -> tuple[object, ...]:
    kind = _kind(url)
    return kind, url.host or "localhost", url.port or _PORTS.get(kind), url.database
