"""The failed list over all stores, by pages. Bounded, however many records there are.

A search reads stretch after stretch until it has what it wants or comes to its `Bounds`; it then says how far it came,
and goes on from there when it is asked again.
"""

import sys
from collections.abc import Sequence
from dataclasses import dataclass, field

from wmcore.backends.records import FailedPage, FailedRow, Filter, Wanted
from wmcore.backends.theschwartz import rows
from wmcore.backends.theschwartz.bounds import Bounds
from wmcore.backends.theschwartz.failed import Position, Store
from wmcore.errors import NotFound, Refused
from wmcore.model import COUNT_LIMIT

COUNT_SECONDS = 5.0
"""A whole count may take so long: it is made once, before thousands of records are changed."""
TOTAL_LIMIT = 100_000
"""So far a page's total is counted."""

Place = tuple[float, str, int]
"""Where a record stands among those of all stores: failed_at, the store's key, id."""


@dataclass(slots=True)
class Look:
    """What looking through one store has found."""

    found: list[Position] = field(default_factory=list)  # no more than were wanted
    matches: int = 0
    end: Position | None = None  # it stopped here, at its bound


def look(store: Store, which: Filter, behind: Position | None, wanted: Wanted, bounds: Bounds) -> Look:
    """The first `wanted.limit` that fit; with `wanted.count` a search goes on counting."""
    seen = Look()
    if not store.searches(which):
        seen.found = list(store.stretch(which, behind, wanted.backwards, wanted.limit).found)
        return seen
    while True:
        stretch = store.stretch(which, behind, wanted.backwards, bounds.stretch())
        seen.found += stretch.found[: wanted.limit - len(seen.found)]
        seen.matches += len(stretch.found)
        if stretch.end is None or (len(seen.found) == wanted.limit and not wanted.count):
            return seen
        if bounds.over:
            seen.end = stretch.end
            return seen
        behind = stretch.end


def page(stores: Sequence[Store], which: Filter, wanted: Wanted) -> FailedPage:
    begin, searching = _read_cursor(wanted.cursor), any(store.searches(which) for store in stores)
    # A search that goes on does not know what lies behind it.
    asked = Wanted(None, wanted.limit, wanted.backwards, wanted.count and not (searching and begin))
    looks, scanned = dict[str, Look](), 0
    for store in stores:
        bounds = Bounds(len(stores))
        looks[store.key] = look(store, which, _behind(store, begin, wanted.backwards), asked, bounds)
        scanned += bounds.scanned
    chosen, edge = _merged(looks, wanted)
    ahead = _cursor(chosen[-1]) if len(chosen) == wanted.limit else _cursor(edge)
    back = None if begin is None else _cursor(chosen[0]) if chosen else wanted.cursor
    total, at_least = _total(stores, which, looks) if asked.count else (None, False)
    return FailedPage(
        rows=_records(stores, chosen[::-1] if wanted.backwards else chosen),
        older=back if wanted.backwards else ahead,
        newer=ahead if wanted.backwards else back,
        total=total,
        at_least=at_least,
        scanned=scanned if edge is not None and len(chosen) < wanted.limit else None,
    )


def _merged(looks: dict[str, Look], wanted: Wanted) -> tuple[list[Place], Place | None]:
    """The page in the direction that it is asked in, and where a search stopped first: what another one found behind
    that is for the next page."""
    places = sorted(
        ((at, key, number) for key, look in looks.items() for at, number in look.found), reverse=not wanted.backwards
    )
    ends = [
        (look.end[0], key, look.end[1]) for key, look in looks.items() if look.end and len(look.found) < wanted.limit
    ]
    if not ends:
        return places[: wanted.limit], None
    edge = min(ends) if wanted.backwards else max(ends)
    reached = [place for place in places if (place <= edge if wanted.backwards else place >= edge)]
    return reached[: wanted.limit], edge


def _total(stores: Sequence[Store], which: Filter, looks: dict[str, Look]) -> tuple[int, bool]:
    found, at_least = 0, False
    for store in stores:
        if store.searches(which):
            count, bound = looks[store.key].matches, looks[store.key].end is not None
        else:
            count = store.count(which, TOTAL_LIMIT)
            bound = count == TOTAL_LIMIT
        found, at_least = found + count, at_least or bound
    return found, at_least


def _records(stores: Sequence[Store], places: Sequence[Place]) -> list[FailedRow]:
    """Those that have not been deleted meanwhile."""
    found = {store.key: store.glimpses([number for _, key, number in places if key == store.key]) for store in stores}
    return [found[key][number] for _, key, number in places if number in found[key]]


def some(stores: Sequence[Store], failed_ids: Sequence[str]) -> list[FailedRow]:
    """Those of these ids that are there, as a list has them."""
    numbers: dict[str, list[int]] = {}
    for failed_id in failed_ids:
        key, number = rows.split_id(failed_id, "failed")
        numbers.setdefault(key, []).append(number)
    return [row for store in stores for row in store.glimpses(numbers.get(store.key, ())).values()]


def open_of(stores: Sequence[Store], names: Sequence[str]) -> dict[int, int]:
    """By the position of the name, bounded by COUNT_LIMIT; nothing where it would have to be searched for."""
    if not all(store.looks_up_retried for store in stores):
        return {}
    counts = [store.open_of(names, COUNT_LIMIT) for store in stores]
    return {i: min(COUNT_LIMIT, sum(each)) for i, each in enumerate(zip(*counts, strict=True))}


def total(stores: Sequence[Store], which: Filter, most: int) -> tuple[int, bool]:
    """How many, up to `most`, of a search up to where COUNT_SECONDS were over; and whether these are all."""
    found, whole = 0, True
    for store in stores:
        if store.searches(which):
            bounds = Bounds(len(stores), sys.maxsize, COUNT_SECONDS)
            seen = look(store, which, None, Wanted(limit=0, count=True), bounds)
            found, whole = found + seen.matches, whole and seen.end is None
        else:
            found += store.count(which, most)
    return min(most, found), whole and found < most


# -- cursors ----------------------------------------------------------------------------------------------------------


def _cursor(place: Place | None) -> str | None:
    return None if place is None else f"{place[0]!r}|{place[1]}-{place[2]}"


def _read_cursor(cursor: str | None) -> Place | None:
    if cursor is None:
        return None
    at, _, last = cursor.partition("|")
    try:
        return float(at), *rows.split_id(last, "failed")
    except (ValueError, NotFound):
        raise Refused(f"{cursor!r} is no cursor of this list") from None


def _behind(store: Store, begin: Place | None, backwards: bool) -> Position | None:
    """In the store that the cursor's record came from: from behind it; in the others: records of that very moment are
    still to come where their key is smaller (`backwards`: greater)."""
    if begin is None:
        return None
    at, key, number = begin
    if key == store.key:
        return at, number
    return at, 2**62 if store.key < key else 0
