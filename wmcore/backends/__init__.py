"""The queues. `of` gives the module of a configuration's type; each has the same functions."""

from importlib import import_module
from typing import Any

_HOME = {"TheSchwartz": "wmcore.backends.theschwartz", "Gearman": "wmcore.backends.gearman"}


def of(queue_type: str) -> Any:
    """The module with `connect_ahead`, `open_child_queue`, `open_manager_queue`, `init_db` and `check` (see `base`)."""
    return import_module(_HOME[queue_type])
