"""Gearman's pure parts: packets, what unique ids say, results, addresses, the log's delay."""

import math
import time
from typing import Any

import pytest

from wmcore import GearmanAsyncClient
from wmcore.backends.gearman import packets, submitting, unique
from wmcore.backends.gearman.packets import Broken, Reader
from wmcore.backends.gearman.results import encoded
from wmcore.backends.gearman.unique import UNKNOWN, Past
from wmcore.config.servers import parse_server
from wmcore.errors import ConfigError, Refused
from wmcore.logs import Formatter, JobEnd
from wmcore.model import ESTIMATED, Outcome
from wmcore.stats import ClassStats
from wmcore.worker import Job


def response(kind: int, body: bytes) -> bytes:
    return packets.HEADER.pack(packets.RESPONSE, kind, len(body)) + body


def test_a_stream_in_pieces() -> None:
    stream = response(packets.NOOP, b"") + response(packets.JOB_ASSIGN_UNIQ, b"H:1\0f\0u\0a\0b")
    reader, found = Reader(), []
    for place in range(len(stream)):
        reader.feed(stream[place : place + 1])
        while (packet := reader.next()) is not None:
            found.append(packet)
    assert found == [(packets.NOOP, b""), (packets.JOB_ASSIGN_UNIQ, b"H:1\0f\0u\0a\0b")]


@pytest.mark.parametrize(
    ("kind", "body", "unique_id"),
    [
        (packets.JOB_ASSIGN, b"H:1\0f\0a\0b", b""),
        (packets.JOB_ASSIGN_UNIQ, b"H:1\0f\0u\0a\0b", b"u"),
        (packets.JOB_ASSIGN_ALL, b"H:1\0f\0u\0r\0a\0b", b"u"),
    ],
)
def test_a_payload_may_hold_nuls(kind: int, body: bytes, unique_id: bytes) -> None:
    assert packets.assigned(kind, body) == (b"H:1", b"f", unique_id, b"a\0b")


def test_who_is_no_gearmand_is_refused() -> None:
    reader = Reader()
    reader.feed(b"SSH-2.0-OpenSSH_9.2\r\n")
    with pytest.raises(Broken, match=r"no Gearman server: it says .*SSH"):
        reader.next()


def test_a_prefix_is_set_off_by_a_tab() -> None:
    assert (packets.wire_name("", "a.B"), packets.wire_name("shop", "a.B")) == (b"a.B", b"shop\ta.B")


def test_a_time_based_id_says_when() -> None:
    before = time.time()
    past = unique.read(submitting.new_unique(), time.time() + 1)
    assert past.inserted == pytest.approx(before, abs=0.5)
    assert (past.due, past.failures) == (0.0, 0)


@pytest.mark.parametrize(
    "text",
    [
        "", "-", "user-7", "d20b350e-7325-4bbd-b497-bf550ad43035", "x" * 36, "zzzzzzzz-zzzz-1zzz-zzzz-zzzzzzzzzzzz",
        "00000000-0000-1000-8000-000000000000", "ffffffff-ffff-1fff-bfff-ffffffffffff", "wm-", "wm-1-2-3", "wm-a-b-c-d",
        f"wm-{10**20}-0-0-0", f"wm-0-{'f' * 20}-0-0", f"wm-0-0-{'f' * 20}-0",
    ],
)  # fmt: skip
def test_other_ids_say_nothing(text: str) -> None:
    assert unique.read(text, time.time()) == UNKNOWN


def test_our_own_form() -> None:
    text = unique.ours(3, 1_700_000_000.125, 1_700_000_060.5, 2**64 - 1)
    assert len(text) <= packets.MOST_UNIQUE
    assert unique.read(text, 1_700_000_100.0) == Past(1_700_000_000.125, 1_700_000_060.5, 3)
    assert unique.read(unique.ours(1, None, 0, 0), 0.0) == Past(None, 0.0, 1)


def test_a_clock_that_is_ahead_means_no_negative_delay() -> None:
    text = submitting.new_unique()
    assert unique.read(text, time.time() - 60).inserted == pytest.approx(time.time() - 60, abs=1)


