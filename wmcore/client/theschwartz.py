"""Clients: put jobs into the queue."""

import os
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from wmcore.backends.arguments import encode
from wmcore.backends.base import NewJob
from wmcore.config.records import DatabaseConfig


class TheSchwartzClient:
    """Inserts jobs for TheSchwartz.

        client = TheSchwartzClient(databases=[{"dsn": "sqlite:///queue.db"}])
        client.insert("sandbox.worker.A", {"foo": 1}, run_after=time.time() + 10)

    With several databases each job goes into a random one that answers. With `inline=True`, or DISABLE_WORKER=1 in the
    environment, jobs run in place instead (for test suites): `insert` then raises what the job raises.
    """

    def __init__(
        self, databases: Iterable[Mapping[str, object] | DatabaseConfig], *, inline: bool | None = None
    ) -> None:
        """`databases`: as in conf.yml, `{dsn, user, pass, prefix}` each. Raises ConfigError."""
        from wmcore.config.dsn import parse_database

        self._databases = [
            entry if isinstance(entry, DatabaseConfig) else parse_database(entry) for entry in databases
        ]  # fmt: skip
        self._inline = os.environ.get("DISABLE_WORKER", "") not in ("", "0") if inline is None else inline
        self._inserter: Any = None
        self._pid = 0

    @classmethod
    def from_config(cls, path: str | os.PathLike[str], *, inline: bool | None = None) -> Self:
        """With the databases of a daemon's configuration. Raises ConfigError."""
        from wmcore.config.load import load

        return cls(load(path).databases, inline=inline)

    def insert(
        self,
        funcname: str,
        arg: Any = None,
        *,
        run_after: float | None = None,
        priority: int | None = None,
        uniqkey: str | None = None,
        coalesce: str | None = None,
        grabbed_until: float | None = None,
    ) -> str | None:
        """Insert one job; returns its handle, or None where its uniqkey is taken.

        `arg` is stored as JSON (bytes as they are); `run_after` and `grabbed_until` are Unix seconds, whole ones count.
        Raises QueueDown when no database answers, TypeError for an argument that JSON has no word for.
        """
        new = NewJob(funcname, encode(arg), run_after, priority, uniqkey, coalesce, grabbed_until)
        return self.insert_jobs([new])[0]

    def insert_many(self, funcname: str, args: Iterable[Any], **options: Any) -> list[str | None]:
        """A job for each of `args`, all in one transaction; `options` as for `insert`."""
        return self.insert_jobs([NewJob(funcname, encode(arg), **options) for arg in args])

    def insert_jobs(self, jobs: Sequence[NewJob]) -> list[str | None]:
        """Insert jobs made by `Job.new`, all in one transaction of one database."""
        if self._inline:
            from wmcore.inline import run_inline

            for job in jobs:
                run_inline(job.funcname, job.raw)
            return ["inline"] * len(jobs)
        handles: list[str | None] = self._open().insert(jobs)
        return handles

    def _open(self) -> Any:
        """A connection of this process: a fork makes another."""
        if self._inserter is None or self._pid != os.getpid():
            from wmcore.backends.theschwartz.database import Database
            from wmcore.backends.theschwartz.insert import TheSchwartzInserter

            databases = [Database(entry, index, durable=True) for index, entry in enumerate(self._databases)]
            self._inserter = TheSchwartzInserter(databases)
            self._pid = os.getpid()
        return self._inserter

    def close(self) -> None:
        if self._inserter is not None and self._pid == os.getpid():
            self._inserter.close()
        self._inserter = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
