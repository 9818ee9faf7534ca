"""What the tests of interoperation stand on."""

import ast
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from tests.contract import schemas
from tests.integration.daemon import Daemon
from tests.interop.perl import Perl
from wmcore import TheSchwartzClient
from wmcore.config.dsn import parse_database

LIB = Path(__file__).parent / "lib"
A, B, C = (f"Sandbox::Worker::{letter}" for letter in "ABC")
KINDS = {"sqlite": "sqlite", "postgresql": "postgresql", "mysql": "mariadb"}

WITH = "with our tables"
both = pytest.mark.parametrize("site", ["bare", WITH], indirect=True)
"""On the tables as Perl's schema files leave them, and with ours beside them."""


@dataclass
class Site:
    url: str
    folder: Path
    perl: Perl
    tables: bool
    _made: list[Daemon] = field(default_factory=list)

    def create(self) -> None:
        self.sql(*schemas.of(KINDS[self.engine.name]))

    def daemon(self, workers: dict[str, dict[str, Any]], **options: Any) -> Daemon:
        """Not started. `workers`: name in the queue -> {class: one of lib/sandbox.py, its limits}; `options` of the
        worker."""
        entries = [{**told, "class": f"sandbox.{told['class']}", "name": name} for name, told in workers.items()]
        told = {"databases": [self.perl.database], **options}
        made = Daemon(self.folder / "daemon", self.url, entries, worker_options=told, inc_path=[str(LIB)])
        self._made.append(made)
        return made.init_db() if self.tables else made

    def client(self) -> TheSchwartzClient:
        return TheSchwartzClient([self.perl.database])

    def marks(self) -> list[dict[str, Any]]:
        """What the jobs that ran in Python wrote down."""
        path = self.folder / "daemon" / "marks"
        return [ast.literal_eval(line) for line in path.read_text().splitlines()] if path.exists() else []

    @cached_property
    def engine(self) -> Engine:
        return create_engine(parse_database({"dsn": self.url}).url)

    def sql(self, *statements: str) -> list[tuple[Any, ...]]:
        """In a transaction; the rows of the last."""
        with self.engine.begin() as connection:
            for statement in statements:
                done = connection.execute(text(statement))
            return [tuple(row) for row in done] if done.returns_rows else []

    def left(self) -> int:
        return int(self.sql("SELECT count(*) FROM job")[0][0])

    def close(self) -> None:
        for made in self._made:
            made.kill_everything()
        self.engine.dispose()
