"""The operator's own keys: a file that gives keys to the ids of the table."""

import difflib
from pathlib import Path
from typing import Any

import yaml

from wmcore.errors import UsageError
from wmtui.keymap import DEFAULT, KEYS, SIGNS, Keymap, clash


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


NAMED = {
    "enter", "escape", "tab", "space", "backspace", "up", "down", "left", "right", "home", "end", "insert", "delete",
    "pageup", "pagedown", *(f"f{number}" for number in range(1, 25)), *SIGNS.values(),
}  # fmt: skip
WRITTEN = {"esc": "escape", "pgup": "pageup", "pgdn": "pagedown", "return": "enter", "del": "delete", "ins": "insert"}
"""As docs/keys.md and other programs call them."""
MODIFIERS = ("alt", "ctrl", "shift")


def _keys(path: Path, name: str, value: Any) -> str:
    known = [key.id for key in KEYS if not key.of]
    if name not in known:
        near = difflib.get_close_matches(name, known, 1)
        raise UsageError(f"{path}: there is no key {name!r}" + (f"; is {near[0]!r} meant?" if near else ""))
    values = value if isinstance(value, list) else str(value).split(",") if len(str(value)) > 1 else [value]
    found = [str(each).strip() for each in values]
    if not all(found) or isinstance(value, bool | dict):
        raise UsageError(f"{path}: {name} needs a key, as in `{name}: ctrl+d` or `{name}: [u, plus]`")
    found = [_key(path, name, each) for each in found]
    if "ctrl+c" in found:
        raise UsageError(f"{path}: {name} cannot have ctrl+c: that always leaves the console")
    return ",".join(found)


def _key(path: Path, name: str, written: str) -> str:
    """As Textual calls it. One that no terminal sends would leave its id without a key, and nobody would be told."""
    *before, last = [written] if len(written) == 1 else written.split("+")
    modifiers = sorted(each.lower() for each in before)
    key = SIGNS.get(last) or (last if len(last) == 1 and last.isalnum() else WRITTEN.get(last.lower(), last.lower()))
    if modifiers == ["shift"] and len(key) == 1:
        return key.upper()
    if modifiers:
        key = key.lower()
    letter = len(key) == 1
    if not (letter or key in NAMED) or not set(modifiers) <= set(MODIFIERS) or (letter and "shift" in modifiers):
        raise UsageError(f"{path}: {name}: terminals have no key {written!r}; it goes like x, X, f5, pgdn, ctrl+d")
    return "+".join([*modifiers, key])
