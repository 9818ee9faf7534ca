"""`check`: each rule, the line that a monitor reads, and every way in which the daemon may not answer."""

import io
import json
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.peer import HANG_UP, SILENCE, Peer, golden, hello
from wmcore import paths
from wmcore.model import COUNT_LIMIT
from wmcore.protocol.framing import Code, RpcError
from wmcore.protocol.messages import FailedPage, JobClass, ListFailed, Queue, Server, Status
from wmtui.cli import is_check, main
from wmtui.judging import OFF, Limits, State, Thresholds, Verdict, judge, line
from wmtui.verbs.check import limits, seconds

pytestmark = pytest.mark.usefixtures("nobody_here")

NOW = golden().now
A, B = "sandbox.worker.A", "sandbox.worker.B"
EVIL = "x|'y'=\x1b[2J\nCRITICAL: no\u2028 \u202e"
PERFDATA = re.compile(r"'(?:[^'=|]|'')+'=(?:U|\d+(?:\.\d+)?s?);(?:\d+(?:\.\d+)?)?;(?:\d+(?:\.\d+)?)?;0")


def status(**changes: Any) -> Status:
    return msgspec.structs.replace(golden(), **changes)


def one(**changes: Any) -> Status:
    """Of one class, `shop.Invoice`, with nothing in it but `changes`."""
    queue = Queue(ready=changes.pop("ready", 0), delayed=changes.pop("delayed", 0), running=0,
                  oldest=changes.pop("oldest", None))  # fmt: skip
    return status(classes=[JobClass(name="shop.Invoice", queue=queue, **changes)])


def pool(**changes: Any) -> Status:
    return status(pools=[msgspec.structs.replace(golden().pools[0], **changes)])


def servers(*servers: Server, ready: int | None = 0) -> Status:
    made = one(ready=ready)
    made.backend.servers, made.backend.ok = list(servers), all(server.ok for server in servers)
    return made


def said(judged: Status, thresholds: Thresholds | None = None, failed: FailedPage | None = None) -> str:
    """The line without its performance data."""
    return line(judge(judged, thresholds or Thresholds(), failed)).partition(" | ")[0]


# -- the rules --------------------------------------------------------------------------------------------------------


def test_all_is_well() -> None:
    assert said(golden()) == "OK: 4 of 4 children running, 415 jobs waiting, the oldest for 3.3s"
    assert said(one()) == "OK: 4 of 4 children running, 0 jobs waiting"


@pytest.mark.parametrize(("oldest", "sentence"), [
    (60_000, "OK: 4 of 4 children running, 1 job waiting, the oldest for 1m00s"),
    (61_000, "WARNING: shop.Invoice: the oldest job waiting for 1m01s (warning above 1m00s)"),
    (300_000, "WARNING: shop.Invoice: the oldest job waiting for 5m00s (warning above 1m00s)"),
    (312_000, "CRITICAL: shop.Invoice: the oldest job waiting for 5m12s (critical above 5m00s)"),
])  # fmt: skip
def test_age_of_the_oldest_claimable_job(oldest: float, sentence: str) -> None:
    assert said(one(ready=1, oldest=oldest)) == sentence


@pytest.mark.parametrize(("ready", "sentence"), [
    (1_000, "OK: 4 of 4 children running, 1,000 jobs waiting"),
    (1_001, "WARNING: shop.Invoice: 1,001 jobs waiting (warning above 1,000)"),
    (10_000, "WARNING: shop.Invoice: 10,000 jobs waiting (warning above 1,000)"),
    (COUNT_LIMIT, "CRITICAL: shop.Invoice: more than 10,000 jobs waiting (critical above 10,000)"),
])  # fmt: skip
def test_depth(ready: int, sentence: str) -> None:
    assert said(one(ready=ready)) == sentence


def test_delayed_jobs_do_not_count() -> None:
    assert said(one(delayed=COUNT_LIMIT)).startswith("OK: ")


def test_what_is_off_is_not_judged() -> None:
    late = one(ready=COUNT_LIMIT, oldest=9e9)
    assert said(late, Thresholds(age=OFF, depth=OFF)).startswith("OK: ")
    assert said(late, Thresholds(age=Limits(1, None), depth=OFF)).startswith("WARNING: ")
    assert said(late, Thresholds(age=OFF, depth=Limits(None, 1))).startswith("CRITICAL: ")


