"""Arguments of jobs: JSON text on the way in, decoded values on the way out, anything else as the bytes it is."""

import json
from typing import Any

import msgspec

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encode(value: Any) -> bytes:
    """JSON, UTF-8; bytes stay as they are. Raises TypeError or ValueError for what JSON has no word for (a set, a
    date, NaN): better than an argument that comes back as something else."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return _write(value).encode()


def decode(raw: bytes) -> Any:
    """The value; the bytes themselves where they are not JSON."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return raw


def readable(raw: bytes, limit: int) -> str:
    """For people: JSON as it is, else text, else Python's bytes literal; cut to `limit` characters."""
    value = decode(raw)
    if isinstance(value, bytes):
        try:
            text = value.decode()
        except UnicodeDecodeError:
            text = repr(value)
    else:
        text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"
