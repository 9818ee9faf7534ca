"""The configuration as it is used: complete, checked, every path absolute. Built by `wmcore.config.load`."""

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DatabaseConfig:
    """One TheSchwartz database."""

    url: str = field(repr=False)  # a SQLAlchemy URL, password included
    name: str  # the same for people: never with the password
    prefix: str = ""  # in front of every table name
    identity: str = ""  # what Perl's handles are made of: md5hex(dsn|user) where a Perl DSN was given
    notify: bool = True  # on PostgreSQL, whoever inserts jobs says so to the daemons


@dataclass(frozen=True, slots=True)
class ClassConfig:
    """One worker class. Its position in `Config.classes` is its index everywhere (slot, events, claims)."""

    path: str  # as configured: "sandbox.worker.A"
    name: str | None = None  # the queue name where the entry gives one; else funcname on the class, else `path`
    limits: tuple[tuple[str, float], ...] = ()  # max_retries, retry_delay, timeout, ... that override the class


@dataclass(frozen=True, slots=True)
class PoolConfig:
    """A group of children that run the same classes."""

    name: str
    classes: tuple[int, ...]  # indexes into Config.classes
    concurrency: int = 4
    works_per_child: int = 100


@dataclass(frozen=True, slots=True)
class Config:
    """conf.yml, defaults filled in."""

    path: Path
    type: str  # "TheSchwartz" | "Gearman"
    classes: tuple[ClassConfig, ...]
    pools: tuple[PoolConfig, ...]
    instance: str  # this daemon's own name: stable over restarts, unique on the host
    pidfile: Path
    logfile: Path
    errorlogfile: Path
    socket: Path
    state_dir: Path
    databases: tuple[DatabaseConfig, ...] = ()
    job_servers: tuple[str, ...] = ()  # Gearman's, as host:port
    prefix: str = ""
    probe: bool = False
    prioritize: bool = False
    floor: int | None = None
    batch_size: int = 200  # jobs in a batch at most
    batch_ms: float = 80.0  # what is not started of a batch by then goes to others; it is made to be done in half of it
    retry_seconds: float = 30.0
    strict_remove_ability: bool = False
    serializer: str = "json"  # what clients write: "json" | "storable"
    inc_path: tuple[Path, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    startupfile: Path | None = None
    wait_terminating: float | None = None  # seconds
    failed_keep_days: float = 90.0
    log_format: str = "text"  # "text" | "json"
    ignored: tuple[str, ...] = ()  # a sentence for each legacy key that has no effect any more
