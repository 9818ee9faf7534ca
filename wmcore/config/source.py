"""YAML with the line of everything, so that each mistake can be shown where it stands."""

from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, NoReturn

import yaml

from wmcore.errors import ConfigError

DEEPEST = 20
"""Levels of nesting; a configuration has five. An alias that contains itself ends here too."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it stands. `data` is a scalar, a list of Values or a mapping of names to Values."""

    data: Any
    line: int
    path: Path
    key: str  # "" for the whole file
    raw: str = ""  # a scalar as it was written: 0123 stays 0123, yes stays yes

    def wrong(self, what: str) -> NoReturn:
        """Refuse it: "conf.yml:7: key 'workers': what is wrong; what to do"."""
        where = f" key {self.key!r}:" if self.key else ""
        raise ConfigError(f"{self.path}:{self.line}:{where} {what}")

    def entries(self) -> Mapping[str, "Value"]:
        if not isinstance(self.data, dict):
            self.wrong(f"must be a mapping (lines of 'key: value'), not {self._kind()}")
        return self.data

    def items(self) -> list["Value"]:
        """A list; a single value stands for a list of one, nothing for an empty one."""
        if self.data is None:
            return []
        return self.data if isinstance(self.data, list) else [self]

    def refuse_unknown(self, known: tuple[str, ...], elsewhere: Mapping[str, str] | None = None) -> None:
        """`elsewhere`: keys that are known in another place, and a sentence that says where."""
        for key, value in self.entries().items():
            if key in known:
                continue
            if elsewhere is not None and key in elsewhere:
                value.wrong(f"does not belong here; {elsewhere[key]}")
            near = get_close_matches(key.lower(), known, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"remove it; known here are {', '.join(known)}"
            value.wrong(f"is not known; {hint}")

    def text(self) -> str:
        if isinstance(self.data, bool) or not isinstance(self.data, str | int | float):
            self.wrong(f"must be text, not {self._kind()}")
        return self.raw

    def literal(self) -> str:
        """Any scalar as it was written (environment, password): nothing is taken for a number or a boolean."""
        if isinstance(self.data, dict | list):
            self.wrong(f"must be a single value, not {self._kind()}")
        return self.raw if self.data is not None else ""

    def number(self, least: float, most: float | None = None) -> float:
        if isinstance(self.data, bool) or not isinstance(self.data, int | float):
            self.wrong(f"must be a number, not {self._kind()}")
        if not (self.data >= least and (most is None or self.data <= most)):  # so that .nan is refused too
            bound = f"at least {least:g}" if most is None else f"{least:g} to {most:g}"
            self.wrong(f"must be {bound}, not {self.data}")
        return self.data

    def whole(self, least: int, most: int | None = None) -> int:
        number = self.number(least, most)
        if isinstance(number, float) and not number.is_integer():
            self.wrong(f"must be a whole number, not {number}")
        return int(number)

    def truth(self) -> bool:
        if self.data not in (True, False, 0, 1):
            self.wrong(f"must be true or false (or 1 or 0), not {self._kind()}")
        return bool(self.data)

    def _kind(self) -> str:
        if isinstance(self.data, dict):
            return "a mapping"
        if isinstance(self.data, list):
            return "a list"
        # A URL may hold a password.
        return "nothing" if self.data is None else "plain text" if "://" in self.raw else repr(self.raw)


def read(path: Path) -> Value:
    """The whole file. Raises ConfigError for a file that is not there or is no YAML mapping."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise ConfigError(f"configuration {path}: {error.strerror}; name another file with -f") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"configuration {path}: byte {error.start} is no UTF-8; save the file as UTF-8") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        if node is None:
            raise ConfigError(f"{path}: the configuration is empty; it needs at least 'workers'")
        return _Reader(path).value(node, "", 0)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f"{path}:{mark.line + 1}: column {mark.column + 1}:" if mark else f"{path}:"
        raise ConfigError(f"{where} {_problem(error)}") from None
    except yaml.YAMLError as error:  # a character that YAML forbids
        raise ConfigError(f"{path}: not valid YAML: {str(error).splitlines()[0]}; remove it") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested more than {DEEPEST} levels deep; flatten it") from None


def _problem(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, in words that never repeat the text: it may be an unquoted password."""
    problem = error.problem or "cannot be read"
    if "undefined alias" in problem:
        return "not valid YAML: an alias (*name) that nothing defines; put quotes around a value that begins with *"
    if "tag" in problem:
        return "not valid YAML: an unknown tag (!name); put quotes around a value that begins with !"
    return f"not valid YAML: {problem}; mend the indentation or the quotes there"


class _Reader:
    """Nodes to Values."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._scalars = yaml.SafeLoader("")

    def value(self, node: yaml.Node, key: str, depth: int) -> Value:
        line = node.start_mark.line + 1
        if depth > DEEPEST:
            raise RecursionError
        if isinstance(node, yaml.MappingNode):
            return Value(self._mapping(node, key, depth), line, self._path, key)
        if isinstance(node, yaml.SequenceNode):
            return Value([self.value(item, key, depth + 1) for item in node.value], line, self._path, key)
        try:
            data = self._scalars.construct_object(node)
        except ValueError:  # 2026-13-45 looks like a date and is none
            data = node.value
        return Value(data, line, self._path, key, node.value)

    def _mapping(self, node: yaml.MappingNode, above: str, depth: int) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        merged: dict[str, Value] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            if not isinstance(key_node, yaml.ScalarNode):
                Value(None, line, self._path, above).wrong("a key must be a word, not a list or a mapping")
            key = key_node.value
            value = self.value(value_node, key, depth + 1)
            if key_node.tag == "tag:yaml.org,2002:merge":
                for part in reversed(value.items()):
                    merged |= part.entries()
            elif key in entries:
                value = Value(value.data, line, self._path, key)
                value.wrong(f"stands here again (first in line {entries[key].line}); remove one of the two")
            else:
                entries[key] = Value(value.data, line, self._path, key, value.raw)
        return {**merged, **entries}
