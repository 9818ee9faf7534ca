"""What the configuration does to the environment, and the environment to the configuration."""

import os
import time
from pathlib import Path

from wmcore.config.records import Config

SYSTEM_STATE = Path("/var/lib/wmcore")


def apply_env(config: Config) -> None:
    """Set the configuration's variables where they are not already set, then the time zone. Before anything else."""
    for name, value in config.env:
        os.environ.setdefault(name, value)
    time.tzset()


def default_state_dir(instance: str) -> Path:
    """systemd's StateDirectory, else /var/lib/wmcore/NAME where that can be written, else the user's state home."""
    given = os.environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    if os.geteuid() == 0 or os.access(SYSTEM_STATE, os.W_OK | os.X_OK):
        return SYSTEM_STATE / instance
    home = os.environ.get("XDG_STATE_HOME")
    return (Path(home) if home else Path.home() / ".local" / "state") / "wmcore" / instance
