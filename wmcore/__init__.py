"""wmcore: a prefork worker manager for TheSchwartz and Gearman.

What users import (`Worker`, `Job`, the clients) is loaded on first use (PEP 562), so that `import wmcore` costs
nothing and pulls in no database driver.
"""

from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"
__all__ = ["GearmanAsyncClient", "GearmanSyncClient", "Job", "TheSchwartzClient", "Worker", "__version__"]

if TYPE_CHECKING:
    from wmcore.client import GearmanAsyncClient, GearmanSyncClient, TheSchwartzClient
    from wmcore.worker import Job, Worker

_HOME = {
    "Worker": "wmcore.worker",
    "Job": "wmcore.worker",
    "TheSchwartzClient": "wmcore.client",
    "GearmanAsyncClient": "wmcore.client",
    "GearmanSyncClient": "wmcore.client",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module 'wmcore' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)
