"""Reading what Perl's Storable froze. Others' bytes: nothing is believed, nothing is called, nothing recurses."""

import struct
from collections.abc import Callable, Iterator
from typing import Any, Literal

from wmcore.backends.storable.format import LONG_NAME, MAX_MINOR, MAX_NESTING, NATIVE, NETWORK, Code, Hook, Key
from wmcore.errors import BadArgument

Order = Literal["big", "little"]

_NATIVE_ORDERS: dict[bytes, tuple[Order, int]] = {
    b"\x0812345678": ("little", 8),
    b"\x0887654321": ("big", 8),
    b"\x041234": ("little", 4),
    b"\x044321": ("big", 4),
}
"""Perl's word for its byte order, with its length in front, and the bytes of an integer (as Perl 5.8 and later)."""

_REFERENCES = {Code.REF, Code.WEAKREF, Code.OVERLOAD, Code.WEAKOVERLOAD}
_ROOTS = set(Code) - {Code.OBJECT, Code.IX_BLESS}  # which name what was before
_UNKNOWN = object()  # what a reference refers to, until that is read
_FILLED = object()


def looks_frozen(blob: bytes) -> bool:
    """Does it begin as Storable's freeze or nfreeze begin?"""
    if len(blob) < 3 or blob[1] > MAX_MINOR:
        return False
    if blob[0] == NETWORK:
        return blob[2] in _ROOTS
    return blob[0] == NATIVE and blob.startswith(tuple(_NATIVE_ORDERS), 2)


def thaw(blob: bytes) -> Any:
    """What Perl froze with `freeze` (64-bit or 32-bit, little or big endian) or `nfreeze`, as Python's data.

    Arrays are lists, hashes are dicts, undef is None. References and objects are what they hold: class names are
    dropped; an object that freezes itself (STORABLE_freeze) is its frozen string, or [string, parts...]. What is shared
    in Perl is one object here, and what contains itself does so here.

    A string, and a key, is str where its bytes are UTF-8, else bytes; Perl's own flag says nothing better, since
    strings from outside bear none. `nfreeze` writes numbers that are no integer of 32 bits as text (a double with 15
    digits), so they arrive as str, from `freeze` as int and float. Nothing is guessed from text: '19.90' and '0170'
    may be text. True and false are "1" and "" unless Storable is 3.27 or later.

    Raises BadArgument for whatever is malformed or nested too deeply, and for what is no data: code, regular
    expressions, tied variables, single objects beyond 2 GB. Time and memory are bounded by the length of `blob`.
    """
    return _Reader(blob).root()


