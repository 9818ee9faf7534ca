"""A status as rows of tables. Pure: the status says what time it is at the daemon."""

from collections.abc import Mapping, Sequence

from wmcore.model import COUNT_LIMIT
from wmcore.protocol.messages import Child, FailedGroup, FailedSummary, JobClass, Pool, Queue, QueuedJob, Status
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.formatting import NOTHING, age, compact, count, duration, memory, moment, number, rate
from wmtui.glyphs import Glyphs
from wmtui.lens import Lens, Sort
from wmtui.pending import Pending
from wmtui.printing import clean
from wmtui.trend import Trend

PoolKey = tuple[str, str]  # (pool, "") or (pool, class)

POOL_COLUMNS = (
    Column("name", Cell("CLASS"), 16, most=40, cut="left"),
    Column("done", Cell("DONE"), 4, most=11, right=True),
    Column("failed", Cell("FAIL"), 4, most=9, right=True),
    Column("rate", Cell("JOB/S"), 5, right=True),
    Column("rates", Cell("JOBS/S, 60 s", short="JOBS/S"), 7, rank=2, most=60, bars=True),
    Column("p50", Cell("LATE50"), 6, rank=4, right=True),
    Column("p95", Cell("LATE95"), 6, rank=1, right=True),
    Column("lateness", Cell("LATENESS", short="LATE"), 7, rank=3, most=60, bars=True),
    Column("ready", Cell("READY"), 5, right=True),
    Column("later", Cell("LATER"), 5, rank=1, right=True),
    Column("running", Cell("RUN"), 3, rank=1, right=True),
    Column("oldest", Cell("OLDEST"), 6, rank=5, right=True),
    Column("retried", Cell("RETRY"), 5, rank=6, most=9, right=True),
    Column("p99", Cell("LATE99"), 6, rank=7, right=True),
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

QUEUE_COLUMNS = (
    Column("name", Cell("CLASS"), 20, most=44, cut="left"),
    Column("ready", Cell("READY"), 6, most=9, right=True),
    Column("later", Cell("LATER"), 6, most=9, right=True),
    Column("running", Cell("RUN"), 4, most=6, right=True),
    Column("oldest", Cell("OLDEST"), 6, right=True),
    Column("in", Cell("IN/S"), 5, right=True),
    Column("out", Cell("OUT/S"), 5, right=True),
    Column("clears", Cell("CLEARS"), 8, rank=1, right=True),
    Column("p95", Cell("LATE95"), 6, rank=2, right=True),
    Column("pool", Cell("POOL"), 8, rank=4, most=16),
    Column("lateness", Cell("LATENESS"), 8, rank=3, most=60, bars=True),
)

JOB_COLUMNS = (
    Column("job", Cell("JOB"), 9, most=20, cut="left"),
    Column("state", Cell("STATE"), 9),
    Column("age", Cell("AGE"), 6, right=True),
    Column("due", Cell("DUE"), 8, most=11),
    Column("priority", Cell("PRIO"), 4, rank=2, right=True),
    Column("uniqkey", Cell("UNIQKEY"), 8, rank=3, most=24),
    Column("arg", Cell("ARGUMENT"), 24, most=400),
)

GROUP_COLUMNS = (
    Column("count", Cell("COUNT"), 7, most=10, right=True),
    Column("class", Cell("CLASS"), 16, most=32, cut="left"),
    Column("last", Cell("LAST"), 6, right=True),
    Column("first", Cell("FIRST"), 6, rank=1, right=True),
    Column("error", Cell("ERROR"), 24, most=400),
)

LOG_COLUMNS = (Column("line", Cell("LOG"), 40, most=4000),)

FLEET_COLUMNS = (
    Column("name", Cell("DAEMON"), 14, most=32),
    Column("link", Cell("LINK"), 13),
    Column("children", Cell("BUSY/RUN/N", short="B/RUN/N"), 9, most=13, right=True),
    Column("rate", Cell("JOB/S"), 6, right=True),
    Column("ready", Cell("READY"), 6, right=True),
    Column("oldest", Cell("OLDEST"), 6, rank=1, right=True),
    Column("failed", Cell("FAILED"), 6, right=True),
    Column("version", Cell("VER"), 6, rank=2, most=10),
    Column("rates", Cell("JOBS/S, 60 s", short="JOBS/S"), 8, rank=3, most=60, bars=True),
    Column("note", Cell("NOTE"), 10, most=120),
)

BAR_STEPS_MS = (100, 200, 500, 1e3, 2e3, 5e3, 1e4, 2e4, 6e4, 3e5, 1.2e6, 3.6e6, 2.16e7, 8.64e7)
BAR_WORDS = (".1s", ".2s", ".5s", "1s", "2s", "5s", "10s", "20s", "1m", "5m", "20m", "1h", "6h", "1d")


def lateness_top(classes: Sequence[JobClass]) -> int:
    """Which of BAR_STEPS_MS all lateness bars are drawn up to: one scale for all classes, so that they compare, and
    one that milliseconds of noise do not fill."""
    highest = max((value for each in classes for value in each.lateness_history if value is not None), default=0.0)
    return next((i for i, step in enumerate(BAR_STEPS_MS) if step >= highest), len(BAR_STEPS_MS) - 1)


def rate_top(classes: Sequence[JobClass]) -> int:
    """Throughput bars are drawn up to 1, 2, 5, 10, 20 ...: all classes to the same, so that they compare."""
    return nice(max((value for each in classes for value in each.rate_history), default=0))


def nice(highest: float) -> int:
    """The first of 1, 2, 5, 10, 20, 50 ... that is not below it."""
    step = 1
    while True:
        for factor in (1, 2, 5):
            if highest <= factor * step:
                return factor * step
        step *= 10


def pool_titles(status: Status, lens: Lens, glyphs: Glyphs) -> dict[str, Cell]:
    late = f"{glyphs.at_most}{BAR_WORDS[lateness_top(status.classes)]}"
    rates = f"{glyphs.at_most}{compact(rate_top(status.classes))}"
    return {
        "lateness": Cell(f"LATENESS p95, 60 s, {late}", short=f"{'LATE'[: 7 - len(late)]}{late}"),
        "rates": Cell(f"JOBS/S, 60 s, {rates}", short=f"J/S{rates}" if len(rates) <= 4 else f"{rates}/s"),
        **sort_title(POOL_COLUMNS, lens, glyphs),
    }


def sort_title(columns: Sequence[Column], lens: Lens, glyphs: Glyphs) -> dict[str, Cell]:
    """The title of the column that the rows are ordered by says so."""
    for column in columns:
        if column.id == lens.sorted_by:
            mark = glyphs.down if lens.descending else glyphs.up
            title = column.title.text + mark
            return {column.id: Cell(title, column.title.style, short=_with_mark(column, mark))}
    return {}


def _with_mark(column: Column, mark: str) -> str:
    """The title made shorter for the mark, but for the number at its end: LAT95 is not LATE9."""
    title = column.title.text
    number = title[len(title.rstrip("0123456789")) :]
    word = title.removesuffix(number)[: max(1, column.width - 1 - len(number))]
    return word + number + mark


PoolItem = tuple[str, Pool | None, JobClass | None]
"""(name of the pool, and its row) or (name of the pool, and the row of one of its classes)."""


def pool_items(status: Status, lens: Lens) -> list[PoolItem]:
    """Each pool and beneath it its classes; at the end classes that no pool runs."""
    by_name = {each.name: each for each in status.classes}
    items: list[PoolItem] = []
    seen: set[str] = set()
    for pool in status.pools:
        classes = lens.see([by_name.get(name) or JobClass(name=name) for name in pool.workers])
        seen.update(pool.workers)
        if classes or not lens.terms:
            items.append((pool.name, pool, None))
        items += [(pool.name, None, each) for each in classes]
    return items + [("", None, each) for each in lens.see([each for each in status.classes if each.name not in seen])]


def pool_key(item: PoolItem) -> PoolKey:
    return (item[0], item[2].name if item[2] is not None else "")


def pool_rows(status: Status, lens: Lens, glyphs: Glyphs, pending: Pending | None = None) -> Rows:
    late, most = BAR_STEPS_MS[lateness_top(status.classes)], rate_top(status.classes)

    def make(item: PoolItem) -> Row:
        name, pool, each = item
        if pool is not None:
            return pool_row(pool, glyphs, pending)
        return class_row(name, each or JobClass(name=name), late, most, glyphs)

    return Rows(pool_items(status, lens), pool_key, make)


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


def class_row(pool: str, each: JobClass, top: float, most: float, glyphs: Glyphs) -> Row:
    queue = each.queue
    rates = Cell(values=tuple(each.rate_history), hi=most)
    paused = Cell(f"{glyphs.paused} paused", "bold yellow", short=f"{glyphs.paused}paused")
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
        "done": _exact(child.jobs_done),
        "failed": _exact(child.failed),
        "pool": Cell(clean(child.pool)),
        "rss": Cell(memory(child.rss)),
        "up": Cell("" if child.started_at is None else age(now - child.started_at)),
    }
    return Row((child.slot, child.pid), tuple(cells[column.id] for column in columns))


