"""What `work` returns, as the bytes that a waiting client gets."""

import json
from typing import Any

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def encoded(value: Any) -> bytes:
    """None is empty, text and bytes are as they are, everything else is JSON. Raises TypeError or ValueError for what
    JSON has no word for."""
    if value is None:
        return b""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    return _write(value).encode()
