"""The real Perl TheSchwartz beside us: a process for each call of a client, and for each worker."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, make_url

from tests.servers import missing
from tests.skips import PACKAGES

SCRIPTS = Path(__file__).parent
DRIVERS = {"sqlite": "libdbd-sqlite3-perl", "postgresql": "libdbd-pg-perl", "mysql": "libdbd-mysql-perl"}
is_there = cache(lambda package: PACKAGES[package]())


def need_perl(kind: str) -> None:
    """Missing: the test is skipped, or fails where nothing may be skipped (CI)."""
    for package in ("libtheschwartz-perl", DRIVERS[kind]):
        if not is_there(package):
            missing(f"the Debian package {package} is not installed")


def entry(address: str | URL) -> dict[str, str]:
    """An SQLAlchemy URL as an entry of `databases`, as Perl's and ours have it."""
    url = make_url(address)
    host = f"host={url.host};port={url.port}"
    match url.get_backend_name():
        case "sqlite":
            return {"dsn": f"dbi:SQLite:dbname={url.database}"}
        case "postgresql":
            return {"dsn": f"dbi:Pg:dbname={url.database};{host}", "user": str(url.username)}
        case _:
            return {
                "dsn": f"dbi:mysql:database={url.database};{host}",
                "user": str(url.username),
                "pass": str(url.password),
            }


@dataclass
class Perl:
    """A Perl program's idea of the queue: its database, and the options of TheSchwartz->new."""

    database: Mapping[str, str]
    folder: Path
    options: dict[str, Any] = field(default_factory=dict)

    # -- a client ------------------------------------------------------------------------------------------------------

    def insert(self, funcname: str, **job: Any) -> str | None:
        """`json=` for JSON text, `hex=` for bytes, `arg=` for what Perl has; the handle, None where there is none."""
        handle: str | None = self.call("insert", {"funcname": funcname, **job})[0]
        return handle

    def look(self, *handles: str | None) -> list[dict[str, Any]]:
        """pending, exit_status, failure_log, failures of each."""
        seen: list[dict[str, Any]] = self.call("look", *handles)
        return seen

    def call(self, name: str, *arguments: Any) -> Any:
        """One of client.pl."""
        request = {**self._request(), "call": name, "with": arguments}
        done = subprocess.run(
            ["perl", SCRIPTS / "client.pl"], input=json.dumps(request), capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stderr
        assert not done.stderr, "Perl has nothing to warn of"
        return json.loads(done.stdout)

    # -- a worker ------------------------------------------------------------------------------------------------------

    def worker(self, classes: Mapping[str, Mapping[str, Any]], limit: int = 0) -> "PerlWorker":
        """Works until it is stopped, or for `limit` jobs. `classes` as worker.pl has them."""
        marks = str(self.folder / "perl_marks")
        return PerlWorker({**self._request(), "classes": classes, "marks": marks, "limit": limit})

    def work(self, classes: Mapping[str, Mapping[str, Any]], jobs: int = 1) -> None:
        """Work for so many jobs."""
        with self.worker(classes, limit=jobs) as worker:
            worker.wait()

    def marks(self) -> list[dict[str, Any]]:
        """What the jobs that ran in Perl wrote down."""
        path = self.folder / "perl_marks"
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def _request(self) -> dict[str, Any]:
        return {"databases": [self.database], "options": self.options}


class PerlWorker:
    """It leaves when its standard input is closed, which also happens when we die."""

    def __init__(self, request: Mapping[str, Any]) -> None:
        self._done: int | None = None
        self._process = subprocess.Popen(
            ["perl", SCRIPTS / "worker.pl"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def wait(self) -> None:
        """For its limit."""
        self._process.wait(30)

    def stop(self) -> int:
        """After the job in hand. How many it has done."""
        if self._done is None:
            out, errors = self._process.communicate(timeout=30)
            assert self._process.returncode == 0, errors
            assert not errors, "Perl has nothing to warn of"
            self._done = int(out)
        return self._done

    def kill(self) -> str:
        """What it had to say."""
        self._process.kill()
        return self._process.communicate()[1]

    def __enter__(self) -> "PerlWorker":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if error is None:
            self.stop()
        elif self._done is None:
            error.add_note(f"Perl's worker: {self.kill()}")