def failed_rows(records: Sequence[FailedSummary], now: float) -> Rows:
    """Newest first, as they come."""
    return Rows(records, lambda record: record.id, lambda record: failed_row(record, now))


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


def is_bound(n: int) -> bool:
    """Did the daemon stop counting here?"""
    return n >= COUNT_LIMIT


def group_rows(groups: Sequence[FailedGroup], now: float) -> Rows:
    return Rows(groups, lambda group: group.fingerprint, lambda group: group_row(group, now))


def group_row(group: FailedGroup, now: float) -> Row:
    cells = (
        Cell(f"{group.count:,}" + ("+" if group.at_least else ""), "bold"),
        Cell(clean(group.class_name or "several")),
        Cell(age(now - group.last)),
        Cell(age(now - group.first)),
        Cell(clean(group.error or "(failed before there were groups)")),
    )
    return Row(group.fingerprint, cells)


def late_title(status: Status, glyphs: Glyphs) -> dict[str, Cell]:
    late = f"{glyphs.at_most}{BAR_WORDS[lateness_top(status.classes)]}"
    return {"lateness": Cell(f"LATENESS p95, 60 s, {late}", short=f"LATE{late}")}


def queue_rows(status: Status, lens: Lens, trend: Trend, glyphs: Glyphs) -> Rows:
    pools = {name: pool.name for pool in status.pools for name in pool.workers}
    top = BAR_STEPS_MS[lateness_top(status.classes)]
    return Rows(
        lens.see(status.classes), lambda each: each.name, lambda each: queue_row(each, pools, top, trend, glyphs)
    )


