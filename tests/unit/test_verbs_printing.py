"""What the verbs print: fit for 80 columns, for grep, and harmless whatever stands in the data."""

import io
import json
import sys

import msgspec
import pytest

from tests.unit.peer import golden
from wmcore.model import COUNT_LIMIT
from wmcore.protocol.messages import Attempt, Backend, FailedRecord, JobClass, Pool, Queue, QueuedJob, Server
from wmtui.printing import as_json, clean, clean_block, err, out, plural, table
from wmtui.retries import fate
from wmtui.verbs import failed, jobs, status, steer

EVIL = "\x1b]52;c;aGk=\x07\x9b2J\u202egpj.exe\r\n\t\x7f"
TURNING = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
"""All that turn the direction of writing (Unicode's Bidi_Control)."""


def harmless(lines: list[str]) -> bool:
    return all(char.isprintable() for line in lines for char in line)


# -- text -------------------------------------------------------------------------------------------------------------


def test_control_characters_are_shown_not_sent() -> None:
    assert clean(EVIL) == "␛]52;c;aGk=␇�2J�gpj.exe␍␊␉␡"
    assert clean(TURNING) == "�" * len(TURNING)
    assert clean("søster 日本 e\u0301") == "søster 日本 e\u0301"


def test_a_block_keeps_its_lines() -> None:
    assert clean_block("one\r\n\ttwo\x1b[2J\r") == "one\n\ttwo␛[2J␍"


def test_columns_are_even_and_nothing_is_cut() -> None:
    assert table(["NAME", "N", ""], [("a", 1, ""), ("long" * 30, 200, "x\n")], "lr") == [
        "NAME" + " " * 119 + "N",
        "a" + " " * 122 + "1",
        "long" * 30 + " 200 x␊",
    ]


def test_wide_characters_and_accents_leave_the_columns_even() -> None:
    assert table(["KEY", "N"], [("日本", 1), ("e\u0301", 10), ("abc", 2)], "lr") == [
        "KEY   N", "日本  1", "e\u0301    10", "abc   2",
    ]  # fmt: skip


def test_json_is_one_line_of_names_on_the_wire() -> None:
    line = as_json(golden())
    assert "\n" not in line
    assert json.loads(line)["children"][0]["class"] == "sandbox.worker.B"
    assert json.loads(as_json({"error": EVIL})) == {"error": EVIL}
    assert harmless([as_json({"error": EVIL})])


def test_a_narrow_encoding_gets_question_marks(monkeypatch: pytest.MonkeyPatch) -> None:
    stdout, stderr = io.BytesIO(), io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(stdout, encoding="ascii", write_through=True))
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(stderr, encoding="latin-1", write_through=True))
    out(["日本", "b"])
    err("no daemon at \x1b日")
    assert (stdout.getvalue(), stderr.getvalue()) == (b"??\nb\n", b"wmtui: no daemon at ??\n")


def test_small_words() -> None:
    assert [plural(1, "child"), plural(2, "child"), plural(1, "job"), plural(0, "job")] == [
        "1 child", "2 children", "1 job", "0 jobs",
    ]  # fmt: skip


# -- status and children ----------------------------------------------------------------------------------------------


def test_status_says_everything_in_80_columns() -> None:
    lines = status.show_status(golden())
    assert max(map(len, lines)) <= 80, "\n".join(lines)
    text = "\n".join(lines)
    for fact in (
        "daemon  conf-1a2b3c4d on web3: running, up ", "pid 4711", "version 0.1.0",
        "conf    /etc/wmcore/conf.yml",
        "pool    default: running, wanted 4, running 4, busy 2",
        "queue   sqlite:////srv/app/queue.db: ok for ",
        "failed  12 in the failed list; newest ",
        "LATE50 LATE95 READY CLEARS LATER RUN",  # the console's words
    ):  # fmt: skip
        assert fact in text
    row = next(line for line in lines if line.startswith("sandbox.worker.A")).split()
    assert row[1:5] == ["4100", "9", "640", "58.2"]
    assert row[-4:] == ["3", "15s", "18", "1"]


