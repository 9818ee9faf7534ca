"""The clients of Gearman: one that leaves its jobs, one that waits for them."""

import os
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Self

from wmcore.backends.arguments import decode, encode
from wmcore.backends.records import NewJob
from wmcore.client.perthread import Closable, PerThread

if TYPE_CHECKING:
    from wmcore.client.gearmanlink import Link, Request

Priority = int | str | None
AT_ONCE = 1000
"""Jobs that are on their way together."""
_WORDS = {"high": 1, "normal": 0, "low": -1}


class _GearmanClient(Closable):
    """What both have. One client serves all threads of a program."""

    def __init__(
        self,
        job_servers: str | Iterable[str] = "127.0.0.1",
        *,
        prefix: str = "",
        serializer: str = "json",
        inline: bool | None = None,
    ) -> None:
        """`job_servers`: host or host:port (4730), one or several: each job goes to one that answers. `prefix`: the
        namespace in front of every function, as in conf.yml. `serializer`: how arguments are written, "json", or
        "storable" for workers in Perl. `inline`: run jobs in place. Raises ConfigError."""
        from wmcore.config.servers import parse_server
        from wmcore.errors import ConfigError

        given = [job_servers] if isinstance(job_servers, str) else list(job_servers)
        if not any(given):
            raise ConfigError("a client needs a job server: host or host:port")
        self._servers = [parse_server(server) for server in given]
        self._prefix = prefix
        self._serializer = serializer
        self._inline = os.environ.get("DISABLE_WORKER", "") not in ("", "0") if inline is None else inline
        self._links: PerThread[Link] = PerThread(self._connect, lambda link: link.shutdown())

    @classmethod
    def from_config(cls, path: str | os.PathLike[str], *, inline: bool | None = None) -> Self:
        """With the job servers, the prefix and the serializer of a daemon's configuration. Raises ConfigError."""
        from wmcore.config.load import load

        config = load(path)
        return cls(config.job_servers, prefix=config.prefix, serializer=config.serializer, inline=inline)

    def _connect(self) -> "Link":
        from wmcore.client.gearmanlink import Link

        return Link(self._servers)

    def _new(self, funcname: str, arg: Any, options: dict[str, Any]) -> NewJob:
        """What Gearman has no place for is left out: the same call works on both queues."""
        if options.pop("connection", None) is not None:
            raise TypeError("connection= is TheSchwartz' alone: gearmand takes part in no transaction")
        how = options.pop("serializer", None) or self._serializer
        priority = options.pop("priority", None)
        if isinstance(priority, str):
            if priority not in _WORDS:
                raise ValueError(f"priority {priority!r}: there are high, normal and low, or a number")
            priority = _WORDS[priority]
        return NewJob(funcname, encode(arg, how), priority=priority, **options)

    def _request(self, job: NewJob, wait: bool) -> "Callable[[], Request]":
        from wmcore.backends.gearman import submitting
        from wmcore.client.gearmanlink import Request

        due = submitting.due_second(job.run_after)
        unique = submitting.unique_of(job)
        function = submitting.function_of(self._prefix, job.funcname)
        return lambda: Request(function, unique, job.raw, job.priority or 0, due, wait)

    def close(self) -> None:
        """The connections of all threads; what is used again opens another."""
        self._links.close()


