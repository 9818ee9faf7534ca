"""Failed jobs by what they have in common: which groups there are, how large they are, when they began and ended.

Without a search each group is one look into the index of fingerprints and a bounded count, however large the table is.
With one, what it reaches is counted: the newest so many records.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

from wmcore.backends.fingerprint import normalised
from wmcore.backends.records import FailedGroup, FailedGroups, Filter
from wmcore.backends.theschwartz.bounds import Bounds
from wmcore.backends.theschwartz.failed import Newest, Position, Store
from wmcore.model import COUNT_LIMIT

T = TypeVar("T")

MOST_GROUPS = 500
FEW = 1000
"""So far a group is counted when the time is over."""
AT_ONCE = 50
"""Groups in one statement that looks up, COUNTED_AT_ONCE in one that counts."""
COUNTED_AT_ONCE = 10


def groups(stores: Sequence[Store], which: Filter, limit: int) -> FailedGroups:
    """The group with the newest record first."""
    whole: dict[str, FailedGroup] = {}
    partial, scanned = False, 0
    for store in stores:
        bounds = Bounds(len(stores))
        searched = store.searches(which) or which.job is not None
        found, more = (_searched if searched else _looked_up)(store, which, limit, bounds)
        partial, scanned = partial or more, scanned + bounds.scanned
        for group in found:
            before = whole.get(group.fingerprint)
            whole[group.fingerprint] = group if before is None else _joined(before, group)
    ordered = sorted(whole.values(), key=lambda group: group.last, reverse=True)
    return FailedGroups(ordered[:limit], partial or len(ordered) > limit, scanned if partial and scanned else None)


def _joined(one: FailedGroup, other: FailedGroup) -> FailedGroup:
    """The same group in two stores, or in two stretches of one."""
    newest = max(one, other, key=lambda group: group.last)
    return replace(
        newest,
        funcname=one.funcname if one.funcname == other.funcname else None,
        count=one.count + other.count,
        at_least=one.at_least or other.at_least,
        first=min(one.first, other.first),
    )


# -- by the index of fingerprints -------------------------------------------------------------------------------------


def _looked_up(store: Store, which: Filter, limit: int, bounds: Bounds) -> tuple[list[FailedGroup], bool]:
    prints = store.fingerprints(which, MOST_GROUPS) if which.fingerprint is None else [which.fingerprint]
    found: list[FailedGroup] = []
    if which.funcname is not None and "" in prints:  # these are of all classes
        prints.remove("")
        found, _ = _searched(store, replace(which, fingerprint=""), limit, bounds)
    newest = [each for some in _portions(prints, AT_ONCE) for each in store.newest_of(some, which)]
    chosen = sorted(
        (each for each in newest if which.funcname in (None, each.funcname)), key=lambda each: -each.failed_at
    )
    more = len(prints) >= MOST_GROUPS or len(chosen) > limit
    chosen = chosen[:limit]
    for some in _portions(chosen, COUNTED_AT_ONCE):
        most = FEW if bounds.over else COUNT_LIMIT
        sizes = store.sizes_of([each.fingerprint for each in some], which, most)
        found += (_group(store, each, *sizes[each.fingerprint], most) for each in some)
    return found, more


def _group(store: Store, newest: Newest, size: int, first: float, most: int) -> FailedGroup:
    known = newest.fingerprint != ""
    return FailedGroup(
        fingerprint=newest.fingerprint,
        funcname=newest.funcname if known else None,
        error=normalised(newest.message) if known else "",
        count=size,
        at_least=size >= most,
        first=first,
        last=newest.failed_at,
        newest=f"{store.key}-{newest.number}",
        example=newest.message,
    )


def _portions(things: Sequence[T], size: int) -> Iterable[Sequence[T]]:
    return (things[start : start + size] for start in range(0, len(things), size))


# -- by a search ------------------------------------------------------------------------------------------------------


def _searched(store: Store, which: Filter, limit: int, bounds: Bounds) -> tuple[list[FailedGroup], bool]:
    """Of the newest records, as far as the bounds allow."""
    found: dict[str, FailedGroup] = {}
    behind: Position | None = None
    while True:
        stretch, behind = store.grouped(which, behind, bounds.stretch())
        for fingerprint, funcname, size, first, last, number in stretch:
            group = FailedGroup(fingerprint, funcname, "", size, False, first, last, f"{store.key}-{number}")
            before = found.get(fingerprint)
            found[fingerprint] = group if before is None else _joined(before, group)
        if behind is None or bounds.over:
            break
    partial = behind is not None
    newest = sorted(found.values(), key=lambda group: group.last, reverse=True)[:limit]
    errors = store.glimpses(int(group.newest.rpartition("-")[2]) for group in newest)
    said = {row.id: row.error for row in errors.values()}
    named = (replace(group, example=said.get(group.newest, ""), at_least=partial) for group in newest)
    groups = [replace(group, error=normalised(group.example) if group.fingerprint else "") for group in named]
    return groups, partial or len(found) > limit
