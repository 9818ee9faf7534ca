"""Starting, and what is said when it does not work."""

import os
import pty
import re
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon import BIN, Daemon, alive
from tests.waiting import until


def title(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().rstrip(b"\0").decode()


def refused(daemon: Daemon, *options: str) -> str:
    """Start it, which must fail with exit 2 and one sentence."""
    done = daemon.wmcore(*options, "-f", str(daemon.conf))
    assert done.returncode == 2, (done.returncode, done.stderr)
    assert "Traceback" not in done.stderr
    assert done.stderr.strip()
    return done.stderr


def test_start_returns_when_ready_and_titles_tell_who_is_who(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    assert daemon.status().state == "running"
    until(lambda: sum("idle" in title(pid) for pid in daemon.processes()) == 2)
    titles = sorted(title(pid) for pid in daemon.processes())
    assert titles[:2] == ["wmcore: child 0 idle", "wmcore: child 1 idle"]
    daemon.client().insert("jobs.Sleeps", {"n": 1, "s": 1})
    until(lambda: any(title(pid).endswith(" jobs.Sleeps") for pid in daemon.processes()))


def test_a_second_start_names_the_first(daemon: Daemon) -> None:
    daemon.start()
    done = daemon.wmcore("-f", str(daemon.conf))
    assert done.returncode == 1
    assert str(daemon.pid) in done.stderr
    assert daemon.answers()


def test_a_misspelt_key(make_daemon: Callable[..., Daemon]) -> None:
    said = refused(make_daemon(logfil="x"))
    assert "logfil" in said
    assert "logfile" in said
    assert re.search(r"conf\.yml:\d+", said)


def test_a_class_that_does_not_import(make_daemon: Callable[..., Daemon]) -> None:
    said = refused(make_daemon(workers=["jobs.Quick", "nowhere.Job"]))
    assert "nowhere" in said
    assert "inc_path" in said


def test_a_module_that_breaks_names_its_line(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["bad.Job"])
    (daemon.folder / "bad.py").write_text("import os\nos.no_such_thing()\n")
    daemon.settings["inc_path"] = [str(daemon.folder)]
    daemon.write_conf()
    said = refused(daemon)
    assert "no_such_thing" in said
    assert "bad.py:2" in said


def test_a_module_that_kills_the_loader_is_a_refusal_too(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["bad.Job"])
    (daemon.folder / "bad.py").write_text("import os\nos.abort()\n")
    daemon.settings["inc_path"] = [str(daemon.folder)]
    daemon.write_conf()
    assert "SIGABRT" in refused(daemon)


def test_async_work_is_refused(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["later.Job"])
    (daemon.folder / "later.py").write_text(
        "from wmcore import Worker\nclass Job(Worker):\n    async def work(self, job): pass\n"
    )
    daemon.settings["inc_path"] = [str(daemon.folder)]
    daemon.write_conf()
    assert "async" in refused(daemon)


def test_a_pidfile_in_a_missing_folder(make_daemon: Callable[..., Daemon]) -> None:
    said = refused(make_daemon(pidfile="/nowhere/at/all/wm.pid"))
    assert "/nowhere/at/all" in said


def test_a_socket_path_that_is_too_long(make_daemon: Callable[..., Daemon], tmp_path: Path) -> None:
    said = refused(make_daemon(socket=f"{tmp_path}/{'x' * 120}.sock"))
    assert "107" in said


@pytest.mark.parametrize("option", ["-n", "--check-config"])
def test_a_python_that_is_gone_is_named(daemon: Daemon, option: str) -> None:
    """Its virtual environment was moved away, say; before, the start waited without end."""
    gone = "import sys; sys.executable = '/gone/python'; from wmcore.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", gone, option, "-f", str(daemon.conf)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, env=daemon.environment)
    assert done.returncode == 2
    assert "no loader can be started with /gone/python: No such file or directory" in done.stderr
    assert "Traceback" not in done.stderr


def test_check_config_says_the_same(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["nowhere.Job"]).init_db()
    done = daemon.wmcore("--check-config", "-f", str(daemon.conf))
    assert done.returncode == 2
    assert "nowhere" in done.stderr
    good = make_daemon(name="two")
    assert good.wmcore("--check-config", "-f", str(good.conf)).returncode == 0


def test_tables_that_are_missing_are_said_in_the_status(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon().start("-c", "1")
    error = until(lambda: daemon.status().backend.servers[0].error)
    assert "--init-db" in error
    daemon.init_db()
    until(lambda: daemon.status().backend.ok)
    daemon.client().insert("jobs.Quick", {"n": 1})
    until(lambda: daemon.marks() == ["1"])


def test_env_reaches_the_jobs_and_the_log_has_local_time(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon()
    daemon.settings["env"]["TZ"] = "Asia/Tokyo"
    daemon.write_conf()
    daemon.init_db().start("-c", "1")
    daemon.client().insert("jobs.Quick", {"n": 1})
    until(lambda: daemon.ended())
    hour = time.strftime("%H", time.gmtime(time.time() + 9 * 3600))
    assert f"T{hour}:" in daemon.log()


class Foreground:
    """`wmcore -n ...` on a terminal of its own."""

    def __init__(self, daemon: Daemon, *options: str) -> None:
        self.daemon = daemon
        self.pid, self._fd = pty.fork()
        if self.pid == 0:
            os.chdir(daemon.folder)
            os.execve(BIN / "wmcore", ["wmcore", "-n", *options, "-f", str(daemon.conf)], daemon.environment)
        self.seen = ""

    def read(self) -> str:
        while select.select([self._fd], [], [], 0)[0]:
            try:
                data = os.read(self._fd, 65536)
            except OSError:
                break
            if not data:
                break
            self.seen += data.decode()
        return self.seen

    def expect(self, text: str) -> None:
        until(lambda: text in self.read(), what=f"{text!r} on the terminal, which shows {self.seen!r}")

    def type(self, text: str) -> None:
        os.write(self._fd, text.encode())

    def hang_up(self) -> None:
        os.close(self._fd)
        self._fd = os.open(os.devnull, os.O_RDONLY)

    def wait(self) -> int:
        found: list[int] = []

        def gone() -> bool:
            self.read()
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                found.append(os.waitstatus_to_exitcode(status))
            return bool(found)

        until(gone)
        return found[0]


def test_in_the_foreground_the_log_and_the_output_are_on_the_terminal(daemon: Daemon) -> None:
    terminal = Foreground(daemon, "-d", "-c", "2")
    terminal.expect("WorkerManager 0 started with PID")
    daemon.client().insert("jobs.Fails", {"n": 5})
    terminal.expect("about to fail")
    terminal.expect("TheSchwartz job failed jobs.Fails process:")
    terminal.expect("no luck with 5")
    assert not (daemon.folder / "wm.pid").exists()
    assert not (daemon.folder / "wm.log").exists()
    os.kill(terminal.pid, signal.SIGTERM)
    assert terminal.wait() == 0


def test_ctrl_c_on_the_terminal_stops_it(daemon: Daemon) -> None:
    terminal = Foreground(daemon, "-c", "2", "-l")
    terminal.expect("WorkerManager 1 started with PID")
    terminal.type("\x03")
    assert terminal.wait() == 0
    assert "WorkerManager 1 started" in daemon.log()


def test_breakpoint_works_with_one_child(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["stops.Here"]).init_db()
    (daemon.folder / "stops.py").write_text(
        "from wmcore import Worker\n"
        "class Here(Worker):\n"
        "    timeout = 1\n"
        "    def work(self, job):\n"
        "        answer = job.arg['n']\n"
        "        breakpoint()\n"
        "        print('went on with', answer)\n"
    )
    daemon.settings["inc_path"] = [str(daemon.folder)]
    daemon.write_conf()
    terminal = Foreground(daemon, "-d", "-c", "1")
    terminal.expect("WorkerManager 0 started with PID")
    daemon.client().insert("stops.Here", {"n": 41})
    terminal.expect("(Pdb)")
    terminal.type("p answer + 1\n")
    terminal.expect("42")
    time.sleep(1.5)  # longer than the class's timeout: at a prompt none counts
    terminal.type("answer = 43\n")
    terminal.type("c\n")
    terminal.expect("went on with 43")
    terminal.expect("job completed stops.Here")
    terminal.type("\x03")
    assert terminal.wait() == 0


def test_sigint_to_its_process_group_leaves_no_process(daemon: Daemon) -> None:
    """Without a terminal, as a supervisor would run it."""
    process = subprocess.Popen(
        [BIN / "wmcore", "-n", "-c", "1", "-f", str(daemon.conf)], stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True, env=daemon.environment,
    )  # fmt: skip
    until(daemon.answers)
    children = [child.pid for child in until(lambda: daemon.status().children)]
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(20) == 0
    until(lambda: not any(alive(pid) for pid in children))


def test_a_terminal_that_is_closed_stops_what_ran_on_it(daemon: Daemon) -> None:
    terminal = Foreground(daemon, "-c", "2")
    terminal.expect("WorkerManager 1 started with PID")
    pids = [terminal.pid, *(child.pid for child in daemon.status().children)]
    terminal.hang_up()
    until(lambda: not any(alive(pid) for pid in pids))
    terminal.wait()
