"""Lines of JSON-RPC 2.0 to and from bytes; pure. One request, reply or notification is one UTF-8 line.

https://www.jsonrpc.org/specification, without batches. Every malformed input ends in one `RpcError`.
"""

from enum import IntEnum
from typing import Any

import msgspec

MAX_LINE = 1024 * 1024
"""Bytes of one request line, the newline included."""


class Code(IntEnum):
    """Stable error codes: JSON-RPC's own are negative, ours positive."""

    PARSE = -32700
    INVALID = -32600
    NO_METHOD = -32601
    BAD_PARAMS = -32602
    INTERNAL = -32603
    REFUSED = 1
    NOT_FOUND = 2
    QUEUE_DOWN = 3
    DENIED = 4
    TOO_LONG = 5
    TOO_MANY = 6


class RpcError(Exception):
    """An error reply: a stable code and a sentence."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class Incoming(msgspec.Struct, frozen=True):
    """A request (with `id`) or a notification (without), parameters not yet typed."""

    method: str
    params: msgspec.Raw = msgspec.Raw(b"{}")
    id: int | str | None = None
    jsonrpc: str = "2.0"


class ErrorBody(msgspec.Struct, frozen=True):
    code: int
    message: str


class Reply(msgspec.Struct, frozen=True):
    """What comes back: a reply (with `id`) or a notification (with `method`)."""

    id: int | str | None = None
    result: msgspec.Raw = msgspec.Raw(b"null")
    error: ErrorBody | None = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"null")


_encoder = msgspec.json.Encoder()
_incoming = msgspec.json.Decoder(Incoming)
_reply = msgspec.json.Decoder(Reply)


def encode_request(request_id: int | str, method: str, params: Any) -> bytes:
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params}) + b"\n"


def encode_result(request_id: int | str | None, result: Any) -> bytes:
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "result": result}) + b"\n"


def encode_error(request_id: int | str | None, error: RpcError) -> bytes:
    body = {"code": int(error.code), "message": error.message}
    return _encoder.encode({"jsonrpc": "2.0", "id": request_id, "error": body}) + b"\n"


def encode_notification(method: str, params: Any) -> bytes:
    return _encoder.encode({"jsonrpc": "2.0", "method": method, "params": params}) + b"\n"


def decode_request(line: bytes) -> Incoming:
    """Raises RpcError for whatever is not a request: bad UTF-8, bad or too deep JSON, a batch, a wrong member."""
    try:
        request = _incoming.decode(line)
    except msgspec.ValidationError as error:
        raise RpcError(Code.INVALID, f"not a JSON-RPC request: {error}") from None
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RpcError(Code.PARSE, f"not a line of JSON: {error}") from None
    if request.jsonrpc != "2.0":
        raise RpcError(Code.INVALID, "not a JSON-RPC 2.0 request: member 'jsonrpc' must be \"2.0\"")
    return request


def decode_reply(line: bytes) -> Reply:
    """Raises RpcError where the line is no reply."""
    try:
        return _reply.decode(line)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RpcError(Code.PARSE, f"the daemon sent no JSON-RPC: {error}") from None


def decode_body(body: msgspec.Raw, kind: Any) -> Any:
    """Parameters or a result as `kind`; raises RpcError where it is something else."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise RpcError(Code.BAD_PARAMS, str(error)) from None
