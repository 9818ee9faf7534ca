"""`proxy`: joins standard input and output to the daemon's socket, for a wmtui at the other end of ssh."""

import os
import select
import socket
import threading
from argparse import Namespace
from contextlib import suppress

from wmcore.errors import UsageError
from wmcore.protocol.blocking import CHUNK, dial
from wmtui import target
from wmtui.ssh import SshTarget
from wmtui.verbs.base import Verb

STDIN, STDOUT = 0, 1


def _run(args: Namespace) -> int:
    where = target.resolve(args.target)
    if isinstance(where, SshTarget):
        raise UsageError("proxy is for the far side of ssh: it speaks with a daemon of its own host")
    with dial(where) as daemon:
        daemon.settimeout(None)
        threading.Thread(target=_carry_in, args=(daemon,), daemon=True).start()  # so that no way waits for the other
        _carry_out(daemon)
    return 0


def _carry_in(daemon: socket.socket) -> None:
    """Its end is handed on: the daemon answers what was asked before, and closes."""
    with suppress(OSError):  # the daemon has gone: the other way says so
        while chunk := os.read(STDIN, CHUNK):
            daemon.sendall(chunk)
        daemon.shutdown(socket.SHUT_WR)


def _carry_out(daemon: socket.socket) -> None:
    """Until the daemon ends, or nobody reads any more: a daemon that hangs must not keep this process when ssh has
    gone."""
    poll = select.poll()
    poll.register(daemon, select.POLLIN)
    poll.register(STDOUT, 0)  # only what cannot be masked: error and hang-up
    while STDOUT not in dict(poll.poll()):
        try:
            chunk = daemon.recv(CHUNK)
        except OSError:
            return
        if not chunk:
            return
        while chunk:
            chunk = chunk[os.write(STDOUT, chunk) :]


VERBS = (Verb("proxy", "join stdin and stdout to the daemon's socket, for ssh", _run),)
