"""The status message is a contract: outside checks and older consoles read these names."""

import json
from pathlib import Path

import msgspec

from wmcore.protocol.messages import Bulk, FailedFilter, Holder, RefusedItem, Status

GOLDEN = Path(__file__).parent.parent / "golden" / "status.json"


def test_status_round_trips_to_the_letter() -> None:
    golden = json.loads(GOLDEN.read_text())
    status = msgspec.json.decode(GOLDEN.read_bytes(), type=Status)
    assert json.loads(msgspec.json.encode(status)) == golden


def test_names_on_the_wire_that_a_quiet_daemon_does_not_show() -> None:
    holder = Holder(slot=5, pid=4741, class_name="A", job="0-9001", since=1.0, elapsed=2.0)
    assert json.loads(msgspec.json.encode(holder)) == {
        "slot": 5, "pid": 4741, "class": "A", "job": "0-9001", "since": 1.0, "elapsed": 2.0, "timeout_at": None,
    }  # fmt: skip
    bulk = Bulk(
        id="1", action="retry", filter=FailedFilter(fingerprint="a1"), state="running", total=8211, done=300, refused=1,
        by="ops", started_at=1.0, reasons=[RefusedItem(id="0-7", reason="its uniqkey is taken")],
    )  # fmt: skip
    assert json.loads(msgspec.json.encode(bulk)) == {
        "id": "1", "action": "retry", "state": "running", "total": 8211, "at_least": False, "done": 300, "refused": 1,
        "by": "ops", "started_at": 1.0, "ended_at": None, "error": None,
        "filter": {
            "class": None, "error": None, "since": None, "until": None, "fingerprint": "a1", "retried": None,
            "job": None,
        },
        "reasons": [{"id": "0-7", "reason": "its uniqkey is taken"}],
    }  # fmt: skip
