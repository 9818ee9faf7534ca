"""What waits, as rows: by class, and the jobs of one. Pure."""

from collections.abc import Mapping, Sequence

from wmcore.protocol.messages import JobClass, Pool, QueuedJob, Status
from wmtui import load
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.formatting import NOTHING, age, count, duration, rate
from wmtui.glyphs import Glyphs
from wmtui.lens import Lens, Sort
from wmtui.load import Load, is_small
from wmtui.poolrows import CLASS_LENS
from wmtui.printing import clean
from wmtui.scales import BAR_STEPS_MS, BAR_WORDS, lateness_top
from wmtui.trend import Motion, Trend

QUEUE_COLUMNS = (
    Column("name", Cell("CLASS"), 20, most=44, cut="left"),
    Column("ready", Cell("READY"), 6, most=9, right=True),
    Column("later", Cell("LATER"), 6, most=9, right=True),
    Column("running", Cell("RUN"), 4, most=6, right=True),
    Column("oldest", Cell("OLDEST"), 6, right=True),
    Column("in", Cell("IN/S"), 5, right=True),
    Column("out", Cell("OUT/S"), 5, right=True),
    Column("clears", Cell("CLEARS"), 9, rank=1, right=True),
    Column("p95", Cell("LATE95"), 6, rank=2, right=True),
    Column("pool", Cell("POOL"), 8, rank=4, most=16),
    Column("lateness", Cell("LATENESS"), 8, rank=3, most=60, bars=True),
)

WORKERS = Column("workers", Cell("WORKERS"), 7, right=True)
"""Gearman knows them, and does not know how old its jobs are."""
WORKER_COLUMNS = tuple(WORKERS if column.id == "oldest" else column for column in QUEUE_COLUMNS)

JOB_COLUMNS = (
    Column("job", Cell("JOB"), 9, most=20, cut="left"),
    Column("class", Cell("CLASS"), 16, most=44, cut="left"),
    Column("state", Cell("STATE"), 9),
    Column("age", Cell("AGE"), 6, rank=1, right=True),
    Column("due", Cell("DUE"), 8, rank=1, most=11),
    Column("priority", Cell("PRIO"), 4, rank=2, right=True),
    Column("uniqkey", Cell("UNIQKEY"), 8, rank=3, most=24),
    Column("arg", Cell("ARGUMENT"), 22, most=400),
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


def columns_of(status: Status) -> Sequence[Column]:
    return WORKER_COLUMNS if status.backend.name == "Gearman" else QUEUE_COLUMNS


def late_title(status: Status, glyphs: Glyphs) -> dict[str, Cell]:
    late = f"{glyphs.at_most}{BAR_WORDS[lateness_top(status.classes)]}"
    return {"lateness": Cell(f"LATENESS p95, 60 s, {late}", short=f"LATE{late}")}


def queue_rows(status: Status, lens: Lens, trend: Trend, glyphs: Glyphs) -> Rows:
    pools = {name: pool for pool in status.pools for name in pool.workers}
    loads = {pool.name: load.now(status, pool, trend) for pool in status.pools if pool.busy >= pool.running > 0}
    top, workers = BAR_STEPS_MS[lateness_top(status.classes)], columns_of(status) is WORKER_COLUMNS
    return Rows(
        lens.see(status.classes),
        lambda each: each.name,
        lambda each: queue_row(each, pools, loads, top, trend, glyphs, workers),
    )


def queue_row(
    each: JobClass, pools: Mapping[str, Pool], loads: Mapping[str, Load | None], top: float, trend: Trend,
    glyphs: Glyphs, workers: bool,
) -> Row:  # fmt: skip
    """`workers`: how many there are is told in place of the oldest job's age."""
    queue, pool = each.queue, pools.get(each.name)
    paused = Cell(f"{glyphs.paused} paused", "bold yellow", short="paused")
    cells = (
        Cell(clean(each.name)),
        Cell(count(queue.ready), "bold" if queue.ready else ""),
        Cell(count(queue.delayed)),
        Cell(count(queue.running)),
        Cell(count(queue.workers) if workers else duration(queue.oldest)),
        Cell(rate(queue.in_rate)),
        Cell(rate(queue.out_rate if queue.out_rate is not None else each.rate)),
        paused if each.paused else Cell(clears(each, pool, trend, None if pool is None else loads.get(pool.name))),
        Cell(duration(each.lateness.p95)),
        Cell("" if pool is None else clean(pool.name)),
        Cell(values=tuple(each.lateness_history), hi=top),
    )
    return Row(each.name, cells)


def clears(each: JobClass, pool: Pool | None, trend: Trend, found: Load | None = None) -> str:
    """When nothing is ready any more, if things stay as they are. `found`: what its pool, all of which is busy, has to
    do: a class that grows while others hold the children is worked off behind them."""
    if not each.queue.ready:
        return ""
    if pool is not None and not pool.running:
        return "no child"
    motion, own = trend.motion(each.name), trend.clears_in(each)
    if is_small(each) and motion not in (Motion.GROWING, Motion.MEASURING):
        return "soon"
    if own is not None:
        return duration(own)
    behind = found.clears_in(pool.running) if found is not None and pool is not None else None
    if behind is not None and motion in (Motion.GROWING, Motion.STEADY):
        return duration(behind * 1000)
    return motion or NOTHING


def backlog(each: JobClass, status: Status, trend: Trend) -> str:
    """What becomes of it, in words; empty where that is not known, or not worth one."""
    if each.paused or is_small(each):
        return ""
    pool = next((pool for pool in status.pools if each.name in pool.workers), None)
    found = load.now(status, pool, trend) if pool is not None and pool.busy >= pool.running > 0 else None
    word = clears(each, pool, trend, found)
    if word == NOTHING:
        return ""
    return f"{count(each.queue.ready)} ready, {f'gone in ~{word}' if word[:1].isdigit() else word}"


def job_columns(one_class: bool) -> tuple[Column, ...]:
    return tuple(column for column in JOB_COLUMNS if not (one_class and column.id == "class"))


def job_rows(jobs: Sequence[QueuedJob], columns: Sequence[Column], now: float, glyphs: Glyphs) -> Rows:
    return Rows(jobs, lambda job: job.id, lambda job: job_row(job, columns, now, glyphs))


def job_row(job: QueuedJob, columns: Sequence[Column], now: float, glyphs: Glyphs) -> Row:
    cells = {
        "job": Cell(clean(job.id)),
        "class": Cell(clean(job.class_name)),
        "state": Cell(glyphs.state(clean(job.state))),
        "age": Cell(age(now - job.insert_time)),
        "due": Cell("" if job.run_after <= now else f"in {age(job.run_after - now)}"),
        "priority": Cell("" if job.priority is None else str(job.priority)),
        "uniqkey": Cell(clean(job.uniqkey or "")),
        "arg": Cell(clean(job.arg)),
    }
    return Row(job.id, tuple(cells[column.id] for column in columns))
