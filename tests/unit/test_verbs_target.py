"""Which daemon a TARGET means."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.peer import SILENCE, Answer, Peer, hello
from wmcore import paths
from wmcore.errors import NoDaemon, UsageError
from wmtui import target
from wmtui.ssh import SshTarget
from wmtui.target import resolve, resolve_all

pytestmark = pytest.mark.usefixtures("nobody_here")


@pytest.fixture
def daemons(tmp_path: Path) -> Iterator[list[Peer]]:
    """Two that are announced."""
    peers = [Peer(tmp_path / f"{name}.sock", hello=_hello(tmp_path / f"{name}.yml")) for name in "ab"]
    with peers[0], peers[1]:
        for peer in peers:
            paths.announce(peer.path.stem, peer.path)
        yield peers


def _hello(conf: Path) -> Answer:
    return lambda _: hello(str(conf))


def write(path: Path, text: str) -> str:
    path.write_text(text)
    return str(path)


def test_a_socket_is_itself(tmp_path: Path) -> None:
    assert resolve("run/x.sock") == Path("run/x.sock")
    assert resolve(str(tmp_path / "absent")) == tmp_path / "absent"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("workers: [a]\nsocket: /srv/wm.sock\npidfile: /srv/other.pid\n", "/srv/wm.sock"),
        ("workers: [a]\npidfile: /srv/wm.pid\n", "/srv/wm.sock"),
        ("workers: [a]\n", "/var/run/workermanager.sock"),
    ],
)
def test_a_conf_names_a_socket(tmp_path: Path, text: str, named: str) -> None:
    assert resolve(write(tmp_path / "conf.yml", text)) == Path(named)
    assert resolve(write(tmp_path / "other.conf", text)) == Path(named)


def test_relative_paths_of_a_conf_count_from_here(tmp_path: Path) -> None:
    (tmp_path / "conf").mkdir()
    conf = write(tmp_path / "conf/conf.yml", "workers: [a]\npidfile: wm.pid\n")
    with pytest.raises(NoDaemon, match=r"its socket wm\.sock is not here"):
        resolve(conf)
    with Peer(tmp_path / "wm.sock"):
        assert resolve(conf) == Path("wm.sock")


def test_a_conf_read_elsewhere_is_found_by_asking(daemons: list[Peer], tmp_path: Path) -> None:
    conf = write(tmp_path / "b.yml", "workers: [a]\nsocket: run/wm.sock\n")
    assert resolve(conf) == daemons[1].path


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "not YAML"),
        ("- a\n", "must be a mapping"),
        ("socket: 3\n", "socket must be a path"),
        ("pidfile: /\n", "pidfile must be a path"),
        ("", "mapping"),
    ],
)
def test_a_conf_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        resolve(write(tmp_path / "conf.yml", text))


def test_a_conf_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        resolve("conf.yml")
    with pytest.raises(UsageError, match="is a folder"):
        resolve(str(tmp_path))


def test_none_there() -> None:
    with pytest.raises(NoDaemon, match=r"no daemon found here \(looked for links in .*run\)"):
        resolve(None)


def test_the_only_one_is_used_and_dead_ones_do_not_count(daemons: list[Peer], tmp_path: Path) -> None:
    daemons[1].leave()
    assert resolve(None) == daemons[0].path


def test_several_are_listed_with_their_conf(daemons: list[Peer], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        resolve(None)
    listing = str(raised.value)
    assert "2 daemons run here" in listing
    for name in "ab":
        assert f"{tmp_path}/{name}.sock  {tmp_path}/{name}.yml" in listing


def test_one_that_hangs_may_be_alive_and_counts(
    daemons: list[Peer], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(target, "PROBE_SECONDS", 0.1)
    daemons[1].answers["hello"] = lambda _: SILENCE
    with pytest.raises(UsageError, match=r"b.sock  \(does not answer\)"):
        resolve(None)


def test_a_dead_one_says_why_and_several_are_counted(daemons: list[Peer]) -> None:
    for daemon in daemons:
        daemon.leave()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(daemons[0].path))
    with pytest.raises(NoDaemon, match="it has died"):
        resolve(None)
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(daemons[1].path))
    with pytest.raises(NoDaemon, match="2 sockets, nobody listens"):
        resolve(None)


def test_ssh_targets_stand_beside_sockets_each_once() -> None:
    far = SshTarget("web3", "ops")
    assert resolve("ssh://ops@web3") == far
    assert resolve_all(["ssh://ops@web3", "a.sock", "ssh://ops@web3/"]) == [far, Path("a.sock")]
