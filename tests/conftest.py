"""Fixtures that every room of the tests uses: real servers, fresh databases."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import Gearmand, MariaDB, PostgreSQL, Server

S = TypeVar("S", bound=Server)
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")  # machines are loaded at times
DATABASES = ("sqlite", "postgresql", "mariadb")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """Processes of `-n auto`: tests wait more than they compute, but each process has database servers of its own."""
    return min(2 * len(os.sched_getaffinity(0)), 16)


@pytest.fixture(scope="session")
def _postgresql() -> Iterator[PostgreSQL]:
    yield from _running(PostgreSQL)


@pytest.fixture(scope="session")
def _mariadb() -> Iterator[MariaDB]:
    yield from _running(MariaDB)


@pytest.fixture
def postgresql(_postgresql: PostgreSQL) -> Iterator[Server]:
    _postgresql.revive()
    yield _postgresql
    _postgresql.take_back()


@pytest.fixture
def mariadb(_mariadb: MariaDB) -> Server:
    _mariadb.revive()
    return _mariadb


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
