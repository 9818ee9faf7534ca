"""Which of a driver's errors mean "do it again"; what a server's version says."""

import sqlite3

import psycopg.errors
import pymysql.err
import pytest
from sqlalchemy.exc import DBAPIError

from wmcore.backends.theschwartz.dialects import DIALECTS


@pytest.mark.parametrize(
    ("kind", "error", "again"),
    [
        ("sqlite", sqlite3.OperationalError("database is locked"), True),
        ("sqlite", sqlite3.OperationalError("disk I/O error"), False),
        ("postgresql", psycopg.errors.DeadlockDetected("deadlock"), True),
        ("postgresql", psycopg.errors.SerializationFailure("again"), True),
        ("postgresql", psycopg.errors.UndefinedTable("job"), False),
        # PyMySQL gives an SQLSTATE beside the number since 1.2, which says less
        ("mysql", pymysql.err.OperationalError(1213, "Deadlock found", sqlstate="40001"), True),
        ("mysql", pymysql.err.OperationalError(1205, "Lock wait timeout exceeded"), True),
        ("mysql", pymysql.err.OperationalError(2013, "Lost connection"), False),
    ],
)
def test_what_is_done_again(kind: str, error: Exception, again: bool) -> None:
    assert DIALECTS[kind].is_retry(DBAPIError("SELECT", {}, error)) is again


@pytest.mark.parametrize(
    ("kind", "version", "can"),
    [
        ("sqlite", "", False),
        ("postgresql", "", True),
        ("mysql", "5.7.44-log", False),
        ("mysql", "8.0.36", True),
        ("mysql", "10.5.23-MariaDB", False),
        ("mysql", "10.11.6-MariaDB-0+deb12u1", True),
        ("mysql", "5.5.5-10.11.6-MariaDB", True),
        ("mysql", "5.5.5-10.3.39-mariadb-log", False),
        ("mysql", "who knows", False),
    ],
)
def test_which_servers_step_over_locked_rows(kind: str, version: str, can: bool) -> None:
    assert DIALECTS[kind].can_skip_locked(version) is can
