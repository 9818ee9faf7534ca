"""Whatever bytes come, Storable's reader answers with a value or its one error, and takes no more than its share."""

import contextlib
import random
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.test_storable import BIG, BY_HAND, FREEZE, LITTLE, NETWORK, NFREEZE
from wmcore.backends.arguments import decode, readable
from wmcore.backends.storable import freeze, thaw
from wmcore.backends.storable.format import Code, Hook
from wmcore.errors import BadArgument

SEEDS = range(10)
BLOBS_OF_A_SEED = 1_000
HUGE = (0x7F, 0x80, 0xFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

WELL_FORMED = [
    *(bytes.fromhex(NETWORK + frozen) for _, frozen, _ in NFREEZE),
    *(bytes.fromhex(LITTLE + frozen) for _, frozen, _ in FREEZE),
    *(bytes.fromhex(frozen) for _, frozen, _ in BY_HAND),
    bytes.fromhex(NETWORK + "0200000001040000000000"),  # an array that contains itself
    freeze({"id": 7, "rows": [{"n": f"n{n}", "at": n * 1e9, "tags": ["a", "ä"]} for n in range(20)], "raw": b"\xff"}),
]


def mutated(rnd: random.Random) -> bytes:
    blob = bytearray(rnd.choice(WELL_FORMED))
    for _ in range(rnd.choice([1, 1, 1, 2, 5])):
        at = rnd.randrange(2, len(blob) + 1)  # mostly behind the header
        match rnd.randrange(6):
            case 0:
                blob[rnd.randrange(len(blob))] ^= 1 << rnd.randrange(8)
            case 1:
                del blob[at:]
            case 2:
                other = rnd.choice(WELL_FORMED)
                blob[at:] = other[rnd.randrange(len(other)) :]
            case 3:
                blob[at : at + 4] = rnd.choice(HUGE).to_bytes(4, rnd.choice(["big", "little"]))
            case 4:
                blob[at : at + 1] = bytes([rnd.choice(list(Code))])
            case 5:
                blob[at:at] = blob[rnd.randrange(len(blob)) :][: rnd.randrange(30)]
    return bytes(blob)


def peak_of(blob: bytes) -> int:
    """Bytes that reading took at its highest."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    with contextlib.suppress(BadArgument):
        thaw(blob)
    return tracemalloc.get_traced_memory()[1] - before


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start()
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_broken_blob_is_a_value_or_the_one_error(seed: int) -> None:
    rnd = random.Random(seed)
    for _ in range(BLOBS_OF_A_SEED):
        blob = mutated(rnd)
        assert peak_of(blob) < 8_000 + 50 * len(blob), blob.hex()
        shown = readable(blob, 200)
        assert len(shown) <= 200, blob.hex()
        with contextlib.suppress(BadArgument):
            decode(blob)


@given(st.binary(max_size=60), st.sampled_from([NETWORK, LITTLE, BIG]))
def test_any_bytes_behind_a_header(rest: bytes, header: str) -> None:
    blob = bytes.fromhex(header) + rest
    with contextlib.suppress(BadArgument):
        thaw(blob)
    assert len(readable(blob, 50)) <= 50


def u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


HEAD = bytes.fromhex(NETWORK)
DEEP = 100_000
MANY = 20_000
HOSTILE = {
    "an array that claims 2^31 elements": HEAD + bytes([Code.ARRAY]) + u32(2**31) + b"\5" * 1000,
    "a hash that claims 2^31 pairs": HEAD + bytes([Code.HASH]) + u32(2**31) + b"\5" * 1000,
    "a flagged hash that claims 2^32 pairs": HEAD + bytes([Code.FLAG_HASH, 0]) + u32(2**32 - 1) + b"\5" * 1000,
    "a string that claims 2^31 bytes": HEAD + bytes([Code.LSCALAR]) + u32(2**31) + b"\5" * 1000,
    "a v-string that claims 2^31 bytes": HEAD + bytes([Code.LVSTRING]) + u32(2**31) + b"\5" * 1000,
    "a class name that claims 2^31 bytes": HEAD + bytes([Code.BLESS, 0xFF]) + u32(2**31) + b"\5" * 1000,
    "a key that claims 2^31 bytes": HEAD + bytes([Code.HASH]) + u32(1) + b"\5" + u32(2**31),
    "a hook that claims 2^31 parts": HEAD + bytes([Code.HOOK, Hook.LIST | Hook.LONG_LIST, 0, 0]) + u32(2**31),
    "a hook that never ends": HEAD + bytes([Code.HOOK]) + bytes([Hook.MORE, Code.UNDEF]) * MANY,
    "hooks inside hooks": HEAD + bytes([Code.HOOK, Hook.MORE]) * DEEP,
    "arrays inside arrays": HEAD + (bytes([Code.REF, Code.ARRAY]) + u32(1)) * DEEP + b"\5",
    "hashes inside hashes": HEAD + (bytes([Code.REF, Code.HASH]) + u32(1)) * DEEP,
    "references to references": HEAD + bytes([Code.REF]) * DEEP + b"\5",
    "references to nothing": HEAD + bytes([Code.REF]) * DEEP,
    "objects of objects": HEAD + bytes([Code.BLESS, 1, 65]) * DEEP + b"\5",
    "many empty arrays": HEAD + bytes([Code.ARRAY]) + u32(MANY) + (bytes([Code.ARRAY]) + u32(0)) * MANY,
    "many holes": HEAD + bytes([Code.ARRAY]) + u32(MANY) + bytes([Code.SV_UNDEF]) * MANY,
}


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("blob", HOSTILE.values(), ids=HOSTILE)
def test_hostile(blob: bytes) -> None:
    assert peak_of(blob) < 500_000 + 50 * len(blob)
    assert len(readable(blob, 200)) <= 200


def laughs(levels: int, form: str) -> bytes:
    """An array (or hash) with its first member twice, and so down: 2 to the power of `levels` when written out."""
    opening = bytes([Code.ARRAY]) + u32(2) if form == "array" else bytes([Code.HASH]) + u32(2)
    blob, closing = HEAD, b""
    for level in range(levels):
        blob += opening + bytes([Code.REF])
        again = bytes([Code.REF, Code.OBJECT]) + u32(2 * level + 2)
        closing = (again if form == "array" else u32(1) + b"a" + again + u32(1) + b"b") + closing
    return blob + opening[:1] + u32(0) + closing


@pytest.mark.usefixtures("_traced")
@pytest.mark.parametrize("form", ["array", "hash"])
def test_a_billion_laughs(form: str) -> None:
    blob = laughs(900, form)
    assert peak_of(blob) < 500_000 + 50 * len(blob)
    value, depth = thaw(blob), 0
    while value:
        first, second = value if form == "array" else value.values()
        assert first is second
        value, depth = first, depth + 1
    assert depth == 900
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    assert len(readable(laughs(40, form), 10_000)) == 10_000
    assert len(readable(blob, 10_000)) == 10_000
    assert tracemalloc.get_traced_memory()[1] - before < 3_000_000


def test_what_contains_itself_is_read_by_people() -> None:
    cycle = HEAD + bytes([Code.ARRAY]) + u32(2) + bytes([Code.REF, Code.OBJECT]) + u32(0) + b"\5"
    assert readable(cycle, 100) == "[(contains itself), null]"
    both = HEAD + bytes([Code.ARRAY]) + u32(2) + (bytes([Code.REF, Code.OBJECT]) + u32(0)) * 2
    assert readable(both, 100) == "[(contains itself), (contains itself)]"


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
KEYS = st.text(max_size=5) | st.binary(max_size=5)
VALUES = st.recursive(
    SCALARS | st.text() | st.binary(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4) | st.tuples(inner, inner),
    max_leaves=20,
)


def as_read(value: Any) -> Any:
    """What becomes of a value on its way through Perl's format."""
    match value:
        case bool():
            return int(value)
        case int() if not -(2**31) <= value < 2**31:
            return str(value)
        case float():
            return repr(value)
        case bytes():
            with contextlib.suppress(UnicodeDecodeError):
                return value.decode()
        case list() | tuple():
            return [as_read(each) for each in value]
        case dict():
            return {as_read(key): as_read(each) for key, each in value.items()}
    return value


@given(VALUES)
def test_there_and_back(value: Any) -> None:
    try:
        blob = freeze(value)
    except ValueError as error:
        assert "two keys" in str(error)  # "a" and b"a"
        return
    assert thaw(blob) == as_read(value)
    assert decode(blob) == as_read(value)
