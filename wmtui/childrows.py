"""Children as rows. Pure: the status says what time it is at the daemon."""

from collections.abc import Sequence

from wmcore.protocol.messages import Child, Status
from wmtui.cells import Cell, Column, Row, Rows, exact
from wmtui.formatting import age, memory
from wmtui.glyphs import Glyphs
from wmtui.lens import Lens, Sort
from wmtui.printing import clean

CHILD_COLUMNS = (
    Column("slot", Cell("SLOT"), 4, right=True),
    Column("pid", Cell("PID"), 7, right=True),
    Column("state", Cell("STATE"), 11),
    Column("class", Cell("CLASS"), 16, most=44, cut="left"),
    Column("job", Cell("JOB"), 9, rank=2, most=24, cut="left"),
    Column("for", Cell("FOR"), 5, right=True),
    Column("done", Cell("DONE"), 5, rank=1, most=9, right=True),
    Column("failed", Cell("FAIL"), 4, rank=4, most=7, right=True),
    Column("pool", Cell("POOL"), 8, rank=3, most=16),
    Column("rss", Cell("RSS"), 5, rank=6, right=True),
    Column("up", Cell("UP"), 6, rank=7, right=True),
)

CHILD_LENS = Lens(
    fields={
        "slot": lambda child: child.slot,
        "pid": lambda child: child.pid,
        "state": lambda child: child.state,
        "class": lambda child: child.class_name,
        "job": lambda child: child.job,
        "pool": lambda child: child.pool,
        "rss": lambda child: child.rss,
        "done": lambda child: child.jobs_done,
        "failed": lambda child: child.failed,
    },
    sorts=(
        Sort("slot"),
        Sort("for", lambda child: child.job_since or float("inf")),
        Sort("rss", lambda child: child.rss or 0, True),
        Sort("done", lambda child: child.jobs_done, True),
        Sort("failed", lambda child: child.failed, True),
        Sort("class", lambda child: child.class_name or "~"),
        Sort("state", lambda child: child.state),
        Sort("up", lambda child: child.started_at or 0.0),
    ),
)

CHILD_STYLES = {"starting": "dim", "idle": "dim", "finishing": "yellow", "dead": "bold red"}


def child_columns(status: Status) -> tuple[Column, ...]:
    """With one pool its name says nothing that the reader did not know."""
    return tuple(column for column in CHILD_COLUMNS if len(status.pools) > 1 or column.id != "pool")


def child_key(child: Child) -> tuple[int, int]:
    return (child.slot, child.pid)


def child_rows(status: Status, lens: Lens, glyphs: Glyphs) -> Rows:
    """By slot, where nothing else is asked for: a row stays where it is while its child lives."""
    columns = child_columns(status)
    children = lens.see(sorted(status.children, key=child_key))
    return Rows(children, child_key, lambda child: child_row(child, columns, status.now, glyphs))


def child_row(child: Child, columns: Sequence[Column], now: float, glyphs: Glyphs) -> Row:
    since = None if child.job_since is None else now - child.job_since
    cells = {
        "slot": Cell(str(child.slot)),
        "pid": Cell(str(child.pid)),
        "state": Cell(glyphs.state(clean(child.state)), CHILD_STYLES.get(child.state, "")),
        "class": Cell(clean(child.class_name or "")),
        "job": Cell(clean(child.job or "")),
        "for": Cell("" if since is None else age(since)),
        "done": exact(child.jobs_done),
        "failed": exact(child.failed),
        "pool": Cell(clean(child.pool)),
        "rss": Cell(memory(child.rss)),
        "up": Cell("" if child.started_at is None else age(now - child.started_at)),
    }
    return Row((child.slot, child.pid), tuple(cells[column.id] for column in columns))