def test_status_of_a_daemon_in_trouble() -> None:
    trouble = golden()
    trouble.notices = ["no wm_ tables: run wmcore --init-db"]
    trouble.pools = [
        Pool(name="mail", wanted=2, running=0, busy=0, state="backing off", workers=[], error="exit code 3")
    ]
    trouble.backend.ok = False
    trouble.backend.servers = [Server(name="db1", ok=False, since=trouble.now - 60, error="connection refused")]
    trouble.failed.count = None
    trouble.classes[0].paused = True
    trouble.classes[0].queue.ready = None
    trouble.classes[1].queue.ready = COUNT_LIMIT
    trouble.classes[1].lateness.p95 = None
    text = "\n".join(status.show_status(trouble))
    assert "pool    mail: backing off, wanted 2, running 0, busy 0: exit code 3" in text
    assert "queue   db1: DOWN for " in text and ": connection refused" in text
    assert "failed  not known" in text
    assert "notice  no wm_ tables: run wmcore --init-db" in text
    lines = text.split("\n")
    assert next(line for line in lines if line.startswith("sandbox.worker.A")).endswith(" paused")
    assert " 10k+ " in next(line for line in lines if line.startswith("sandbox.worker.B"))


def test_databases_of_which_one_is_down_and_one_was_not_asked_yet() -> None:
    found = golden()
    found.backend.ok = False
    found.backend.servers = [
        Server(name="db1", ok=False, since=found.now - 60, error="database db1: refused"),
        Server(name="db2", ok=False),
        Server(name="db3", ok=True, since=found.now - 60),
    ]
    said = [line for line in status.show_status(found) if line.startswith("queue")]
    assert said == ["queue   db1: DOWN for 1m00s: refused", "queue   db2: not asked yet", "queue   db3: ok for 1m00s"]


def test_status_says_what_is_wrong_after_the_pools() -> None:
    trouble = golden()
    assert not [line for line in status.show_status(trouble) if line.startswith("wrong")]
    trouble.pools[0].running = 3
    assert max(map(len, status.show_status(trouble))) <= 80
    trouble.backend = Backend(name="SQLite", ok=False, servers=[Server(name="db1", ok=False, since=trouble.now - 60)])
    late, uncounted = trouble.classes[0], trouble.classes[1]
    late.name, late.queue = f"A{EVIL}", Queue(ready=20, delayed=0, running=0, oldest=90_000.0)
    uncounted.queue = Queue(ready=None, delayed=None, running=None)
    lines = status.show_status(trouble)
    assert harmless(lines)
    facts = lines[: lines.index("")]
    assert [line.split()[0] for line in facts] == ["daemon", "conf", "pool", "wrong", "wrong", "queue", "failed"]
    assert facts[3] == "wrong   WARNING: pool default: 3 of 4 children running"
    assert facts[4] == f"wrong   WARNING: {clean(late.name)}: the oldest job waiting for 1m30s (warning above 1m00s)"


def test_children_have_a_line_each() -> None:
    lines = status.show_children(golden().children, golden().now)
    assert max(map(len, lines)) <= 80
    assert [line.split()[:3] for line in lines[1:]] == [
        ["0", "4720", "busy"], ["1", "4721", "busy"], ["2", "4722", "idle"], ["3", "4735", "starting"],
    ]  # fmt: skip
    assert lines[1].split()[-5:] == ["41", "3", "30M", "0-9120", "sandbox.worker.B"]
    assert "POOL" not in lines[0]


def test_children_of_several_pools_name_theirs() -> None:
    children = golden().children
    children[0].pool = "mail"
    lines = status.show_children(children, golden().now)
    assert lines[0].split()[:4] == ["SLOT", "PID", "POOL", "STATE"]
    assert lines[1].split()[:4] == ["0", "4720", "mail", "busy"]


def test_evil_in_the_status_stays_text() -> None:
    evil = msgspec.json.decode(msgspec.json.encode(golden()).replace(b"sandbox.worker.A", rb"A\u001b[2J\u202e"), type=type(golden()))  # noqa: E501  # fmt: skip
    evil.notices = [EVIL]
    evil.conf = evil.host = evil.instance = EVIL
    assert harmless(status.show_status(evil))
    assert harmless(status.show_children(evil.children, evil.now))


# -- jobs and failed jobs ---------------------------------------------------------------------------------------------


