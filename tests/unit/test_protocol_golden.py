"""The status message is a contract: outside checks and older consoles read these names."""

import json
from pathlib import Path

import msgspec

from wmcore.protocol.messages import Status

GOLDEN = Path(__file__).parent.parent / "golden" / "status.json"


def test_status_round_trips_to_the_letter() -> None:
    golden = json.loads(GOLDEN.read_text())
    status = msgspec.json.decode(GOLDEN.read_bytes(), type=Status)
    assert json.loads(msgspec.json.encode(status)) == golden
