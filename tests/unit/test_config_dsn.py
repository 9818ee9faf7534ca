"""Database addresses: what Perl's configurations have, what SQLAlchemy has, and nobody's password in a sentence."""

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import make_url

from wmcore.config import dsn
from wmcore.config.dsn import parse_database
from wmcore.errors import ConfigError


@pytest.mark.parametrize(
    ("given_dsn", "url"),
    [
        ("dbi:mysql:dbname=x;host=y;port=33", "mysql+pymysql://y:33/x"),
        ("DBI:mysql:database=x;host=y", "mysql+pymysql://y/x"),
        ("dbi:mysql:db=x:host=y", "mysql+pymysql://y/x"),
        ("dbi:mysql:x", "mysql+pymysql:///x"),
        ("dbi:mysql:x:y:33", "mysql+pymysql://y:33/x"),
        ("dbi:mysql(RaiseError=>1):dbname=x;mysql_enable_utf8=1", "mysql+pymysql:///x"),
        ("dbi:mysql:dbname=x;mysql_socket=/s/m.sock", "mysql+pymysql:///x?unix_socket=%2Fs%2Fm.sock"),
        ("dbi:MariaDB:dbname=x;host=y", "mysql+pymysql://y/x"),
        ("dbi:Pg:dbname=x", "postgresql+psycopg:///x"),
        ("dbi:Pg:database=x;host=y;port=5433;sslmode=require", "postgresql+psycopg://y:5433/x?sslmode=require"),
        ("dbi:Pg:dbname=x;host=/run/pg", "postgresql+psycopg:///x?host=%2Frun%2Fpg"),
        ("dbi:SQLite:dbname=/d/q.db", "sqlite:////d/q.db"),
        ("dbi:SQLite:/d/q.db", "sqlite:////d/q.db"),
        ("sqlite:////d/q.db", "sqlite:////d/q.db"),
        ("postgresql://y/x", "postgresql+psycopg://y/x"),
        ("postgres://y/x", "postgresql+psycopg://y/x"),
        ("mysql+mysqldb://y/x", "mysql+pymysql://y/x"),
        ("mariadb://y/x", "mysql+pymysql://y/x"),
    ],
)
def test_address(given_dsn: str, url: str) -> None:
    assert parse_database({"dsn": given_dsn}).url == url


def test_relative_file_counts_from_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text in ("dbi:SQLite:dbname=run/q.db", "dbi:SQLite:run/q.db", "sqlite:///run/q.db"):
        assert make_url(parse_database({"dsn": text}).url).database == str(tmp_path / "run/q.db")


@pytest.mark.parametrize("value", [False, 0, "0", "no", "False", "off"])
def test_notify_is_on_unless_it_is_switched_off(value: object) -> None:
    assert parse_database({"dsn": "postgresql://h/x"}).notify
    assert parse_database({"dsn": "postgresql://h/x", "notify": "Yes"}).notify
    assert not parse_database({"dsn": "postgresql://h/x", "notify": value}).notify


def test_identity_is_perls() -> None:
    text = "dbi:mysql:dbname=x;host=y"
    assert parse_database({"dsn": text, "user": "u"}).identity == hashlib.md5(f"{text}|u".encode()).hexdigest()
    assert parse_database({"dsn": text}).identity == hashlib.md5(f"{text}|".encode()).hexdigest()


@given(password=st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1))
def test_any_password_arrives_and_is_never_shown(password: str) -> None:
    entry = parse_database({"dsn": "dbi:Pg:dbname=queue;host=db1", "user": "worker", "pass": password})
    assert make_url(entry.url).password == password
    assert entry.name == "postgresql://worker@db1/queue"


@pytest.mark.parametrize(
    "text", ["postgresql://u:s3cret@h/x", "postgresql://h/x?password=s3cret", "dbi:Pg:dbname=x;password=s3cret"]
)
def test_password_in_the_dsn_is_never_shown(text: str) -> None:
    entry = parse_database({"dsn": text})
    assert "s3cret" in entry.url
    assert "s3cret" not in entry.name
    assert "s3cret" not in repr(entry)


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        ({"dsn": ""}, "needs a 'dsn'"),
        ({"dsn": "sqlite:///q.db", "notify": "never"}, "'notify' must be true or false (or 1 or 0), not 'never'"),
        ({"dsn": "u:s3cret@host"}, "neither a SQLAlchemy URL nor a Perl DSN"),
        ({"dsn": "postgresql://u:s3cret@h:port/x"}, "neither"),
        ({"dsn": "oracle://u:s3cret@h/x"}, "'oracle'; there are sqlite"),
        ({"dsn": "postgresql://u:s3cret@h"}, "no database"),
        ({"dsn": "dbi:Oracle:x", "pass": "s3cret"}, "Perl's driver Oracle"),
        ({"dsn": "dbi:mysql"}, "is none"),
        ({"dsn": "dbi:mysql:host=y"}, "no database"),
        ({"dsn": "dbi:mysql:dbname=x;port=y"}, "port 'y'"),
        ({"dsn": "dbi:Pg:dbname=x;hots=y"}, "'hots'"),
        ({"dsn": "sqlite://"}, "in memory"),
        ({"dsn": "dbi:SQLite:dbname=:memory:"}, "in memory"),
        ({"dsn": "dbi:Pg:dbname=x", "prefix": "x; DROP"}, "prefix"),
        ({"dsn": "dbi:Pg:dbname=x", "password": "s3cret"}, "'password' is not known"),
    ],
)
def test_refused_without_its_password(mapping: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_database(mapping)
    assert said in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_missing_driver_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dsn, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"psycopg.*pip install 'wmcore\[postgresql\]'"):
        parse_database({"dsn": "postgresql://h/x"})
    with pytest.raises(ConfigError, match=r"pymysql.*pip install 'wmcore\[mysql\]'"):
        parse_database({"dsn": "dbi:mysql:x"})
