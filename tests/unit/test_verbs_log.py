"""`log -f` goes on from the file, also when that is put aside or cut."""

from pathlib import Path

import pytest

from wmtui.verbs.log import follow


def test_lines_come_as_they_are_written_and_whole(tmp_path: Path) -> None:
    log = tmp_path / "wm.log"
    log.write_bytes(b"one\ntwo\nthree\n")
    lines = follow(log, 2)
    assert next(lines) == ["two", "three"]
    assert next(lines) == []
    with log.open("ab") as file:
        file.write(b"four\nfi")
        file.flush()
        assert next(lines) == ["four"]
        file.write(b"ve\x1b\xff\n")
    assert next(lines) == ["five␛�"]
    assert next(lines) == []


def test_a_rotated_log_is_followed_into_the_new_one(tmp_path: Path) -> None:
    log = tmp_path / "wm.log"
    log.write_bytes(b"one\n")
    lines = follow(log, 5)
    assert next(lines) == ["one"]
    with log.open("ab") as file:
        log.rename(tmp_path / "wm.log.1")
        assert next(lines) == []  # put aside, no new one yet: the daemon still writes here
        file.write(b"two\n")
        file.flush()
        assert next(lines) == ["two"]
    log.write_bytes(b"three\nfour\n")
    assert [next(lines), next(lines)] == [[], ["three", "four"]]
    assert next(lines) == []


def test_a_log_that_is_cut_is_read_from_its_start(tmp_path: Path) -> None:
    log = tmp_path / "wm.log"
    log.write_bytes(b"one\ntwo\n")
    lines = follow(log, 5)
    assert next(lines) == ["one", "two"]
    log.write_bytes(b"3\n")
    assert [next(lines), next(lines)] == [[], ["3"]]


def test_a_log_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        next(follow(tmp_path / "absent.log", 5))
