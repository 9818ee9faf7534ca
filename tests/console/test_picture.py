"""The picture in the documentation comes from the program, and says nothing of the machine that made it."""

import getpass
from pathlib import Path
from xml.etree import ElementTree

from tests.console import picture


async def test_the_picture_can_be_made(tmp_path: Path) -> None:
    made = tmp_path / "console.svg"
    await picture.make(made)
    text = "".join(ElementTree.parse(made).getroot().itertext())
    assert "sandbox.worker.A" in text and "PENDING default 4" in text and "wanted 4" in text
    assert str(tmp_path) not in text and str(Path.home()) not in text and getpass.getuser() not in text
