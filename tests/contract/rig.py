"""What every contract test stands on: a fresh database, a real scoreboard, children, a manager, a client."""

import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from sqlalchemy import create_engine, make_url, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import NullPool

from tests.contract import schemas
from wmcore import backends
from wmcore.backends.base import Book, ChildQueue, ManagerQueue, Place
from wmcore.backends.records import Claimed
from wmcore.backends.theschwartz import init_db
from wmcore.client import TheSchwartzClient
from wmcore.config.records import ClassConfig, Config, DatabaseConfig, PoolConfig
from wmcore.model import Failure, RetryPolicy
from wmcore.scoreboard import ChildSlot, Scoreboard

A, B, C = "contract.A", "contract.B", "contract.C"
NAMES = (A, B, C)
GRAB_FOR = (600, 600, 600)
ONCE = RetryPolicy()
"""One attempt, then the failed list."""


def make_config(state_dir: Path, databases: Sequence[DatabaseConfig], **changes: Any) -> Config:
    config = Config(
        path=state_dir / "conf.yml",
        type="TheSchwartz",
        classes=tuple(ClassConfig(name) for name in NAMES),
        pools=(PoolConfig("default", (0, 1, 2)),),
        instance="contract",
        pidfile=state_dir / "pid",
        logfile=state_dir / "log",
        errorlogfile=state_dir / "errors",
        socket=state_dir / "sock",
        state_dir=state_dir,
        databases=tuple(databases),
    )
    return replace(config, **changes)


@dataclass
class Rig:
    config: Config
    kind: str
    server: Any = None  # tests.servers.Server, None for SQLite
    owners: dict[int, str] = field(default_factory=dict)
    slots: dict[int, ChildSlot] = field(default_factory=dict)
    child_databases: tuple[DatabaseConfig, ...] = ()  # where children reach them otherwise than the rest
    _open: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.board = Scoreboard.create(self.config.state_dir / "scoreboard", len(NAMES), 16)

    # -- the parties ---------------------------------------------------------------------------------------------------

    def child(self, slot: int = 0, **changes: Any) -> ChildQueue:
        """A new life in `slot`."""
        owner = self.owners[slot] = secrets.token_hex(16)
        position = ChildSlot(self.board, slot)
        position.begin_life(1, 1, owner, 0)
        if self.child_databases:
            changes = {"databases": self.child_databases, **changes}
        module = backends.of(self.config.type)
        queue: ChildQueue = module.open_child_queue(replace(self.config, **changes), NAMES, slot, owner, position)
        self._open.append(queue)
        self.slots[slot] = position
        return queue

    def manager(self, probe: bool = True, **changes: Any) -> ManagerQueue:
        config = replace(self.config, **changes)
        manager: ManagerQueue = backends.of(config.type).open_manager_queue(config, NAMES)
        for database in range(len(manager.databases) if probe else 0):
            manager.probe(database)
        self._open.append(manager)
        return manager

    def client(self) -> TheSchwartzClient:
        client = TheSchwartzClient(self.config.databases)
        self._open.append(client)
        return client

    def close(self) -> None:
        for each in self._open:
            each.close()
        os.close(self.board.fd)

    def init(self) -> None:
        init_db(self.config, dry_run=False)

    def init_bare(self) -> None:
        """The tables as Perl's own schema files make them."""
        for statement in schemas.of(self.kind):
            self.sql(statement)

    # -- what they do --------------------------------------------------------------------------------------------------

    def claim(self, child: ChildQueue, *classes: int) -> Claimed:
        """Exactly one job, started."""
        turn = child.turn(classes or (0,), GRAB_FOR)
        assert len(turn.jobs) == 1
        child.start(turn.jobs[0])
        return turn.jobs[0]

    def place(self, slot: int = 0) -> Place:
        return self.board.view(slot).place

    def book(self, slot: int = 0, *, counts: bool = True, policy: RetryPolicy = ONCE, **changes: Any) -> Book:
        """The book of the child that died in `slot`, as its slot shows it."""
        book = Book(slot, self.owners[slot], self.place(slot), counts, Failure("killed by signal 9", "", 9), policy, 99)
        return replace(book, **changes)

    # -- the database, past our own code -------------------------------------------------------------------------------

    def sql(self, statement: str, values: Mapping[str, Any] | None = None, database: int = 0) -> list[tuple[Any, ...]]:
        engine = create_engine(make_url(self.config.databases[database].url), poolclass=NullPool)
        with engine.begin() as connection:
            done = connection.execute(text(statement), values or {})
            return [tuple(row) for row in done] if done.returns_rows else []

    @contextmanager
    def holding(self, statement: str) -> Iterator[None]:
        """Somebody's transaction with `statement` in it stays open meanwhile, and is then committed."""
        engine = create_engine(make_url(self.config.databases[0].url), poolclass=NullPool)
        with engine.connect() as connection:
            connection.execute(text(statement))
            yield
            connection.commit()

    @contextmanager
    def unreachable(self) -> Iterator[None]:
        """Database 0 does not answer meanwhile: its server is stopped, its file out of the way."""
        if self.server is not None:
            self.server.stop()
            try:
                yield
            finally:
                self.server.start()
            return
        path = Path(make_url(self.config.databases[0].url).database or "")
        away = path.with_suffix(".away")
        path.rename(away)
        path.mkdir()  # SQLite would make a new file otherwise
        try:
            yield
        finally:
            path.rmdir()
            away.rename(path)

    def kill_connections(self) -> None:
        """The server breaks off every connection to database 0."""
        if self.kind == "postgresql":
            self.sql(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        elif self.kind == "mariadb":
            found = self.sql("SELECT id FROM information_schema.processlist WHERE db = DATABASE()")
            for (number,) in found:
                try:
                    self.sql(f"KILL {number}")
                except OperationalError:  # gone by itself
                    pass

    def connections(self) -> set[int]:
        """The connections that the server has open in database 0."""
        if self.kind == "postgresql":
            found = self.sql(
                "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        elif self.kind == "mariadb":
            found = self.sql(
                "SELECT id FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()"
            )
        else:
            found = []
        return {int(row[0]) for row in found}

    def table(self, name: str) -> str:
        return f"{self.config.databases[0].prefix}{name}"

    def jobs(self) -> list[tuple[int, int]]:
        """jobid, grabbed_until of everything in the queue."""
        found = self.sql(f"SELECT jobid, grabbed_until FROM {self.table('job')} ORDER BY jobid")
        return [(int(jobid), int(grabbed)) for jobid, grabbed in found]

    def count(self, name: str) -> int:
        return int(self.sql(f"SELECT count(*) FROM {self.table(name)}")[0][0])

    def make_due(self) -> None:
        """What was delayed is due."""
        self.sql(f"UPDATE {self.table('job')} SET run_after = 1")
