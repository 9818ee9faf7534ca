"""Writing what Perl's Storable thaws, as its `nfreeze` would write it: for any machine, and Perl 5.8 or later."""

import math
from collections.abc import Iterator
from typing import Any

from wmcore.backends.storable.format import MAX_LENGTH, MAX_NESTING, NETWORK, WRITTEN_MINOR, Code, Key

_FILLED = object()


def freeze(value: Any) -> bytes:
    """`value` as Perl's `thaw` reads it, which returns a reference to it.

    dict (keys: str or bytes), list, tuple, str, bytes, None, int, float, bool. A str arrives as text, bytes as bytes.
    True and False arrive as 1 and 0: only the newest Perls have booleans, and to all of them 1 is true and 0 is not.
    Integers beyond 32 bits and floats arrive as their text, as from nfreeze, and Perl counts with it. A list or dict
    that stands in two places is one in Perl too.

    Raises TypeError for what Perl has no word for, ValueError for a container that contains itself or is too deep, for
    NaN and infinities, and for two keys that are one in Perl.
    """
    return _Writer().frozen(value)


def plain(value: Any) -> bytes:
    """A scalar that is a whole argument: its text, as Perl puts it there. Raises TypeError, ValueError as `freeze`."""
    if isinstance(value, str):
        return value.encode()
    if isinstance(value, int):
        return str(int(value)).encode()  # of a bool: 1 or 0
    if not isinstance(value, float):
        raise TypeError(f"no word in Perl for a value of type {type(value).__qualname__}")
    if not math.isfinite(value):
        raise ValueError(f"no word in Perl for {value}")
    return repr(float(value)).encode()


class _Writer:
    """As in reading, an open container is a filler that goes on when all those inside it are done."""

    def __init__(self) -> None:
        self._out = bytearray((NETWORK, WRITTEN_MINOR))
        self._count = 0  # of objects: the next tag
        self._tags: dict[int, int] = {}  # by id; the root holds them all alive
        self._open: dict[int, Iterator[None]] = {}  # by id, the innermost last

    def frozen(self, value: Any) -> bytes:
        if isinstance(value, dict | list | tuple):
            self._container(value)
        else:
            self._object(value)
        while self._open:
            innermost = next(reversed(self._open))
            if next(self._open[innermost], _FILLED) is _FILLED:
                del self._open[innermost]
        return bytes(self._out)

    def _object(self, value: Any) -> None:
        self._count += 1
        if isinstance(value, dict | list | tuple):
            self._out.append(Code.REF)
            self._container(value)
        else:
            self._out += _scalar(value)

    def _container(self, value: Any) -> None:
        key = id(value)
        if key in self._open:
            raise ValueError(f"a {type(value).__qualname__} that contains itself")
        if key in self._tags:
            self._out += bytes([Code.OBJECT]) + self._tags[key].to_bytes(4, "big")
            return
        if len(self._open) >= MAX_NESTING:
            raise ValueError(f"more than {MAX_NESTING:,} containers inside each other")
        if not isinstance(value, tuple):  # Python shares equal ones behind our back, and in Perl they can be changed
            self._tags[key] = self._count
        self._count += 1
        self._open[key] = self._hash(value) if isinstance(value, dict) else self._array(value)

    def _array(self, value: list[Any] | tuple[Any, ...]) -> Iterator[None]:
        self._out += bytes([Code.ARRAY]) + _length(value)
        for item in value:
            self._object(item)
            yield

    def _hash(self, value: dict[Any, Any]) -> Iterator[None]:
        keys = [_key(key) for key in value]
        if len({(flags & Key.UTF8, raw) for flags, raw in keys}) < len(keys):
            raise ValueError("two keys of a dict that are one in Perl, such as 'a' and b'a'")
        flagged = any(flags for flags, _ in keys)
        self._out += (bytes([Code.FLAG_HASH, 0]) if flagged else bytes([Code.HASH])) + _length(keys)
        for (flags, raw), item in zip(keys, value.values(), strict=True):
            self._object(item)
            yield
            self._out += (bytes([flags]) if flagged else b"") + _length(raw) + raw


def _scalar(value: Any) -> bytes:
    if value is None:
        return bytes([Code.UNDEF])
    if isinstance(value, int) and -128 <= value <= 127:
        return bytes([Code.BYTE, value + 128])
    if isinstance(value, int) and -(2**31) <= value < 2**31:
        return bytes([Code.NETINT]) + int(value).to_bytes(4, "big", signed=True)
    if isinstance(value, str) and not value.isascii():
        return _string(Code.UTF8STR, Code.LUTF8STR, value.encode())
    raw = bytes(value) if isinstance(value, bytes | bytearray | memoryview) else plain(value)
    return _string(Code.SCALAR, Code.LSCALAR, raw)


def _string(short: Code, long: Code, raw: bytes) -> bytes:
    return (bytes([short, len(raw)]) if len(raw) <= 255 else bytes([long]) + _length(raw)) + raw


def _key(key: Any) -> tuple[int, bytes]:
    """Flags and bytes. As Perl itself does, so that a look-up finds it: text is kept as Latin-1 where it can be."""
    if isinstance(key, bytes):
        return 0, key
    if not isinstance(key, str):
        raise TypeError(f"keys are str or bytes in Perl, not {type(key).__qualname__}")
    if key.isascii():
        return 0, key.encode()
    try:
        return Key.WAS_UTF8, key.encode("latin-1")
    except UnicodeEncodeError:
        return Key.UTF8, key.encode()


def _length(of: Any) -> bytes:
    if len(of) > MAX_LENGTH:
        raise ValueError("more than 2 GB in one piece")
    return len(of).to_bytes(4, "big")
