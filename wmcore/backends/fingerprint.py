"""Which failed jobs have failed alike: an error without what differs from job to job, and a short key for it. Pure."""

import hashlib
import re

LONGEST = 300
"""Characters of the error that count."""

_DIFFERENT = re.compile(
    r"""
      (?P<url> \b[a-z][a-z0-9+.-]{1,15}://[^\s'"<>,;)\]]+ )
    | (?P<mail> [\w.+-]+@[\w-]+(?:\.[\w-]+)+ )
    | (?P<quoted> (?<!\w)'(?:[^'\\]|\\.)*' | "(?:[^"\\]|\\.)*" | `[^`]*` )
    | (?P<address> \b\d{1,3}(?:\.\d{1,3}){3}(?::\d+)?\b
            | (?<![\w:])(?=[a-f:]*\d)(?:[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*)?::[0-9a-f]{1,4}(?::[0-9a-f]{1,4})*(?!\w)
            | (?<![\w:])(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}(?!\w) )
    | (?P<id> \b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b | \b0x[0-9a-f]+\b
            | \b(?=[0-9a-f]*\d)(?=\d*[a-f])[0-9a-f]{8,}\b )
    | (?P<number> \d+(?:[.,:]\d+)*(?:e[+-]?\d+)? )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_NAMES_MISSED = re.compile(
    r"(?:[\w.]*\.)?(?:KeyError|AttributeError|NameError|UnboundLocalError|ImportError|ModuleNotFoundError|TypeError)\b"
)
_IDENTIFIER = re.compile(r"(['\"])[A-Za-z_][A-Za-z_.]*\1")
"""Errors in which a quoted word is a name in the code as a rule: KeyError: 'user_id' is not KeyError: 'order_id'."""
_NAMES = {"url": "URL", "mail": "MAIL", "quoted": "'…'", "address": "ADDRESS", "id": "ID", "number": "N"}


def normalised(message: str) -> str:
    """The first line of the error, its quoted strings, numbers, ids and addresses replaced by words for them; not the
    names that Python quotes when it misses them."""
    line = message.strip().partition("\n")[0][: 2 * LONGEST]
    names_stay = _NAMES_MISSED.match(line) is not None

    def word(found: re.Match[str]) -> str:
        stays = names_stay and found.lastgroup == "quoted" and _IDENTIFIER.fullmatch(found[0])
        return found[0] if stays else _NAMES[found.lastgroup or "number"]

    plain = _DIFFERENT.sub(word, line)
    return " ".join(plain.split())[:LONGEST]


def fingerprint(funcname: str, message: str) -> str:
    """Of a failed job: 16 characters, the same for the same class and error."""
    whole = f"{funcname}\n{normalised(message)}".encode("utf-8", "replace")
    return hashlib.blake2b(whole, digest_size=8).hexdigest()
