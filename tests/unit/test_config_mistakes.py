"""Each mistake in a conf.yml is one sentence: where, what is wrong, what to do."""

from pathlib import Path

import pytest

from wmcore.config.load import load
from wmcore.errors import ConfigError, UsageError

GOOD = """\
workers:
  - sandbox.worker.A
worker_options:
  databases:
    - dsn: sqlite:////d/q.db
"""


def refused(folder: Path, text: str, **command_line: int) -> str:
    file = folder / "c.yml"
    file.write_text(text)
    with pytest.raises(UsageError) as caught:
        load(file, **command_line)
    sentence = str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in sentence
    return sentence.replace(f"{file}:", "")


@pytest.mark.parametrize(
    ("added", "said"),
    [
        ("logfle: x", "6: key 'logfle': is not known; did you mean 'logfile'?"),
        ("Logfile: x", "6: key 'Logfile': is not known; did you mean 'logfile'?"),
        ("quux: x", "6: key 'quux': is not known; remove it; known here are type, workers,"),
        ("prioritize: 1", "6: key 'prioritize': does not belong here; write it under worker_options"),
        ("max_retries: 1", "6: key 'max_retries': does not belong here; write it in an entry of workers"),
        ("type: Redis", "6: key 'type': must be TheSchwartz or Gearman, not 'Redis'"),
        ("concurrency: many", "6: key 'concurrency': must be a number, not 'many'"),
        ("concurrency: 1025", "6: key 'concurrency': must be 0 to 1024, not 1025"),
        ("concurrency: 1.5", "6: key 'concurrency': must be a whole number, not 1.5"),
        ("concurrency: .nan", "6: key 'concurrency': must be 0 to 1024, not nan"),
        ("concurrency: yes", "6: key 'concurrency': must be a number, not 'yes'"),
        ("works_per_child: 0", "6: key 'works_per_child': must be at least 1, not 0"),
        ("wait_terminating: -1", "6: key 'wait_terminating': must be at least 0, not -1"),
        ("log_format: xml", "6: key 'log_format': must be text or json, not 'xml'"),
        ("pidfile: [a]", "6: key 'pidfile': must be text, not a list"),
        ("pidfile: {a: b}", "6: key 'pidfile': must be text, not a mapping"),
        ("env: TZ", "6: key 'env': must be a mapping (lines of 'key: value'), not 'TZ'"),
        ("env: {TZ: [a]}", "6: key 'TZ': must be a single value, not a list"),
        ("startupfile: /nowhere/s.py", "6: key 'startupfile': there is no file /nowhere/s.py; correct the path"),
        ("workers: [a.B]", "6: key 'workers': stands here again (first in line 1); remove one of the two"),
        ("[a]: b", "6: a key must be a word"),
        ("pools: {}", "6: key 'pools': has no pool"),
        ("pools: {a: {worker: x.Y}}", "6: key 'worker': is not known; did you mean 'workers'?"),
        ("pools: {a: {workers: x.Y}}", "6: key 'pools': no pool runs class sandbox.worker.A; add it"),
        ("socket: /" + "x" * 107, "has 108 bytes, Linux allows 107; set 'socket' to a shorter one"),
        ("pidfile: /" + "x" * 103 + ".pid", "6: key 'pidfile': the socket path"),
        ("a: b: c", "6: column 5: not valid YAML: mapping values are not allowed here; mend"),
        ("a: 'b", "not valid YAML: found unexpected end of stream"),
        ("env: {A: !python/name:os.system x}", "6: column 10: not valid YAML: an unknown tag"),
        ("env: &e [*e]", "nested more than 20 levels deep"),
        ("env: " + "[" * 3000, "nested more than"),
        ("env: \x07", "not valid YAML"),
    ],
)
def test_in_the_file(tmp_path: Path, added: str, said: str) -> None:
    assert said in refused(tmp_path, GOOD + added + "\n")


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("[]", "1: key 'workers': no worker classes; list them under 'workers'"),
        ("Sandbox::Worker::A", 'write {class: Sandbox.Worker.A, name: "Sandbox::Worker::A"}'),
        ("worker", "1: key 'workers': 'worker' is no dotted path to a class; write module.Class"),
        ("[a.B, a.B]", "1: key 'workers': class a.B stands here twice"),
        ("{name: x}", "1: key 'workers': an entry needs its class"),
        ("{class: a.B, retries: 3}", "1: key 'retries': is not known; did you mean 'max_retries'?"),
        ("{class: a.B, max_retries: many}", "1: key 'max_retries': must be a number, not 'many'"),
        ("{class: a.B, grab_for: 0}", "1: key 'grab_for': must be at least 1, not 0"),
        ("{class: a.B, name: 'x y'}", "1: key 'name': must be 1 to 255 characters without blanks"),
    ],
)
def test_in_an_entry_of_workers(tmp_path: Path, entry: str, said: str) -> None:
    assert said in refused(tmp_path, f"workers: {entry}\n" + GOOD.partition("  - sandbox.worker.A\n")[2])


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{job_server: js1}", "3: key 'job_server': is not known; did you mean 'job_servers'?"),
        ("{job_servers: 'js1:port'}", "3: key 'job_servers': 'js1:port' is no job server; write host or host:port"),
        ("{job_servers: 'js1, js2'}", "'js1, js2' is no job server; write host or host:port; several are a list"),
        ("{job_servers: '::1'}", "'::1' is no job server; write host or host:port ([...]:port for IPv6)"),
        ("{job_servers: [js1:70000]}", "3: key 'job_servers': 'js1:70000' is no job server; write host or host:port"),
        ("{job_servers: [js1, 'js1:4730']}", "3: key 'job_servers': js1:4730 stands here twice; remove one of the two"),
        ("{job_servers: 'js1:1, js2:2'}", "is no job server; write host or host:port; several are a list"),
        ("{job_servers: 4730}", "3: key 'job_servers': '4730' is no job server; write host or host:port"),
        ("{job_servers: []}", "3: key 'job_servers': names no job server; write at least one, or leave it out for 127"),
        ("{job_servers: {host: js1}}", "3: key 'job_servers': must be text, not a mapping"),
        ("{prefix: 'my shop'}", "3: key 'prefix': must be printable and without blanks"),
        ("{prefix: [a]}", "3: key 'prefix': must be text, not a list"),
        ("{probe: often}", "3: key 'probe': must be true or false (or 1 or 0), not 'often'"),
    ],
)
def test_in_gearmans_options(tmp_path: Path, options: str, said: str) -> None:
    sentence = refused(tmp_path, f"type: Gearman\nworkers: a.B\nworker_options: {options}\n")
    assert said in sentence
    assert sentence.count("key '") == 1, "the place is named once"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ("{}", "2: key 'worker_options': TheSchwartz needs a database; write worker_options: {databases:"),
        ("{databases: []}", "2: key 'databases': TheSchwartz needs a database"),
        ("{databases: 'postgresql://u:s3cret@h/x'}", "2: key 'databases': must be a mapping"),
        ("{databases: {dsn: 'dbi:Oracle:x', pass: s3cret}}", "2: key 'dsn': the dsn names Perl's driver Oracle"),
        ("{databases: {dns: x, pass: s3cret}}", "2: key 'dns': is not known; did you mean 'dsn'?"),
        ("{databases: {user: x, pass: s3cret}}", "2: key 'databases': a database needs a 'dsn'"),
        ("{databases: {dsn: x, pass: [s3cret]}}", "2: key 'pass': must be a single value, not a list"),
        ("{databases: {dsn: x, pass: *s3cret}}", "2: column 44: not valid YAML: an alias"),
        ("{databases: {dsn: x, pass: !s3cret x}}", "2: column 44: not valid YAML: an unknown tag"),
        ("{prioritise: 1}", "2: key 'prioritise': is not known; did you mean 'prioritize'?"),
        ("{prioritize: 2, databases: {dsn: 'sqlite:////q'}}", "must be true or false (or 1 or 0), not '2'"),
        ("{job_servers: js1}", "{dsn: ..., user: ..., pass: ...}]}; job_servers belong to type: Gearman"),
        ("{logfile: x}", "2: key 'logfile': does not belong here; it stands at the top of the file"),
    ],
)
def test_in_worker_options_and_without_the_password(tmp_path: Path, options: str, said: str) -> None:
    sentence = refused(tmp_path, f"workers: a.B\nworker_options: {options}\n")
    assert said in sentence
    assert "s3cret" not in sentence


