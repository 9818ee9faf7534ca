"""Real database servers, one of each for a whole test run, on sockets and loopback ports of their own. Where tests run
in several processes each has its own ones: tests stop them, break their connections off and hold locks."""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
from pathlib import Path

import pytest

from tests.waiting import until
from wmcore.backends.gearman.talk import FunctionStatus, Talk
from wmcore.errors import QueueDown


def need(program: str, package: str) -> str:
    """The program's path. Missing: the test is skipped, or fails where nothing may be skipped (CI)."""
    hidden = sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{program}"))
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/usr/local/sbin")
    found = found or (str(hidden[-1]) if hidden else None)
    if found is None:
        missing(f"{program} is not installed (Debian package {package})")
    assert found is not None
    return found


def missing(reason: str) -> None:
    if os.environ.get("WMCORE_NO_SKIP"):
        pytest.fail(reason)
    pytest.skip(reason)


def hold_port() -> socket.socket:
    """A loopback port for a server, until the socket is closed: as it is bound the kernel gives its port to nobody
    else, also while the server is stopped; as it never listens, a server that may reuse addresses can listen there."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # set before, it would allow a port in use as well
    return sock


def _as_user(name: str) -> list[str]:
    """PostgreSQL refuses to run as root."""
    return ["setpriv", f"--reuid={name}", f"--regid={name}", "--init-groups", "--"] if os.geteuid() == 0 else []


def _own(folder: Path, name: str) -> None:
    if os.geteuid() == 0:
        user = pwd.getpwnam(name)
        os.chown(folder, user.pw_uid, user.pw_gid)


class Server:
    """A server process that can be stopped and started again."""

    url: str

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="wmtest-"))
        self.folder.chmod(0o755)
        self._holder = hold_port()
        self.port: int = self._holder.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None
        self._count = 0

    def command(self) -> list[str]:
        raise NotImplementedError

    def answers(self) -> bool:
        raise NotImplementedError

    def start(self) -> None:
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder
        )
        until(self.answers, 60, f"{self.command()[0]} to answer; its log: {self.folder}/log")

    def revive(self) -> None:
        """Where a test has lost it, or it has crashed, the next test has it again."""
        if self._process is None or self._process.poll() is not None:
            self.start()

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(self.stop_signal)
            self._process.wait(30)
            self._process = None

    stop_signal = 15
    end_signal = 9

    def close(self) -> None:
        """For good: nobody waits for a tidy end of what is deleted anyway."""
        self.stop_signal = self.end_signal
        self.stop()
        self._holder.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def execute(self, statement: str) -> None:
        raise NotImplementedError

    def new_database(self) -> str:
        """A fresh, empty database; its URL."""
        self._count += 1
        name = f"wm{os.getpid()}_{self._count}"
        self.execute(f"CREATE DATABASE {name}")
        return self.url.replace("/NAME", f"/{name}")


_EMPTY = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid();
DROP SCHEMA public CASCADE;
CREATE SCHEMA public;
GRANT USAGE ON SCHEMA public TO PUBLIC;
"""


class PostgreSQL(Server):
    stop_signal = 2  # fast shutdown: does not wait for connections
    end_signal = 3  # immediate shutdown, with all of its processes

    def __init__(self) -> None:
        super().__init__()
        initdb = need("initdb", "postgresql")
        self._server = str(Path(initdb).with_name("postgres"))
        _own(self.folder, "postgres")
        self._data = self.folder / "data"
        options = ["-D", str(self._data), "-A", "trust", "-U", "wm", "-N", "-E", "UTF8"]
        command = [*_as_user("postgres"), initdb, *options]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd=self.folder)
        self.url = f"postgresql://wm@127.0.0.1:{self.port}/NAME"
        self._idle: list[str] = []
        self._lent: list[str] = []

    def command(self) -> list[str]:
        return [
            *_as_user("postgres"), self._server, "-D", str(self._data), "-p", str(self.port), "-h", "127.0.0.1",
            "-k", str(self.folder), "-c", "fsync=off", "-c", "max_connections=300",
        ]  # fmt: skip

    def new_database(self) -> str:
        """To make one means some 300 files, so those that were taken back are emptied and handed out again."""
        url = self._idle.pop() if self._idle else super().new_database()
        self._lent.append(url)
        with self._connect(url.rpartition("/")[2]) as connection:
            connection.execute(_EMPTY)
        return url

    def take_back(self) -> None:
        """Nobody needs the databases any more that were handed out so far."""
        self._idle += self._lent
        self._lent.clear()

    def _connect(self, database: str = "postgres"):  # type: ignore[no-untyped-def]
        import psycopg

        url = self.url.replace("/NAME", f"/{database}")
        return psycopg.connect(url, autocommit=True, connect_timeout=2)

    def answers(self) -> bool:
        import psycopg

        try:
            self._connect().close()
        except psycopg.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        with self._connect() as connection:
            connection.execute(statement)


