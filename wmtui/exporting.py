"""Rows as a file: one JSON object a line, for its owner only, because arguments of jobs are other people's data."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from wmtui.printing import as_json


def export(name: str, host: str, items: Sequence[Any], folder: Path | None = None) -> Path:
    """Returns the file, which is a new one. Raises OSError."""
    safe = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in host) or "daemon"
    stem = f"wmtui-{name}-{safe}-{time.strftime('%Y%m%dT%H%M%S')}"
    folder = folder or Path.cwd()
    for n in range(100):
        path = folder / (f"{stem}.jsonl" if n == 0 else f"{stem}-{n}.jsonl")
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            continue
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(as_json(item) + "\n" for item in items)
        return path
    raise FileExistsError(17, "there are a hundred of them", str(path))
