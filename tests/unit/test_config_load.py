"""What a right conf.yml becomes."""

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from wmcore.config.environment import apply_env
from wmcore.config.load import load
from wmcore.config.records import ClassConfig, Config, PoolConfig

ROOT = Path(__file__).parents[2]

ANCESTOR = """\
type: TheSchwartz
workers:
  - sandbox.worker.A
  - sandbox.worker.B
worker_options:
  prioritize: 1
  driver_cache_expiration: 300
  databases:
    - dsn: dbi:SQLite:dbname=q.db
      user: worker
      pass: 0123
    - dsn: postgresql://db2/queue
      prefix: old_
inc_path:
  - examples/lib
env:
  TZ: Asia/Tokyo
  DEBUG: yes
  LEVEL: 0x10
  EMPTY:
verbose: 1
pidfile: run/workermanager.pid
logfile: log/workermanager.log
errorlogfile: log/workermanager_error.log
"""
LEAST = "workers: a.B\nworker_options: {databases: {dsn: 'sqlite:////d/q.db'}}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def loaded(text: str, **command_line: int) -> Config:
    Path("c.yml").write_text(text)
    return load("c.yml", **command_line)


def test_the_ancestors_sample(folder: Path) -> None:
    config = loaded(ANCESTOR)
    assert config.path == folder / "c.yml"
    assert config.classes == (ClassConfig("sandbox.worker.A"), ClassConfig("sandbox.worker.B"))
    assert config.pools == (PoolConfig("default", (0, 1), 4, 100),)
    assert config.prioritize is True
    assert config.inc_path == (folder / "examples/lib",)
    assert config.pidfile == folder / "run/workermanager.pid"
    assert config.socket == folder / "run/workermanager.sock"
    assert config.logfile == folder / "log/workermanager.log"
    assert [database.name for database in config.databases] == [
        f"sqlite:///{folder}/q.db", "postgresql://db2/queue",
    ]  # fmt: skip
    assert config.databases[1].prefix == "old_"
    assert config.ignored == (
        f"{folder}/c.yml:21: key 'verbose' has no effect any more and is ignored",
        f"{folder}/c.yml:7: key 'driver_cache_expiration' has no effect any more and is ignored",
    )


FORK = """workers: {class: mail.Send, name: "Mail::Worker::Send"}
worker_options:
  - prioritize: 1
  - databases:
      dsn: dbi:mysql:dbname=theschwartz;host=192.0.2.54;mysql_enable_utf8=1
      user: nobody
      pass: nobody
    strict_remove_ability: 0
    batch_size: 20
    retry_seconds: 10
    scoreboard: 1
inc_path: lib
startupfile: startup.py
wait_terminating: 30
ridge_env: production
env: {WORKERS: 8}
"""


def test_the_living_forks_shape(folder: Path) -> None:
    """Its example has a list under worker_options; scalars stand for lists of one, 0 and 1 for booleans."""
    (folder / "startup.py").write_text("")
    config = loaded(FORK)
    assert config.classes == (ClassConfig("mail.Send", "Mail::Worker::Send"),)
    assert (config.prioritize, config.strict_remove_ability) == (True, False)
    assert (config.batch_size, config.retry_seconds, config.wait_terminating) == (20, 10, 30)
    assert (config.inc_path, config.startupfile) == ((folder / "lib",), folder / "startup.py")
    assert [database.name for database in config.databases] == ["mysql://nobody@192.0.2.54/theschwartz"]
    assert config.env == (("WORKERS", "8"),)
    assert [sentence.partition("key ")[2].partition(" ")[0] for sentence in config.ignored] == [
        "'ridge_env'", "'scoreboard'",
    ]  # fmt: skip


def test_environment_and_password_are_taken_as_written(folder: Path) -> None:
    config = loaded(ANCESTOR.replace("dbi:SQLite:dbname=q.db", "dbi:Pg:dbname=q"))
    assert dict(config.env) == {"TZ": "Asia/Tokyo", "DEBUG": "yes", "LEVEL": "0x10", "EMPTY": ""}
    assert config.databases[0].url == "postgresql+psycopg://worker:0123@/q"


def test_defaults(folder: Path) -> None:
    config = loaded(LEAST)
    assert (config.type, config.batch_size, config.retry_seconds, config.floor) == ("TheSchwartz", 200, 30.0, None)
    assert str(config.pidfile) == "/var/run/workermanager.pid"
    assert str(config.logfile) == "/var/log/workermanager.log"
    assert str(config.errorlogfile) == "/var/log/workermanager_error.log"
    assert (config.wait_terminating, config.failed_keep_days, config.log_format) == (None, 90.0, "text")


def test_a_key_without_a_value_is_absent(folder: Path) -> None:
    config = loaded(LEAST + "pidfile:\nenv:\ninc_path:\npools:\nconcurrency:\n")
    assert replace(config, ignored=()) == loaded(LEAST)