def test_a_paused_class_never_gets_critical() -> None:
    sentence = "WARNING: shop.Invoice is paused, more than 10,000 jobs waiting, the oldest for 1d00h"
    assert said(one(ready=COUNT_LIMIT, oldest=86_400_000, paused=True)) == sentence
    assert said(one(ready=1, paused=True)).startswith("WARNING: shop.Invoice is paused, 1 job waiting")
    assert said(one(paused=True)).startswith("OK: ")


def test_only_the_classes_asked_for() -> None:
    late = golden()
    late.classes[0].queue.oldest = 1e9
    assert judge(late, Thresholds(classes=(B,))).state is State.OK
    verdict = judge(late, Thresholds(classes=(A,)))
    assert verdict.state is State.CRITICAL
    assert not any(B in figure.label for figure in verdict.figures)
    assert "3 jobs waiting" in verdict.summary


def test_an_unknown_class_is_unknown_and_the_known_are_named() -> None:
    sentence = f"UNKNOWN: the daemon has no class shop.Invoce (it has: {A}, {B})"
    assert said(golden(), Thresholds(classes=(A, "shop.Invoce"))) == sentence
    dead = pool(running=0)
    assert said(dead, Thresholds(classes=("shop.Invoce",))).startswith("CRITICAL: pool default: 0 of 4")


@pytest.mark.parametrize(("changes", "sentence"), [
    ({"running": 0, "error": "no fork"}, "CRITICAL: pool default: 0 of 4 children running: no fork"),
    ({"running": 3}, "WARNING: pool default: 3 of 4 children running"),
    ({"running": 0, "wanted": 0}, "WARNING: pool default is scaled to 0 children: 415 jobs wait, the oldest for"),
    ({"running": 0, "wanted": 0, "workers": []}, "OK: 0 of 0 children running"),
    ({"running": 5}, "OK: 5 of 4 children running"),  # one that leaves keeps its place until it is gone
    ({"state": "backing off", "running": 1, "error": "they die before their first turn"},
     "CRITICAL: pool default: 1 of 4 children running, backing off: they die before their first turn"),
    ({"state": "draining", "running": 1}, "WARNING: pool default is draining, 1 child left"),
    ({"error": "cannot be loaded"}, "WARNING: pool default: 4 of 4 children running: cannot be loaded"),
    ({"state": "of a later version"}, "OK: 4 of 4 children running"),
])  # fmt: skip
def test_pools(changes: dict[str, Any], sentence: str) -> None:
    assert said(pool(**changes)).startswith(sentence)


def test_a_daemon_that_comes_or_goes() -> None:
    starting = status(state="starting", classes=[], pools=pool(running=0).pools)
    assert said(starting, Thresholds(classes=(A,))) == "UNKNOWN: the daemon is starting"
    stopping = pool(state="stopping", running=0)
    stopping.state = "stopping"
    assert said(stopping) == "WARNING: the daemon is stopping, 4 children left"


UP = Server(name="one", ok=True, since=NOW - 9)
DOWN = Server(name="two", ok=False, since=NOW - 720, error="database two: connection refused")
UNASKED = Server(name="three", ok=False)


def test_databases() -> None:
    sentence = r"database two is down since \d\d:\d\d:\d\d \(12m\): connection refused"
    assert re.fullmatch(f"CRITICAL: {sentence}", said(servers(DOWN, ready=None)))
    assert re.fullmatch(f"CRITICAL: {sentence}; database two .*", said(servers(DOWN, DOWN, ready=None)))
    assert re.fullmatch(f"WARNING: {sentence}", said(servers(UP, DOWN)))
    assert re.fullmatch(f"WARNING: {sentence}; jobs are not counted yet: .*", said(servers(DOWN, UNASKED, ready=None)))


