"""An application's own connection, inside whose transaction jobs are inserted."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, CursorResult, make_url, text
from sqlalchemy.orm import Session, scoped_session

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
            self.tables, self.fine_insert_time, self.packet = home.tables, home.fine_insert_time, home.packet

    def connect(self) -> Connection:
        return self._given

    def _execute(self, send: Callable[[Connection], T]) -> T:
        return send(self._given)

    def _send(self, connection: Connection, sql: str, values: Mapping[str, Any]) -> CursorResult[Any]:
        """Its driver may be another than ours."""
        return connection.execute(text(sql), values)

    def atomically(self, work: Callable[[], T]) -> T:
        return work()

    def drop(self) -> None:
        """It is not ours."""


def connection_of(given: Any) -> Connection:
    """Of a connection, a session, or what stands for the session of a thread (scoped_session). Raises TypeError."""
    if isinstance(given, Connection):
        return given
    if isinstance(given, Session | scoped_session):
        return given.connection()
    raise TypeError(
        f"connection= takes a SQLAlchemy Connection or Session, not {type(given).__name__}; with asyncio write "
        "await session.run_sync(lambda session: client.insert(..., connection=session))"
    )


def home_of(databases: Sequence[Database], connection: Connection) -> Database:
    """Which of a client's databases an application's connection leads to. Raises Refused."""
    url = connection.engine.url
    for db in databases:
        ours = make_url(db.config.url)
        here = len(databases) == 1 or _server(ours) == _server(url)  # one host may have several names
        if here and _kind(ours) == _kind(url) and _name(ours) == _name(url):
            return db
    names = ", ".join(db.name for db in databases)
    raise Refused(f"the connection leads to {url.render_as_string()}, this client's databases are {names}")


def _kind(url: URL) -> str:
    return "mysql" if url.get_backend_name() in ("mysql", "mariadb") else url.get_backend_name()


_PORTS = {"mysql": 3306, "postgresql": 5432}


def _name(url: URL) -> str:
    database = url.database or ""
    return os.path.realpath(database) if _kind(url) == "sqlite" else database


def _server(url: URL) -> tuple[object, ...]:
    return url.host or "localhost", url.port or _PORTS.get(_kind(url))
