"""Plain text for a terminal or a pipe: data made harmless, columns made even."""

import sys
from collections.abc import Iterable, Sequence
from unicodedata import combining, east_asian_width

import msgspec

from wmcore.protocol.messages import Server

_CONTROL = {code: 0x2400 + code for code in range(0x20)} | {0x7F: 0x2421}
_HIDDEN = dict.fromkeys([*range(0x80, 0xA0), 0x061C, 0x200E, 0x200F, 0x2028, 0x2029, *range(0x202A, 0x202F),
                         *range(0x2066, 0x206A)], 0xFFFD)  # fmt: skip
_LINE = _CONTROL | _HIDDEN | dict.fromkeys(range(0xD800, 0xE000), 0xFFFD)
_BLOCK = {code: symbol for code, symbol in _LINE.items() if code not in (0x09, 0x0A)}


def clean(text: object) -> str:
    """`text` on one line, each control character (escape sequences, newlines, turned-round text) as a visible symbol:
    job arguments and error messages are other people's bytes, and a terminal obeys bytes."""
    return str(text).translate(_LINE)


def clean_block(text: str) -> str:
    """The same for several lines: newlines and tabs stay."""
    return text.replace("\r\n", "\n").translate(_BLOCK)


def table(heads: Sequence[str], rows: Iterable[Sequence[object]], right: str = "") -> list[str]:
    """Lines with even columns; `right` has an `r` for each column that is set to the right, as in "lrr". Nothing is
    cut: what is wider than the terminal may wrap, but grep finds it."""
    cells = [list(heads), *([clean("-" if cell is None else cell) for cell in row] for row in rows)]
    widths = [max(_columns(row[column]) for row in cells) for column in range(len(heads))]
    sides = right.ljust(len(heads), "l")
    return [
        " ".join(_set(cell, width, side) for cell, width, side in zip(row, widths, sides, strict=True)).rstrip()
        for row in cells
    ]


def _set(cell: str, width: int, side: str) -> str:
    room = " " * (width - _columns(cell))
    return room + cell if side == "r" else cell + room


def _columns(text: str) -> int:
    """That it takes on a terminal: Chinese and the like two a character, accents that are set over another none."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(char) else 2 if east_asian_width(char) in "WF" else 1 for char in text)


def shorten(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def reason(server: Server) -> str:
    """Why it does not answer, without its name, which stands beside it."""
    said = server.error or ""
    for word in ("database", "job server"):
        said = said.removeprefix(f"{word} {server.name}: ")
    return clean(said)


def plural(number: int, word: str) -> str:
    """ "1 child", "2 children", "3 jobs"."""
    if number == 1:
        return f"1 {word}"
    return f"{number} children" if word == "child" else f"{number} {word}s"


def as_json(reply: object) -> str:
    """The reply with its names on the wire, in one line. Control characters stay JSON escapes."""
    text = msgspec.json.encode(reply).decode()
    return text.translate({code: f"\\u{code:04x}" for code in (0x7F, *_HIDDEN)})


def out(lines: Iterable[str] | str) -> None:
    """To stdout, whatever its encoding: what that cannot write becomes a question mark."""
    text = lines if isinstance(lines, str) else "\n".join(lines)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))


def err(sentence: str) -> None:
    encoding = sys.stderr.encoding or "utf-8"
    print(f"wmtui: {clean_block(sentence)}".encode(encoding, "replace").decode(encoding), file=sys.stderr)
