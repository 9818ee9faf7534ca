"""The command line: every verb sends the right request, every ending has its exit code."""

import gc
import io
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.peer import HANG_UP, Peer, golden, hello
from wmcore import paths
from wmcore.protocol.framing import Code, RpcError
from wmcore.protocol.messages import (
    Bulk,
    ClassChanged,
    DeleteFailed,
    Drain,
    FailedChanged,
    FailedFilter,
    FailedGroup,
    FailedGroups,
    FailedPage,
    GetFailed,
    GroupFailed,
    JobPage,
    Kill,
    Killed,
    ListFailed,
    ListJobs,
    LogLines,
    Pause,
    PoolsChanged,
    QueuedJob,
    Recycle,
    RefusedItem,
    Resume,
    RetryFailed,
    Scale,
    Scaled,
    SlotsChanged,
    StartBulk,
    Stop,
    StopBulk,
    Stopping,
    TailLog,
    Unpause,
)  # fmt: skip
from wmtui.cli import MODULES, main, modules_for, verbs_of
from wmtui.failedlist import OPEN, frozen
from wmtui.loading import loading

Run = Callable[..., int]
SUMMARIES = golden().failed.recent


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "SYSTEM_DIR", tmp_path / "run")
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "stdin", io.StringIO())


RUN = Bulk(id="7", action="retry", filter=FailedFilter(), state="running", total=8211)
REASONS = [RefusedItem(id="0-3", reason="0-3 was retried already, as job 0-9")]


def begin(asked: StartBulk) -> Bulk:
    return msgspec.structs.replace(RUN, action=asked.action, filter=asked.filter)


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    answers: dict[str, Callable[[Any], Any]] = {
        "children": lambda _: golden().children,
        "scale": lambda asked: Scaled(pool=asked.pool or "default", before=4, wanted=4 + (asked.by or 0)),
        "drain": lambda _: PoolsChanged(pools=["default"]),
        "resume": lambda _: PoolsChanged(pools=["default"]),
        "pause": lambda asked: ClassChanged(class_name=asked.class_name, paused=True),
        "unpause": lambda asked: ClassChanged(class_name=asked.class_name, paused=False),
        "recycle": lambda _: SlotsChanged(slots=[0, 1]),
        "kill": lambda asked: Killed(slot=asked.slot, pid=asked.pid, job=asked.job),
        "stop": lambda _: Stopping(state="stopping", children=4),
        "failed.list": lambda _: FailedPage(records=SUMMARIES, total=2),
        "failed.retry": lambda asked: FailedChanged(done=asked.ids or ["0-12", "0-11"]),
        "failed.delete": lambda asked: FailedChanged(done=asked.ids or ["0-12", "0-11"]),
        "failed.groups": lambda _: FailedGroups(groups=[]),
        "bulk.start": begin,
        "bulk.list": lambda _: [msgspec.structs.replace(RUN, state="done", done=8209, refused=2, reasons=REASONS)],
        "bulk.stop": lambda _: msgspec.structs.replace(RUN, state="stopping"),
        "jobs.list": lambda _: JobPage(jobs=[]),
        "log.tail": lambda _: LogLines(path="/nowhere/wm.log", lines=["one", "two\x1b[2J"]),
    }
    with Peer(tmp_path / "wm.sock", **answers) as peer:
        yield peer


@pytest.fixture
def run(peer: Peer) -> Run:
    return lambda *words: main(["-t", str(peer.path), *words])


