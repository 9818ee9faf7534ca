"""The clients against the far end that does everything a far end can do wrong."""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.unit.peer import HANG_UP, SILENCE, Peer, golden
from wmcore.errors import NoDaemon, NotFound, ProtocolError, QueueDown, Refused, WmError
from wmcore.protocol import blocking as module
from wmcore.protocol.client import (
    AsyncClient,
    Client,
    ConnectionLost,
    LineBuffer,
    Silent,
    Unreachable,
    connect_problem,
)
from wmcore.protocol.framing import Code, RpcError, encode_notification, encode_result
from wmcore.protocol.messages import GetStatus, Scale, Scaled, Status


@pytest.fixture
def peer(tmp_path: Path) -> Iterator[Peer]:
    with Peer(tmp_path / "wm.sock") as peer:
        yield peer


def frame(viewers: int) -> Status:
    return msgspec.structs.replace(golden(), viewers=viewers)


ERRORS: list[tuple[int, type[WmError]]] = [
    (Code.REFUSED, Refused),
    (Code.NOT_FOUND, NotFound),
    (Code.QUEUE_DOWN, QueueDown),
    (Code.DENIED, Refused),
    (Code.TOO_MANY, Refused),
    (Code.TOO_LONG, Refused),
    (Code.NO_METHOD, ProtocolError),
    (Code.BAD_PARAMS, ProtocolError),
    (Code.INTERNAL, ProtocolError),
    (99, ProtocolError),
]

NONSENSE: list[bytes] = [b"HTTP/1.1 400 Bad Request\r\n", b"[1]\n", b"\xff\xfe\n", b"[" * 50_000 + b"\n"]


# -- blocking ---------------------------------------------------------------------------------------------------------


def test_a_call_gives_the_typed_result(peer: Peer) -> None:
    with Client.connect(peer.path) as client:
        assert client.call(GetStatus()) == golden()
        peer.answers["scale"] = lambda request: Scaled(pool="default", before=4, wanted=4 + request.by)
        assert client.call(Scale(by=2)) == Scaled(pool="default", before=4, wanted=6)
    assert peer.asked == [GetStatus(), Scale(by=2)]


@pytest.mark.parametrize(("code", "kind"), ERRORS)
def test_an_error_reply_raises_what_it_stands_for(peer: Peer, code: int, kind: type[WmError]) -> None:
    peer.answers["status"] = lambda _: RpcError(code, "it cannot be")
    with Client.connect(peer.path) as client, pytest.raises(kind, match="it cannot be") as raised:
        client.call(GetStatus())
    assert type(raised.value) is kind
    assert raised.value.exit_code == 1


def test_replies_to_others_and_notifications_are_skipped(peer: Peer) -> None:
    answer = encode_result(99, None) + encode_notification("status", golden()) + encode_result(1, golden())
    peer.answers["status"] = lambda _: answer
    with Client.connect(peer.path) as client:
        assert client.call(GetStatus()) == golden()


def test_being_turned_away_at_the_door_is_told(peer: Peer) -> None:
    peer.answers["status"] = lambda _: b'{"jsonrpc":"2.0","id":null,"error":{"code":6,"message":"64 clients"}}\n'
    with Client.connect(peer.path) as client, pytest.raises(Refused, match="64 clients"):
        client.call(GetStatus())


@pytest.mark.parametrize("said", NONSENSE)
def test_nonsense_is_a_protocol_error(peer: Peer, said: bytes) -> None:
    peer.answers["status"] = lambda _: said
    with Client.connect(peer.path) as client, pytest.raises(ProtocolError):
        client.call(GetStatus())


def test_a_result_of_another_type_is_a_protocol_error(peer: Peer) -> None:
    peer.answers["status"] = lambda _: {"version": 3}
    with Client.connect(peer.path) as client, pytest.raises(ProtocolError, match="another version"):
        client.call(GetStatus())


def test_a_daemon_that_hangs_up_is_lost(peer: Peer) -> None:
    peer.answers["status"] = lambda _: HANG_UP
    with Client.connect(peer.path) as client, pytest.raises(ConnectionLost):
        client.call(GetStatus())


def test_a_daemon_that_says_nothing_is_unreachable(peer: Peer) -> None:
    peer.answers["status"] = lambda _: SILENCE
    with Client.connect(peer.path, timeout=0.1) as client, pytest.raises(Unreachable, match="does not answer"):
        client.call(GetStatus())


def test_subscribe_yields_frames_and_ends_with_the_daemon(peer: Peer) -> None:
    peer.frames = [frame(1), frame(2)]
    with Client.connect(peer.path) as client:
        frames = client.subscribe(0.5)
        assert [next(frames).viewers, next(frames).viewers] == [1, 2]
        peer.leave()
        with pytest.raises(ConnectionLost):
            next(frames)


# -- nobody there -----------------------------------------------------------------------------------------------------


def test_no_socket(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="no such socket") as raised:
        Client.connect(tmp_path / "wm.sock")
    assert raised.value.exit_code == 3


def test_a_socket_that_nobody_listens_to(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "wm.sock"))
    with pytest.raises(NoDaemon, match="nobody listens"):
        Client.connect(tmp_path / "wm.sock")


def test_a_file_that_is_no_socket(tmp_path: Path) -> None:
    (tmp_path / "wm.sock").write_text("")
    with pytest.raises(NoDaemon, match="not a socket"):
        Client.connect(tmp_path / "wm.sock")


