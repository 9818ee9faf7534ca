"""The daemon's own store: a SQLite database in `state_dir`, for what the queue itself has no place for."""

from pathlib import Path

from wmcore.backends.theschwartz import schema
from wmcore.backends.theschwartz.database import Database
from wmcore.config.records import DatabaseConfig

LOCAL = "l"
"""The key of its failed store: what the ids of its records begin with."""


def local_path(state_dir: Path) -> Path:
    return state_dir / "failed.db"


def local_store(state_dir: Path) -> Database:
    path = local_path(state_dir)
    return Database(DatabaseConfig(f"sqlite:///{path}", str(path)), 0, durable=True)


def prepare_local(db: Database) -> Database:
    """With its table of failed jobs made where it is missing, or is an earlier version's."""
    prepare(db, {"wm_failed": schema.ours(db)["wm_failed"]})

    def add() -> None:
        for statement in list(schema.failed_additions(db)):
            db.run(statement)
        db.look_again()

    if not (db.fingerprints and db.knows_retried):
        db.atomically(add)
    return db


def prepare(db: Database, tables: dict[str, list[str]]) -> Database:
    """`tables`: name -> the statements that make it."""
    db.connect()

    def make() -> None:
        db.look_again()  # another child may have been quicker
        for name, statements in tables.items():
            if not db.has(name):
                for statement in statements:
                    db.run(statement)
        db.look_again()

    if not all(db.has(name) for name in tables):
        db.atomically(make)
    return db