def queue_row(each: JobClass, pools: Mapping[str, str], top: float, trend: Trend, glyphs: Glyphs) -> Row:
    queue = each.queue
    paused = Cell(f"{glyphs.paused} paused", "bold yellow", short="paused")
    cells = (
        Cell(clean(each.name)),
        Cell(count(queue.ready), "bold" if queue.ready else ""),
        Cell(count(queue.delayed)),
        Cell(count(queue.running)),
        Cell(duration(queue.oldest)),
        Cell(rate(queue.in_rate)),
        Cell(rate(queue.out_rate if queue.out_rate is not None else each.rate)),
        paused if each.paused else Cell(clears(each.name, queue, trend)),
        Cell(duration(each.lateness.p95)),
        Cell(clean(pools.get(each.name, ""))),
        Cell(values=tuple(each.lateness_history), hi=top),
    )
    return Row(each.name, cells)


def clears(name: str, queue: Queue, trend: Trend) -> str:
    """When nothing is ready any more, if things stay as they are."""
    if not queue.ready:
        return ""
    found = trend.clears_in(name, queue)
    return trend.word(name, queue) or NOTHING if found is None else duration(found)


def job_rows(jobs: Sequence[QueuedJob], now: float, glyphs: Glyphs) -> Rows:
    return Rows(jobs, lambda job: job.id, lambda job: job_row(job, now, glyphs))


def job_row(job: QueuedJob, now: float, glyphs: Glyphs) -> Row:
    due = "" if job.run_after <= now else f"in {age(job.run_after - now)}"
    cells = (
        Cell(clean(job.id)),
        Cell(glyphs.state(clean(job.state))),
        Cell(age(now - job.insert_time)),
        Cell(due),
        Cell("" if job.priority is None else str(job.priority)),
        Cell(clean(job.uniqkey or "")),
        Cell(clean(job.arg)),
    )
    return Row(job.id, cells)


# -- what can be asked of the items, and how they can be ordered ------------------------------------------------------

CLASS_LENS = Lens(
    fields={
        "class": lambda each: each.name,
        "state": lambda each: "paused" if each.paused else "running",
        "ready": lambda each: each.queue.ready,
        "later": lambda each: each.queue.delayed,
        "run": lambda each: each.queue.running,
        "oldest": lambda each: None if each.queue.oldest is None else each.queue.oldest / 1000,
        "late": lambda each: None if each.lateness.p95 is None else each.lateness.p95 / 1000,
        "rate": lambda each: each.rate,
        "failed": lambda each: each.failed,
    },
    sorts=(
        Sort("name"),
        Sort("p95", lambda each: each.lateness.p95 or 0.0, True),
        Sort("ready", lambda each: each.queue.ready or 0, True),
        Sort("rate", lambda each: each.rate, True),
        Sort("failed", lambda each: each.failed, True),
        Sort("done", lambda each: each.completed, True),
        Sort("oldest", lambda each: each.queue.oldest or 0.0, True),
    ),
)

QUEUE_LENS = Lens(
    fields=CLASS_LENS.fields,
    sorts=(
        Sort("ready", lambda each: each.queue.ready or 0, True),
        Sort("oldest", lambda each: each.queue.oldest or 0.0, True),
        Sort("later", lambda each: each.queue.delayed or 0, True),
        Sort("running", lambda each: each.queue.running or 0, True),
        Sort("name", lambda each: each.name),
    ),
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
