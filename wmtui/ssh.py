"""Targets of the form ssh://HOST: what they mean, and the words that are given to the system's ssh."""

import os
import re
import shlex
from dataclasses import dataclass

from wmcore.errors import UsageError

CONNECT_SECONDS = 10  # of TCP and ssh's own greeting
OPTIONS = (
    "-T", "-o", f"ConnectTimeout={CONNECT_SECONDS}", "-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3",
    "-o", "ClearAllForwardings=yes",
)  # fmt: skip

# Neither host nor user can be an option, or mean anything to a ProxyCommand's shell.
_TARGET = (
    r"ssh://(?:(?P<user>\w[\w.+-]*)@)?"
    r"(?:(?P<host>\w[\w.-]*)|\[(?P<v6>[0-9a-f:.]+(?:%\w+)?)\])"
    r"(?::(?P<port>[0-9]{1,5}))?(?P<path>/[^\x00-\x1f\x7f]*)?"
)
"""Compiled by whoever has such a target: every command would wait for it."""


@dataclass(frozen=True, slots=True)
class SshTarget:
    host: str
    user: str | None = None
    port: int | None = None
    socket: str | None = None  # or a conf.yml there

    def __str__(self) -> str:
        user = f"{self.user}@" if self.user else ""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port else ""
        return f"ssh://{user}{host}{port}{self.socket or ''}"


def parse(target: str) -> SshTarget:
    """`ssh://[user@]host[:port][/socket]`; raises UsageError, which does not repeat it: it may hold a password."""
    match = re.fullmatch(_TARGET, target, re.ASCII | re.IGNORECASE)
    port = int(match["port"]) if match and match["port"] else None
    if match is None or not (port is None or 1 <= port <= 65535):
        raise UsageError("an ssh target goes ssh://[user@]host[:port][/socket], without a password")
    return SshTarget(match["host"] or match["v6"], match["user"], port, match["path"] if match["path"] != "/" else None)


def command(target: SshTarget, asking: bool) -> list[str]:
    """The words of the ssh that speaks with the daemon there. `asking`: it may ask for a password."""
    batch = () if asking else ("-o", "BatchMode=yes")
    user = ("-l", target.user) if target.user else ()
    port = ("-p", str(target.port)) if target.port else ()
    return ["ssh", *OPTIONS, *batch, *user, *port, "--", target.host, far_command(target)]


def typed(target: SshTarget) -> str:
    """The ssh that somebody would type to see it log in."""
    port = ["-p", str(target.port)] if target.port else []
    user = f"{target.user}@" if target.user else ""
    return shlex.join(["ssh", *port, user + target.host])


def known_as(target: SshTarget) -> str:
    """Its name in known_hosts, as a word for a shell."""
    return shlex.quote(f"[{target.host}]:{target.port}" if target.port not in (None, 22) else target.host)


def far_command(target: SshTarget) -> str:
    """For the shell there. $WMTUI_REMOTE is the operator's own shell text and stays as it is."""
    socket_there = f" -t {shlex.quote(target.socket)}" if target.socket else ""
    return f"{os.environ.get('WMTUI_REMOTE') or 'wmtui'} proxy{socket_there}"
