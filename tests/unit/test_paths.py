"""Announcing and finding daemons, in folders that may or may not be there."""

import os
import socket
from pathlib import Path

import pytest

from wmcore import paths


@pytest.fixture(autouse=True)
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of this machine: `run/wmcore` stands for the system's (missing, like its parent)."""
    monkeypatch.setattr(paths, "SYSTEM_DIR", tmp_path / "run" / "wmcore")
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "home"))


@pytest.fixture
def sock(tmp_path: Path) -> Path:
    path = tmp_path / "wm.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    return path


def test_the_order_of_places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", f"{tmp_path}/a:{tmp_path}/b")
    assert paths.runtime_dirs() == [tmp_path / "a", tmp_path / "b", tmp_path / "run/wmcore", tmp_path / "home/wmcore"]


def test_announced_then_withdrawn(sock: Path, tmp_path: Path) -> None:
    link = paths.announce("one", sock)
    assert link == tmp_path / "home/wmcore/one.sock"
    assert paths.announced() == [sock]
    paths.withdraw(link, sock)
    assert paths.announced() == []
    paths.withdraw(link, sock)


def test_the_system_folder_comes_first_and_is_made(sock: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    assert paths.announce("one", sock) == tmp_path / "run/wmcore/one.sock"
    mode = (tmp_path / "run/wmcore").stat().st_mode & 0o777
    assert mode == (0o755 if os.geteuid() == 0 else 0o700)


def test_no_place_is_no_error(sock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    assert paths.announce("one", sock) is None
    assert paths.announced() == []
    paths.withdraw(None, sock)


def test_an_older_link_is_replaced_and_a_newer_one_kept(sock: Path, tmp_path: Path) -> None:
    link = paths.announce("one", tmp_path / "older.sock")
    assert paths.announce("one", sock) == link
    paths.withdraw(link, tmp_path / "older.sock")
    assert paths.announced() == [sock]
    assert link is not None
    assert [entry.name for entry in link.parent.iterdir()] == ["one.sock"]  # nothing temporary is left


def test_dangling_links_are_left_out_and_dead_sockets_are_not(sock: Path, tmp_path: Path) -> None:
    paths.announce("dead", sock)
    paths.announce("gone", tmp_path / "gone.sock")
    assert paths.announced() == [sock]


def test_a_daemon_found_twice_is_one(sock: Path) -> None:
    paths.announce("one", sock)
    paths.announce("again", sock)
    assert paths.announced() == [sock]


def test_units_have_folders_of_their_own_under_the_system_folder(sock: Path, tmp_path: Path,
                                                                 monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    unit = tmp_path / "run/wmcore/queue"
    unit.mkdir(parents=True)
    with monkeypatch.context() as daemon:
        daemon.setenv("RUNTIME_DIRECTORY", str(unit))
        assert paths.announce("one", sock) == unit / "one.sock"
    assert paths.announced() == [sock]


def test_a_socket_in_the_folder_itself_is_its_own_announcement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNTIME_DIRECTORY", str(tmp_path / "home"))
    path = tmp_path / "home/one.sock"
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
    link = paths.announce("one", path)
    assert path.is_socket()
    assert paths.announced() == [path]
    paths.withdraw(link, path)
    assert path.is_socket()


def test_a_relative_socket_is_made_absolute(sock: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(sock.parent)
    link = paths.announce("one", Path(sock.name))
    assert paths.announced() == [sock]
    paths.withdraw(link, Path(sock.name))
    assert paths.announced() == []
