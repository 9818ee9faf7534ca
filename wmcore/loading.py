"""From dotted paths to worker classes, and what a class says about its jobs."""

import importlib
import inspect
import math
import runpy
import sys
from dataclasses import dataclass
from typing import Any

from wmcore.backends.records import Claimed
from wmcore.callbacks import is_callback, worker_of
from wmcore.config.records import ClassConfig, Config
from wmcore.errors import LoadError
from wmcore.model import UNKNOWN, RetryPolicy
from wmcore.worker import Job, Worker


def load_class(path: str) -> type[Worker]:
    """The class that `path` names: "package.module.Class", or "package.Class" for a module `package.Class` that holds a
    class of its own last name, as Perl's classes do; of a python-gearman callback, a class that calls it. Raises
    LoadError with the reason and the place."""
    module_name, _, class_name = path.rpartition(".")
    if not module_name:
        raise LoadError(f"worker class {path!r} is no dotted path; write module.Class")
    module = _import(module_name, path)
    found = getattr(module, class_name, None)
    if inspect.ismodule(found) or found is None:
        found = getattr(_import(path, path, module_name), class_name, None)
    return _checked(path, found)


def _import(name: str, path: str, parent: str | None = None) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is not None and (name == error.name or name.startswith(error.name + ".")):
            if parent is not None:
                raise LoadError(f"worker class {path!r}: module {parent!r} has no class of that name") from None
            raise LoadError(
                f"worker class {path!r}: there is no module {error.name!r} in inc_path or the module search path; "
                f"check the spelling, or add the folder to inc_path"
            ) from None
        raise LoadError(f"worker class {path!r} does not import: {error}{_place(error)}") from None
    except (Exception, SystemExit) as error:
        reason = f"{type(error).__name__}: {error}{_place(error)}"
        raise LoadError(f"worker class {path!r} does not import: {reason}") from None


def _place(error: BaseException) -> str:
    """Where the user's own code went wrong: the innermost frame that is not the import machinery's."""
    if isinstance(error, SyntaxError) and error.filename:
        return f" ({error.filename}:{error.lineno})"
    place = ""
    traceback = error.__traceback__
    while traceback is not None:
        name = traceback.tb_frame.f_code.co_filename
        if name != __file__ and "importlib" not in name:
            place = f" ({name}:{traceback.tb_lineno})"
        traceback = traceback.tb_next
    return place


def _checked(path: str, found: Any) -> type[Worker]:
    if is_callback(found):
        return worker_of(found)
    if not inspect.isclass(found):
        raise LoadError(f"worker class {path!r} is a {type(found).__name__}, not a class")
    work = getattr(found, "work", None)
    if not callable(work) or work is Worker.work:
        raise LoadError(f"worker class {path!r} has no method work(self, job)")
    if inspect.iscoroutinefunction(work) or inspect.isasyncgenfunction(work):
        raise LoadError(f"worker class {path!r}: 'async def work' cannot run in a child; write 'def work(self, job)'")
    if issubclass(found, Worker):
        return found
    # A class with the right methods is enough; the attributes it lacks are Worker's.
    return type(found.__name__, (found, Worker), {"__module__": found.__module__})


@dataclass(frozen=True, slots=True)
class LoadedClass:
    """A worker class with what its configuration entry says."""

    name: str  # queue name
    kind: type[Worker]
    limits: dict[str, float]


def load_all(config: Config) -> list[LoadedClass]:
    """Everything that the configuration names, in its order. Raises LoadError."""
    sys.path[:0] = [str(path) for path in config.inc_path]
    if config.startupfile is not None:
        try:
            runpy.run_path(str(config.startupfile))
        except (Exception, SystemExit) as error:
            raise LoadError(f"startupfile {config.startupfile} failed: {type(error).__name__}: {error}") from None
    loaded = [_load_one(entry) for entry in config.classes]
    names = [entry.name for entry in loaded]
    for name in names:
        if names.count(name) > 1:
            raise LoadError(f"two worker classes have the queue name {name!r}; give one of them another 'name:'")
    return loaded


def _load_one(entry: ClassConfig) -> LoadedClass:
    kind = load_class(entry.path)
    name = entry.name or kind.funcname or entry.path
    try:
        kind()
    except Exception as error:
        raise LoadError(f"worker class {entry.path!r} cannot be made without arguments: {error}") from None
    return LoadedClass(str(name), kind, dict(entry.limits))


class Limits:
    """What one class says about its jobs: its configuration entry, else the attribute, else the method's answer."""

    def __init__(self, worker: Worker, overrides: dict[str, float]) -> None:
        self._worker = worker
        self._overrides = overrides
        self._standing: dict[str, float | None] = {}

    def _ask(self, key: str, *arguments: Any) -> Any:
        if key in self._overrides:
            return self._overrides[key]
        said = getattr(self._worker, key)
        return said(*arguments) if callable(said) else said

    def stand(self) -> None:
        """Ask once, for all jobs until this is called again, what is not a method's to answer for each of them."""
        self._standing = {}
        for key, answer in (("timeout", self.timeout), ("soft_timeout", self.soft_timeout)):
            if self.answers_for_all(key):
                self._standing[key] = answer()
        if self.answers_for_all("keep_exit_status_for"):
            self._standing["keep_exit_status_for"] = self.keep_exit_status_seconds()

    def answers_for_all(self, *keys: str) -> bool:
        """Does no method of the class stand behind these, that wants to be asked for each job?"""
        return not any(key not in self._overrides and callable(getattr(self._worker, key)) for key in keys)

    def policy(self, job: Job, failures: int | None = None) -> RetryPolicy:
        """For the job's next failure. `failures`: how many there will be then, asked of the queue only where
        `retry_delay` is a method. Raises what the user's methods raise."""
        delay: Any = 0
        retries = int(self._ask("max_retries", job) or 0)
        if "retry_delay" in self._overrides or not callable(getattr(self._worker, "retry_delay")):  # noqa: B009
            delay = self._ask("retry_delay")
        elif retries:
            upcoming = job.failures + 1 if failures is None else failures
            if upcoming <= retries:  # as the reference: never asked for a delay that nobody waits
                delay = self._ask("retry_delay", upcoming)
        return RetryPolicy(max(0, retries), max(0, int(delay or 0)), self.keep_exit_status_seconds())

    def keep_exit_status_seconds(self) -> int:
        if "keep_exit_status_for" in self._standing:
            return int(self._standing["keep_exit_status_for"] or 0)
        return max(0, int(self._ask("keep_exit_status_for") or 0))

    def grab_for(self) -> int:
        return max(1, int(self._ask("grab_for") or 3600))

    def timeout(self) -> float | None:
        if "timeout" in self._standing:
            return self._standing["timeout"]
        return _seconds(self._ask("timeout"))

    def soft_timeout(self) -> float | None:
        if "soft_timeout" in self._standing:
            return self._standing["soft_timeout"]
        return _seconds(self._ask("soft_timeout"))


def _seconds(said: Any) -> float | None:
    return float(said) if said else None


def delay_ms(job: Claimed, waited_seconds: float) -> tuple[float, float]:
    """Delay (from insertion) and lateness (from the moment it was due) of a job that starts `waited_seconds` after its
    claim; both by the server's clock, never below 0. NaN where nobody knows when it was inserted."""
    if job.delay_kind is UNKNOWN:
        return math.nan, math.nan
    start, inserted = job.claimed_at + waited_seconds, job.insert_time
    delay = (start - inserted) * 1000 if start > inserted else 0.0
    if job.run_after <= inserted:
        return delay, delay
    return delay, (start - job.run_after) * 1000 if start > job.run_after else 0.0
