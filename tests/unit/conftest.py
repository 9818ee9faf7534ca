"""Fixtures of several units."""

from pathlib import Path

import pytest

from wmcore import paths


@pytest.fixture
def nobody_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No daemon of this machine is found, and files are made in a folder of the test's own."""
    monkeypatch.setattr(paths, "SYSTEM_DIR", tmp_path / "run")
    monkeypatch.delenv("RUNTIME_DIRECTORY", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.chdir(tmp_path)
