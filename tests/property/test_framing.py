"""Whatever bytes come, the framing answers with a request or with its one error."""

import contextlib
import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from wmcore.protocol.framing import (
    Code,
    RpcError,
    decode_body,
    decode_reply,
    decode_request,
    encode_error,
    encode_notification,
    encode_request,
    encode_result,
)
from wmcore.protocol.messages import METHODS

DEEP = 200_000

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
REQUEST_LIKE = st.fixed_dictionaries(
    {}, optional={"jsonrpc": JSON, "method": JSON | st.sampled_from(list(METHODS)), "params": JSON, "id": JSON}
)


def check_request(line: bytes) -> None:
    with contextlib.suppress(RpcError):
        request = decode_request(line)
        assert isinstance(request.method, str)
        decode_body(request.params, METHODS.get(request.method, METHODS["hello"]))


@given(st.binary(max_size=200))
@example(b"")
@example(b"[" * DEEP)
@example(b'{"a":' * DEEP)
@example(b'{"jsonrpc":"2.0","method":"hello","params":' + b"[" * DEEP + b"]" * DEEP + b"}")
@example(b'{"jsonrpc":"2.0","method":"\xff","id":1}')
@example(b'{"jsonrpc":"2.0","method":"hello","params":{"x":"\xff\xfe"}}')
@example(b'{"\xff":1,"jsonrpc":"2.0","method":"hello"}')
@example(b'{"jsonrpc":"2.0","method":"hello","id":' + b"9" * 5_000 + b"}")
@example(b'{"jsonrpc":"2.0","method":"\\ud800","id":1}')
@example(b'{"jsonrpc":"2.0","method":"log.tail","params":{"which":"\xc3\x28"}}')
def test_any_bytes_are_a_request_or_one_error(line: bytes) -> None:
    check_request(line)


@given(REQUEST_LIKE)
def test_any_json_is_a_request_or_one_error(value: object) -> None:
    check_request(json.dumps(value).encode("utf-8", "surrogatepass"))


@given(REQUEST_LIKE, st.data())
def test_a_broken_request_is_a_request_or_one_error(value: object, data: st.DataObject) -> None:
    line = bytearray(json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass"))
    for _ in range(data.draw(st.integers(1, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    check_request(bytes(line))


@given(st.binary(max_size=200))
@example(b"[" * DEEP)
@example(b'{"id":1,"result":' + b"[" * DEEP)
def test_any_bytes_are_a_reply_or_one_error(line: bytes) -> None:
    with contextlib.suppress(RpcError):
        decode_reply(line)


@given(st.integers(-(2**63), 2**63 - 1) | st.text(), st.text(), JSON)
def test_a_request_comes_back_as_it_went(request_id: int | str, method: str, params: object) -> None:
    line = encode_request(request_id, method, params)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    request = decode_request(line)
    assert (request.id, request.method) == (request_id, method)
    assert decode_body(request.params, object) == decode_body(decode_reply(encode_result(1, params)).result, object)


@given(st.text())
def test_an_error_and_a_notification_come_back_as_they_went(text: str) -> None:
    reply = decode_reply(encode_error(7, RpcError(Code.REFUSED, text)))
    assert reply.error is not None
    assert (reply.id, reply.error.code, reply.error.message) == (7, Code.REFUSED, text)
    notification = decode_reply(encode_notification("status", [text]))
    assert (notification.method, decode_body(notification.params, list[str])) == ("status", [text])


@pytest.mark.parametrize("line", [b'{"method":"hello","jsonrpc":"1.0","id":1}', b'[{"method":"hello","id":1}]', b"3"])
def test_what_is_json_but_no_request_is_invalid(line: bytes) -> None:
    with pytest.raises(RpcError) as raised:
        decode_request(line)
    assert raised.value.code == Code.INVALID