def test_entries_of_workers(folder: Path) -> None:
    config = loaded(LEAST.replace("a.B", "[a.B, {class: x.Y, name: 'X::Y', max_retries: 3, timeout: 1.5}]"))
    assert config.classes == (ClassConfig("a.B"), ClassConfig("x.Y", "X::Y", (("max_retries", 3), ("timeout", 1.5))))


def test_command_line_wins(folder: Path) -> None:
    text = LEAST + "concurrency: 8\nworks_per_child: 5\n"
    assert loaded(text).pools[0].concurrency == 8
    assert loaded(text, concurrency=0, works_per_child=7).pools == (PoolConfig("default", (0,), 0, 7),)


def test_pools(folder: Path) -> None:
    text = LEAST.replace("a.B", "[a.B, {class: c.D, name: D}]") + (
        "concurrency: 3\npools:\n  default: {workers: a.B, concurrency: 0}\n  mail: {workers: [D, e.F]}\n"
    )
    config = loaded(text, works_per_child=9)
    assert [entry.path for entry in config.classes] == ["a.B", "c.D", "e.F"]
    assert config.pools == (PoolConfig("default", (0,), 0, 9), PoolConfig("mail", (1, 2), 3, 100))


def test_classes_only_in_pools(folder: Path) -> None:
    config = loaded(LEAST.replace("workers: a.B", "pools: {x: {workers: a.B}, y: {workers: [a.B, c.D]}}"))
    assert [pool.classes for pool in config.pools] == [(0,), (0, 1)]


def test_gearman(folder: Path) -> None:
    config = loaded("type: Gearman\nworkers: a.B\nworker_options: {job_servers: 'js1:4730', prefix: x}\n")
    assert (config.job_servers, config.prefix, config.databases) == (("js1:4730",), "x", ())
    assert loaded("type: Gearman\nworkers: a.B\n").job_servers == ("127.0.0.1:4730",)


def test_what_is_the_other_types_is_told(folder: Path) -> None:
    """Both may stand there: then to change over is one word."""
    options = ("databases: {dsn: 'sqlite:////q'}", "prioritize: 1", "job_servers: js1", "probe: 1")
    both = "workers: a.B\nworker_options:\n" + "".join(f"  {line}\n" for line in options)
    assert [sentence.partition("c.yml:")[2] for sentence in loaded(both).ignored] == [
        "5: key 'job_servers' has no effect with type TheSchwartz and is ignored",
        "6: key 'probe' has no effect with type TheSchwartz and is ignored",
    ]
    assert [sentence.partition("c.yml:")[2] for sentence in loaded(f"{both}type: Gearman\n").ignored] == [
        "3: key 'databases' has no effect with type Gearman and is ignored",
        "4: key 'prioritize' has no effect with type Gearman and is ignored",
    ]


def test_anchors_and_merges(folder: Path) -> None:
    config = loaded(LEAST + "env: {<<: {A: 1, B: 2}, B: 3}\n")
    assert dict(config.env) == {"A": "1", "B": "3"}


def test_instance_hangs_on_the_path_alone(folder: Path) -> None:
    first = loaded(LEAST).instance
    assert first.startswith("c-")
    assert len(first) == 10
    assert load(folder / "x" / ".." / "c.yml").instance == first
    (folder / "d").mkdir()
    (folder / "d/c.yml").write_text(LEAST)
    assert load("d/c.yml").instance != first


def test_state_dir(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    config = loaded(LEAST)
    assert config.state_dir == Path("/var/lib/wmcore") / config.instance
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    monkeypatch.setenv("XDG_STATE_HOME", "/x")
    assert loaded(LEAST).state_dir == Path("/x/wmcore") / config.instance
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", "/h")
    assert loaded(LEAST).state_dir == Path("/h/.local/state/wmcore") / config.instance
    monkeypatch.setenv("STATE_DIRECTORY", "/s/one:/s/two")
    assert loaded(LEAST).state_dir == Path("/s/one")
    assert loaded(LEAST + "state_dir: st\n").state_dir == folder / "st"


def test_env_is_set_where_it_is_not_set(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TZ", raising=False)
    monkeypatch.setenv("DEBUG", "mine")
    try:
        apply_env(loaded(ANCESTOR))
        assert os.environ["DEBUG"] == "mine"
        assert os.environ["EMPTY"] == ""
        assert time.localtime(0).tm_hour == 9
    finally:
        for name in ("TZ", "LEVEL", "EMPTY"):
            os.environ.pop(name, None)
        time.tzset()


@pytest.mark.parametrize(
    "file", sorted([*(ROOT / "conf").glob("*.yml"), *(ROOT / "examples").glob("*.yml")]), ids=lambda path: path.name
)
def test_shipped_configurations(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    config = load(file)
    assert config.classes
    assert config.ignored == ()


def test_every_key_stands_in_the_complete_configuration() -> None:
    from wmcore.config import dsn, keys

    text = (ROOT / "conf/wmcore.yml").read_text()
    known = {*keys.TOP, *keys.OPTIONS, *keys.CLASS, *keys.POOL, *dsn.KEYS}
    assert {key for key in known if f"{key}:" not in text} == set()
