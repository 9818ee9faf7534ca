"""One suite, every database: `rig` is a fresh database of each kind in turn."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import DATABASES
from tests.contract.rig import Rig, make_config
from wmcore.config.dsn import parse_database
from wmcore.config.records import DatabaseConfig

MakeRig = Callable[..., Rig]


def _database(request: pytest.FixtureRequest, folder: Path, name: str, prefix: str) -> DatabaseConfig:
    if request.param == "sqlite":
        return parse_database({"dsn": f"sqlite:///{folder / name}.db", "prefix": prefix})
    server = request.getfixturevalue(request.param)
    return parse_database({"dsn": server.new_database(), "prefix": prefix})


@pytest.fixture(params=DATABASES)
def make_rig(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeRig]:
    """make_rig(databases=1, prefix="", tables=True, **configuration) -> Rig"""
    made: list[Rig] = []

    def make(databases: int = 1, prefix: str = "", tables: bool = True, **changes: Any) -> Rig:
        entries = [_database(request, tmp_path, f"q{index}", prefix) for index in range(databases)]
        server = None if request.param == "sqlite" else request.getfixturevalue(request.param)
        rig = Rig(make_config(tmp_path, entries, **changes), request.param, server)
        if tables:
            rig.init()
        made.append(rig)
        return rig

    yield make
    for rig in made:
        rig.close()


@pytest.fixture(params=["ours", "bare"])
def either(request: pytest.FixtureRequest, make_rig: MakeRig) -> Rig:
    """With our tables, and with Perl's alone."""
    rig = make_rig(tables=request.param == "ours")
    if request.param == "bare":
        rig.init_bare()
    return rig


@pytest.fixture
def rig(make_rig: MakeRig) -> Rig:
    return make_rig()
