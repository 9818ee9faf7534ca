"""The client of TheSchwartz."""

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self

from wmcore.backends.arguments import encode
from wmcore.backends.records import NewJob
from wmcore.client.jobs import HeldJob, JobHandle, StoredJob
from wmcore.client.perthread import Closable, PerThread
from wmcore.config.records import DatabaseConfig

if TYPE_CHECKING:
    from wmcore.backends.base import ClientQueue


class TheSchwartzClient(Closable):
    """Inserts jobs for TheSchwartz, and looks after them. One client serves all threads of a program.

        client = TheSchwartzClient(databases=[{"dsn": "sqlite:///queue.db"}])
        handle = client.insert("sandbox.worker.A", {"foo": 1}, run_after=time.time() + 10)
        client.handle(handle).is_pending()

    With several databases each job goes into a random one that answers. With `inline=True`, or DISABLE_WORKER=1 in the
    environment, jobs run in place instead (for test suites): `insert` then raises what the job raises.
    """

    def __init__(
        self,
        databases: Iterable[Mapping[str, object] | DatabaseConfig],
        *,
        serializer: str = "json",
        retry_seconds: float = 30.0,
        prioritize: bool = False,
        floor: int | None = None,
        inline: bool | None = None,
    ) -> None:
        """`databases`: as in conf.yml, `{dsn, user, pass, prefix, notify}` each. `serializer`: how arguments are
        written, "json", or "storable" for workers in Perl. `retry_seconds`: so long a database that did not answer is
        left alone. `prioritize`, `floor`: which jobs `find_job_...` takes first, and not at all. Raises ConfigError."""
        from wmcore.config.dsn import parse_database

        self._databases = [
            entry if isinstance(entry, DatabaseConfig) else parse_database(entry) for entry in databases
        ]  # fmt: skip
        self._serializer = serializer
        self._retry_seconds = retry_seconds
        self._order = (prioritize, floor)
        self._inline = os.environ.get("DISABLE_WORKER", "") not in ("", "0") if inline is None else inline
        self._queues: PerThread[ClientQueue] = PerThread(self._connect, lambda queue: queue.close())

    @classmethod
    def from_config(cls, path: str | os.PathLike[str], *, inline: bool | None = None) -> Self:
        """With the databases and the serializer of a daemon's configuration. Raises ConfigError."""
        from wmcore.config.load import load

        config = load(path)
        return cls(
            config.databases, serializer=config.serializer, retry_seconds=config.retry_seconds,
            prioritize=config.prioritize, floor=config.floor, inline=inline,
        )  # fmt: skip

    # -- inserting -----------------------------------------------------------------------------------------------------

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
        serializer: str | None = None,
        connection: Any = None,
    ) -> str | None:
        """Insert one job; returns its handle, or None where its uniqkey is taken.

        `arg` is stored as JSON (bytes as they are) or by another `serializer`; `run_after` and `grabbed_until` are Unix
        seconds, whole ones count. With `connection`, a SQLAlchemy Connection or Session of the application, the job is
        inserted in its transaction: it is there when that commits, and gone when it rolls back.

        Raises QueueDown when no database answers, TypeError or ValueError for an argument that cannot be written.
        """
        new = NewJob(
            funcname, encode(arg, serializer or self._serializer), run_after, priority, uniqkey, coalesce, grabbed_until
        )
        return self.insert_jobs([new], connection=connection)[0]

    def insert_many(
        self,
        funcname: str,
        args: Iterable[Any],
        *,
        serializer: str | None = None,
        connection: Any = None,
        **options: Any,
    ) -> list[str | None]:
        """A job for each of `args`, all in one transaction and many in one statement; `options` as for `insert`."""
        how = serializer or self._serializer
        return self.insert_jobs(
            [NewJob(funcname, encode(arg, how), **options) for arg in args], connection=connection
        )  # fmt: skip

    def insert_jobs(self, jobs: Sequence[NewJob], *, connection: Any = None) -> list[str | None]:
        """Insert jobs made by `Job.new`, all in one transaction of one database. Handles in their order."""
        if self._inline:
            from wmcore.inline import run_inline

            for job in jobs:
                run_inline(job.funcname, job.raw)
            return ["inline"] * len(jobs)
        return self._open().insert(jobs, connection)

    # -- looking -------------------------------------------------------------------------------------------------------

    def handle(self, text: str) -> JobHandle:
        """The job of a handle that `insert` returned, here or in Perl (where the database is written as it was there:
        the same Perl DSN and user). Asks nothing yet."""
        return JobHandle(text, self._open)

    def lookup_job(self, handle: str) -> StoredJob | None:
        """The job as it is now; None: it has ended. Raises NotFound for a handle of another database, QueueDown."""
        return self.handle(handle).job()

    def list_jobs(
        self,
        funcname: str | Sequence[str],
        *,
        run_after: float | None = None,
        grabbed_until: float | None = None,
        coalesce: str | None = None,
        prefix: bool = False,
        limit: int = 50,
    ) -> list[StoredJob]:
        """Jobs of one or several names in the queue, the oldest first, at most `limit`.

        `run_after`, `grabbed_until`: only those that have at most this (Unix seconds; `grabbed_until=0`: nobody took
        them). `coalesce`: only those with this coalescing value, with `prefix`: one that begins so. Raises QueueDown.
        """
        names = [funcname] if isinstance(funcname, str) else list(funcname)
        found = self._open().list_jobs(names, run_after, grabbed_until, coalesce, prefix, limit)
        return [StoredJob(row) for row in found]

    # -- taking --------------------------------------------------------------------------------------------------------

    def find_job_with_coalescing_value(self, funcname: str, value: str, *, grab_for: int = 3600) -> HeldJob | None:
        """Take a due job of this coalescing value, for `grab_for` seconds; None where there is none. A worker that
        wants more jobs like the one in its hands asks `job.coalescing()` instead: these outlive no child."""
        return self._take(funcname, value, grab_for, prefix=False)

    def find_job_with_coalescing_prefix(self, funcname: str, prefix: str, *, grab_for: int = 3600) -> HeldJob | None:
        """The same for values that begin with `prefix`."""
        return self._take(funcname, prefix, grab_for, prefix=True)

    def _take(self, funcname: str, value: str, grab_for: int, *, prefix: bool) -> HeldJob | None:
        row = self._open().take_coalescing(funcname, value, grab_for, prefix=prefix)
        return None if row is None else HeldJob(row, self._open)

    # -- the connection ------------------------------------------------------------------------------------------------

    def _open(self) -> "ClientQueue":
        return self._queues.get()

    def _connect(self) -> "ClientQueue":
        from wmcore.backends.theschwartz.client import TheSchwartzClientQueue
        from wmcore.backends.theschwartz.ordering import Selection

        prioritize, floor = self._order
        selection = Selection(prioritize=prioritize, floor=floor)
        return TheSchwartzClientQueue(self._databases, self._retry_seconds, selection)

    def close(self) -> None:
        """The connections of all threads; what is used again opens another."""
        self._queues.close()
