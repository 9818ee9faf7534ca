"""Daemons as rows: each with its own state, and the last known figures of those that do not answer. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import replace

from wmcore.protocol.messages import JobClass, Status
from wmtui import standing
from wmtui.cells import Cell, Column, Row, Rows
from wmtui.filtering import Fields
from wmtui.formatting import compact, count, duration, rate
from wmtui.glyphs import Glyphs
from wmtui.lens import Lens, Sort, sort_title
from wmtui.naming import name_of
from wmtui.picture import Phase
from wmtui.printing import clean, plural
from wmtui.scales import nice
from wmtui.session import Session
from wmtui.standing import WORDS, at_work, protocol_told, restart_told, retry_told, shortly, state_text
from wmtui.totals import STYLES, bounded, mark_of, together, well

NAME = 14
LONGEST_TARGET = 24
FLEET_COLUMNS = (
    Column("name", Cell("DAEMON"), NAME, most=32),
    Column("link", Cell("STATE"), 15, most=18),
    Column("children", Cell("BUSY/RUN/N", short="B/RUN/N"), 8, most=13, right=True),
    Column("rate", Cell("JOB/S"), 6, rank=2, right=True),
    Column("ready", Cell("READY"), 6, right=True),
    Column("oldest", Cell("OLDEST"), 6, rank=3, right=True),
    Column("failed", Cell("FAILED"), 6, right=True),
    Column("version", Cell("VER"), 6, rank=6, most=10),
    Column("role", Cell("ROLE"), 9, rank=5),
    Column("rates", Cell("JOBS/S, 60 s", short="JOBS/S"), 8, rank=7, most=60, bars=True),
    Column("note", Cell("NOTE"), 10, rank=1, most=120),
)


def together_top(sessions: Sequence[Session]) -> int:
    highest = [max((value or 0 for value in _rates(each.shown)), default=0) for each in sessions if each.shown]
    return nice(max(highest, default=0))


def _rates(status: Status | None) -> list[float | None]:
    return together([each.rate_history for each in status.classes]) if status is not None else []


def titles(sessions: Sequence[Session], lens: Lens, glyphs: Glyphs) -> dict[str, Cell]:
    top = f"{glyphs.at_most}{compact(together_top(sessions))}"
    return sort_title(FLEET_COLUMNS, lens, glyphs) | {"rates": Cell(f"JOBS/S, 60 s, {top}", short=f"J/S{top}")}


GRAVITY = (
    Phase.CRASHED, Phase.STALE, Phase.SILENT, Phase.LOST, Phase.DENIED, Phase.REFUSED, Phase.FOREIGN, Phase.ABSENT,
    Phase.STOPPED, Phase.RESYNC, Phase.CONNECTING, Phase.LIVE,
)  # fmt: skip
"""The order of states, the gravest first."""


def _fields(now: float) -> Fields:
    return {
        "name": lambda each: f"{name_of(each.shown)} {each.name}",
        "state": lambda each: state_text(each.picture, now),
        "version": lambda each: each.shown.version if each.shown else "",
        "ready": lambda each: _sum(each, lambda one: one.queue.ready or 0),
        "rate": lambda each: _sum(each, lambda one: one.rate),
        "failed": lambda each: each.shown.failed.count or 0 if each.shown else 0,
    }


def _sorts(now: float) -> tuple[Sort, ...]:
    fields = _fields(now)
    return (
        Sort("name"),
        Sort("link", lambda each: GRAVITY.index(each.picture.phase(now))),
        *(Sort(name, fields[name], True) for name in ("ready", "rate", "failed")),
    )


def _sum(session: Session, of: Callable[[JobClass], float]) -> float:
    return sum(of(each) for each in session.shown.classes) if session.shown else 0


FLEET_LENS = Lens(_fields(0.0), _sorts(0.0))


def see(lens: Lens, sessions: Sequence[Session], now: float) -> Sequence[Session]:
    """Those that the filter leaves, in the chosen order; what is stale depends on the time."""
    return replace(lens, fields=_fields(now), sorts=_sorts(now)).see(sessions)


def fleet_rows(sessions: Sequence[Session], now: float, glyphs: Glyphs) -> Rows:
    top = together_top(sessions)
    return Rows(sessions, lambda each: each.name, lambda each: fleet_row(each, now, top, glyphs))


def fleet_row(session: Session, now: float, top: int, glyphs: Glyphs) -> Row:
    status, picture = session.shown, session.picture
    state = standing.in_row(picture, glyphs, now)
    name = Cell(session.called if status is not None else tail(clean(session.name)), "bold")
    if status is None:
        return Row(session.name, (name, state, *[Cell()] * 8, off(session, now)))
    live = picture.phase(now) is Phase.LIVE
    style = "" if live else "dim"
    cells = (
        name,
        state,
        Cell(children(status), style),
        Cell(rate(sum(each.rate for each in status.classes)), style),
        Cell(bounded(each.queue.ready for each in status.classes), style),
        Cell(duration(max((each.queue.oldest or 0.0 for each in status.classes), default=0.0) or None), style),
        Cell(count(status.failed.count), style),
        Cell(clean(status.version), style),
        Cell("read-only" if picture.read_only else clean(picture.role), style),
        Cell(values=tuple(_rates(status)), hi=top, style=style),
        told(session, now, glyphs),
    )
    return Row(session.name, cells)


def tail(target: str) -> str:
    """The end of a path says more than its beginning."""
    path = target.removeprefix("ssh://")
    return path if len(path) <= LONGEST_TARGET else "…" + path[1 - LONGEST_TARGET :]


def children(status: Status) -> str:
    pools = status.pools
    return f"{sum(p.busy for p in pools)}/{sum(p.running for p in pools)}/{sum(p.wanted for p in pools)}"


def told(session: Session, now: float, glyphs: Glyphs) -> Cell:
    """What is to be known of it before all else."""
    status = session.shown
    if status is None or session.picture.phase(now) is not Phase.LIVE:
        return off(session, now)
    return note(session, status, now, glyphs)


def said_of(session: Session, now: float, glyphs: Glyphs) -> str:
    """The same in a line of its own; empty where all is well."""
    text = told(session, now, glyphs).text
    return "" if text.startswith(f"{glyphs.good} ") else text


def off(session: Session, now: float) -> Cell:
    """Why there is no live picture, and when the next attempt is."""
    picture = session.picture
    phase = picture.phase(now)
    why = WORDS[phase].why or clean(shortly(picture.link.reason, session.name))
    if phase is Phase.CONNECTING:
        return Cell(f"waiting for {picture.link.step}" if picture.link.step else "")
    if phase in (Phase.STALE, Phase.RESYNC):
        return Cell(why)
    return Cell(f"{why}; {retry_told(picture, now)}")


def note(session: Session, status: Status, now: float, glyphs: Glyphs) -> Cell:
    """Of a live one."""
    picture = session.picture
    if news := restart_told(picture, now) or protocol_told(status):
        return Cell(news.removeprefix("the daemon was "), "bold yellow")
    if status.state == "stopping":
        return Cell("stopping: " + _said(at_work(status.pools, status)), "bold yellow")
    if draining := [pool for pool in status.pools if pool.state == "draining"]:
        names = clean(", ".join(pool.name for pool in draining))
        if not any(pool.running for pool in draining):
            return Cell(f"{names} drained: no children", "bold yellow")
        return Cell(f"{names} draining: {_said(at_work(draining, status))}", "bold yellow")
    reasons = session.wrongs(status)
    if not reasons:
        return Cell(f"{glyphs.good} {well(status)}")
    more = f" (and {len(reasons) - 1} more)" if len(reasons) > 1 else ""
    return Cell(f"{mark_of(reasons[0], glyphs)} {clean(reasons[0].text)}{more}", STYLES[reasons[0].state])


def _said(parts: Sequence[Cell]) -> str:
    return ", ".join(part.text for part in parts)


def summary(sessions: Sequence[Session], now: float) -> str:
    phases = [each.picture.phase(now) for each in sessions]
    kinds = [f"{phases.count(phase)} {WORDS[phase].short}" for phase in Phase if phase in phases]
    known = [each.shown for each in sessions if each.shown is not None]
    running = sum(pool.running for status in known for pool in status.pools)
    wanted = sum(pool.wanted for status in known for pool in status.pools)
    total = sum(each.rate for status in known for each in status.classes)
    ready = bounded(each.queue.ready for status in known for each in status.classes)
    return (
        f"{plural(len(sessions), 'daemon')}: {', '.join(kinds)}; {running}/{wanted} children, {rate(total)} jobs/s, "
        f"{ready} ready"
    )
