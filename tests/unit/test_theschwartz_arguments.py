"""Arguments: JSON, or bytes as they are."""

import datetime
from typing import Any

import pytest

from wmcore.backends.arguments import decode, encode, readable


@pytest.mark.parametrize("value", [None, 0, "", "ä", [], {}, {"a": [1, 2.5, None, True, {"b": "ü"}]}, 2**53])
def test_there_and_back(value: Any) -> None:
    assert decode(encode(value)) == value


@pytest.mark.parametrize("raw", [b"", b"\x05\x0b\x03storable", b"plain text", b"\xff\xfe", b"{", b"[" * 100_000])
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
