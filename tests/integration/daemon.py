"""A real daemon in a folder of its own, as a user would run it."""

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from tests.waiting import until
from wmcore import GearmanAsyncClient, TheSchwartzClient, backends
from wmcore.config.load import load
from wmcore.errors import NoDaemon
from wmcore.process import start_time
from wmcore.protocol import messages
from wmcore.protocol.client import Client

BIN = Path(sys.executable).parent
WORKERS = Path(__file__).parent / "lib"


class Daemon:
    def __init__(self, folder: Path, dsn: str, workers: list[Any] | None = None, **settings: Any) -> None:
        self.folder = folder
        self.is_broken = False  # its worker classes kill children outside of jobs
        folder.mkdir(exist_ok=True, parents=True)
        self.dsn = dsn
        self.conf = folder / "conf.yml"
        self.settings = {
            "workers": workers or ["jobs.Quick", "jobs.Fails", "jobs.Sleeps"],
            "worker_options": {"databases": [{"dsn": dsn}]},
            "inc_path": [str(WORKERS)],
            "pidfile": str(folder / "wm.pid"),
            "logfile": str(folder / "wm.log"),
            "errorlogfile": str(folder / "wm_error.log"),
            "state_dir": str(folder / "state"),
            "env": {"JOBS_FOLDER": str(folder)},
            **settings,
        }
        self.write_conf()
        self._sessions: set[int] = set()

    def write_conf(self) -> None:
        self.conf.write_text(yaml.safe_dump(self.settings, sort_keys=False))

    # -- running -------------------------------------------------------------------------------------------------------

    def wmcore(self, *arguments: str, timeout: float = 60) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "wmcore", *arguments], capture_output=True, text=True, timeout=timeout, cwd=self.folder,
            stdin=subprocess.DEVNULL, env=self.environment,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """Links to test daemons stay out of the machine's own folder; what this process or its other tests have set
        for themselves is no daemon's business."""
        ours = {key: value for key, value in os.environ.items() if key not in ("TZ", "WMCORE_CONF", "DISABLE_WORKER")}
        return {**ours, "RUNTIME_DIRECTORY": str(self.folder)}

    def init_db(self) -> "Daemon":
        """As `wmcore --init-db` does it, without the half second that a command needs to come up."""
        config = load(self.conf)
        backends.of(config.type).init_db(config, dry_run=False)
        return self

    def start(self, *options: str) -> "Daemon":
        done = self.wmcore(*options, "-f", str(self.conf))
        assert done.returncode == 0, done.stderr
        self._sessions.add(session(self.pid))
        return self

    @property
    def pid(self) -> int:
        return int((self.folder / "wm.pid").read_text())

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> None:
        pid = self.pid
        os.kill(pid, number)
        until(lambda: not alive(pid), seconds, "the manager to leave")

    def kill_everything(self) -> None:
        """For the end of a test, however it ended."""
        for pid in [*self.processes(), *self.processes()]:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def processes(self) -> list[int]:
        """Manager, loader, children and what jobs left behind: all that is alive in the daemon's sessions."""
        pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
        return [pid for pid in pids if session(pid) in self._sessions and alive(pid)]

    # -- asking --------------------------------------------------------------------------------------------------------

    def call(self, request: messages.Request) -> Any:
        with Client.connect(self.folder / "wm.sock") as client:
            return client.call(request)

    def status(self) -> messages.Status:
        status = self.call(messages.GetStatus())
        assert isinstance(status, messages.Status)
        return status

    def answers(self) -> bool:
        try:
            self.status()
        except NoDaemon:
            return False
        return True

    def counts(self, name: str) -> messages.JobClass:
        return next(entry for entry in self.status().classes if entry.name == name)

    def idle(self) -> bool:
        """Nothing in hand, and no job left anywhere."""
        status = self.status()
        figures = [entry.queue for entry in status.classes]
        return all((q.ready, q.delayed, q.running) == (0, 0, 0) for q in figures) and not any(
            child.state == "busy" for child in status.children
        )

    def wmtui(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [BIN / "wmtui", *arguments, "-t", str(self.folder / "wm.sock")], capture_output=True, text=True, timeout=30
        )

    def log(self) -> str:
        return (self.folder / "wm.log").read_text()

    def errors(self) -> str:
        path = self.folder / "wm_error.log"
        return path.read_text() if path.exists() else ""

    def ended(self, word: str = "completed") -> list[str]:
        """Job ids of log lines."""
        return re.findall(rf"job {word} \S+ process:\d+ delay:\d+ lateness:\d+ job:(\S+)", self.log())

    def client(self) -> Any:
        kind = GearmanAsyncClient if self.settings.get("type") == "Gearman" else TheSchwartzClient
        return kind.from_config(self.conf)

    def let_go(self) -> None:
        """Jobs that hold go on."""
        (self.folder / "go").touch()

    def marks(self) -> list[str]:
        """What the jobs wrote down themselves, a line each time one ran."""
        path = self.folder / "marks"
        return path.read_text().split() if path.exists() else []

    def rows(self, sql: str) -> list[Any]:
        from sqlalchemy import create_engine, text

        from wmcore.config.dsn import parse_database

        engine = create_engine(parse_database({"dsn": self.dsn}).url)
        with engine.connect() as connection:
            return list(connection.execute(text(sql)))

    def execute(self, statements: list[str]) -> None:
        from sqlalchemy import create_engine, text

        from wmcore.config.dsn import parse_database

        with create_engine(parse_database({"dsn": self.dsn}).url).begin() as connection:
            for statement in statements:
                connection.execute(text(statement))


def session(pid: int) -> int:
    """The session that a process belongs to: a detached daemon has one of its own."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[3])
    except OSError:
        return -1


def alive(pid: int) -> bool:
    """A zombie is not alive."""
    if not start_time(pid):
        return False
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