class GearmanAsyncClient(_GearmanClient):
    """Puts jobs into Gearman's queue and does not wait for them.

        client = GearmanAsyncClient("127.0.0.1")
        client.insert("sandbox.worker.A", {"foo": 1}, priority="high", run_after=time.time() + 10)

    With `inline=True`, or DISABLE_WORKER=1 in the environment, jobs run in place instead (for test suites): `insert`
    then raises what the job raises.
    """

    def insert(
        self,
        funcname: str,
        arg: Any = None,
        *,
        run_after: float | None = None,
        priority: Priority = None,
        uniqkey: str | None = None,
        coalesce: str | None = None,
        grabbed_until: float | None = None,
        serializer: str | None = None,
        connection: None = None,
    ) -> str | None:
        """Insert one job; returns its handle. A job whose uniqkey is in the queue is that job.

        `arg` is sent as JSON (bytes as they are) or by another `serializer`. `run_after`: Unix seconds; such a job has
        no priority. `priority`: "high", "normal", "low", or a number (above 0, 0, below 0). `coalesce` and
        `grabbed_until` are TheSchwartz' and do nothing here.

        Raises QueueDown when no server answers, Refused for what it does not take, TypeError or ValueError for an
        argument that cannot be written.
        """
        options = {
            "run_after": run_after, "priority": priority, "uniqkey": uniqkey, "coalesce": coalesce,
            "grabbed_until": grabbed_until, "serializer": serializer, "connection": connection,
        }  # fmt: skip
        return self.insert_jobs([self._new(funcname, arg, options)])[0]

    def insert_many(self, funcname: str, args: Iterable[Any], **options: Any) -> list[str | None]:
        """A job for each of `args`, sent many at once; `options` as for `insert`."""
        return self.insert_jobs([self._new(funcname, arg, dict(options)) for arg in args])

    def insert_jobs(self, jobs: Sequence[NewJob]) -> list[str | None]:
        """Insert jobs made by `Job.new`. Handles in their order."""
        if self._inline:
            from wmcore.inline import run_inline

            for job in jobs:
                run_inline(job.funcname, job.raw)
            return ["inline"] * len(jobs)
        handles: list[str | None] = []
        for start in range(0, len(jobs), AT_ONCE):
            made = [self._request(job, wait=False) for job in jobs[start : start + AT_ONCE]]
            done = self._links.get().submit(lambda made=made: [make() for make in made])  # type: ignore[misc]
            handles += [request.handle for request in done]
        return handles


class GearmanSyncClient(_GearmanClient):
    """Puts a job into Gearman's queue and waits for its result.

        client = GearmanSyncClient("127.0.0.1")
        width, height = client.insert("images.Measure", {"path": "a.png"}, timeout=10)
    """

    def insert(
        self,
        funcname: str,
        arg: Any = None,
        *,
        run_after: float | None = None,
        priority: Priority = None,
        uniqkey: str | None = None,
        coalesce: str | None = None,
        grabbed_until: float | None = None,
        serializer: str | None = None,
        connection: None = None,
        timeout: float | None = None,
        progress: Callable[[int, int], object] | None = None,
        data: Callable[[bytes], object] | None = None,
        warning: Callable[[bytes], object] | None = None,
    ) -> Any:
        """Run one job and return what `work` returned: decoded where it is JSON, else as bytes; None for nothing.

        `timeout`: seconds to wait at most. A job that has begun by then goes on; one that has not is never run:
        gearmand drops what nobody waits for any more, even a job in the background that was joined by its `uniqkey`.
        `progress(n, total)`, `data(part)` and `warning(text)` are called with what the job tells meanwhile. The others
        as for `GearmanAsyncClient.insert`.

        Raises JobFailed with the job's message, TimeoutError, QueueDown when no server answers or the connection is
        lost, Refused for what is not taken: also a `run_after` to come, since gearmand lets nobody wait for that.
        """
        from wmcore.errors import Refused

        options = {
            "run_after": run_after, "priority": priority, "uniqkey": uniqkey, "coalesce": coalesce,
            "grabbed_until": grabbed_until, "serializer": serializer, "connection": connection,
        }  # fmt: skip
        job = self._new(funcname, arg, options)
        if self._inline:
            from wmcore.inline import run_inline

            return run_inline(job.funcname, job.raw)
        make, link = self._request(job, wait=True), self._links.get()
        if (request := make()).due is not None:
            raise Refused("a job for later cannot be waited for; insert it with a GearmanAsyncClient")
        listeners = {"progress": progress, "data": data, "warning": warning}

        def listening() -> "list[Request]":
            request = make()
            request.listeners = {word: told for word, told in listeners.items() if told is not None}
            return [request]

        (request,) = link.submit(listening)
        result = link.wait(request, timeout)
        return decode(result) if result else None
