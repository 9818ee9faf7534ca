"""Addresses of job servers."""

import re

from wmcore.errors import ConfigError

PORT = 4730
_SERVER = re.compile(r"(?P<host>[\w.-]+|\[[0-9A-Fa-f:.]+\])(:(?P<port>\d{1,5}))?")


def parse_server(text: str) -> str:
    """host, host:port or [IPv6]:port, made host:port. Raises ConfigError."""
    match = _SERVER.fullmatch(text)
    port = int(match["port"] or PORT) if match else 0
    if match is None or not 0 < port < 65536 or match["host"].isdecimal():  # a port alone; as a host it is 0.0.18.122
        hint = "; several are a list" if "," in text else " ([...]:port for IPv6)" if text.count(":") > 1 else ""
        raise ConfigError(f"{text!r} is no job server; write host or host:port{hint}")
    return f"{match['host']}:{port}"