# -- requests ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "request_", "said"),
    [
        ("scale 6", Scale(to=6), "default: stays at 4 children\n"),
        ("scale +2", Scale(by=2), "default: 4 -> 6 children wanted\n"),
        ("scale -2", Scale(by=-2), "default: 4 -> 2 children wanted\n"),
        ("scale mail -2", Scale(pool="mail", by=-2), "mail: 4 -> 2 children wanted\n"),
        ("scale mail 3", Scale(pool="mail", to=3), "mail: stays at 4 children\n"),
        ("drain", Drain(), "default: draining\n"),
        ("drain mail", Drain(pool="mail"), "default: draining\n"),
        ("resume", Resume(), "default: running again\n"),
        ("pause A", Pause(class_name="A"), "A: paused\n"),
        ("unpause A", Unpause(class_name="A"), "A: runs again\n"),
        ("recycle", Recycle(), "2 children replaced after the job in hand: slot 0 1\n"),
        ("recycle 3", Recycle(slot=3), "2 children replaced after the job in hand: slot 0 1\n"),
        ("recycle mail", Recycle(pool="mail"), "2 children replaced after the job in hand: slot 0 1\n"),
        ("kill 0", Kill(slot=0, pid=4720, job="0-9120"), "killed pid 4720 in slot 0, job 0-9120 is given back\n"),
        ("kill 2", Kill(slot=2, pid=4722), "killed pid 4722 in slot 2, it had no job\n"),
        ("stop", Stop(), "stopping, 4 children left\n"),
        ("stop --now", Stop(now=True), "stopping, 4 children left\n"),
        ("failed retry 0-12 0-11", RetryFailed(ids=["0-12", "0-11"]), "retried 0-12\nretried 0-11\n"),
        ("failed delete 0-12", DeleteFailed(ids=["0-12"]), "deleted 0-12\n"),
        ("jobs --class A --state delayed --limit 5", ListJobs(class_name="A", state="delayed", limit=5), "no jobs\n"),
        ("jobs --id 0-7 --uniqkey K", ListJobs(id="0-7", uniqkey="K"), "no jobs\n"),
        ("jobs --text x --last --page 0|0|7", ListJobs(text="x", order="last", cursor="0|0|7"), "no jobs\n"),
        ("failed groups --error A", GroupFailed(filter=FailedFilter(error="A", retried=False)),
         "no failed job matches these conditions\n"),
        ("failed groups --both", GroupFailed(), "no failed jobs\n"),
        ("log --level warning --text x", TailLog(lines=20, level="warning", text="x"), "one\ntwo␛[2J\n"),
        ("log -n 2", TailLog(lines=2), "one\ntwo␛[2J\n"),
        ("log --error", TailLog(which="errorlog", lines=20), "one\ntwo␛[2J\n"),
    ],
)
def test_a_verb_asks_and_prints(
    run: Run, peer: Peer, capsys: pytest.CaptureFixture[str], words: str, request_: Any, said: str
) -> None:
    assert run(*words.split()) == 0
    assert peer.last() == request_
    assert capsys.readouterr() == (said, "")


