"""What manager and loader say to each other, over a SEQPACKET socket pair (a message a packet, descriptors beside)."""

import os
import pickle
import socket
from dataclasses import dataclass
from typing import Any

import msgspec

from wmcore.config.records import Config

MAX_PACKET = 128 * 1024


class Order(msgspec.Struct, tag=True, frozen=True):
    """Manager to loader."""


class Setup(Order, frozen=True):
    """The first order; with it comes the scoreboard's and the event pipe's descriptor."""

    config: bytes  # a pickled Config: both ends are this program
    generation: int
    debug: bool
    write_logs: bool  # to the files; else to the terminal
    terminal: bool = False  # and to the terminal as well
    foreground_child: bool = False  # the one child gets the terminal

    def unpack(self) -> Config:
        config = pickle.loads(self.config)  # noqa: S301  from our own manager, over a private socket pair
        assert isinstance(config, Config)
        return config


class Fork(Order, frozen=True):
    """With it comes the read end of the slot's wake-up pipe."""

    slot: int
    pool: int


class Signal(Order, frozen=True):
    """Send a signal to a child (the loader has not reaped it yet, so the number is still that child's)."""

    slot: int
    pid: int
    number: int
    group: bool = False


class Leave(Order, frozen=True):
    """Leave when the last child is gone."""


class Report(msgspec.Struct, tag=True, frozen=True):
    """Loader to manager."""


class Ready(Report, frozen=True):
    names: list[str]  # queue names by class index
    notices: list[str]


class NotReady(Report, frozen=True):
    reason: str


class Forked(Report, frozen=True):
    slot: int
    pid: int
    start: int


class NotForked(Report, frozen=True):
    slot: int
    reason: str


class Exited(Report, frozen=True):
    slot: int
    pid: int
    status: int  # as wait4 gives it


_encode = msgspec.msgpack.Encoder().encode
_orders: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Setup | Fork | Signal | Leave)
_reports: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(Ready | NotReady | Forked | NotForked | Exited)


def pack_config(config: Config) -> bytes:
    return pickle.dumps(config)


@dataclass(slots=True)
class Link:
    """One end."""

    sock: socket.socket

    def send(self, message: Order | Report, fds: tuple[int, ...] = ()) -> None:
        """Raises OSError where the other end is gone."""
        socket.send_fds(self.sock, [_encode(message)], list(fds))

    def receive_order(self) -> tuple[Any, list[int]] | None:
        """An order and the descriptors that came with it; None when the manager is gone."""
        packet = self._receive()
        return None if packet is None else (_orders.decode(packet[0]), packet[1])

    def receive_report(self) -> Any:
        """A report; None when the loader is gone."""
        packet = self._receive()
        return None if packet is None else _reports.decode(packet[0])

    def _receive(self) -> tuple[bytes, list[int]] | None:
        try:
            data, fds, _, _ = socket.recv_fds(self.sock, MAX_PACKET, 4)
        except ConnectionResetError:
            return None
        for fd in fds:
            os.set_inheritable(fd, False)
        return (data, fds) if data else None


def pair() -> tuple[socket.socket, socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    for end in (ours, theirs):
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1024 * 1024)
    return ours, theirs