class Gearmand(Server):
    """A job server that keeps nothing, or what `options` say."""

    def __init__(self, *options: str) -> None:
        super().__init__()
        self._server = need("gearmand", "gearman-job-server")
        self._options = options
        self.address = f"127.0.0.1:{self.port}"

    def command(self) -> list[str]:
        return [
            self._server, "-p", str(self.port), "-L", "127.0.0.1", "--pid-file", str(self.folder / "pid"),
            "-l", str(self.folder / "gearmand.log"), *self._options,
        ]  # fmt: skip

    def answers(self) -> bool:
        try:
            self.status()
        except QueueDown:
            return False
        return True

    def status(self) -> dict[str, FunctionStatus]:
        talk = Talk(self.address)
        try:
            return talk.status()
        finally:
            talk.close()

    def jobs(self, function: str) -> tuple[int, int, int]:
        """Total, running, workers."""
        found = self.status().get(function)
        return (found.total, found.running, found.workers) if found else (0, 0, 0)

    def signal(self, number: int) -> None:
        """SIGSTOP: it takes connections and says nothing; SIGCONT: it goes on; SIGKILL: with `stop` behind it."""
        assert self._process is not None
        self._process.send_signal(number)
        if number == signal.SIGSTOP:
            until(self._stands, 5, "all threads stopped")  # the last ones may still answer when the signal is sent

    def _stands(self) -> bool:
        assert self._process is not None
        tasks = Path(f"/proc/{self._process.pid}/task").glob("*/stat")
        return all(each.read_text().rpartition(")")[2].split()[0] == "T" for each in tasks)


class MariaDB(Server):
    def __init__(self) -> None:
        super().__init__()
        self._server = need("mariadbd", "mariadb-server")
        installer = need("mariadb-install-db", "mariadb-server")
        self._user = ["--user=mysql"] if os.geteuid() == 0 else []
        if os.geteuid() == 0:
            _own(self.folder, "mysql")
        # A starting server removes what it takes for left-over temporary tables: in a shared folder, those of others.
        self._places = ["--no-defaults", f"--datadir={self.folder}/data", f"--tmpdir={self.folder}"]
        subprocess.run(
            [installer, *self._places, "--auth-root-authentication-method=normal", "--skip-test-db", *self._user],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder,
        )  # fmt: skip
        self.url = f"mysql://wm:geheim@127.0.0.1:{self.port}/NAME"

    def command(self) -> list[str]:
        return [
            self._server, *self._places, f"--socket={self.folder}/sock", f"--port={self.port}",
            "--bind-address=127.0.0.1", f"--pid-file={self.folder}/pid",
            "--innodb-flush-log-at-trx-commit=0", "--max-connections=300", *self._user,
        ]  # fmt: skip

    def start(self) -> None:
        super().start()
        self.execute("CREATE USER IF NOT EXISTS 'wm'@'%' IDENTIFIED BY 'geheim'")
        self.execute("GRANT ALL ON *.* TO 'wm'@'%'")

    def _connect(self):  # type: ignore[no-untyped-def]
        import pymysql

        return pymysql.connect(unix_socket=f"{self.folder}/sock", user="root", autocommit=True)

    def answers(self) -> bool:
        import pymysql

        try:
            self._connect().close()
        except pymysql.err.OperationalError:
            return False
        return True

    def execute(self, statement: str) -> None:
        with self._connect() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
