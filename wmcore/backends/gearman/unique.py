"""What a job's unique id says of its past: when it was inserted, when it was due, how often it has failed. Pure.

The protocol carries none of this, and a payload is never touched. libgearman (and with it PHP and the `gearman`
command) gives background jobs a time-based UUID; so do our clients. What the daemon submits again, and what a client
of ours puts off, has an id of our own form:

    wm-FAILURES-INSERTED-DUE-RANDOM     both moments in milliseconds, hexadecimal; 0: unknown
"""

from dataclasses import dataclass

OURS = "wm-"
_GREGORIAN = 0x01B21DD213814000
_MOST_AGE = 90 * 86400.0
_MOST_SKEW = 300.0
_MOST_FAILURES = 2**31
_MOST_MILLISECONDS = 2**48
"""Anybody may write an id of our form. What is beyond these none of us has written, and it fits into no slot."""


@dataclass(frozen=True, slots=True)
class Past:
    """Unix seconds."""

    inserted: float | None = None
    due: float = 0.0
    failures: int = 0


UNKNOWN = Past()


def ours(failures: int, inserted: float | None, due: float, random_bits: int) -> str:
    return f"{OURS}{failures}-{int((inserted or 0) * 1000):x}-{int(due * 1000):x}-{random_bits & (2**48 - 1):012x}"


def read(unique: str, now: float) -> Past:
    if unique.startswith(OURS):
        return _read_ours(unique)
    if len(unique) == 36 and unique[14] == "1" and unique[8] == unique[13] == unique[18] == "-":
        try:
            ticks = int(unique[15:18] + unique[9:13] + unique[:8], 16)
        except ValueError:
            return UNKNOWN
        inserted = (ticks - _GREGORIAN) / 1e7
        if now - _MOST_AGE < inserted < now + _MOST_SKEW:
            return Past(min(inserted, now))
    return UNKNOWN


def _read_ours(unique: str) -> Past:
    try:
        failures, *moments = unique[len(OURS) :].split("-")
        count = int(failures)
        inserted, due, _ = (int(moment, 16) for moment in moments)
    except ValueError:
        return UNKNOWN
    if count >= _MOST_FAILURES or max(inserted, due) >= _MOST_MILLISECONDS:
        return UNKNOWN
    return Past(inserted / 1000 or None, due / 1000, count)