def test_a_job_server_is_called_so_and_tells_no_age() -> None:
    down = Server(name="js1:4730", ok=False, since=NOW - 720, error="job server js1:4730: connection refused")
    made = servers(down)
    made.backend.name = "Gearman"
    sentence = r"CRITICAL: job server js1:4730 is down since \d\d:\d\d:\d\d \(12m\): connection refused"
    assert re.fullmatch(sentence, said(made))
    waiting = one(ready=412)
    assert said(waiting) == "OK: 4 of 4 children running, 412 jobs waiting"
    waiting.classes[0].queue.workers = 8
    assert line(judge(waiting, Thresholds())).endswith(
        "'shop.Invoice age'=U;60;300;0 'shop.Invoice ready'=412;1000;10000;0 'shop.Invoice workers'=8;;;0"
    )


def test_figures_that_are_not_known_yet_are_unknown_unless_something_worse_is_known() -> None:
    unknown = servers(UNASKED, ready=None)
    assert said(unknown) == "UNKNOWN: jobs are not counted yet: shop.Invoice"
    assert "'shop.Invoice age'=U;60;300;0" in line(judge(unknown, Thresholds()))
    unknown.pools[0].running = 3
    assert said(unknown) == "WARNING: pool default: 3 of 4 children running; jobs are not counted yet: shop.Invoice"


def test_failed_jobs() -> None:
    page = FailedPage(records=golden().failed.recent, total=12)
    asked = Thresholds(failed=Limits(10, 100))
    last = "the last of sandbox.worker.A: Failed 'A' 1"
    assert said(one(), asked, page) == f"WARNING: 12 jobs failed within 1h00m, {last} (warning above 10)"
    page.total = COUNT_LIMIT
    assert said(one(), asked, page).startswith("CRITICAL: more than 10,000 jobs failed within 1h00m, ")
    assert said(one(), asked, FailedPage(records=[], total=0)).startswith("OK: ")
    for not_known in (None, FailedPage(records=[], total=None)):
        assert said(one(), asked, not_known) == "UNKNOWN: the failed jobs are not known"
        assert "'failed'=U;10;100;0" in line(judge(one(), asked, not_known))
    assert said(one(), Thresholds(), page).startswith("OK: ")


# -- the line ---------------------------------------------------------------------------------------------------------


def test_the_most_severe_comes_first() -> None:
    bad = servers(UP, DOWN, ready=None)
    bad.pools = [*pool(running=3).pools, *pool(running=0, name="mail").pools]
    states = [reason.state for reason in judge(bad, Thresholds(failed=Limits(1, 1))).reasons]
    assert states == [State.CRITICAL, State.WARNING, State.WARNING, State.UNKNOWN, State.UNKNOWN]
    assert said(bad).startswith("CRITICAL: pool mail: 0 of 4 children running; database two is down ")


def test_performance_data_in_the_standard_format() -> None:
    assert line(judge(one(ready=2, oldest=12_345.6), Thresholds(failed=Limits(None, 5)))).partition(" | ")[2] == (
        "'pool default children'=4;;;0 'shop.Invoice age'=12.346s;60;300;0 'shop.Invoice ready'=2;1000;10000;0 "
        "'failed'=U;;5;0"
    )


def test_hostile_names_stay_in_their_line_and_in_their_quotes() -> None:
    evil = one(ready=5, oldest=1e9)
    evil.classes[0].name = evil.pools[0].name = EVIL
    evil.pools[0].error = EVIL * 100
    evil.backend.servers = [Server(name=EVIL, ok=False, since=NOW, error=EVIL)]
    for text in (line(judge(evil, Thresholds())), line(judge(evil, Thresholds(classes=(EVIL, "\udcff" + EVIL))))):
        assert all(char.isprintable() for char in text)
        assert text.count("|") == 1
        words, _, figures = text.partition(" | ")
        assert words.startswith("CRITICAL: ")
        assert len(words) < 1000
        assert PERFDATA.sub("", figures).strip() == ""
    assert "'x¦''y''_␛[2J CRITICAL: no � age'=1000000s;60;300;0" in text


def test_many_reasons_are_counted_and_json_has_them_all() -> None:
    many = status(classes=[JobClass(name=f"c{n}", queue=Queue(ready=1, oldest=1e9)) for n in range(30)])
    assert said(many).count("c") < 80
    assert said(many).endswith("; and 22 more")
    assert len(judge(many, Thresholds()).reasons) == 30


def test_the_exit_codes_of_the_guidelines() -> None:
    assert {state.name: state.exit_code for state in State} == {"OK": 0, "WARNING": 1, "CRITICAL": 2, "UNKNOWN": 3}


