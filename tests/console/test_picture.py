"""The pictures in the documentation come from the program, and say nothing of the machine that made them."""

import getpass
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.console import picture

WORDS = {
    "console": ("sandbox.worker.A", "PENDING default 4 > 6", "wanted 4"),
    "groups": ("KeyError: N", "groups by class and error"),
}


@pytest.mark.parametrize("name", picture.PICTURES)
async def test_a_picture_can_be_made(tmp_path: Path, name: str) -> None:
    await picture.make(tmp_path, name)
    text = "".join(ElementTree.parse(tmp_path / f"{name}.svg").getroot().itertext())
    assert all(words in text for words in WORDS[name])
    assert str(tmp_path) not in text and str(Path.home()) not in text and getpass.getuser() not in text
