"""JSON that stands in one long line, laid out over several: nothing is added but blanks and new lines. Pure."""

import json
import re

SHORT = 72
"""Characters: what is not longer stays in its line."""
LONGEST = 100_000
"""What is longer would hold up the keys."""
_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s"{}\[\],:]+')
_PAIRS = {"{": "}", "[": "]"}


def laid_out(text: str) -> str:
    """Text that is no object and no list, has lines already, is short or endless comes back as it was."""
    if not SHORT < len(text) <= LONGEST or "\n" in text.strip() or text.lstrip()[:1] not in _PAIRS:
        return text
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return text
    return "".join(_lines(_PIECE.findall(text)))


def _lines(pieces: list[str]) -> list[str]:
    parts: list[str] = []
    depth, at = 0, 0
    while at < len(pieces):
        piece = pieces[at]
        if piece in _PAIRS:
            whole = _short(pieces, at)
            if whole is not None:
                parts.append(whole[0])
                at = whole[1]
                continue
            depth += 1
            parts += [piece, "\n", "  " * depth]
        elif piece in "}]":
            depth -= 1
            parts += ["\n", "  " * depth, piece]
        elif piece == ",":
            parts += [",\n", "  " * depth]
        else:
            parts.append(": " if piece == ":" else piece)
        at += 1
    return parts


def _short(pieces: list[str], at: int) -> tuple[str, int] | None:
    """What begins here and is short enough for one line, and what is behind it; the outermost never is."""
    if at == 0:
        return None
    depth, text = 0, ""
    for position in range(at, len(pieces)):
        piece = pieces[position]
        depth += (piece in _PAIRS) - (piece in ("}", "]"))
        text += {",": ", ", ":": ": "}.get(piece, piece)
        if not depth:
            return text, position + 1
        if len(text) > SHORT:
            return None
    return None