@pytest.mark.parametrize("uniqkey", ["", "x" * 64, "a\0b"])
def test_what_gearmand_would_mutilate_is_refused(uniqkey: str) -> None:
    with pytest.raises(Refused, match="uniqkey"):
        submitting.submission("", Job.new("a.B", 1, uniqkey=uniqkey))


@pytest.mark.parametrize(
    ("priority", "kind"), [(None, 18), (0, 18), (5, 32), (1, 32), (-1, 34)], ids=lambda value: str(value)
)
def test_priorities(priority: int | None, kind: int) -> None:
    packet = submitting.submission("", Job.new("a.B", 1, priority=priority))
    assert packets.HEADER.unpack_from(packet)[1] == kind


def test_a_job_for_later_is_never_early() -> None:
    due = time.time() + 100.25
    packet = submitting.submission("p", Job.new("a.B", b"\0", run_after=due))
    assert packets.HEADER.unpack_from(packet)[1] == packets.SUBMIT_JOB_EPOCH
    function, own, epoch, raw = packet[packets.HEADER.size :].split(b"\0", 3)
    assert (function, raw) == (b"p\ta.B", b"\0")
    assert int(epoch) == math.ceil(due)
    assert unique.read(own.decode(), time.time()).due == pytest.approx(due, abs=0.01)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        (None, b""), ("ä", "ä".encode()), (b"\0\xff", b"\0\xff"), (bytearray(b"x"), b"x"), (7, b"7"),
        ({"a": [1, None]}, b'{"a":[1,null]}'), (True, b"true"),
    ],
)  # fmt: skip
def test_results(value: Any, raw: bytes) -> None:
    assert encoded(value) == raw


@pytest.mark.parametrize("value", [{1, 2}, math.nan, object()])
def test_a_result_that_nobody_could_read(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        encoded(value)


@pytest.mark.parametrize(
    ("text", "server"),
    [("js1", "js1:4730"), ("10.0.0.1:4731", "10.0.0.1:4731"), ("[::1]", "[::1]:4730"), ("[::1]:47", "[::1]:47")],
)
def test_servers(text: str, server: str) -> None:
    assert parse_server(text) == server


@pytest.mark.parametrize("text", ["", "a:b", "a:0", "a:65536", "::1", "http://a", "a b"])
def test_no_servers(text: str) -> None:
    with pytest.raises(ConfigError, match="is no job server; write host or host:port"):
        parse_server(text)


@pytest.mark.parametrize(
    ("kind", "behind", "keys"),
    [
        ("measured", "delay:5 lateness:4 job:0-H:x:1", {"delay": 5, "lateness": 4}),
        (ESTIMATED, "delay:5 lateness:4 delay_kind:estimated job:0-H:x:1", {"delay_kind": "estimated"}),
        ("", "job:0-H:x:1", {}),
    ],
)
def test_how_the_delay_is_known(kind: str, behind: str, keys: dict[str, Any]) -> None:
    import json

    delay, lateness = (5.9, 4.9) if kind else (math.nan, math.nan)
    end = JobEnd("a.B", Outcome.COMPLETED, "0-H:x:1", 3.2, delay, lateness, kind)
    assert Formatter("Gearman").job(end, 0).endswith(f" Gearman job completed a.B process:3 {behind}\n")
    told = json.loads(Formatter("Gearman", "json").job(end, 0))
    assert {key: told[key] for key in keys} == keys
    assert ("delay" in told) == bool(kind)


def test_what_is_unknown_is_in_no_distribution() -> None:
    stats = ClassStats()
    stats.add([math.nan], [math.nan], [3.0], 10)
    assert stats.delay.percentiles(10).max is None
    assert stats.process.percentiles(10).max == 3.0


def test_a_client_without_a_server_is_refused() -> None:
    for nothing in ([], ""):
        with pytest.raises(ConfigError, match="needs a job server"):
            GearmanAsyncClient(nothing)