class _Reader:
    """A container is handed out empty, and its filler laid on `_open`: the topmost goes on to its next member whenever
    all those above it are done. So depth costs no stack, and a member can name a container that it stands in."""

    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._at = 0
        self._order: Order = "big"
        self._integer_size = 0  # network order has no integers of the machine
        self._seen: list[Any] = []  # by tag
        self._classes = 0
        self._open: list[Iterator[None]] = []

    def root(self) -> Any:
        self._header()
        value = self._object()
        while self._open:
            if next(self._open[-1], _FILLED) is _FILLED:
                self._open.pop()
        if self._at < len(self._blob):
            raise self._wrong(f"{self._left:,} bytes too many")
        return value

    def _header(self) -> None:
        if not looks_frozen(self._blob):
            raise self._wrong("no header of Storable 2")
        self._at = 2
        if self._blob[0] == NATIVE:
            size = self._byte()
            self._order, self._integer_size = _NATIVE_ORDERS[bytes([size]) + self._take(size)]
            sizes = self._take(4 if self._blob[1] >= 2 else 3)  # int, long, pointer, double
            if sizes[0] != 4 or sizes[3:] not in (b"", b"\x08"):
                raise self._wrong("sizes of a machine that is not supported")

    def _object(self) -> Any:
        """The next object, in its wrappers."""
        first = len(self._seen)
        while (code := self._byte()) in _WRAPPERS:
            _WRAPPERS[code](self)
        if code == Code.OBJECT:
            value = self._earlier()
        else:
            value = self._new(code)
            self._seen.append(value)
        for tag in range(first, len(self._seen)):  # references, if it has any in front
            self._seen[tag] = value
        return value

    def _new(self, code: int) -> Any:
        if code in _NO_DATA:
            raise self._wrong(_NO_DATA[code], self._at - 1)
        if code not in _VALUES:
            raise self._wrong(f"there is no code {code}", self._at - 1)
        return _VALUES[code](self)

    def _earlier(self) -> Any:
        """What a tag names."""
        tag = self._int(4, "big")
        if tag >= len(self._seen):
            raise self._wrong(f"object {tag:,} is named before it is there")
        if self._seen[tag] is _UNKNOWN:
            raise self._wrong("a reference leads to itself and nowhere else")
        return self._seen[tag]

    # containers

    def _opened(self, into: Any, filler: Iterator[None]) -> Any:
        if len(self._open) >= MAX_NESTING:
            raise self._wrong(f"more than {MAX_NESTING:,} containers inside each other")
        self._open.append(filler)
        return into

    def _array(self) -> Any:
        into: list[Any] = []
        return self._opened(into, self._items(into, self._count(1)))

    def _items(self, into: list[Any], count: int) -> Iterator[None]:
        for _ in range(count):
            into.append(self._object())
            yield

    def _hash(self) -> Any:
        into: dict[str | bytes, Any] = {}
        return self._opened(into, self._pairs(into, self._count(5), flagged=False))

    def _flag_hash(self) -> Any:
        self._byte()  # locked: nothing to us
        into: dict[str | bytes, Any] = {}
        return self._opened(into, self._pairs(into, self._count(6), flagged=True))

    def _pairs(self, into: dict[str | bytes, Any], count: int, flagged: bool) -> Iterator[None]:
        for _ in range(count):
            value = self._object()
            yield  # all of it stands in front of its key
            flags = self._byte() if flagged else 0
            if flags & Key.IS_OBJECT:
                raise self._wrong("a key that is an object")
            key = self._take(self._length())
            if not flags & Key.PLACEHOLDER:
                into[key.decode("latin-1") if flags & Key.WAS_UTF8 else _text(key)] = value

    def _hook(self) -> Any:
        flags = self._byte()
        if flags & Hook.TIED == Hook.TIED:
            raise self._wrong(_NO_DATA[Code.TIED_SCALAR])
        if not flags & (Hook.MORE | Hook.LIST):
            return self._frozen_string(flags)
        into: list[Any] = []
        return self._opened(into, self._parts(into, flags))

    def _parts(self, into: list[Any], flags: int) -> Iterator[None]:
        while flags & Hook.MORE:
            self._object()  # the list names it by its tag
            yield
            flags = self._byte()
        into.append(self._frozen_string(flags))
        if flags & Hook.LIST:
            count = self._count(4) if flags & Hook.LONG_LIST else self._byte()
            into.extend(self._earlier() for _ in range(count))

    def _frozen_string(self, flags: int) -> str | bytes:
        name = self._length() if flags & Hook.LONG_NAME else self._byte()
        self._class_index(name) if flags & Hook.KNOWN_CLASS else self._class_name(name)
        return _text(self._take(self._length() if flags & Hook.LONG_STRING else self._byte()))

    # wrappers

    def _reference(self) -> None:
        self._seen.append(_UNKNOWN)

    def _bless(self) -> None:
        size = self._byte()
        self._class_name(self._length() if size & LONG_NAME else size)

    def _bless_again(self) -> None:
        index = self._byte()
        self._class_index(self._length() if index & LONG_NAME else index)

    def _class_name(self, size: int) -> None:
        self._take(size)
        self._classes += 1

    def _class_index(self, index: int) -> None:
        if index >= self._classes:
            raise self._wrong(f"class {index:,} is named before it is there")

    # scalars and bytes

    def _integer(self) -> int:
        if not self._integer_size:
            raise self._wrong("an integer of some machine in network order")
        return self._int(self._integer_size, self._order, signed=True)

    def _double(self) -> float:
        if not self._integer_size:
            raise self._wrong("a double of some machine in network order")
        number: float = struct.unpack("<d" if self._order == "little" else ">d", self._take(8))[0]
        return number

    def _count(self, least: int) -> int:
        """Of members that take `least` bytes each: more than there can be are never begun with."""
        count = self._length()
        if count * least > self._left:
            raise self._wrong(f"{count:,} members announced and {self._left:,} bytes left")
        return count

    def _length(self) -> int:
        return self._int(4, self._order)

    def _int(self, size: int, order: Order, signed: bool = False) -> int:
        return int.from_bytes(self._take(size), order, signed=signed)

    def _byte(self) -> int:
        return self._take(1)[0]

    def _take(self, size: int) -> bytes:
        end = self._at + size
        if end > len(self._blob):
            raise self._wrong(f"{size:,} bytes announced and {self._left:,} left")
        taken = self._blob[self._at : end]
        self._at = end
        return taken

    @property
    def _left(self) -> int:
        return len(self._blob) - self._at

    def _wrong(self, problem: str, at: int | None = None) -> BadArgument:
        return BadArgument(problem, self._at if at is None else at)


def _text(raw: bytes) -> str | bytes:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


_WRAPPERS: dict[int, Callable[[_Reader], object]] = {
    **dict.fromkeys(_REFERENCES, _Reader._reference),
    Code.BLESS: _Reader._bless,
    Code.IX_BLESS: _Reader._bless_again,
    Code.VSTRING: lambda reader: reader._take(reader._byte()),
    Code.LVSTRING: lambda reader: reader._take(reader._length()),
}
_VALUES: dict[int, Callable[[_Reader], Any]] = {
    **dict.fromkeys((Code.UNDEF, Code.SV_UNDEF, Code.SVUNDEF_ELEM), lambda _: None),
    **dict.fromkeys((Code.SV_YES, Code.BOOLEAN_TRUE), lambda _: True),
    **dict.fromkeys((Code.SV_NO, Code.BOOLEAN_FALSE), lambda _: False),
    **dict.fromkeys((Code.SCALAR, Code.UTF8STR), lambda reader: _text(reader._take(reader._byte()))),
    **dict.fromkeys((Code.LSCALAR, Code.LUTF8STR), lambda reader: _text(reader._take(reader._length()))),
    Code.BYTE: lambda reader: reader._byte() - 128,
    Code.NETINT: lambda reader: reader._int(4, "big", signed=True),
    Code.INTEGER: _Reader._integer,
    Code.DOUBLE: _Reader._double,
    Code.ARRAY: _Reader._array,
    Code.HASH: _Reader._hash,
    Code.FLAG_HASH: _Reader._flag_hash,
    Code.HOOK: _Reader._hook,
}
_TIED = (Code.TIED_ARRAY, Code.TIED_HASH, Code.TIED_SCALAR, Code.TIED_KEY, Code.TIED_IDX)
_NO_DATA: dict[int, str] = {
    **dict.fromkeys(_TIED, "a tied variable is not data"),
    Code.CODE: "a subroutine is not data",
    Code.REGEXP: "a regular expression is not data",
    Code.LOBJECT: "an object of more than 2 GB is not supported",
}
