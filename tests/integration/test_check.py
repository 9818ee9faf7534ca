"""What a monitor sees of a real daemon, in each of its troubles."""

import os
import re
import signal
import time
from collections.abc import Callable

import pytest

from tests.integration.daemon import Daemon
from tests.waiting import until
from wmcore.protocol.messages import Drain, Pause, Resume, Scale

OK, WARNING, CRITICAL, UNKNOWN = range(4)
WORDS = ("OK", "WARNING", "CRITICAL", "UNKNOWN")


def check(daemon: Daemon, *words: str) -> tuple[int, str]:
    """The exit code and the line, which always belong together."""
    done = daemon.wmtui("check", *words)
    assert (done.stdout.count("\n"), done.stderr) == (1, "")
    assert done.stdout.startswith(f"{WORDS[done.returncode]}: ")
    return done.returncode, done.stdout.rstrip("\n")


def becomes(daemon: Daemon, code: int, *words: str) -> str:
    """The line when the check says `code`."""
    return until(lambda: next((line for found, line in [check(daemon, *words)] if found == code), None))


@pytest.fixture
def waiting(daemon: Daemon) -> Daemon:
    """Nobody is wanted, and three jobs wait."""
    daemon.start("-c", "1")
    daemon.call(Scale(to=0))
    until(lambda: not daemon.status().children)
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n} for n in range(3)])
    until(lambda: daemon.counts("jobs.Quick").queue.ready == 3)
    return daemon


def test_an_idle_daemon_is_ok(daemon: Daemon) -> None:
    daemon.start("-c", "2")
    words, bar, figures = becomes(daemon, OK).partition(" | ")
    assert (words, bar) == ("OK: 2 of 2 children running, 0 jobs waiting", " | ")
    names = ("jobs.Quick", "jobs.Fails", "jobs.Sleeps")
    each = (f"'{name} age'=0s;60;300;0 '{name} ready'=0;1000;10000;0" for name in names)
    assert figures == " ".join(["'pool default children'=2;;;0", *each])


def test_jobs_that_nobody_runs_age_and_pile_up(waiting: Daemon) -> None:
    """That nobody is wanted though jobs wait is said whatever the limits."""
    nobody = "WARNING: pool default is scaled to 0 children: 3 jobs wait, the oldest for "
    old = until(lambda: next((line for _, line in [check(waiting, "--age", "0.5:3600")] if "above" in line), None))
    assert re.match(nobody + r"\S+; jobs\.Quick: the oldest job waiting for \S+ \(warning above 0\.5s\) \| ", old)
    assert becomes(waiting, CRITICAL, "--age", "0.5:1").startswith("CRITICAL: jobs.Quick: the oldest job ")
    code, line = check(waiting, "--age", "off", "--depth", "3:9")
    assert (code, line.startswith(nobody), "above" in line) == (WARNING, True, False)
    assert "jobs.Quick: 3 jobs waiting (warning above 2)" in check(waiting, "--age", "off", "--depth", "2:9")[1]
    code, line = check(waiting, "--age", "off", "--depth", "1:2")
    assert line.startswith("CRITICAL: jobs.Quick: 3 jobs waiting (critical above 2); pool default is scaled to 0 ")
    assert "'jobs.Quick ready'=3;1;2;0" in line
    assert "above" not in check(waiting, "--age", "off", "--depth", "1:2", "--class", "jobs.Fails")[1]
    line = check(waiting, "--class", "jobs.Quik")[1]
    assert "the daemon has no class jobs.Quik (it has: jobs.Quick, jobs.Fails, jobs.Sleeps)" in line


def test_a_paused_class_is_a_warning_however_old(waiting: Daemon) -> None:
    waiting.call(Pause(class_name="jobs.Quick"))
    line = becomes(waiting, WARNING, "--age", "0:0", "--depth", "0:0")
    assert line.startswith("WARNING: jobs.Quick is paused, 3 jobs waiting, the oldest for ")


