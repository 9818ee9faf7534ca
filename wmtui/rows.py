"""A status as rows of tables. Pure: the status says what time it is at the daemon."""

from collections.abc import Sequence

from wmcore.protocol.messages import Child, FailedSummary, JobClass, Pool, Status
from wmtui.cells import Cell, Column, Row
from wmtui.formatting import age, compact, count, duration, memory, moment, number, rate
from wmtui.glyphs import Glyphs
from wmtui.pending import Pending
from wmtui.printing import clean

PoolKey = tuple[str, str]  # (pool, "") or (pool, class)

POOL_COLUMNS = (
    Column("name", Cell("CLASS"), 16, most=40, cut="left"),
    Column("done", Cell("DONE"), 4, most=11, right=True),
    Column("failed", Cell("FAIL"), 4, most=9, right=True),
    Column("rate", Cell("JOB/S"), 5, right=True),
    Column("rates", Cell("JOBS/S, 60 s", short="JOBS/S"), 8, rank=2, most=60, bars=True),
    Column("p50", Cell("P50"), 5, rank=4, right=True),
    Column("p95", Cell("P95"), 5, rank=1, right=True),
    Column("lateness", Cell("LATENESS"), 8, rank=3, most=60, bars=True),
    Column("ready", Cell("READY"), 5, right=True),
    Column("later", Cell("LATER"), 5, rank=1, right=True),
    Column("running", Cell("RUN"), 3, rank=1, right=True),
    Column("oldest", Cell("OLDEST"), 6, rank=5, right=True),
    Column("retried", Cell("RETRY"), 5, rank=6, most=9, right=True),
    Column("p99", Cell("P99"), 5, rank=7, right=True),
    Column("work50", Cell("TOOK50"), 6, rank=8, right=True),
    Column("work95", Cell("TOOK95"), 6, rank=9, right=True),
)

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

FAILED_COLUMNS = (
    Column("when", Cell("FAILED AT", short="FAILED"), 8, most=11),
    Column("class", Cell("CLASS"), 16, most=32, cut="left"),
    Column("attempts", Cell("TRY"), 3, right=True),
    Column("id", Cell("ID"), 8, rank=6, most=14, cut="left"),
    Column("job", Cell("JOB"), 8, rank=7, most=24, cut="left"),
    Column("where", Cell("WHERE"), 10, rank=8, most=24),
    Column("error", Cell("ERROR"), 24, most=400),
)

BAR_STEPS_MS = (100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 6e4, 3e5, 1.2e6, 3.6e6, 2.16e7, 8.64e7)
BAR_WORDS = (".1s", ".2s", ".5s", "1s", "2s", "5s", "10s", "20s", "1m", "5m", "20m", "1h", "6h", "1d")


def lateness_top(classes: Sequence[JobClass]) -> int:
    """Which of BAR_STEPS_MS all lateness bars are drawn up to: one scale for all classes, so that they compare, and
    one that milliseconds of noise do not fill."""
    highest = max((value for each in classes for value in each.lateness_history if value is not None), default=0.0)
    return next((i for i, step in enumerate(BAR_STEPS_MS) if step >= highest), len(BAR_STEPS_MS) - 1)


def pool_titles(status: Status, glyphs: Glyphs) -> dict[str, Cell]:
    top = f"{glyphs.at_most}{BAR_WORDS[lateness_top(status.classes)]}"
    return {"lateness": Cell(f"LATENESS p95, 60 s, {top}", short=f"LATE{top}")}


def pool_rows(status: Status, glyphs: Glyphs, pending: Pending | None = None) -> list[Row]:
    """Each pool and beneath it its classes; at the end classes that no pool runs."""
    by_name = {each.name: each for each in status.classes}
    top = BAR_STEPS_MS[lateness_top(status.classes)]
    rows: list[Row] = []
    seen: set[str] = set()
    for pool in status.pools:
        rows.append(pool_row(pool, glyphs, pending))
        for name in pool.workers:
            seen.add(name)
            rows.append(class_row(pool.name, by_name.get(name) or JobClass(name=name), top, glyphs))
    return rows + [class_row("", each, top, glyphs) for each in status.classes if each.name not in seen]


def pool_word(pool: Pool) -> str:
    return "drained" if pool.state == "draining" and not pool.running else pool.state


