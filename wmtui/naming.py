"""What daemons are called: host and instance, no longer than what tells them apart. Pure."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from wmcore.protocol.messages import Status
from wmtui.printing import clean

OF_A_PATH = re.compile(r"-[0-9a-f]{8}$")
"""The end of an instance: what its conf.yml's path makes of it."""


@dataclass(frozen=True, slots=True)
class Name:
    text: str
    short: str  # where there is little room


def name_of(status: Status | None) -> str:
    """Whole: no other daemon on any host has it."""
    return "" if status is None else f"{clean(status.host)}/{clean(status.instance)}"


def alone(status: Status) -> Name:
    return Name(name_of(status), clean(status.host))


def names(statuses: Sequence[Status | None]) -> list[Name | None]:
    """Of the daemons of one console, beside each other."""
    texts = _apart([OF_A_PATH.sub("", name_of(each)) for each in statuses], [name_of(each) for each in statuses])
    hosts = _apart([text.partition("/")[0] for text in texts], [""] * len(texts))
    inner = _apart([text.partition("/")[2] for text in texts], texts)
    shorts = [host or name for host, name in zip(hosts, inner, strict=True)]
    return [
        Name(text, short) if status is not None else None
        for status, text, short in zip(statuses, texts, shorts, strict=True)
    ]


def _apart(texts: Sequence[str], otherwise: Sequence[str]) -> list[str]:
    """Each text that no other daemon has; `otherwise` is for the others."""
    seen = Counter(texts)
    return [text if seen[text] == 1 else other for text, other in zip(texts, otherwise, strict=True)]
