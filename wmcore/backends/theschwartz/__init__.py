"""TheSchwartz: a reliable job queue in a relational database, with the tables that Perl's module has.

Semantics: https://metacpan.org/pod/TheSchwartz. What is mended stands in `child` and `closing`.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from wmcore.backends.base import Ahead, ChildQueue, ManagerQueue, Position
from wmcore.config.records import Config
from wmcore.errors import UsageError

if TYPE_CHECKING:
    from wmcore.backends.theschwartz.database import Database
    from wmcore.backends.theschwartz.ordering import Selection


def daemon_name(config: Config) -> str:
    """Under which its claims stand: host and instance."""
    import socket

    return f"{socket.gethostname()}/{config.instance}"[:191]


def preload(config: Config) -> None:
    """Import and make what children will need, in the loader: drivers and engines, no connection."""
    from contextlib import suppress

    from sqlalchemy.exc import SQLAlchemyError

    from wmcore.backends.theschwartz import child, manager  # noqa: F401
    from wmcore.backends.theschwartz.engine import child_engine

    for entry in config.databases:
        with suppress(SQLAlchemyError):  # where a child connects, it says what is wrong
            child_engine(entry)


def connect_ahead(config: Config) -> "list[Database]":
    """In a process that is to be a child: its databases, connected. One that is down is so later, too."""
    from contextlib import suppress

    from wmcore.backends.theschwartz import oneturn
    from wmcore.errors import WmError

    databases = _child_databases(config)
    for db in databases:
        with suppress(WmError):
            db.connect()
            oneturn.rehearse(db, _selection(config))
    return databases


def _selection(config: Config) -> "Selection":
    from wmcore.backends.theschwartz.ordering import Selection

    return Selection(prioritize=config.prioritize, floor=config.floor, candidates=config.batch_size)


def _child_databases(config: Config) -> "list[Database]":
    from functools import partial

    from wmcore.backends.theschwartz.database import Database
    from wmcore.backends.theschwartz.engine import child_engine

    return [Database(entry, index, engine=partial(child_engine, entry)) for index, entry in enumerate(config.databases)]


def open_child_queue(
    config: Config, names: Sequence[str], slot: int, owner: str, position: Position, ahead: Ahead = ()
) -> ChildQueue:
    """A child's side; connects when it is first used, where `ahead` is not connected already."""
    import os
    from functools import cache

    from wmcore.backends.local import local_store, prepare_local
    from wmcore.backends.theschwartz.child import TheSchwartzChild
    from wmcore.backends.theschwartz.outcomes import Who

    return TheSchwartzChild(
        databases=ahead or _child_databases(config),
        names=names,
        who=Who(slot, os.getpid()),
        daemon=daemon_name(config),
        owner=owner,
        position=position,
        selection=_selection(config),
        strict=config.strict_remove_ability,
        bound_seconds=config.batch_ms / 1000,
        retry_seconds=config.retry_seconds,
        local=cache(lambda: prepare_local(local_store(config.state_dir))),
    )


def open_manager_queue(config: Config, names: Sequence[str]) -> ManagerQueue:
    """The manager's side; connects when it is first used."""
    from wmcore.backends.theschwartz.manager import TheSchwartzManager

    return TheSchwartzManager(config, names, daemon_name(config))


INDEX_SECONDS = 86_400
"""How long it may take to index a live site's table."""
CHECK_SECONDS = 30


def _databases(config: Config, statement_seconds: int) -> "list[Database]":
    from wmcore.backends.theschwartz.database import Database

    return [
        Database(entry, index, durable=True, statement_seconds=statement_seconds)
        for index, entry in enumerate(config.databases)
    ]


def init_db(config: Config, dry_run: bool, notify_trigger: bool = False) -> list[str]:
    """Create what is missing, or only name it; on PostgreSQL, where asked to, also the trigger that tells daemons of
    new jobs. Returns the statements. Raises QueueDown, UsageError."""
    from wmcore.backends.theschwartz import schema

    databases = _databases(config, INDEX_SECONDS)
    if notify_trigger and not any(db.dialect.name == "postgresql" for db in databases):
        raise UsageError("--notify-trigger is for PostgreSQL, and none of the databases is one; leave it out")
    statements: list[str] = []
    for db in databases:
        statements += schema.create(db, dry_run=dry_run, notify_trigger=notify_trigger)
        db.close()
    return statements


def check(config: Config) -> list[str]:
    """Does each database answer, with its tables? Returns recommendations. Raises QueueDown."""
    from wmcore.backends.theschwartz import schema

    notices = []
    for db in _databases(config, CHECK_SECONDS):
        db.require_schema()
        notices += [f"database {db.name}: recommended: {statement}" for statement in schema.missing(db)]
        db.close()
    return notices