def test_jobs_for_later_are_not_late(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    with daemon.client() as client:
        client.insert("jobs.Quick", {"n": 1}, run_after=time.time() + 3600)
    until(lambda: daemon.counts("jobs.Quick").queue.delayed == 1)
    assert check(daemon, "--age", "0:0", "--depth", "0:0")[0] == OK


def test_draining_is_a_warning(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    becomes(daemon, OK)
    daemon.call(Drain())
    until(lambda: check(daemon)[1].startswith("WARNING: pool default is drained: "))
    daemon.call(Resume())
    becomes(daemon, OK)


def test_failed_jobs(daemon: Daemon) -> None:
    daemon.settings["workers"] = [{"class": "jobs.Fails", "max_retries": 0}, "jobs.Quick"]
    daemon.write_conf()
    daemon.start("-c", "1")
    with daemon.client() as client:
        client.insert_many("jobs.Fails", [{"n": n} for n in range(2)])
    until(lambda: daemon.status().failed.count == 2)
    until(lambda: all(each.queue.ready is not None for each in daemon.status().classes), 60, "the queue's figures")
    line = becomes(daemon, CRITICAL, "--failed", "0:1")
    last = r"the last of jobs\.Fails: ValueError: no luck with \d"
    assert re.match(rf"CRITICAL: 2 jobs failed within 1h00m, {last} \(critical above 1\) \| ", line)
    assert check(daemon, "--failed", "0:1", "--class", "jobs.Fails")[0] == CRITICAL
    assert check(daemon, "--failed", "0:1", "--class", "jobs.Quick")[0] == OK
    assert check(daemon)[0] == OK


def test_children_that_cannot_live_are_critical(make_daemon: Callable[..., Daemon]) -> None:
    daemon = make_daemon(workers=["broken.Born"]).init_db()
    daemon.is_broken = True
    (daemon.folder / "broken.py").write_text(
        "import os\n"
        "from wmcore import Worker\n"
        "LOADER = os.getpid()\n"
        "class Born(Worker):\n"
        "    def __init__(self):\n"
        "        if os.getpid() != LOADER: raise RuntimeError('not in a child')\n"
        "    def work(self, job): pass\n"
    )
    daemon.settings["inc_path"] = [str(daemon.folder)]
    daemon.write_conf()
    daemon.start("-c", "2")
    until(lambda: daemon.status().pools[0].state == "backing off")
    code, line = check(daemon)
    assert code == CRITICAL
    assert re.match(r"CRITICAL: pool default: \d of 2 children running, backing off: .*before their first turn", line)


def test_children_that_are_replaced_all_the_time_are_not_missed(daemon: Daemon) -> None:
    daemon.start("-c", "2", "-w", "1")
    with daemon.client() as client:
        client.insert_many("jobs.Quick", [{"n": n} for n in range(5000)])
    until(lambda: daemon.marks())
    for _ in range(5):
        assert check(daemon, "--age", "off", "--depth", "off")[0] == OK
    assert len(daemon.marks()) < 5000


def test_the_only_database_down_is_critical(make_daemon: Callable[..., Daemon], request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql")
    daemon = make_daemon(server.new_database()).init_db().start("-c", "1")
    becomes(daemon, OK, "--failed", "0:0")
    server.stop()
    try:
        line = becomes(daemon, CRITICAL, "--failed", "0:0")
    finally:
        server.start()
    assert re.match(r"CRITICAL: database postgresql\S+ is down since \d\d:\d\d:\d\d \(\S+\): \w", line)
    assert "; the failed jobs are not known | " in line
    assert "'jobs.Quick ready'=U;" in line
    becomes(daemon, OK, "--failed", "0:0")


def test_one_database_of_two_is_a_warning(make_daemon: Callable[..., Daemon], request: pytest.FixtureRequest) -> None:
    server = request.getfixturevalue("postgresql")
    daemon = make_daemon()
    daemon.settings["worker_options"] = {"databases": [{"dsn": daemon.dsn}, {"dsn": server.new_database()}]}
    daemon.write_conf()
    daemon.init_db().start("-c", "1")
    becomes(daemon, OK)
    server.stop()
    try:
        line = becomes(daemon, WARNING)
    finally:
        server.start()
    assert line.startswith("WARNING: database postgresql")


def test_a_daemon_that_is_killed_is_critical(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    becomes(daemon, OK)
    daemon.kill_everything()
    assert becomes(daemon, CRITICAL).startswith("CRITICAL: no daemon at ")


def test_a_daemon_that_hangs_is_critical_in_time(daemon: Daemon) -> None:
    daemon.start("-c", "1")
    becomes(daemon, OK)
    os.kill(daemon.pid, signal.SIGSTOP)
    try:
        begun = time.monotonic()
        code, line = check(daemon, "--timeout", "1")
        took = time.monotonic() - begun
    finally:
        os.kill(daemon.pid, signal.SIGCONT)
    assert (code, "within 1.0s: it hangs" in line) == (CRITICAL, True)
    assert 1 <= took < 10
    becomes(daemon, OK)
