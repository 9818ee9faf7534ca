"""The operator's own keys: a file that gives keys to the ids of the table."""

import difflib
from pathlib import Path
from typing import Any

import yaml

from wmcore.errors import UsageError
from wmtui.keymap import DEFAULT, KEYS, Keymap, clash


def read(path: Path) -> Keymap:
    """The file of keys: `id: key` or `id: [key, key]`. Raises UsageError, with what is wrong and where."""
    try:
        wanted = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from None
    if wanted is None:
        return DEFAULT
    if not isinstance(wanted, dict):
        raise UsageError(f"{path}: it goes `id: key`, as in `drain: ctrl+d` (ids stand in docs/keys.md)")
    own = {str(name): _keys(path, str(name), value) for name, value in wanted.items()}
    keymap = Keymap(own)
    if trouble := clash(keymap):
        raise UsageError(f"{path}: {trouble}")
    return keymap


CHARACTERS = {"+": "plus", "-": "minus", "/": "slash", ":": "colon", "?": "question_mark", "*": "asterisk",
              "!": "exclamation_mark", "=": "equals_sign", ".": "full_stop", ",": "comma", "[": "left_square_bracket",
              "]": "right_square_bracket", "#": "number_sign", "@": "at", ";": "semicolon", "~": "tilde"}  # fmt: skip


def _keys(path: Path, name: str, value: Any) -> str:
    known = [key.id for key in KEYS if not key.of]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(f"{path}: there is no key {name!r}" + (f"; is {near[0]!r} meant?" if near else ""))
    values = value if isinstance(value, list) else str(value).split(",") if len(str(value)) > 1 else [value]
    found = [CHARACTERS.get(str(each).strip(), str(each).strip()) for each in values]
    if not all(found) or isinstance(value, bool | dict):
        raise UsageError(f"{path}: {name} needs a key, as in `{name}: ctrl+d` or `{name}: [u, plus]`")
    if "ctrl+c" in found:
        raise UsageError(f"{path}: {name} cannot have ctrl+c: that always leaves the console")
    return ",".join(found)
