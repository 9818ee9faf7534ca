"""Pools as rows, and beneath each its classes. Pure."""

from wmcore.protocol.messages import JobClass, Pool, Status
from wmtui.cells import Cell, Column, Row, Rows, exact
from wmtui.formatting import compact, count, duration, rate
from wmtui.glyphs import Glyphs
from wmtui.lens import Lens, Sort, sort_title
from wmtui.pending import Pending
from wmtui.printing import clean
from wmtui.scales import BAR_STEPS_MS, BAR_WORDS, lateness_top, rate_top

PoolKey = tuple[str, str]  # (pool, "") or (pool, class)

POOL_COLUMNS = (
    Column("name", Cell("CLASS"), 16, most=40, cut="left"),
    Column("done", Cell("DONE"), 4, most=11, right=True),
    Column("open", Cell("FAIL"), 4, most=5, right=True),
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
    Column("failed", Cell("GAVE UP"), 7, rank=6, most=9, right=True),
    Column("p99", Cell("LATE99"), 6, rank=7, right=True),
    Column("work50", Cell("TOOK50"), 6, rank=8, right=True),
    Column("work95", Cell("TOOK95"), 6, rank=9, right=True),
)

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
        "failed": lambda each: each.open,
    },
    sorts=(
        Sort("name"),
        Sort("p95", lambda each: each.lateness.p95 or 0.0, True),
        Sort("ready", lambda each: each.queue.ready or 0, True),
        Sort("rate", lambda each: each.rate, True),
        Sort("open", lambda each: each.open or 0, True),
        Sort("done", lambda each: each.completed, True),
        Sort("oldest", lambda each: each.queue.oldest or 0.0, True),
    ),
)


def pool_titles(status: Status, lens: Lens, glyphs: Glyphs) -> dict[str, Cell]:
    late = f"{glyphs.at_most}{BAR_WORDS[lateness_top(status.classes)]}"
    rates = f"{glyphs.at_most}{compact(rate_top(status.classes))}"
    return {
        "lateness": Cell(f"LATENESS p95, 60 s, {late}", short=f"{'LATE'[: 7 - len(late)]}{late}"),
        "rates": Cell(f"JOBS/S, 60 s, {rates}", short=f"J/S{rates}" if len(rates) <= 4 else f"{rates}/s"),
        **sort_title(POOL_COLUMNS, lens, glyphs),
    }


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
        exact(each.completed),
        Cell(count(each.open), "bold" if each.open else "", short=count(each.open).replace(",", "")),
        Cell(rate(each.rate)),
        paused if each.paused else rates,
        Cell(duration(each.lateness.p50)),
        Cell(duration(each.lateness.p95)),
        Cell(values=tuple(each.lateness_history), hi=top),
        Cell(count(queue.ready)),
        Cell(count(queue.delayed)),
        Cell(count(queue.running), short="99+"),
        Cell(duration(queue.oldest)),
        exact(each.retried),
        exact(each.failed),
        Cell(duration(each.lateness.p99)),
        Cell(duration(each.process.p50)),
        Cell(duration(each.process.p95)),
    )
    return Row((pool, each.name), cells)
