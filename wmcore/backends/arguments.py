"""Arguments of jobs: JSON text or Perl's Storable, decoded values on the way out, anything else as the bytes it is."""

import json
from collections.abc import Iterator
from typing import Any

import msgspec

from wmcore.backends.storable import freeze, looks_frozen, plain, thaw
from wmcore.errors import BadArgument

SERIALIZERS = ("json", "storable")

_write = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_show = json.JSONEncoder(ensure_ascii=False).encode
_END = object()


def encode(value: Any, serializer: str = "json") -> bytes:
    """`value` as it is put into the queue; bytes stay as they are.

    "json": JSON, UTF-8. "storable": what Perl's TheSchwartz would put there, so a Perl worker gets what a Perl client
    would have sent. Containers are frozen (see `storable.freeze`), a str is its UTF-8 text, a number its digits, None
    is empty. A Python worker gets such a str as bytes, or as what it means where it happens to be JSON ("5", "null").

    Raises TypeError or ValueError for what the format has no word for (a set, a date, NaN): better than an argument
    that comes back as something else. ValueError for another serializer.
    """
    if serializer not in SERIALIZERS:
        raise ValueError(f"no serializer {serializer!r}: there are {' and '.join(map(repr, SERIALIZERS))}")
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if serializer == "json":
        return _write(value).encode()
    if isinstance(value, dict | list | tuple):
        return freeze(value)
    return b"" if value is None else plain(value)


def decode(raw: bytes) -> Any:
    """The value of JSON, or of Perl's Storable (see `storable.thaw`); the bytes themselves where they are neither.
    Raises BadArgument where they begin like Storable and go on otherwise."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        pass
    return thaw(raw) if looks_frozen(raw) else raw


def readable(raw: bytes, limit: int) -> str:
    """For people: JSON as it is, Storable as JSON would be, else text, else Python's bytes literal; cut to `limit`
    characters. Never raises."""
    try:
        value = decode(raw)
    except BadArgument as error:
        text = f"not readable ({error.problem}, at byte {error.at}): {raw[:limit]!r}"
    else:
        text = _plain(value, limit) if isinstance(value, bytes) else _begin(_pieces(value, limit), limit)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def glimpse(raw: bytes, size: int, limit: int) -> str:
    """`readable` for a list. Of an argument of which only the beginning was read, the bytes that are there."""
    if size <= len(raw):
        return readable(raw, limit)
    return f"({size:,} bytes) {raw[:limit].decode(errors='replace')}"


def _plain(value: bytes, limit: int) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return repr(value[:limit])


def _begin(pieces: Iterator[str], limit: int) -> str:
    taken, size = [], 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece)
        if size > limit:
            break
    return "".join(taken)


def _pieces(value: Any, limit: int) -> Iterator[str]:
    """JSON bit by bit: what is shared can be endless when it is written out, so nobody writes what nobody reads."""
    around: dict[int, Iterator[tuple[str, Any]]] = {}  # the members of what we stand in, by id, the innermost last
    before = ""
    while True:
        yield before
        if value is _END:
            around.popitem()
        elif not isinstance(value, dict | list):
            yield _scalar(value, limit)
        elif id(value) in around:
            yield "(contains itself)"
        else:
            around[id(value)] = _members(value, limit)
        if not around:
            return
        before, value = next(next(reversed(around.values())))


def _members(value: dict[Any, Any] | list[Any], limit: int) -> Iterator[tuple[str, Any]]:
    """Each with what is written before it, and at last the end."""
    before, closing = "{}" if isinstance(value, dict) else "[]"
    for member in value:
        if isinstance(value, dict):
            yield f"{before}{_scalar(member, limit)}: ", value[member]
        else:
            yield before, member
        before = ", "
    yield closing if value else before + closing, _END


def _scalar(value: Any, limit: int) -> str:
    """Cut where the whole will be cut anyway."""
    if isinstance(value, bytes):
        return repr(value[:limit])
    return _show(value[:limit] if isinstance(value, str) else value)
