"""Failed jobs as rows, one by one and in groups. Pure."""

from collections.abc import Collection, Sequence

from wmcore.protocol.messages import FailedGroup, FailedSummary
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.formatting import age, moment
from wmtui.lens import Lens, Sort
from wmtui.printing import clean
from wmtui.retries import in_front

FAILED_COLUMNS = (
    Column("when", Cell("FAILED AT", short="FAILED"), 8, most=11),
    Column("class", Cell("CLASS"), 16, most=32, cut="left"),
    Column("attempts", Cell("TRY"), 3, right=True),
    Column("id", Cell("ID"), 8, rank=6, most=14, cut="left"),
    Column("job", Cell("JOB"), 8, rank=7, most=24, cut="left"),
    Column("where", Cell("WHERE"), 10, rank=8, most=24),
    Column("error", Cell("ERROR"), 24, most=400),
    Column("arg", Cell("ARGUMENT"), 16, rank=4, most=200),
)

GROUP_COLUMNS = (
    Column("count", Cell("COUNT"), 7, most=10, right=True),
    Column("class", Cell("CLASS"), 16, most=32, cut="left"),
    Column("last", Cell("LAST"), 6, right=True),
    Column("first", Cell("FIRST"), 6, rank=1, right=True),
    Column("error", Cell("ERROR"), 24, most=400),
    Column("example", Cell("NEWEST SAID"), 24, rank=5, most=400),
)

FAILED_LENS = Lens({}, (Sort("when", descending=True),))
"""By time only: the list comes by pages, which the database serves from its two ends."""

GROUP_LENS = Lens({}, (
    Sort("count", descending=True), Sort("last", lambda group: -group.last), Sort("first", lambda group: -group.first),
    Sort("class", lambda group: group.class_name or ""),
))  # fmt: skip


def failed_rows(records: Sequence[FailedSummary], now: float, twice: Collection[str] = ()) -> Rows:
    """Newest first, as they come. `twice`: ids of those that were retried before, and have failed again."""
    return Rows(records, lambda record: record.id, lambda record: failed_row(record, now, record.id in twice))


def failed_row(record: FailedSummary, now: float, twice: bool = False) -> Row:
    dim = "dim" if record.retried_as else ""
    slot = "" if record.slot is None else f"/{record.slot}"
    cells = (
        Cell(moment(record.failed_at, now), dim),
        Cell(clean(record.class_name), dim),
        Cell(str(record.attempts), dim),
        Cell(clean(record.id), dim),
        Cell(clean(record.job), dim),
        Cell(clean(record.host) + slot, dim),
        Cell(clean((in_front(record) or ("again: " if twice else "")) + record.error), dim),
        Cell(clean(record.arg), dim),
    )
    return Row(record.id, cells)


def group_rows(groups: Sequence[FailedGroup], now: float) -> Rows:
    return Rows(groups, lambda group: group.fingerprint, lambda group: group_row(group, now))


def group_row(group: FailedGroup, now: float) -> Row:
    cells = (
        Cell(f"{group.count:,}" + ("+" if group.at_least else ""), "bold"),
        Cell(clean(group.class_name or "several")),
        Cell(age(now - group.last)),
        Cell(age(now - group.first)),
        Cell(clean(group.error or "(failed before there were groups)")),
        Cell(clean(group.example)),
    )
    return Row(group.fingerprint, cells)