@pytest.mark.parametrize("words", ["status", "children", "failed list", "failed list --class A --error x --limit 7"])
def test_a_verb_that_looks(run: Run, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert run(*words.split()) == 0
    said = capsys.readouterr()
    assert "sandbox.worker.A" in said.out
    assert said.err == ""
    assert "\x1b" not in said.out


@pytest.mark.parametrize(
    "words", ["status", "children", "scale +2", "kill 0", "failed list", "failed retry 0-1", "log"]
)
def test_json_is_the_reply_in_one_line(run: Run, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert run(*words.split(), "--json") == 0
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    json.loads(said)


@pytest.mark.parametrize(
    "words",
    ["-t SOCKET --json scale -2", "scale -t SOCKET -2 --json", "scale --json default -2 -t SOCKET",
     "scale default --json -2 --target=SOCKET"],
)  # fmt: skip
def test_options_stand_anywhere(peer: Peer, capsys: pytest.CaptureFixture[str], words: str) -> None:
    assert main(words.replace("SOCKET", str(peer.path)).split()) == 0
    assert json.loads(capsys.readouterr().out) == {"pool": "default", "before": 4, "wanted": 2}


def test_lists_are_read_page_by_page(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    def page(asked: ListJobs) -> JobPage:
        start = int(asked.cursor or 0)
        jobs = [
            QueuedJob(id=f"0-{number}", class_name="A", state="ready", insert_time=0, run_after=0)
            for number in range(start, start + asked.limit)
        ]
        return JobPage(jobs=jobs, cursor=str(start + asked.limit))

    peer.answers["jobs.list"] = page
    assert run("jobs", "--limit", "450") == 0
    said = capsys.readouterr()
    assert said.out.count("\n") == 451
    assert "0-449" in said.out
    assert said.err == "wmtui: there are more than these 450; go on with --page '450', or --limit N\n"
    assert [asked.limit for asked in peer.asked if isinstance(asked, ListJobs)] == [200, 200, 50]


def test_failed_show_prints_the_record(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.unit.test_verbs_printing import RECORD

    peer.answers["failed.get"] = lambda _: RECORD
    assert run("failed", "show", "0-12") == 0
    assert peer.last() == GetFailed(id="0-12")
    assert "ValueError" in capsys.readouterr().out


# -- deleting ---------------------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_deleting_several_needs_a_yes(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["0-12", "0-11"], ["--all"]):
        assert run("failed", "delete", *words) == 2
        assert (
            "delete 2 failed jobs with their arguments, for good? Nobody can be asked here" in capsys.readouterr().err
        )
    assert not any(isinstance(asked, DeleteFailed) for asked in peer.asked)


@pytest.mark.parametrize(("answer", "code"), [("y\n", 0), ("yes\n", 0), ("n\n", 1), ("\n", 1), ("", 1)])
def test_deleting_several_asks_on_a_terminal(
    run: Run, peer: Peer, monkeypatch: pytest.MonkeyPatch, answer: str, code: int
) -> None:
    monkeypatch.setattr(sys, "stdin", Terminal(answer))
    monkeypatch.setattr(sys, "stderr", Terminal())
    peer.answers["bulk.list"] = lambda _: [msgspec.structs.replace(RUN, state="done", done=2)]
    assert run("failed", "delete", "--all") == code
    assert [asked for asked in peer.asked if isinstance(asked, StartBulk)] == (
        [StartBulk(action="delete", filter=frozen(OPEN, SUMMARIES[0].failed_at), expected=2)] if code == 0 else []
    )


def test_a_filter_is_worked_through_by_the_daemon(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.answers["failed.list"] = lambda _: FailedPage(records=SUMMARIES, total=8211)
    assert run("failed", "retry", "--all", "--class", "A", "--fingerprint", "a1", "--no-retried") == 1
    which = FailedFilter(class_name="A", fingerprint="a1", retried=False, until=SUMMARIES[0].failed_at)
    assert StartBulk(action="retry", expected=8211, filter=which) in peer.asked
    said = capsys.readouterr()
    assert said.out == "retried 8209 jobs of 8,211\n"
    assert said.err == "wmtui: 0-3: 0-3 was retried already, as job 0-9\nwmtui: 1 more were refused\n"


@pytest.mark.parametrize(
    ("word", "moment"), [("1795435000.5", 1795435000.5), ("2026-11-26T03:40:00+00:00", 1795664400.0)]
)
def test_failed_jobs_of_a_time(run: Run, peer: Peer, word: str, moment: float) -> None:
    assert run("failed", "list", "--since", word, "--until", word) == 0
    assert peer.last() == ListFailed(filter=msgspec.structs.replace(OPEN, since=moment, until=moment), limit=100)


def test_a_time_ago_and_one_that_is_none(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    before = time.time()
    assert run("failed", "list", "--since", "90s") == 0
    asked = peer.last()
    assert isinstance(asked, ListFailed) and before - 91 < (asked.filter.since or 0) < time.time() - 89
    with pytest.raises(SystemExit, match="2"):
        run("failed", "list", "--since", "yesterday")
    assert "invalid time (5m, 7d, 2026-11-26T03:40, Unix seconds) value: 'yesterday'" in capsys.readouterr().err


def test_control_c_stops_the_run_and_waits_for_it(
    run: Run, peer: Peer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    naps: list[float] = []

    def interrupted(seconds: float) -> None:
        naps.append(seconds)
        if len(naps) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr("wmtui.verbs.bulk.time.sleep", interrupted)
    peer.answers["bulk.list"] = lambda _: [msgspec.structs.replace(RUN, state="stopped", done=300)]
    assert run("failed", "retry", "--all") == 1
    assert StopBulk(id="7") in peer.asked
    assert capsys.readouterr() == ("retried 300 jobs of 8,211\n", "wmtui: stopped before the end\n")


def test_groups_are_a_table(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    now = time.time()
    groups = [
        FailedGroup(fingerprint="a1b2", class_name="mail.Send", error="timeout after N s", count=10_001, at_least=True,
                    first=now - 7200, last=now - 61, newest="0-9"),
        FailedGroup(fingerprint="", class_name=None, error="", count=3, first=now - 9e6, last=now - 8e6, newest="0-1"),
    ]  # fmt: skip
    peer.answers["failed.groups"] = lambda _: FailedGroups(groups=groups, partial=True, scanned=50_000)
    assert run("failed", "groups") == 0
    said = capsys.readouterr()
    assert said.out.splitlines() == [
        "  COUNT  LAST FIRST FINGERPRINT NEWEST CLASS     ERROR",
        "10,001+ 1m01s 2h00m a1b2        0-9    mail.Send timeout after N s",
        "      3   92d  104d -           0-1    (several) (failed before there were fingerprints)",
    ]
    assert said.err == "wmtui: this is not everything: the newest 50,000 records were looked at\n"


def test_a_list_that_is_not_whole_says_how_to_go_on(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    def page(asked: ListFailed) -> FailedPage:
        return FailedPage(records=SUMMARIES, total=100_000, at_least=True, cursor="c1", before="c2")

    peer.answers["failed.list"] = page
    assert run("failed", "list", "--limit", "2", "--oldest", "--page", "c0") == 0
    assert peer.last() == ListFailed(filter=OPEN, cursor="c0", limit=2, order="oldest")
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.out.splitlines()[1:]] == ["0-11", "0-12"], "oldest first"
    assert said.err == "wmtui: these are the oldest 2 of 100,000+; go on with --page 'c2', or --limit N\n"


def test_nothing_matching_is_nothing_done(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.answers["failed.list"] = lambda _: FailedPage(records=[], total=0)
    assert run("failed", "delete", "--all", "--class", "A") == 0
    assert capsys.readouterr().out == "no failed job matches\n"


# -- exit codes -------------------------------------------------------------------------------------------------------


def test_refusals_exit_1_with_the_daemons_sentence(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.answers["scale"] = lambda _: RpcError(Code.REFUSED, "pool default can have 0 to 4096 children, not -1")
    assert run("scale", "-9") == 1
    assert capsys.readouterr() == ("", "wmtui: pool default can have 0 to 4096 children, not -1\n")
    peer.answers["failed.retry"] = lambda _: FailedChanged(
        done=["0-1"], refused=[RefusedItem(id="0-2", reason="taken")]
    )
    assert run("failed", "retry", "0-1", "0-2") == 1
    assert capsys.readouterr() == ("retried 0-1\n", "wmtui: 0-2: taken\n")


def test_killing_in_an_empty_slot_exits_1(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("kill", "9") == 1
    assert capsys.readouterr().err == "wmtui: there is no child in slot 9 (slots with one: 0, 1, 2, 3)\n"


@pytest.mark.parametrize(
    "words",
    ["", "nonsense", "reload", "kill", "kill x", "pause", "jobs --state odd", "jobs --limit 0", "failed", "failed show",
     "status --nonsense", "scale"],
)  # fmt: skip
def test_what_argparse_refuses_exits_2(run: Run, capsys: pytest.CaptureFixture[str], words: str) -> None:
    with pytest.raises(SystemExit) as raised:
        run(*words.split())
    assert raised.value.code == 2
    assert "usage: wmtui" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    ["scale x", "scale a b 3", "scale +", "failed retry", "failed retry 0-1 --all", "failed delete 0-1 --class A",
     "attach", "attach a b", "attach --json"],
)  # fmt: skip
def test_other_usage_exits_2_before_anything_is_asked(
    run: Run, peer: Peer, capsys: pytest.CaptureFixture[str], words: str
) -> None:
    assert run(*words.split()) == 2
    assert capsys.readouterr().err.startswith("wmtui: ")
    assert peer.asked == []


def test_several_daemons_and_no_target_exits_2(peer: Peer, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Peer(tmp_path / "other.sock", hello=lambda _: hello("/etc/wmcore/other.yml")) as other:
        paths.announce("one", peer.path)
        paths.announce("two", other.path)
        assert main(["scale", "+1"]) == 2
    said = capsys.readouterr().err
    assert f"{other.path}  /etc/wmcore/other.yml" in said
    assert not any(isinstance(asked, Scale) for asked in peer.asked)


def test_the_only_daemon_needs_no_target(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    paths.announce("one", peer.path)
    assert main(["scale", "+1"]) == 0


@pytest.mark.parametrize("words", ["status", "-t absent.sock status", "-t conf.yml status"])
def test_no_daemon_exits_3(tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str) -> None:
    (tmp_path / "conf.yml").write_text("workers: [a]\nsocket: absent.sock\n")
    assert main(words.split()) == 3
    assert "no daemon" in capsys.readouterr().err


def test_a_daemon_that_goes_while_asked_exits_3(run: Run, peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.answers["status"] = lambda _: HANG_UP
    assert run("status") == 3


# -- the program ------------------------------------------------------------------------------------------------------


def program(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "wmtui.cli", *words], capture_output=True, text=True, timeout=30,
        cwd=Path(__file__).parents[2], check=False, **options,
    )  # fmt: skip


def test_the_program_works_in_a_pipe(peer: Peer) -> None:
    done = program("status", "-t", str(peer.path))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("daemon  conf-1a2b3c4d on web3")
    assert program("attach", "-t", str(peer.path), stdin=subprocess.DEVNULL).returncode == 2


def test_a_reader_that_has_seen_enough_is_no_error(peer: Peer) -> None:
    command = [sys.executable, "-m", "wmtui.cli", "status", "-t", str(peer.path)]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        command, stdout=write, stderr=subprocess.PIPE, timeout=30, cwd=Path(__file__).parents[2], check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_full_disk_is_said_in_a_sentence(peer: Peer, unbuffered: str) -> None:
    shell = f"exec {sys.executable} -m wmtui.cli status -t {peer.path} >/dev/full"
    assert shelled(shell, PYTHONUNBUFFERED=unbuffered) == (
        1, "wmtui: what there is to say cannot be written: No space left on device\n",
    )  # fmt: skip


def test_a_stream_may_be_closed(peer: Peer) -> None:
    assert shelled(f"exec {sys.executable} -m wmtui.cli status -t {peer.path} >&-") == (0, "")
    assert shelled(f"exec {sys.executable} -m wmtui.cli status -t {peer.path}/none 2>&-") == (3, "")


def shelled(command: str, **env: str) -> tuple[int, str]:
    done = subprocess.run(
        ["/bin/sh", "-c", command], capture_output=True, text=True, timeout=30, cwd=Path(__file__).parents[2],
        check=False, env={**os.environ, **env},
    )  # fmt: skip
    return done.returncode, done.stderr


def test_the_program_is_a_module_too() -> None:
    for name in ("wmtui", "wmcore"):
        command = [sys.executable, "-m", name, "--help"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, cwd=Path(__file__).parents[2])
        assert (done.returncode, done.stdout.split()[:2]) == (0, ["usage:", name])


def test_a_refused_level_names_those_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["log", "--level", "loud"])
    assert "LogLevel" not in capsys.readouterr().err


def test_the_table_of_modules_names_every_verb() -> None:
    for module, names in MODULES.items():
        assert [verb.name for verb in verbs_of([module])] == names
    modules = {path.stem for path in Path(sys.modules["wmtui.verbs.base"].__file__ or "").parent.glob("*.py")}
    assert modules - {"__init__", "base", "bulk"} == set(MODULES)


def test_only_what_may_be_meant_is_loaded() -> None:
    assert modules_for(["-t", "x", "children", "--json"]) == ["status"]
    assert modules_for(["-t", "drain", "status"]) == ["status", "steer"], "a target may be called like a verb"
    assert modules_for(["status", "--help"]) == modules_for([]) == modules_for(["stats"]) == list(MODULES)


def test_verbs_load_neither_textual_nor_an_event_loop() -> None:
    code = (
        "import sys, wmtui.cli; assert not [n for n in sys.modules if n.startswith(('wmcore', 'msgspec', 'asyncio'))];"
        "wmtui.cli.verbs_of(wmtui.cli.MODULES);"
        "print([n for n in sys.modules if n.split('.')[0] in ('textual', 'rich', 'sqlalchemy', 'yaml', 'asyncio')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                          cwd=Path(__file__).parents[2], timeout=30)  # fmt: skip
    assert done.stdout == "[]\n"


def test_garbage_is_looked_for_again_when_all_is_loaded() -> None:
    with pytest.raises(ZeroDivisionError), loading():
        assert not gc.isenabled()
        _ = 1 / 0
    assert gc.isenabled() and gc.get_freeze_count() > 0
    gc.unfreeze()


def test_a_verb_is_loaded_without_looking_for_garbage(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the time of `wmtui status` went for that."""
    looking: list[bool] = []
    monkeypatch.setattr("wmtui.cli.verbs_of", lambda names: looking.append(gc.isenabled()) or verbs_of(names))
    assert main(["status", "-t", "/nonexistent"]) == 3
    gc.unfreeze()
    assert looking == [False]
