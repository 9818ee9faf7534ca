"""The daemon fixture: whatever a test leaves behind is killed."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.daemon import Daemon
from tests.servers import Gearmand


@pytest.fixture
def make_daemon(tmp_path: Path) -> Iterator[Callable[..., Daemon]]:
    made: list[Daemon] = []

    def make(dsn: str = "", name: str = "one", **settings: Any) -> Daemon:
        daemon = Daemon(tmp_path / name, dsn or f"sqlite:///{tmp_path}/queue.db", **settings)
        made.append(daemon)
        return daemon

    yield make
    for daemon in made:
        daemon.kill_everything()
    for daemon in made:
        assert daemon.is_broken or "failed outside of a job" not in daemon.errors(), "a child died of our own mistake"


@pytest.fixture
def make_gearman(make_daemon: Callable[..., Daemon]) -> Callable[..., Daemon]:
    """make_gearman(*job servers, options={}, **settings): one that runs the jobs of gearmands, not started."""

    def make(*servers: Gearmand, options: dict[str, Any] | None = None, **settings: Any) -> Daemon:
        told = {"job_servers": [server.address for server in servers], **(options or {})}
        return make_daemon(type="Gearman", worker_options=told, **settings)

    return make


@pytest.fixture
def daemon(make_daemon: Callable[..., Daemon]) -> Daemon:
    """On SQLite, with its tables, not started."""
    return make_daemon().init_db()
