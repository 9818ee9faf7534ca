"""Gearman's packets: bytes to (kind, body) and back. Pure. http://gearman.org/protocol/"""

import struct

HEADER = struct.Struct(">4sII")
REQUEST = b"\0REQ"
RESPONSE = b"\0RES"

CAN_DO = 1
RESET_ABILITIES = 3
PRE_SLEEP = 4
NOOP = 6
JOB_CREATED = 8
NO_JOB = 10
JOB_ASSIGN = 11
WORK_STATUS = 12
WORK_COMPLETE = 13
WORK_FAIL = 14
GET_STATUS = 15
ECHO_REQ = 16
ECHO_RES = 17
SUBMIT_JOB_BG = 18
ERROR = 19
STATUS_RES = 20
SET_CLIENT_ID = 22
WORK_EXCEPTION = 25
OPTION_REQ = 26
WORK_DATA = 28
WORK_WARNING = 29
GRAB_JOB_UNIQ = 30
JOB_ASSIGN_UNIQ = 31
SUBMIT_JOB_EPOCH = 36
JOB_ASSIGN_ALL = 40
GET_STATUS_UNIQUE = 41
STATUS_RES_UNIQUE = 42

PARTS = {JOB_ASSIGN: 3, JOB_ASSIGN_UNIQ: 4, JOB_ASSIGN_ALL: 5}
"""Of a body; the last one is the payload, which may hold NULs."""
MOST_UNIQUE = 63
"""Bytes: gearmand 1.1 takes one more, makes a NUL of it, and so puts that in front of the payload."""
_HEXADECIMAL = b"0123456789abcdefABCDEF"
"""What a SHA-256 is written in, 64 bytes long: an id that is one byte short of it was one."""


def pack(kind: int, *parts: bytes) -> bytes:
    """A request. An empty payload stands behind its NUL too: gearmand logs an error for each that does not."""
    body = b"\0".join(parts)
    return HEADER.pack(REQUEST, kind, len(body)) + body


GRAB = pack(GRAB_JOB_UNIQ)
SLEEP = pack(PRE_SLEEP)
RESET = pack(RESET_ABILITIES)
ECHO = pack(ECHO_REQ, b"wmcore")


class Broken(Exception):
    """The other side does not speak this protocol."""


class Reader:
    """Takes a stream apart."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> None:
        self._buffer += data

    @property
    def held(self) -> int:
        """Bytes of packets that have not been taken."""
        return len(self._buffer)

    def next(self) -> tuple[int, bytes] | None:
        """A whole packet: its kind and body. Raises Broken."""
        buffer = self._buffer
        if len(buffer) < HEADER.size:
            return None
        magic, kind, size = HEADER.unpack_from(buffer)
        if magic != RESPONSE:
            raise Broken(f"no Gearman server: it says {bytes(buffer[:20])!r}")
        end = HEADER.size + size
        if len(buffer) < end:
            return None
        body = bytes(buffer[HEADER.size : end])
        del buffer[:end]
        return kind, body


def assigned(kind: int, body: bytes) -> tuple[bytes, bytes, bytes, bytes]:
    """Handle, function, unique and payload of a job."""
    parts = body.split(b"\0", PARTS[kind] - 1)
    unique, payload = parts[2] if kind != JOB_ASSIGN else b"", parts[-1]
    if len(unique) == MOST_UNIQUE and payload[:1] == b"\0" and not unique.strip(_HEXADECIMAL):
        payload = payload[1:]
    return parts[0], parts[1], unique, payload


def error_text(body: bytes) -> str:
    code, _, text = body.partition(b"\0")
    return f"{text.decode(errors='replace')} ({code.decode(errors='replace')})"


def wire_name(prefix: str, name: str) -> bytes:
    """A function as it is called on the server; the prefix is set off by a tab, as Perl's Gearman::Worker has it."""
    return (f"{prefix}\t{name}" if prefix else name).encode()
