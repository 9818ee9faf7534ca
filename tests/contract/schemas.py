"""TheSchwartz' tables as its Perl distribution has them."""

import re
from pathlib import Path

import pytest

FOLDER = Path("/usr/share/doc/libtheschwartz-perl")
_FILES = {"postgresql": "schema-postgres.sql", "mariadb": "schema.sql"}

_SQLITE = """
CREATE TABLE funcmap (funcid INTEGER PRIMARY KEY AUTOINCREMENT, funcname VARCHAR(255) NOT NULL, UNIQUE (funcname));
CREATE TABLE job (
    jobid INTEGER PRIMARY KEY AUTOINCREMENT, funcid INTEGER UNSIGNED NOT NULL, arg MEDIUMBLOB,
    uniqkey VARCHAR(255) NULL, insert_time INTEGER UNSIGNED, run_after INTEGER UNSIGNED NOT NULL,
    grabbed_until INTEGER UNSIGNED NOT NULL, priority SMALLINT UNSIGNED, coalesce VARCHAR(255),
    UNIQUE (funcid, uniqkey)
);
CREATE TABLE note (jobid INTEGER NOT NULL, notekey VARCHAR(255), value MEDIUMBLOB, PRIMARY KEY (jobid, notekey));
CREATE TABLE error (
    error_time INTEGER UNSIGNED NOT NULL, jobid INTEGER NOT NULL, message VARCHAR(255) NOT NULL,
    funcid INT UNSIGNED NOT NULL DEFAULT 0
);
CREATE TABLE exitstatus (
    jobid INTEGER PRIMARY KEY NOT NULL, funcid INT UNSIGNED NOT NULL DEFAULT 0, status SMALLINT UNSIGNED,
    completion_time INTEGER UNSIGNED, delete_after INTEGER UNSIGNED
);
"""
"""The distribution has none for SQLite but that of its own tests, which Debian does not install: the same columns."""


def of(kind: str) -> list[str]:
    """The statements, in order; skipped where Debian's package is not installed."""
    if kind == "sqlite":
        return _statements(_SQLITE)
    path = FOLDER / _FILES[kind]
    if not path.exists():
        pytest.skip(f"{path} is not there (Debian package libtheschwartz-perl)")
    return _statements(path.read_text())


def _statements(script: str) -> list[str]:
    plain = re.sub(r"^--.*$", "", script, flags=re.MULTILINE)
    return [statement.strip() for statement in plain.split(";") if statement.strip()]