def test_a_path_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon):
        Client.connect(tmp_path / ("x" * 120))


async def test_one_that_hangs_with_too_many_waiting_is_not_taken_for_connected(tmp_path: Path) -> None:
    """Checks that ask a daemon which hangs fill its queue of connections after a while."""
    with socket.socket(socket.AF_UNIX) as hung, socket.socket(socket.AF_UNIX) as waiting:
        hung.bind(str(tmp_path / "wm.sock"))
        hung.listen(0)
        waiting.connect(str(tmp_path / "wm.sock"))
        with pytest.raises(Silent, match="does not take connections: it hangs"):
            Client.connect(tmp_path / "wm.sock")
        with pytest.raises(Silent, match="does not take connections: it hangs"):
            await AsyncClient.connect(tmp_path / "wm.sock")


def test_no_permission_names_owner_group_and_mode(peer: Peer) -> None:
    peer.path.chmod(0o600)
    about = peer.path.stat()
    who = f"belongs to user {module._owner(about.st_uid)}, group {module._name_of_group(about.st_gid)}, and has mode"
    error = connect_problem(peer.path, PermissionError(13, "Permission denied"))
    assert isinstance(error, Unreachable)
    assert f"{who} 0600; try as that user" in str(error)
    assert "member" not in str(error)
    peer.path.chmod(0o660)
    error = connect_problem(peer.path, PermissionError(13, "Permission denied"))
    assert f"{who} 0660; try as that user or a member of that group" in str(error)


# -- lines ------------------------------------------------------------------------------------------------------------


def test_lines_are_cut_wherever_the_bytes_break() -> None:
    buffer = LineBuffer()
    assert [line for byte in b"one\n\ntwo\nth" for line in buffer.feed(bytes([byte]))] == [b"one", b"", b"two"]
    assert buffer.feed(b"ree\nfour\n") == [b"three", b"four"]


@pytest.mark.parametrize("end", [b"", b"\n"])
def test_a_line_has_a_limit(end: bytes) -> None:
    with pytest.raises(ProtocolError, match="more than 10 bytes"):
        LineBuffer(limit=10).feed(b"x" * 11 + end)


# -- asyncio ----------------------------------------------------------------------------------------------------------


async def test_async_calls_may_overlap(peer: Peer) -> None:
    peer.answers["scale"] = lambda request: Scaled(pool="default", before=0, wanted=request.to)
    client = await AsyncClient.connect(peer.path)
    replies = await asyncio.gather(*(client.call(Scale(to=number)) for number in range(20)))
    assert [reply.wanted for reply in replies] == list(range(20))
    await client.close()


@pytest.mark.parametrize(("code", "kind"), ERRORS)
async def test_async_error_replies(peer: Peer, code: int, kind: type[WmError]) -> None:
    peer.answers["status"] = lambda _: RpcError(code, "it cannot be")
    client = await AsyncClient.connect(peer.path)
    with pytest.raises(kind, match="it cannot be"):
        await client.call(GetStatus())
    await client.close()


async def test_of_the_frames_that_have_come_only_the_newest_is_taken(peer: Peer) -> None:
    peer.frames = [frame(number) for number in range(10)]
    client = await AsyncClient.connect(peer.path)
    frames = client.frames(0.5)
    assert (await anext(frames)).viewers == 9
    await client.close()
    assert [left async for left in frames] == []  # closed by us: an end, not an error


async def test_frames_end_in_an_error_when_the_daemon_goes(peer: Peer) -> None:
    peer.frames = [frame(1)]
    client = await AsyncClient.connect(peer.path)
    frames = client.frames(0.5)
    await anext(frames)
    await asyncio.to_thread(peer.leave)
    with pytest.raises(ConnectionLost):
        await anext(frames)
    with pytest.raises(ConnectionLost):
        await client.call(GetStatus())
    await client.close()
    await client.close()


async def test_a_call_in_flight_ends_when_the_daemon_goes(peer: Peer) -> None:
    peer.answers["status"] = lambda _: HANG_UP
    client = await AsyncClient.connect(peer.path)
    with pytest.raises(ConnectionLost):
        await client.call(GetStatus())
    await client.close()


async def test_async_silence_is_unreachable(peer: Peer) -> None:
    peer.answers["status"] = lambda _: SILENCE
    client = await AsyncClient.connect(peer.path)
    with pytest.raises(Unreachable):
        await client.call(GetStatus(), timeout=0.1)
    await client.close()


@pytest.mark.parametrize("said", NONSENSE)
async def test_async_nonsense_is_a_protocol_error(peer: Peer, said: bytes) -> None:
    peer.answers["status"] = lambda _: said
    client = await AsyncClient.connect(peer.path)
    with pytest.raises(ProtocolError):
        await client.call(GetStatus())
    await client.close()


async def test_a_frame_that_is_not_understood_is_a_protocol_error(peer: Peer) -> None:
    strange: list[Any] = [{"version": 3}]
    peer.frames = strange
    client = await AsyncClient.connect(peer.path)
    with pytest.raises(ProtocolError, match="another version"):
        await anext(client.frames(0.5))
    await client.close()


async def test_async_nobody_there(tmp_path: Path) -> None:
    with pytest.raises(NoDaemon, match="no such socket"):
        await AsyncClient.connect(tmp_path / "wm.sock")
