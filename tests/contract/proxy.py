"""A network between a child and its database that breaks at the worst moment: in the COMMIT."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace

from sqlalchemy import make_url

from tests.contract.rig import Rig

COMMITS = (b"COMMIT", b"moved AS MATERIALIZED (UPDATE")
"""A turn of one statement is a COMMIT too (`oneturn`)."""


class Proxy:
    """Passes bytes on loopback to `port`. `lose` says what happens to connections with the next COMMIT: "reply": it
    reaches the server, its answer is lost; "request": it is lost itself."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.lose: str | None = None
        self.lost = 0
        self._sockets: list[socket.socket] = []
        self._silenced: list[socket.socket] = []  # servers whose next answer is lost
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target))
            self._sockets += [client, server]
            threading.Thread(target=self._forward, args=(client, server), daemon=True).start()
            threading.Thread(target=self._back, args=(server, client), daemon=True).start()

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while data := client.recv(65536):
                if any(word in data for word in COMMITS) and self.lose is not None:
                    self._break(client, server, data)
                    return
                server.sendall(data)
        _close(client, server)

    def _break(self, client: socket.socket, server: socket.socket, data: bytes) -> None:
        how, self.lose = self.lose, None
        self.lost += 1
        if how == "reply":  # the client sees the end when the server has answered, and so has done it
            self._silenced.append(server)
            server.sendall(data)
        else:
            _close(client)
            server.shutdown(socket.SHUT_WR)

    def _back(self, server: socket.socket, client: socket.socket) -> None:
        with suppress(OSError):
            while data := server.recv(65536):
                if server in self._silenced:
                    break
                client.sendall(data)
        _close(client, server)

    def close(self) -> None:
        """Nobody answers here any more."""
        _close(self._listener, *self._sockets)


def _close(*sockets: socket.socket) -> None:
    for each in sockets:
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)
        each.close()


@contextmanager
def proxied(rig: Rig) -> Iterator[Proxy]:
    """The rig's children reach its first database through a proxy; it goes on being broken afterwards."""
    first, *others = rig.config.databases
    url = make_url(first.url)
    assert url.port is not None
    proxy = Proxy(url.port)
    through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    rig.child_databases = (replace(first, url=through), *others)
    try:
        yield proxy
    finally:
        proxy.close()