def pool_row(pool: Pool, glyphs: Glyphs, pending: Pending | None) -> Row:
    edited = pending is not None and pending.pool == pool.name
    wanted = Cell(f"wanted {pool.wanted}>{pending.to}", "reverse bold") if edited and pending else None
    word = pool_word(pool)
    cells = [
        Cell(clean(pool.name), "bold"),
        Cell(glyphs.state(word), "" if word == "running" else "bold yellow"),
        wanted or Cell(f"wanted {pool.wanted}"),
        Cell(f"running {pool.running}", "" if pool.running == pool.wanted else "bold"),
        Cell(f"busy {pool.busy}"),
    ]
    if pool.generation > 1:
        cells.append(Cell(f"code {pool.generation}", "dim"))
    if pool.error:
        cells.append(Cell(f"{glyphs.bad} {clean(pool.error)}", "red"))
    return Row((pool.name, ""), free=tuple(cells))


def class_row(pool: str, each: JobClass, top: float, glyphs: Glyphs) -> Row:
    queue = each.queue
    # bars of throughput: each class up to its own peak, the number stands beside them
    rates = Cell(values=tuple(each.rate_history), hi=max(each.rate_history, default=0))
    paused = Cell(f"{glyphs.paused} paused", "bold yellow")
    cells = (
        Cell(" " + clean(each.name)),
        _exact(each.completed),
        _exact(each.failed, "bold" if each.failed else ""),
        Cell(rate(each.rate)),
        paused if each.paused else rates,
        Cell(duration(each.lateness.p50)),
        Cell(duration(each.lateness.p95)),
        Cell(values=tuple(each.lateness_history), hi=top),
        Cell(count(queue.ready)),
        Cell(count(queue.delayed)),
        Cell(count(queue.running), short="99+"),
        Cell(duration(queue.oldest)),
        _exact(each.retried),
        Cell(duration(each.lateness.p99)),
        Cell(duration(each.process.p50)),
        Cell(duration(each.process.p95)),
    )
    return Row((pool, each.name), cells)


def _exact(n: int, style: str = "") -> Cell:
    return Cell(number(n), style, short=compact(n))


CHILD_STYLES = {"starting": "dim", "idle": "dim", "finishing": "yellow", "dead": "bold red"}


def child_columns(status: Status) -> tuple[Column, ...]:
    """With one pool its name says nothing that the reader did not know."""
    return tuple(column for column in CHILD_COLUMNS if len(status.pools) > 1 or column.id != "pool")


def child_rows(status: Status, glyphs: Glyphs) -> list[Row]:
    """By slot: a row stays where it is while its child lives."""
    columns = child_columns(status)
    return [
        child_row(child, columns, status.now, glyphs) for child in sorted(status.children, key=lambda child: child.slot)
    ]


def child_row(child: Child, columns: Sequence[Column], now: float, glyphs: Glyphs) -> Row:
    since = None if child.job_since is None else now - child.job_since
    cells = {
        "slot": Cell(str(child.slot)),
        "pid": Cell(str(child.pid)),
        "state": Cell(glyphs.state(clean(child.state)), CHILD_STYLES.get(child.state, "")),
        "class": Cell(clean(child.class_name or "")),
        "job": Cell(clean(child.job or "")),
        "for": Cell("" if since is None else age(since)),
        "done": _exact(child.jobs_done),
        "failed": _exact(child.failed),
        "pool": Cell(clean(child.pool)),
        "rss": Cell(memory(child.rss)),
        "up": Cell("" if child.started_at is None else age(now - child.started_at)),
    }
    return Row((child.slot, child.pid), tuple(cells[column.id] for column in columns))


def failed_rows(records: Sequence[FailedSummary], now: float) -> list[Row]:
    """Newest first, as they come."""
    return [failed_row(record, now) for record in records]


def failed_row(record: FailedSummary, now: float) -> Row:
    dim = "dim" if record.retried_as else ""
    slot = "" if record.slot is None else f"/{record.slot}"
    retried = "(retried) " if record.retried_as else ""
    cells = (
        Cell(moment(record.failed_at, now), dim),
        Cell(clean(record.class_name), dim),
        Cell(str(record.attempts), dim),
        Cell(clean(record.id), dim),
        Cell(clean(record.job), dim),
        Cell(clean(record.host) + slot, dim),
        Cell(retried + clean(record.error), dim),
    )
    return Row(record.id, cells)
