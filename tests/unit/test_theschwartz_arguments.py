"""Arguments: JSON, Perl's Storable, or bytes as they are."""

import datetime
import json
from typing import Any

import pytest

from wmcore.backends.arguments import SERIALIZERS, decode, encode, readable
from wmcore.backends.storable import freeze
from wmcore.errors import BadArgument, WmError

FROZEN = b"\x05\x0b\x03\0\0\0\1\x08\x81\0\0\0\1a"  # Perl: {a => 1}
BROKEN = b"\x05\x0b\x03\0\0\0\1\x08\x81\0\0\0\x09a"


@pytest.mark.parametrize("value", [None, 0, "", "ä", [], {}, {"a": [1, 2.5, None, True, {"b": "ü"}]}, 2**53])
def test_there_and_back(value: Any) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("raw", [b"", b"\x05\x0b\0storable", b"plain text", b"\xff\xfe", b"{", b"[" * 100_000])
def test_what_is_no_json_stays_as_it_is(raw: bytes) -> None:
    assert encode(raw) == raw
    assert decode(raw) == raw


@pytest.mark.parametrize("value", [{1, 2}, datetime.datetime(2024, 1, 1), float("inf"), [b"bytes"], object(), "\udcff"])
def test_what_json_has_no_word_for(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(value)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b'{"foo":"\xc3\xa4"}', '{"foo": "ä"}'),
        (b"hello world", "hello world"),
        (b"\xff\x00", r"b'\xff\x00'"),
        (b"", ""),
        (b'"' + b"x" * 50 + b'"', '"' + "x" * 18 + "…"),
    ],
)
def test_for_people(raw: bytes, text: str) -> None:
    assert readable(raw, 20) == text


def test_the_serializers() -> None:
    assert SERIALIZERS == ("json", "storable")
    assert encode({"a": 1}) == encode({"a": 1}, "json") == b'{"a":1}'
    with pytest.raises(ValueError, match="no serializer 'pickle': there are 'json' and 'storable'"):
        encode({"a": 1}, "pickle")
    with pytest.raises(ValueError, match="no serializer"):
        encode(b"bytes", "pickle")


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ({"a": 1}, freeze({"a": 1})),
        ([], freeze([])),
        ((1, "ä"), freeze([1, "ä"])),
        (b"\xff", b"\xff"),
        (memoryview(b"\xff"), b"\xff"),
        (FROZEN, FROZEN),
        ("Zoë", "Zoë".encode()),
        (7, b"7"),
        (2**70, b"1180591620717411303424"),
        (-0.5, b"-0.5"),
        (True, b"1"),
        (False, b"0"),
        (None, b""),
    ],
)
def test_storable_as_perl_puts_it_there(value: Any, raw: bytes) -> None:
    assert encode(value, "storable") == raw


@pytest.mark.parametrize("value", [{1, 2}, datetime.date(2024, 1, 1), float("nan"), [float("inf")], {1: 2}, "\udcff"])
def test_what_storable_has_no_word_for(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encode(value, "storable")


def test_what_perl_froze_is_decoded() -> None:
    assert decode(FROZEN) == {"a": 1}
    assert decode(b"\x04\x0b\x0812345678\x04\x08\x08\x08\x02\1\0\0\0\x05") == [None]


def test_what_begins_like_storable_and_goes_on_otherwise() -> None:
    with pytest.raises(BadArgument, match=r"9 bytes announced and 1 left, at byte 13 .*job\.raw") as raised:
        decode(BROKEN)
    assert isinstance(raised.value, WmError)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (FROZEN, '{"a": 1}'),
        (freeze({"b": [], "c": {}, b"\xff": b"\xfe", "ä": 1}), r"""{"b": [], "c": {}, b'\xff': b'\xfe', "ä": 1}"""),
        (freeze("text"), '"text"'),
        (freeze(b"\xff"), r"b'\xff'"),
        (BROKEN, "not readable (9 bytes announced and 1 left, at byte 13): " + repr(BROKEN)),
        (b"\x04\x0b\x0812345678\x04\x08\x08\x08\x07\0\0\0\0\0\0\xf8\x7f", "NaN"),
    ],
)
def test_storable_for_people(raw: bytes, text: str) -> None:
    assert readable(raw, 200) == text
    assert readable(raw, len(text)) == text
    assert readable(raw, len(text) - 1) == text[:-2] + "…"


@pytest.mark.parametrize("value", [
    None, True, 1.5, "", "ä\n\"", [], {}, [[]], {"a": {}}, [1, [2, {"b": [None, "c"]}], 3], ["x" * 300], {"k" * 300: 1},
])  # fmt: skip
@pytest.mark.parametrize("limit", [2, 20, 300, 301, 302, 303, 304, 305, 10_000])
def test_json_for_people_is_json(value: Any, limit: int) -> None:
    text = json.dumps(value, ensure_ascii=False)
    assert readable(encode(value), limit) == (text if len(text) <= limit else text[: limit - 1] + "…")


def test_deep_json_for_people() -> None:
    assert readable(b"[" * 900 + b"]" * 900, 2_000) == "[" * 900 + "]" * 900
