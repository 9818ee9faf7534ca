"""Can the daemon's files be made where the configuration wants them? Asked before detaching, while somebody reads."""

import os
from collections.abc import Iterator
from pathlib import Path

from wmcore.config.records import Config


def problems(config: Config, *, pidfile: bool, logs: bool) -> list[str]:
    """A sentence for each file that cannot be made. `pidfile`, `logs`: does this run write them?"""
    wanted = [("socket", config.socket)]
    if pidfile:
        wanted.append(("pidfile", config.pidfile))
    if logs:
        wanted += [("logfile", config.logfile), ("errorlogfile", config.errorlogfile)]
    found = (_problem(key, path) for key, path in wanted)
    return [f"{config.path}: key {sentence}" for sentence in found if sentence] + list(_state_dir(config))


def _problem(key: str, path: Path) -> str | None:
    folder = path.parent
    if not folder.is_dir():
        return f"{key!r}: there is no folder {folder}; create it, or set {key!r} elsewhere"
    if path.is_dir():
        return f"{key!r}: {path} is a folder; name a file"
    # A socket is made anew; a file that is there need only be writable itself.
    blocked = not os.access(path, os.W_OK) if key != "socket" and path.exists() else not _writable(folder)
    if blocked:
        return f"{key!r}: {path} may not be written by this user; change its owner, or set {key!r} elsewhere"
    return None


def _state_dir(config: Config) -> Iterator[str]:
    """The daemon creates it, with what is missing above it."""
    place = config.state_dir
    while not place.exists() and place != place.parent:
        place = place.parent
    if not place.is_dir() or not _writable(place):
        yield (
            f"{config.path}: key 'state_dir': {config.state_dir} cannot be made by this user; "
            "set 'state_dir' to a folder that may be written"
        )


def _writable(folder: Path) -> bool:
    return os.access(folder, os.W_OK | os.X_OK)
