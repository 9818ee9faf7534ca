"""Daemons as rows: each with its own state, and the last known figures of those that do not answer. Pure."""

from collections.abc import Sequence

from wmcore.protocol.messages import Status
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.formatting import compact, count, duration, rate, stopwatch
from wmtui.glyphs import Glyphs
from wmtui.headline import name_of
from wmtui.picture import Phase, Picture
from wmtui.printing import clean, plural
from wmtui.scales import nice
from wmtui.session import Session
from wmtui.totals import bounded, together, worst

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

NAME = 14
WORDS = {
    Phase.CONNECTING: ("connecting", "connecting"), Phase.LIVE: ("running", "live"), Phase.STALE: ("stale", "STALE"),
    Phase.LOST: ("gone", "LOST"), Phase.STOPPED: ("gone", "stopped"), Phase.DENIED: ("gone", "denied"),
    Phase.FOREIGN: ("gone", "foreign"),
}  # fmt: skip


def together_top(sessions: Sequence[Session]) -> int:
    highest = [max((value or 0 for value in _rates(each.shown)), default=0) for each in sessions if each.shown]
    return nice(max(highest, default=0))


def _rates(status: Status | None) -> list[float | None]:
    return together([each.rate_history for each in status.classes]) if status is not None else []


def titles(sessions: Sequence[Session], glyphs: Glyphs) -> dict[str, Cell]:
    top = f"{glyphs.at_most}{compact(together_top(sessions))}"
    return {"rates": Cell(f"JOBS/S, 60 s, {top}", short=f"J/S{top}")}


def fleet_rows(sessions: Sequence[Session], now: float, glyphs: Glyphs) -> Rows:
    top = together_top(sessions)
    return Rows(sessions, lambda each: each.name, lambda each: fleet_row(each, now, top, glyphs))


def fleet_row(session: Session, now: float, top: int, glyphs: Glyphs) -> Row:
    status, picture = session.shown, session.picture
    phase = picture.phase(now)
    sign, word = WORDS[phase]
    live = phase is Phase.LIVE
    link = f"{glyphs.states[sign]} {word}" + ("" if live or status is None else f" {stopwatch(picture.age(now))}")
    link_cell = Cell(link, "" if live else "bold yellow" if phase in (Phase.STALE, Phase.CONNECTING) else "bold red")
    name = Cell(name_of(status) or tail(clean(session.name)), "bold")
    style = "" if live else "dim"
    if status is None:
        return Row(session.name, (name, link_cell, *[Cell()] * 7, Cell(clean(picture.link.reason))))
    cells = (
        name,
        link_cell,
        Cell(children(status), style),
        Cell(rate(sum(each.rate for each in status.classes)), style),
        Cell(bounded(each.queue.ready for each in status.classes), style),
        Cell(duration(max((each.queue.oldest or 0.0 for each in status.classes), default=0.0) or None), style),
        Cell(count(status.failed.count), style),
        Cell(clean(status.version), style),
        Cell(values=tuple(_rates(status)), hi=top, style=style),
        note(picture, status, now, glyphs),
    )
    return Row(session.name, cells)


def tail(path: str) -> str:
    """The end of a path says more than its beginning."""
    return path if len(path) <= NAME else "…" + path[1 - NAME :]


def children(status: Status) -> str:
    pools = status.pools
    return f"{sum(p.busy for p in pools)}/{sum(p.running for p in pools)}/{sum(p.wanted for p in pools)}"


def note(picture: Picture, status: Status, now: float, glyphs: Glyphs) -> Cell:
    link = picture.link
    if link.reason and not link.connected:
        wait = "" if link.retry_at is None else f"retry in {max(0, round(link.retry_at - now))} s: "
        return Cell(wait + clean(link.reason))
    if status.state != "running":
        return Cell(clean(status.state), "bold yellow")
    mark, text = worst(status, glyphs)
    return Cell(f"{mark.text} {text.text}", text.style)


def summary(sessions: Sequence[Session], now: float) -> str:
    phases = [each.picture.phase(now) for each in sessions]
    kinds = [f"{phases.count(phase)} {WORDS[phase][1]}" for phase in Phase if phase in phases]
    known = [each.shown for each in sessions if each.shown is not None]
    running = sum(pool.running for status in known for pool in status.pools)
    wanted = sum(pool.wanted for status in known for pool in status.pools)
    total = sum(each.rate for status in known for each in status.classes)
    ready = bounded(each.queue.ready for status in known for each in status.classes)
    return (
        f"{plural(len(sessions), 'daemon')}: {', '.join(kinds)}; {running}/{wanted} children, {rate(total)} jobs/s, "
        f"{ready} ready"
    )
