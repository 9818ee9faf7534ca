"""Fixtures that every room of the tests uses: real servers, fresh databases."""

from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from tests.servers import Gearmand, MariaDB, PostgreSQL, Server

S = TypeVar("S", bound=Server)
DATABASES = ("sqlite", "postgresql", "mariadb")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    yield from _running(PostgreSQL)


@pytest.fixture(scope="session")
def mariadb() -> Iterator[Server]:
    yield from _running(MariaDB)


@pytest.fixture
def gearmand() -> Iterator[Gearmand]:
    """A fresh one for each test: it starts in a moment."""
    yield from _running(Gearmand)


@pytest.fixture
def second_gearmand() -> Iterator[Gearmand]:
    yield from _running(Gearmand)


def _running(kind: type[S]) -> Iterator[S]:
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
