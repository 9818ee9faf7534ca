"""The `wmcore` command line: usage to the letter, sentences instead of tracebacks, exit codes, the small tasks."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from wmcore import __version__, cli

USAGE = """\
usage: wmcore [-hdn] [-c concurrency] [-w works_per_child] -f conf_file
    -h   this help
    -d   debug
    -n   do not daemonize
    -c   number of concurrent children (default 4)
    -w   number of jobs per child process (default 100)
    -f   YAML configuration file
"""
CONF = """\
workers: [jobs.Good]
worker_options: {databases: {dsn: "dbi:SQLite:dbname=q.db"}}
inc_path: lib
pidfile: run/w.pid
logfile: run/w.log
errorlogfile: run/w_error.log
state_dir: run/state
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lib").mkdir()
    (tmp_path / "run").mkdir()
    (tmp_path / "lib/jobs.py").write_text(
        "from wmcore import Worker\nclass Good(Worker):\n    def work(self, job):\n        pass\n"
    )
    (tmp_path / "c.yml").write_text(CONF)
    return tmp_path


def wmcore(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if name not in ("WMCORE_CONF", "DISABLE_WORKER")}
    done = subprocess.run(
        [sys.executable, "-m", "wmcore.cli", *arguments],
        cwd=folder,
        env=env | {"PYTHONPATH": str(Path(cli.__file__).parents[1])} | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    return done


def test_help_begins_with_the_ancestors(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["-h"])
    assert left.value.code == 0
    assert capsys.readouterr().out.startswith(USAGE)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(["--version"])
    assert left.value.code == 0
    assert capsys.readouterr().out == f"wmcore {__version__}\n"


def test_without_f_the_usage(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WMCORE_CONF", raising=False)
    assert cli.main([]) == 2
    assert capsys.readouterr().err.startswith(USAGE)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-x"], "unrecognized arguments: -x"),
        (["-c", "many", "-f", "c.yml"], "argument -c/--concurrency: 'many' is not a whole number"),
        (["-c"], "expected one argument"),
    ],
)
def test_wrong_options(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.main(arguments)
    assert left.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["-f", "no.yml"], "no.yml: No such file or directory; name another file with -f"),
        (["-c", "-1", "-f", "c.yml"], "-c -1: the number of children must be 0 to 1024"),
        (["-w", "0", "-f", "c.yml"], "-w 0: the number of jobs per child must be at least 1"),
        (["--dry-run", "-f", "c.yml"], "--dry-run belongs to --init-db"),
        (["--notify-trigger", "-f", "c.yml"], "--notify-trigger belongs to --init-db"),
        (["--init-db", "--notify-trigger", "-f", "c.yml"], "is for PostgreSQL, and none of the databases is one"),
        (["--check-config", "--init-db", "-f", "c.yml"], "two tasks"),
        (["insert", "jobs.Good"], "insert needs a configuration"),
        (["insert", "-f", "c.yml", "jobs.Good", "{foo: 1}"], "the argument is not JSON"),
        (["insert", "-f", "c.yml", "jobs.Good", "--count", "0"], "--count 0: must be at least 1"),
        (["insert", "-f", "c.yml", "jobs.Good", "--uniqkey", "k", "--count", "2"], "--uniqkey allows one job only"),
    ],
)
def test_mistakes_are_sentences(folder: Path, arguments: list[str], said: str) -> None:
    done = wmcore(folder, *arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("wmcore: ")
    assert said in done.stderr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"pidfile: run/w.pid": "pidfile: nowhere/w.pid\nsocket: run/w.sock"}, "key 'pidfile': there is no folder"),
        ({"logfile: run/w.log": "logfile: run"}, "key 'logfile': "),
        ({"errorlogfile: run/w_error.log": "errorlogfile: nowhere/e.log"}, "key 'errorlogfile': there is no folder"),
        ({"state_dir: run/state": "state_dir: c.yml/state"}, "key 'state_dir': "),
        ({"workers:": "wokers:"}, "c.yml:1: key 'wokers': is not known; did you mean 'workers'?"),
        ({"worker_options:": "type: Gearman\nworker_options: {job_servers: 'a:b'}\n#"}, "'a:b' is no job server"),
    ],
)
def test_the_daemon_refuses_before_it_detaches(folder: Path, change: dict[str, str], said: str) -> None:
    text = CONF
    for old, new in change.items():
        text = text.replace(f"{old}", new, 1) if old != "logfile: run/w.log" else text.replace(f"\n{old}", f"\n{new}")
    (folder / "c.yml").write_text(text)
    done = wmcore(folder, "-f", "c.yml")
    assert done.returncode == 2
    assert done.stderr.startswith("wmcore: ")
    assert said in done.stderr