# -- the command line -------------------------------------------------------------------------------------------------


def test_thresholds_are_read() -> None:
    read = [limits(text) for text in ("60:300", "0.5:1", "60:", ":300", "off", "0:0")]
    assert read == [Limits(60, 300), Limits(0.5, 1), Limits(60), Limits(None, 300), OFF, Limits(0, 0)]
    assert seconds("0.25") == 0.25


@pytest.mark.parametrize(("words", "sentence"), [
    ("check --age 60", "60 is neither WARN:CRIT, as in 60:300, nor off"),
    ("check --age :", ": is neither"), ("check --age x:y", "x:y is neither"), ("check --age 1e9:2", "1e9:2 is neither"),
    ("check --age 300:60", "300:60 would be critical before it warns"),
    ("check --depth 1:10001", "jobs are counted up to 10,000, a threshold above is never reached"),
    ("check --failed 20000:", "jobs are counted up to 10,000"),
    ("check --timeout 0", "0 is not a number of seconds"), ("check --failed-within -1", "-1 is not a number"),
    ("check --nonsense", "unrecognized arguments: --nonsense"), ("check more", "unrecognized arguments: more"),
    ("check --class", "expected one argument"), ("check -t", "expected one argument"),
    ("-t status check --nonsense", "unrecognized"), ("--json check --nonsense", "unrecognized"),
    ("check --age |\x1b", "¦␛ is neither"),
])  # fmt: skip
def test_a_wrong_command_line_is_unknown_on_stdout(
    words: str, sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as raised:
        main(words.split(" "))
    assert raised.value.code == 3
    out, err = capsys.readouterr()
    assert (out.startswith("UNKNOWN: "), sentence in out, out.count("\n"), err) == (True, True, 1, ""), out


def test_other_verbs_keep_their_way(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as raised:
        main(["-t", "check", "status", "--nonsense"])
    assert raised.value.code == 2
    assert "usage: wmtui" in capsys.readouterr().err
    lines = ([], ["-t"], ["-t", "check"], ["-t", "x", "check"], ["--age", "1:2", "check"])
    found = [is_check(words) for words in lines]
    assert found == [False, False, False, True, True]


def test_help_teaches(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit) as raised:
        main(["check", "--help"])
    assert raised.value.code == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    for fact in ("0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN", "60:300", "command[check_", "object CheckCommand"):
        assert fact in text


# -- asking -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer(tmp_path / "wm.sock", **{"failed.list": lambda _: FailedPage(records=[], total=0)}) as peer:
        yield peer


def check(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str]:
    code = main(["check", *words])
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    return code, out


def test_failed_jobs_are_asked_for_by_the_daemons_clock(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("-t", str(peer.path), "--failed", "1:2", "--failed-within", "900")
    peer.answers["failed.list"] = lambda asked: FailedPage(records=golden().failed.recent, total=2)
    assert check(capsys, *words)[0] == 1
    assert [asked.filter.since for asked in peer.asked if isinstance(asked, ListFailed)] == [NOW - 900]
    peer.asked.clear()
    assert check(capsys, *words, "--class", A, "--class", B, "--class", A)[0] == 2  # 2 and 2
    assert [asked.filter.class_name for asked in peer.asked if isinstance(asked, ListFailed)] == [A, B]


def test_failed_jobs_are_not_asked_for_unbidden(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    assert check(capsys, "-t", str(peer.path))[0] == 0
    assert not any(isinstance(asked, ListFailed) for asked in peer.asked)


@pytest.mark.parametrize("answer", [RpcError(Code.QUEUE_DOWN, "down"), RpcError(Code.REFUSED, "starting"), SILENCE])
def test_failed_jobs_not_to_be_had_hide_nothing(peer: Peer, capsys: pytest.CaptureFixture[str], answer: Any) -> None:
    peer.answers["status"] = lambda _: servers(DOWN, ready=None)
    peer.answers["failed.list"] = lambda _: answer
    code, out = check(capsys, "-t", str(peer.path), "--failed", "1:2", "--timeout", "3")
    assert code == 2
    assert re.match("CRITICAL: database two is down .*; the failed jobs are not known", out)


def test_a_child_that_is_just_being_replaced_is_not_missed(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    answers = [pool(running=3), pool(state="backing off"), golden()]
    peer.answers["status"] = lambda _: answers.pop(0)
    assert check(capsys, "-t", str(peer.path))[0] == 0
    peer.answers["status"] = lambda _: pool(running=3)
    assert check(capsys, "-t", str(peer.path), "--timeout", "2")[0] == 1


def test_json_is_the_verdict(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    peer.answers["status"] = lambda _: one(ready=2, oldest=100_000)
    code, out = check(capsys, "-t", str(peer.path), "--json", "--depth", "off")
    verdict = json.loads(out)
    assert (code, verdict["state"]) == (1, "WARNING")
    assert verdict["reasons"] == [
        {"state": "WARNING", "text": "shop.Invoice: the oldest job waiting for 1m40s (warning above 1m00s)"}
    ]
    assert verdict["figures"][1:] == [
        {"label": "shop.Invoice age", "value": 100.0, "unit": "s", "limits": {"warning": 60.0, "critical": 300.0}},
        {"label": "shop.Invoice ready", "value": 2, "unit": "", "limits": {"warning": None, "critical": None}},
    ]
    assert msgspec.json.decode(out, type=Verdict).state is State.WARNING


@pytest.mark.parametrize(("answer", "code", "sentence"), [
    (HANG_UP, 2, "CRITICAL: the daemon at .* has closed the connection"),
    (SILENCE, 2, r"CRITICAL: no answer from the daemon at .* within 0\.3s: it hangs"),
    (b"nonsense\n", 3, "UNKNOWN: "),
    (RpcError(Code.TOO_MANY, "64 | viewers\nare enough"), 3, "UNKNOWN: 64 ¦ viewers are enough"),
    (RpcError(Code.NO_METHOD, "status"), 3, "UNKNOWN: the daemon does not know this command"),
    ({"version": 1}, 3, "UNKNOWN: the daemon's answer is not understood"),
])  # fmt: skip
def test_a_daemon_that_answers_badly(
    peer: Peer, capsys: pytest.CaptureFixture[str], answer: Any, code: int, sentence: str
) -> None:
    peer.answers["status"] = lambda _: answer
    found, out = check(capsys, "-t", str(peer.path), "--timeout", "0.3" if answer is SILENCE else "10")
    assert found == code
    assert re.match(sentence, out), out


def test_looking_for_daemons_is_timed_too(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    paths.announce("one", peer.path)
    peer.answers["hello"] = lambda _: SILENCE
    assert check(capsys, "--timeout", "0.3") == (2, "CRITICAL: no answer from the daemon within 0.3s: it hangs\n")


def test_the_alarm_leaves_nothing_behind(peer: Peer, capsys: pytest.CaptureFixture[str]) -> None:
    handler, (left, _) = signal.getsignal(signal.SIGALRM), signal.getitimer(signal.ITIMER_REAL)
    check(capsys, "-t", str(peer.path))
    assert signal.getsignal(signal.SIGALRM) is handler
    assert (signal.getitimer(signal.ITIMER_REAL)[0] > 0) == (left > 0)


def test_no_daemon_is_critical_and_several_are_unknown(
    peer: Peer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(capsys, "-t", "absent.sock")[0] == 2
    assert check(capsys)[1].startswith("CRITICAL: no daemon found here")
    paths.announce("one", peer.path)
    assert check(capsys)[0] == 0
    with Peer(tmp_path / "other.sock", hello=lambda _: hello("/etc/wmcore/other.yml")) as other:
        paths.announce("two", other.path)
        code, out = check(capsys)
    assert (code, str(other.path) in out) == (3, True)
    assert check(capsys, "-t", str(tmp_path))[0] == 3  # a folder


def test_what_nobody_has_thought_of_is_unknown(
    peer: Peer, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def surprise(*_: object) -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("wmtui.verbs.check.judge", surprise)
    assert check(capsys, "-t", str(peer.path)) == (3, "UNKNOWN: the check itself has failed: ZeroDivisionError: oh\n")


def test_a_narrow_encoding(peer: Peer, monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(out, encoding="ascii"))
    assert main(["check", "-t", str(peer.path), "--class", "日|"]) == 3
    assert out.getvalue().startswith(b"UNKNOWN: the daemon has no class ?? (it has: ")
