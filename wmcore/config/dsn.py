"""Database addresses: SQLAlchemy URLs, and Perl's DSNs as WorkerManager's configurations have them."""

import hashlib
import re
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from wmcore.config.records import DatabaseConfig
from wmcore.errors import ConfigError

TEXTS = ("dsn", "user", "pass", "prefix")
KEYS = (*TEXTS, "notify")

_DRIVERS = {"sqlite": "sqlite", "postgresql": "postgresql+psycopg", "mysql": "mysql+pymysql"}
_OTHER_NAMES = {"postgres": "postgresql", "mariadb": "mysql"}
_PACKAGES = {"postgresql+psycopg": ("psycopg", "postgresql"), "mysql+pymysql": ("pymysql", "mysql")}
_SECRETS = frozenset({"password", "passwd", "sslpassword"})
"""Parameters of a URL that are never shown."""
_TRUTHS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_PREFIX = re.compile(r"[A-Za-z0-9_]{0,40}")


def parse_database(mapping: Mapping[str, object]) -> DatabaseConfig:
    """One entry of `databases`: dsn (a SQLAlchemy URL or a Perl DSN), user, pass, prefix, notify.

    Raises ConfigError with a sentence that never holds the password.
    """
    unknown = sorted(set(mapping) - set(KEYS))
    if unknown:
        raise ConfigError(f"key {unknown[0]!r} is not known in a database; there are {', '.join(KEYS)}")
    dsn, user, password, prefix = (None if mapping.get(key) is None else str(mapping[key]) for key in TEXTS)
    if not dsn:
        raise ConfigError("a database needs a 'dsn'; write a SQLAlchemy URL or a Perl DSN")
    if not _PREFIX.fullmatch(prefix or ""):
        raise ConfigError(f"the prefix {prefix!r} cannot stand in front of a table name; use letters, digits and _")
    url = from_perl(dsn) if dsn[:4].lower() == "dbi:" else _from_url(dsn)
    url = url.set(
        username=url.username if user is None else user, password=url.password if password is None else password
    )
    if url.drivername == "sqlite":
        url = _with_file(url)
    elif url.password and not url.username:  # which the text of a URL has no place for
        url = url._replace(password=None).update_query_dict({"password": str(url.password)})
    _check_driver(url.drivername)
    return DatabaseConfig(
        url=url.render_as_string(hide_password=False),
        name=_for_people(url),
        prefix=prefix or "",
        identity=hashlib.md5(f"{dsn}|{user or ''}".encode(), usedforsecurity=False).hexdigest(),
        notify=_truth(mapping.get("notify"), "notify", True),
    )


def _truth(value: object, key: str, default: bool) -> bool:
    """From Python, or as it was written in YAML."""
    text = str(default if value is None else value).lower()
    if text not in _TRUTHS:
        raise ConfigError(f"{key!r} must be true or false (or 1 or 0), not {value!r}")
    return _TRUTHS[text]


def _from_url(dsn: str) -> URL:
    try:
        url = make_url(dsn)
    except (ArgumentError, ValueError):  # its message repeats the URL, password included
        raise ConfigError(
            "the dsn is neither a SQLAlchemy URL nor a Perl DSN; write it like sqlite:///jobs.db, "
            "postgresql://user@host/name, mysql://user@host/name or dbi:mysql:dbname=name;host=host "
            "(a password with @ : / in it belongs into 'pass')"
        ) from None
    kind = url.drivername.partition("+")[0]
    kind = _OTHER_NAMES.get(kind, kind)
    if kind not in _DRIVERS:
        raise ConfigError(f"the dsn names the database {kind!r}; there are sqlite, postgresql and mysql (MariaDB)")
    if kind != "sqlite" and not url.database:
        raise ConfigError(f"the dsn has no database; write it like {kind}://user@host/name")
    return url.set(drivername=_DRIVERS[kind])