def test_init_db_is_idempotent(folder: Path) -> None:
    dry = wmcore(folder, "--init-db", "--dry-run", "-f", "c.yml")
    assert dry.returncode == 0
    assert "CREATE TABLE job (" in dry.stdout
    assert not (folder / "q.db").exists() or not tables(folder)
    assert wmcore(folder, "--init-db", "-f", "c.yml").returncode == 0
    assert {"job", "funcmap", "wm_claim"} <= tables(folder)
    again = wmcore(folder, "--init-db", WMCORE_CONF="c.yml")
    assert (again.returncode, again.stdout.endswith("nothing was missing\n")) == (0, True)


def tables(folder: Path) -> set[str]:
    with sqlite3.connect(folder / "q.db") as connection:
        return {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}


def test_check_config(folder: Path) -> None:
    bare = wmcore(folder, "--check-config", "-f", "c.yml")
    assert (bare.returncode, "--init-db" in bare.stderr) == (1, True)
    wmcore(folder, "--init-db", "-f", "c.yml")
    good = wmcore(folder, "--check-config", "-f", "c.yml")
    assert (good.returncode, good.stderr) == (0, "")
    assert "in order; 1 worker class, 1 database, pool default with 4 children" in good.stdout
    (folder / "c.yml").write_text(CONF.replace("jobs.Good", "jobs.Bad"))
    bad = wmcore(folder, "--check-config", "-f", "c.yml")
    assert bad.returncode == 2
    assert "jobs.Bad" in bad.stderr


def test_insert(folder: Path) -> None:
    wmcore(folder, "--init-db", "-f", "c.yml")
    done = wmcore(folder, "insert", "-f", "c.yml", "jobs.Good", '{"foo": 1}', "--priority", "5", "--count", "1200")
    assert (done.returncode, len(done.stdout.split())) == (0, 1200)
    assert rows(folder, "SELECT count(*), min(arg), max(priority) FROM job") == [(1200, b'{"foo":1}', 5)]
    later = wmcore(folder, "insert", "-f", "c.yml", "jobs.Good", "--run-after", "60", "--uniqkey", "k")
    assert later.returncode == 0
    assert rows(folder, "SELECT run_after - insert_time BETWEEN 59 AND 61, arg FROM job WHERE uniqkey = 'k'") == [
        (1, b"null")
    ]
    taken = wmcore(folder, "insert", "-f", "c.yml", "jobs.Good", "--uniqkey", "k")
    assert (taken.returncode, taken.stdout) == (1, "")
    assert "nothing inserted: a job of jobs.Good with the uniqkey 'k' is there" in taken.stderr


def test_insert_goes_to_the_name_in_the_queue(folder: Path) -> None:
    (folder / "c.yml").write_text(CONF.replace("jobs.Good", "{class: jobs.Good, name: 'Jobs::Good'}"))
    wmcore(folder, "--init-db", "-f", "c.yml")
    assert wmcore(folder, "insert", "-f", "c.yml", "jobs.Good").stderr == ""
    misspelt = wmcore(folder, "insert", "-f", "c.yml", "Jobs::God")
    assert "names no worker Jobs::God; did you mean Jobs::Good?" in misspelt.stderr
    assert rows(folder, "SELECT funcname FROM funcmap ORDER BY funcname") == [("Jobs::God",), ("Jobs::Good",)]


def rows(folder: Path, query: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(folder / "q.db") as connection:
        return connection.execute(query).fetchall()


def test_environment_is_in_force_before_the_classes_load(folder: Path) -> None:
    (folder / "lib/jobs.py").write_text(
        "import os\nfrom wmcore import Worker\nprint('here', os.environ['FROM_CONF'])\n"
        "class Good(Worker):\n    def work(self, job):\n        pass\n"
    )
    (folder / "c.yml").write_text(CONF + "env: {FROM_CONF: yes}\n")
    wmcore(folder, "--init-db", "-f", "c.yml")
    done = wmcore(folder, "--check-config", "-f", "c.yml")
    assert "here yes" in done.stdout + done.stderr
