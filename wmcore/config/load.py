"""conf.yml to `Config`: every mistake is refused with its place and its remedy."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from wmcore.config import dsn, keys, workers
from wmcore.config.environment import default_state_dir
from wmcore.config.records import Config, DatabaseConfig
from wmcore.config.source import Value, read
from wmcore.errors import ConfigError

LONGEST_SOCKET = 107
"""Bytes that Linux allows in the path of a Unix socket."""

Entries = Mapping[str, Value]


def load(
    path: str | os.PathLike[str], *, concurrency: int | None = None, works_per_child: int | None = None
) -> Config:
    """Read and check a configuration; relative paths in it count from the current folder.

    `concurrency` and `works_per_child` are the command line's (-c, -w): they win, for the pool `default`.
    Raises ConfigError, or UsageError for these two.
    """
    file = Path(os.path.abspath(path))  # noqa: PTH100  without "..", but with its links: the instance hangs on it
    root = read(file)
    root.refuse_unknown((*keys.TOP, *keys.IGNORED), keys.ELSEWHERE_TOP)
    entries, options = root.entries(), _options(root)
    classes = workers.read_classes(root)
    queue_type = keys.TYPE.of(entries)
    pidfile = keys.PIDFILE.of(entries)
    instance = instance_of(file)
    return Config(
        path=file,
        type=queue_type,
        classes=classes,
        pools=workers.read_pools(root, classes, concurrency, works_per_child),
        instance=instance,
        pidfile=pidfile,
        logfile=keys.LOGFILE.of(entries),
        errorlogfile=keys.ERRORLOGFILE.of(entries),
        socket=_socket(entries, pidfile),
        state_dir=keys.STATE_DIR.of(entries) or default_state_dir(instance),
        databases=_databases(root, options) if queue_type == "TheSchwartz" else (),
        job_servers=keys.JOB_SERVERS.of(options),
        prefix=keys.PREFIX.of(options),
        probe=keys.PROBE.of(options),
        prioritize=keys.PRIORITIZE.of(options),
        floor=keys.FLOOR.of(options),
        batch_size=keys.BATCH_SIZE.of(options),
        batch_ms=keys.BATCH_MS.of(options),
        retry_seconds=keys.RETRY_SECONDS.of(options),
        strict_remove_ability=keys.STRICT_REMOVE_ABILITY.of(options),
        serializer=keys.SERIALIZER.of(options),
        inc_path=keys.INC_PATH.of(entries),
        env=keys.ENV.of(entries),
        startupfile=_startupfile(entries),
        wait_terminating=keys.WAIT_TERMINATING.of(entries),
        failed_keep_days=keys.FAILED_KEEP.of(entries),
        log_format=keys.LOG_FORMAT.of(entries),
        ignored=tuple(
            f"{file}:{value.line}: key {name!r} has no effect {why} and is ignored"
            for name, value in (*entries.items(), *options.items())
            if (why := _why_ignored(name, queue_type))
        ),
    )


def _why_ignored(name: str, queue_type: str) -> str:
    if name in keys.IGNORED:
        return "any more"
    others = [key for other, alone in keys.ALONE.items() if other != queue_type for key in alone]
    return f"with type {queue_type}" if name in others else ""


def instance_of(file: Path) -> str:
    """A daemon's name: the same at each start with this file, another for another file."""
    return f"{file.stem}-{hashlib.sha1(os.fsencode(file), usedforsecurity=False).hexdigest()[:8]}"


def _options(root: Value) -> Entries:
    options = root.entries().get("worker_options")
    if options is None or options.data is None:
        return {}
    # A list of mappings too, as an example of the ancestor's has it: `- prioritize: 1`.
    merged: dict[str, Value] = {}
    for part in options.items():
        part.refuse_unknown((*keys.OPTIONS, *keys.IGNORED), keys.ELSEWHERE_OPTIONS)
        for key, value in part.entries().items():
            if key in merged:
                value.wrong(f"stands here again (first in line {merged[key].line}); remove one of the two")
            merged[key] = value
    return merged


def _socket(entries: Entries, pidfile: Path) -> Path:
    given = keys.SOCKET.of(entries)
    socket = given or pidfile.with_suffix(".sock")
    size = len(os.fsencode(socket))
    if size > LONGEST_SOCKET:
        what = f"socket path {socket} has {size} bytes, Linux allows {LONGEST_SOCKET}; set 'socket' to a shorter one"
        value = entries.get("socket" if given else "pidfile")
        if value is None:  # not with the default
            raise ConfigError(what)
        value.wrong(what if given else f"the {what}")
    return socket


def _startupfile(entries: Entries) -> Path | None:
    path = keys.STARTUPFILE.of(entries)
    if path is not None and not path.is_file():
        entries["startupfile"].wrong(f"there is no file {path}; correct the path (it counts from the current folder)")
    return path


def _databases(root: Value, options: Entries) -> tuple[DatabaseConfig, ...]:
    values = options["databases"].items() if "databases" in options else []
    if not values:
        hint = "; job_servers belong to type: Gearman" if "job_servers" in options else ""
        (options.get("databases") or root.entries().get("worker_options") or root).wrong(
            "TheSchwartz needs a database; write worker_options: {databases: [{dsn: ..., user: ..., pass: ...}]}" + hint
        )
    return tuple(_database(value) for value in values)


def _database(value: Value) -> DatabaseConfig:
    value.refuse_unknown(dsn.KEYS)
    entries = value.entries()
    try:
        return dsn.parse_database({name: entry.literal() for name, entry in entries.items() if entry.data is not None})
    except ConfigError as error:  # without its place
        (entries.get("dsn") or value).wrong(str(error))