def _with_file(url: URL) -> URL:
    """SQLite's file, absolute: the daemon leaves the current folder's meaning behind when it detaches."""
    file = url.database or ""
    if file in ("", ":memory:"):
        raise ConfigError(
            "the dsn is a SQLite database in memory, which other processes cannot see; name a file: sqlite:///jobs.db"
        )
    if file.startswith("file:"):  # SQLite's own URI
        return url
    return URL.create(url.drivername, database=str(Path(file).expanduser().absolute()), query=url.query)


def _check_driver(drivername: str) -> None:
    package, extra = _PACKAGES.get(drivername, ("", ""))
    if package and find_spec(package) is None:
        raise ConfigError(
            f"this database needs the Python package {package}, which is not installed; "
            f"install it with: pip install 'wmcore[{extra}]'"
        )


def _for_people(url: URL) -> str:
    shown = {key: value for key, value in url.query.items() if key not in _SECRETS}
    kind = url.drivername.partition("+")[0]
    return url._replace(password=None).set(drivername=kind, query=shown).render_as_string()


# -- Perl's DSNs ------------------------------------------------------------------------------------------------------

_PERL_DRIVERS = {"sqlite": "sqlite", "pg": "postgresql", "mysql": "mysql", "mariadb": "mysql"}
_DATABASE_NAMES = ("dbname", "database", "db")
_TO_QUERY = {
    "mysql_socket": "unix_socket",
    "mysql_read_default_file": "read_default_file",
    "mysql_read_default_group": "read_default_group",
    "sslmode": "sslmode",
    "options": "options",
}
_HARMLESS = re.compile(r"(mysql|mariadb|pg|sqlite)_\w+", re.IGNORECASE)
"""Switches of DBI's drivers (mysql_enable_utf8=1): ours does the right thing without them."""


def from_perl(dsn: str) -> URL:
    """dbi:mysql:dbname=x;host=y;port=z, dbi:mysql:x, dbi:Pg:..., dbi:SQLite:dbname=file or dbi:SQLite:file."""
    match = re.fullmatch(r"dbi:(\w+)(?:\([^)]*\))?:(.*)", dsn, re.IGNORECASE | re.DOTALL)
    if match is None:
        raise ConfigError("the dsn begins like a Perl DSN but is none; write dbi:DRIVER:dbname=NAME;host=HOST")
    kind = _PERL_DRIVERS.get(match[1].lower())
    if kind is None:
        raise ConfigError(f"the dsn names Perl's driver {match[1]}; there are dbi:SQLite, dbi:Pg and dbi:mysql")
    parts = _parts(match[2], kind)
    database = next((parts.pop(key) for key in _DATABASE_NAMES if parts.get(key)), None)
    if not database:
        raise ConfigError(f"the dsn has no database; write dbi:{match[1]}:dbname=NAME")
    host = parts.pop("host", None) or parts.pop("hostname", None)
    port = parts.pop("port", None) or None
    if port is not None and not port.isdecimal():
        raise ConfigError(f"the dsn has the port {port!r}, which is no number; write port=NUMBER")
    user, password = parts.pop("user", None), parts.pop("password", None)
    query = {_TO_QUERY[key]: parts.pop(key) for key in list(parts) if key in _TO_QUERY}
    unknown = next((key for key in parts if not _HARMLESS.fullmatch(key)), None)
    if unknown is not None:
        raise ConfigError(f"the dsn has the part {unknown!r}; known are dbname, host, port, user and mysql_socket")
    if kind == "postgresql" and host and host.startswith("/"):  # a folder of sockets
        query["host"], host = host, None
    return URL.create(_DRIVERS[kind], user, password, host, int(port) if port else None, database, query)


def _parts(text: str, kind: str) -> dict[str, str]:
    """name=value pairs; what has no name is the database, and for MySQL then host and port (dbi:mysql:x:host:3306)."""
    nameless = ["dbname", "host", "port"] if kind == "mysql" else ["dbname"]
    parts: dict[str, str] = {}
    for part in re.split(r"[;:]" if kind == "mysql" else ";", text):
        name, equals, value = part.partition("=")
        if equals:
            parts[name.strip().lower()] = value.strip()
        elif part.strip() and nameless:
            parts[nameless.pop(0)] = part.strip()
    return parts