RECORD = FailedRecord(
    id="0-12", class_name="A", job="0-8801", failed_at=1795435890.0, insert_time=1795435800.0,
    run_after=1795435800.0, priority=3, uniqkey="order/7", arg='{"foo": 1}', raw=b'{"foo": 1}',
    attempts=[
        Attempt(at=1795435870.0, message="first", host="web3", slot=1, pid=4721),
        Attempt(at=1795435890.0, message="Failed 'A' 1", traceback="Traceback:\n\tat\x1b\nValueError\n", exit_status=2),
    ],
)  # fmt: skip


def test_a_failed_record_shows_argument_and_every_traceback() -> None:
    lines = failed.show_record(RECORD)
    text = "\n".join(lines)
    assert "id          0-12\nclass       A\njob         0-8801\n" in text
    assert "uniqkey     order/7" in text
    assert 'argument\n  {"foo": 1}\n' in text
    assert "web3  slot 1  pid 4721  exit status 1\n  first\n" in text
    assert "exit status 2\n  Failed 'A' 1\n  Traceback:\n  \tat␛\n  ValueError" in text
    assert "coalesce" not in text


def test_failed_jobs_are_listed_with_their_retry() -> None:
    page = failed.FailedPage(records=golden().failed.recent, total=2)
    retried = page.records[1]
    retried.retried_as, retried.fate, retried.failed_as = "0-9001", "failed", f"0-13{EVIL}"
    lines = failed.show_list(page)
    assert lines[1].endswith("4 sandbox.worker.A 0-8801 Failed 'A' 1")
    assert lines[2].endswith("0-8744 failed again: killed by signal 9 (SIGKILL)")
    said = fate(retried)
    assert said.startswith("as job 0-9001: failed again as 0-13")
    assert failed.show_list(failed.FailedPage(records=[])) == ["no failed jobs"]
    assert failed.show_list(failed.FailedPage(records=[]), "none of these") == ["none of these"]


def test_many_changes_are_counted() -> None:
    changed = failed.FailedChanged(done=[f"0-{number}" for number in range(21)])
    assert failed.show_changed(changed, "retried") == ["retried 21 jobs"]
    assert failed.show_changed(failed.FailedChanged(done=["0-1"]), "deleted") == ["deleted 0-1"]


def test_jobs_are_listed_with_a_short_argument() -> None:
    job = QueuedJob(
        id="0-1",
        class_name="A",
        state="delayed",
        insert_time=1795435800.0,
        run_after=1795439400.0,
        arg="x" * 100 + EVIL,
    )
    heads, row = jobs.show_jobs([job])
    assert heads.split() == ["ID", "STATE", "INSERTED", "DUE", "PRIO", "CLASS", "UNIQKEY", "ARGUMENT"]
    assert row.split()[:2] == ["0-1", "delayed"]
    assert row.endswith("- A     -       " + "x" * 59 + "…")
    assert jobs.show_jobs([]) == ["no jobs"]


# -- steering ---------------------------------------------------------------------------------------------------------


def test_what_was_decided_is_said() -> None:
    assert steer.show_scaled(steer.Scaled(pool="default", before=4, wanted=6)) == ["default: 4 -> 6 children wanted"]
    assert steer.show_scaled(steer.Scaled(pool="default", before=1, wanted=1)) == ["default: stays at 1 child"]
    assert steer.show_killed(steer.Killed(slot=0, pid=7, job="0-1")) == [
        "killed pid 7 in slot 0, job 0-1 is given back"
    ]
    assert steer.show_killed(steer.Killed(slot=0, pid=7, job=None)) == ["killed pid 7 in slot 0, it had no job"]
    assert steer.show_recycled(steer.SlotsChanged(slots=[0, 2])) == [
        "2 children replaced after the job in hand: slot 0 2"
    ]
    assert steer.show_stopping(steer.Stopping(state="stopping", children=1)) == ["stopping, 1 child left"]


def test_workers_on_all_hosts_where_the_queue_knows_them() -> None:
    known = JobClass(name="shop.Mail", queue=Queue(ready=1, delayed=0, running=2, workers=12))
    head, row = status.show_classes([known])
    assert head.split()[-2:] == ["RUN", "WORKERS"]
    assert row.split()[-2:] == ["2", "12"]
    assert "WORKERS" not in status.show_classes([JobClass(name="shop.Mail")])[0]
