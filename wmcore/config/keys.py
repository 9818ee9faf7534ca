"""The table of known keys: name, what the value must be, default. Everything else is refused.

`Key.of` reads one from a mapping; a key without a value (`pidfile:`) counts as absent.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

from wmcore.config.servers import parse_server
from wmcore.config.source import Value
from wmcore.errors import ConfigError
from wmcore.model import MOST_IN_BATCH

T = TypeVar("T")

MOST_CHILDREN = 1024
"""Children of one daemon (the scoreboard's slots)."""


@dataclass(frozen=True, slots=True)
class Key(Generic[T]):
    name: str
    read: Callable[[Value], T]
    default: T

    def given(self, entries: Mapping[str, Value]) -> Value | None:
        value = entries.get(self.name)
        return None if value is None or value.data is None else value

    def of(self, entries: Mapping[str, Value]) -> T:
        value = self.given(entries)
        return self.default if value is None else self.read(value)


# -- what a value must be ---------------------------------------------------------------------------------------------


def path(value: Value) -> Path:
    """Absolute, counted from the current folder. Links are left as they are: /srv/app/current stays that."""
    return absolute(value.text())


def absolute(text: str) -> Path:
    return Path(text).expanduser().absolute()


def paths(value: Value) -> tuple[Path, ...]:
    return tuple(path(item) for item in value.items())


def texts(value: Value) -> tuple[str, ...]:
    return tuple(item.text() for item in value.items())


def children(value: Value) -> int:
    return value.whole(0, MOST_CHILDREN)


def at_least_one(value: Value) -> int:
    return value.whole(1)


def seconds(value: Value) -> float:
    return value.number(0)


def choice(*words: str) -> Callable[[Value], str]:
    def read(value: Value) -> str:
        word = value.text()
        if word not in words:
            value.wrong(f"must be {' or '.join(words)}, not {word!r}")
        return word

    return read


def job_servers(value: Value) -> tuple[str, ...]:
    found: list[str] = []
    for item in value.items():
        text = item.text()
        try:
            server = parse_server(text)
        except ConfigError as error:
            item.wrong(str(error))
        if server in found:
            item.wrong(f"{server} stands here twice; remove one of the two")
        found.append(server)
    if not found:
        value.wrong("names no job server; write at least one, or leave it out for 127.0.0.1")
    return tuple(found)


def namespace(value: Value) -> str:
    text = value.text()
    if not text.isprintable() or " " in text:
        value.wrong("must be printable and without blanks; it stands in front of names")
    return text


def environment(value: Value) -> tuple[tuple[str, str], ...]:
    return tuple((name, entry.literal()) for name, entry in value.entries().items())


# -- the file ---------------------------------------------------------------------------------------------------------

TYPE = Key("type", choice("TheSchwartz", "Gearman"), "TheSchwartz")
CONCURRENCY = Key("concurrency", children, 4)
WORKS_PER_CHILD = Key("works_per_child", at_least_one, 100)
INC_PATH: Key[tuple[Path, ...]] = Key("inc_path", paths, ())
ENV: Key[tuple[tuple[str, str], ...]] = Key("env", environment, ())
PIDFILE = Key("pidfile", path, Path("/var/run/workermanager.pid"))
LOGFILE = Key("logfile", path, Path("/var/log/workermanager.log"))
ERRORLOGFILE = Key("errorlogfile", path, Path("/var/log/workermanager_error.log"))
SOCKET: Key[Path | None] = Key("socket", path, None)
STATE_DIR: Key[Path | None] = Key("state_dir", path, None)
STARTUPFILE: Key[Path | None] = Key("startupfile", path, None)
WAIT_TERMINATING: Key[float | None] = Key("wait_terminating", seconds, None)
FAILED_KEEP = Key("failed_keep", seconds, 90.0)
LOG_FORMAT = Key("log_format", choice("text", "json"), "text")

IGNORED = ("verbose", "scoreboard", "driver_cache_expiration", "ridge_env")
"""Of the ancestor: what they asked for is always so, or is not there any more."""

TOP = (
    "type", "workers", "worker_options", "inc_path", "env", "pidfile", "logfile", "errorlogfile", "startupfile",
    "wait_terminating", "concurrency", "works_per_child", "socket", "state_dir", "pools", "failed_keep", "log_format",
)  # fmt: skip

# -- worker_options ---------------------------------------------------------------------------------------------------

JOB_SERVERS: Key[tuple[str, ...]] = Key("job_servers", job_servers, ("127.0.0.1:4730",))
PREFIX = Key("prefix", namespace, "")
PROBE = Key("probe", Value.truth, False)
PRIORITIZE = Key("prioritize", Value.truth, False)
FLOOR: Key[int | None] = Key("floor", lambda value: value.whole(-(2**31), 2**31) or None, None)  # 0: none, as in Perl
BATCH_SIZE = Key("batch_size", lambda value: value.whole(1, MOST_IN_BATCH), 200)
BATCH_MS = Key("batch_ms", lambda value: value.number(1, 10_000), 80.0)
RETRY_SECONDS = Key("retry_seconds", seconds, 30.0)
STRICT_REMOVE_ABILITY = Key("strict_remove_ability", Value.truth, False)
SERIALIZER = Key("serializer", choice("json", "storable"), "json")  # as wmcore.backends.arguments has them

OPTIONS = (
    "databases", "prioritize", "floor", "batch_size", "batch_ms", "retry_seconds", "strict_remove_ability",
    "serializer", "job_servers", "prefix", "probe",
)  # fmt: skip

ALONE = {
    "TheSchwartz": (
        "databases", "prioritize", "floor", "batch_size", "batch_ms", "retry_seconds", "strict_remove_ability",
    ),
    "Gearman": ("job_servers", "prefix", "probe"),
}  # fmt: skip
"""What means something to one type only. It may stand there beside the other's: to change over is one word then."""

# -- an entry of workers, an entry of pools ---------------------------------------------------------------------------

CLASS_LIMITS: Mapping[str, Callable[[Value], float]] = {
    "max_retries": lambda value: value.whole(0),
    "retry_delay": lambda value: value.whole(0),
    "grab_for": at_least_one,
    "keep_exit_status_for": lambda value: value.whole(0),
    "timeout": seconds,
    "soft_timeout": seconds,
}
"""What the ancestor's classes say in code, and may be said in the configuration instead; times in seconds."""
CLASS = ("class", "name", *CLASS_LIMITS)
POOL = ("workers", "concurrency", "works_per_child")

_IN_OPTIONS = "write it under worker_options"
ELSEWHERE_TOP = dict.fromkeys(OPTIONS, _IN_OPTIONS) | {
    key: "write it in an entry of workers: {class: module.Class, " + key + ": ...}" for key in CLASS_LIMITS
}
ELSEWHERE_OPTIONS = dict.fromkeys(TOP, "it stands at the top of the file, not indented")
