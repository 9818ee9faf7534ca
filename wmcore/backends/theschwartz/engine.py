"""Engines: how a connection to a database is made, and how a statement is put to its driver.

An engine holds no connection, and ours learns nothing from one. So the loader can make it before it forks.
"""

import os
import re
import sqlite3
import time
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Engine, Inspector, create_engine, event, inspect, make_url
from sqlalchemy.pool import NullPool

from wmcore.backends.theschwartz.dialects import DIALECTS, Dialect
from wmcore.config.records import DatabaseConfig

CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
LOCK_SECONDS = 10
_PARAMETER = re.compile(r"(?<![:\w]):(\w+)(?!:)")


@lru_cache
def child_engine(config: DatabaseConfig) -> Engine:
    """The engine of a database for children, there already when the loader has made it."""
    return make_engine(config, STATEMENT_SECONDS, durable=False, by_index=True)


def make_engine(config: DatabaseConfig, statement_seconds: int, *, durable: bool, by_index: bool = False) -> Engine:
    """`by_index`: everything that goes over its connections has an index to go by, whatever the server believes of the
    tables."""
    url = make_url(config.url)
    dialect = DIALECTS[url.get_backend_name()]
    arguments = dialect.connect_arguments(CONNECT_SECONDS, statement_seconds)
    engine = create_engine(
        url, poolclass=NullPool, pool_reset_on_return=None, isolation_level="AUTOCOMMIT", connect_args=arguments
    )
    # SQLAlchemy would ask up to eight questions at an engine's first connection, and every child's is the first. The
    # answers are for statements that it makes itself; ours are text.
    engine.dialect.initialize = _learn_nothing  # type: ignore[method-assign]
    _close_only_ours(engine)
    statements = [each.format(seconds=statement_seconds) for each in dialect.prepare]
    if by_index:
        statements += dialect.insist_on_indexes
    if dialect.name == "postgresql":  # which takes them in one go
        statements = ["; ".join(statements)]
    if dialect.name == "sqlite":
        statements.append(f"PRAGMA synchronous = {'FULL' if durable else 'NORMAL'}")

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, record: object) -> None:
        cursor = connection.cursor()
        for each in statements:
            _patiently(cursor, each)
        cursor.close()
        if dialect.name == "postgresql" and not connection.autocommit:
            connection.commit()  # a SET is undone by the rollback of its transaction

    if url.get_driver_name() == "pymysql":
        from wmcore.backends.theschwartz.pymysql_tls import SharingConnection, read_certificates

        read_certificates()

        @event.listens_for(engine, "do_connect")
        def connect(dialect: object, record: object, arguments: Any, keywords: Any) -> SharingConnection:
            return SharingConnection(*arguments, **keywords)

    return engine


def inspector(connection: Connection) -> Inspector:
    """SQLAlchemy's view of a database, for which it has to ask its questions after all."""
    type(connection.dialect).initialize(connection.dialect, connection)
    return inspect(connection)


@lru_cache(maxsize=512)
def driver_sql(sql: str, dialect: Dialect) -> str:
    """With `:name` as the driver writes it. SQLAlchemy's own way there, `text()`, takes half a millisecond for each
    statement in each child."""
    if dialect.name == "sqlite":
        return sql
    return _PARAMETER.sub(r"%(\1)s", sql.replace("%", "%%"))


def _close_only_ours(engine: Engine) -> None:
    """A process that somebody forks inherits our connections and all destructors: a goodbye to the server there would
    be the end of the connection here."""
    close, owner = engine.dialect.do_close, 0

    @event.listens_for(engine, "connect")
    def own(connection: object, record: object) -> None:
        nonlocal owner
        owner = os.getpid()

    def close_ours(dbapi_connection: Any) -> None:
        if owner == os.getpid():
            close(dbapi_connection)

    engine.dialect.do_close = close_ours  # type: ignore[method-assign]


def _learn_nothing(connection: Connection) -> None:
    """In place of `Dialect.initialize`."""


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
