"""Nothing of the developer's terminal may reach these tests; Textual reads its environment when it is imported."""

import os
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

for name in ("NO_COLOR", "FORCE_COLOR", "COLORTERM", "TEXTUAL_FPS", "COLUMNS", "LINES"):
    os.environ.pop(name, None)
os.environ.update(
    TEXTUAL_THEME="ansi-dark", TEXTUAL_ANIMATIONS="none", TEXTUAL_SMOOTH_SCROLL="0", TEXTUAL_DISABLE_KITTY_KEY="1",
    TERM="xterm-256color",
)  # fmt: skip

from tests.console.daemon import Daemon  # noqa: E402


@pytest.fixture(autouse=True)
def utc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture(autouse=True)
def crash_reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for them: the developer's own is no test's business."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path / "wmcore"


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Daemon]:
    async with Daemon(tmp_path / "s") as running:
        yield running
