"""The signs that the console draws, in two sets: a state is never told by a colour alone, and always by a word too."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Glyphs:
    ascii_only: bool
    cursor: str
    mark: str
    ellipsis: str
    at_most: str
    paused: str
    bad: str
    good: str
    up: str
    down: str
    rule: str
    states: Mapping[str, str]

    def state(self, word: str) -> str:
        """ "● busy"; a word that a newer daemon made up stands behind a question mark."""
        return f"{self.states.get(word, '?')} {word}"


UNICODE = Glyphs(
    ascii_only=False, cursor="▸", mark="*", ellipsis="…", at_most="≤", paused="‖", bad="✗",
    good="✓", up="▲", down="▼", rule="│",
    states={
        "starting": "◌", "idle": "○", "busy": "●", "finishing": "▽", "dead": "✗",
        "running": "●", "draining": "▽", "drained": "▽", "stopping": "▽", "backing off": "✗",
        "connecting": "◌", "stale": "?", "gone": "✗", "ready": "○", "delayed": "◌",
    },
)  # fmt: skip

ASCII = Glyphs(
    ascii_only=True, cursor=">", mark="*", ellipsis="~", at_most="<", paused="=", bad="x",
    good="ok", up="^", down="v", rule="|",
    states={
        "starting": ".", "idle": "o", "busy": "#", "finishing": "v", "dead": "x",
        "running": "#", "draining": "v", "drained": "v", "stopping": "v", "backing off": "x",
        "connecting": ".", "stale": "?", "gone": "x", "ready": "o", "delayed": ".",
    },
)  # fmt: skip


def choose(ascii_only: bool, term: str | None, encoding: str | None) -> Glyphs:
    """`encoding` is that of stderr, where Textual draws. The Linux console has no font for most of the signs."""
    return ASCII if ascii_only or term == "linux" or not is_utf8(encoding) else UNICODE


def is_utf8(encoding: str | None) -> bool:
    return (encoding or "").lower().replace("-", "").replace("_", "") == "utf8"