def test_an_option_that_stands_in_two_parts_of_a_list(tmp_path: Path) -> None:
    said = refused(tmp_path, "workers: a.B\nworker_options:\n  - prioritize: 1\n  - floor: 2\n    prioritize: 0\n")
    assert "5: key 'prioritize': stands here again (first in line 3); remove one of the two" in said


def test_no_database_at_all(tmp_path: Path) -> None:
    assert "TheSchwartz needs a database" in refused(tmp_path, "workers: a.B\n")


def test_on_the_command_line(tmp_path: Path) -> None:
    assert refused(tmp_path, GOOD, concurrency=-1) == "-c -1: the number of children must be 0 to 1024"
    assert refused(tmp_path, GOOD, concurrency=1025) == "-c 1025: the number of children must be 0 to 1024"
    assert refused(tmp_path, GOOD, works_per_child=0) == "-w 0: the number of jobs per child must be at least 1"
    pools = GOOD + "pools: {mail: {}, web: {}}\n"
    assert "-c and -w set the pool named default, but there are mail, web" in refused(tmp_path, pools, concurrency=1)


def test_files_that_are_none(tmp_path: Path) -> None:
    for path, said in ((tmp_path, "Is a directory"), (tmp_path / "no.yml", "No such file or directory")):
        with pytest.raises(ConfigError, match=f"{said}; name another file with -f"):
            load(path)
    (tmp_path / "latin.yml").write_bytes(b"a: \xe9")
    with pytest.raises(ConfigError, match="byte 3 is no UTF-8"):
        load(tmp_path / "latin.yml")
    assert "must be a mapping" in refused(tmp_path, "- a\n")
    assert "the configuration is empty" in refused(tmp_path, "# nothing\n")
    assert "another document" in refused(tmp_path, GOOD + "---\n" + GOOD)
