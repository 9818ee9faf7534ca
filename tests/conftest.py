"""Fixtures that every room of the tests uses: real servers, fresh databases."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers import MariaDB, PostgreSQL, Server

DATABASES = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    yield from _running(PostgreSQL)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    yield from _running(MariaDB)


def _running(kind: type[Server]) -> Iterator[Server]:
    server = kind()
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(params=DATABASES)
def dsn(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A fresh, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/queue.db"
    server: Server = request.getfixturevalue(request.param)
    return server.new_database()
