"""The log: levels, the last lines, following it while files are put aside, cut and taken away."""

from pathlib import Path

import pytest

from wmcore.commands import logs
from wmcore.commands.logs import Place, following, last
from wmcore.logs import Formatter, JobEnd, level_of
from wmcore.model import Outcome


def everything(line: str) -> str:
    return "x"


def texts(part: logs.Part) -> list[str]:
    return [line for line, _ in part.lines]


@pytest.mark.parametrize("style", ["text", "json"])
def test_levels(style: str) -> None:
    formatter = Formatter("TheSchwartz", style)

    def job(outcome: Outcome) -> str:
        return level_of(formatter.job(JobEnd("A job", outcome, "0-1", 1, 2, 3), 1.0).rstrip("\n"))

    assert [job(outcome) for outcome in (Outcome.COMPLETED, Outcome.DECLINED, Outcome.LATE, Outcome.FAILED)] == [
        "info", "info", "warning", "error",
    ]  # fmt: skip
    for level in ("debug", "notice", "warning", "error"):
        assert level_of(formatter.note("it is: so", 1.0, level).rstrip("\n")) == level
    assert level_of(formatter.started(3, 77, 1.0).rstrip("\n")) == "notice"
    assert level_of(formatter.exited(3, 77, 0, 0, 1.0).rstrip("\n")) == "notice"
    assert level_of(formatter.exited(3, 77, 1, 0, 1.0).rstrip("\n")) == "warning"
    assert level_of(formatter.exited(3, 77, 137, 9, 1.0).rstrip("\n")) == "warning"


@pytest.mark.parametrize("line", ["", "x", "{", '{"event": 7}', "2009 WorkerManager", "a b c d"])
def test_a_line_of_somebody_else_is_a_notice(line: str) -> None:
    assert level_of(line) == "notice"


def test_the_last_lines_that_are_wanted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "LOOK_BACK", (20, 60, 100))
    log = tmp_path / "wm.log"
    log.write_bytes(b"".join(b"line %03d\n" % number for number in range(50)) + b"unfinish")
    assert texts(last(log, 2, everything)) == ["line 048", "line 049"]
    wanted = last(log, 2, lambda line: "x" if line.endswith("5") else None)
    assert texts(wanted) == ["line 045"], "no further back than the bound"
    assert wanted.place == Place(log.stat().st_ino, 50 * 9)


def test_only_new_lines_follow(tmp_path: Path) -> None:
    log = tmp_path / "wm.log"
    log.write_bytes(b"one\n")
    place = last(log, 9, everything).place
    assert texts(following(log, place, 9, everything)) == []
    with log.open("ab") as file:
        file.write(b"two\nthree\n\xff\x1b\nfo")
    part = following(log, place, 9, everything)
    assert (texts(part), part.more, part.gap) == (["two", "three", "\ufffd\x1b"], False, False)
    some = following(log, place, 1, everything)
    assert (texts(some), some.more) == (["two"], True)
    assert texts(following(log, some.place, 9, everything)) == ["three", "\ufffd\x1b"]


def test_a_log_that_is_put_aside_is_read_to_its_end_first(tmp_path: Path) -> None:
    log = tmp_path / "wm.log"
    log.write_bytes(b"one\n")
    place = last(log, 9, everything).place
    log.rename(tmp_path / "wm.log.1")
    with (tmp_path / "wm.log.1").open("ab") as file:
        file.write(b"two\n")
    aside = following(log, place, 9, everything)  # no new one yet: the daemon still writes there
    assert (texts(aside), aside.more) == (["two"], False)
    log.write_bytes(b"three\n")
    crossed = following(log, place, 9, everything)
    assert (texts(crossed), crossed.more) == (["two"], True)
    then = following(log, crossed.place, 9, everything)
    assert (texts(then), then.more, then.gap) == (["three"], False, False)


def test_what_is_gone_is_a_gap(tmp_path: Path) -> None:
    log = tmp_path / "wm.log"
    log.write_bytes(b"one\ntwo\n")
    place = last(log, 9, everything).place
    log.write_bytes(b"3\n")  # copied and cut
    cut = following(log, place, 9, everything)
    assert (texts(cut), cut.gap) == (["3"], True)
    away = following(log, Place(1, 99), 9, everything)
    assert (texts(away), away.gap, away.more) == ([], True, True)
    assert texts(following(log, away.place, 9, everything)) == ["3"]


def test_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "READ_ON", 10)
    log = tmp_path / "wm.log"
    log.write_bytes(b"short\n" + b"x" * 25 + b"\nend\n")
    seen, part = [], following(log, Place(log.stat().st_ino, 0), 9, everything)
    while True:
        seen += texts(part)
        if not part.more:
            break
        part = following(log, part.place, 9, everything)
    assert seen[0] == "short"
    assert "".join(seen[1:-1]) == "x" * 25
    assert seen[-1] == "end"
