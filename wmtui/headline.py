"""The lines around the tables, as cells: header, banners, and the one line of a terminal that is too small. Pure."""

from wmcore.protocol.messages import Server, Status
from wmtui import standing
from wmtui.cells import Cell, Part
from wmtui.formatting import age, clock, count, stopwatch
from wmtui.glyphs import Glyphs
from wmtui.keymap import VIEWS
from wmtui.naming import Name, alone
from wmtui.picture import Phase, Picture
from wmtui.printing import clean, reason
from wmtui.standing import URGENT

LEAST = (60, 15)
"""Columns and lines below which the tables make no sense."""


def header(
    picture: Picture, glyphs: Glyphs, now: float, held_for: float | None = None, name: Name | None = None
) -> tuple[list[Part], list[Part]]:
    """What stands at the left and at the right of the header line, each with its rank (0 is never dropped). `name`:
    where there are several daemons."""
    right: list[Part] = [(0, Cell(clock(now)))]
    if picture.read_only:
        right.insert(0, (0, Cell("READ-ONLY", "bold cyan")))
    if picture.role == "viewer":
        right.insert(0, (0, Cell("VIEWER", "bold cyan")))
    if held_for is not None:
        right.insert(0, (0, Cell(f"HELD {stopwatch(held_for)}", URGENT)))
    status = picture.status
    if status is None:
        return [(0, Cell("wmtui", "bold")), (0, standing.in_header(picture, glyphs, now))], right
    name = name or alone(status)
    left = [
        (0, Cell(name.text, "bold", short=name.short)),
        (0, standing.in_header(picture, glyphs, now)),
        *_totals(status),
        (0, _backend(status, glyphs)),
        (0, _failed(status)),
        *_paused(status),
        (7, Cell(f"up {age(status.now - status.started_at)}", "dim")),
        (8, Cell(f"{clean(status.type)} {clean(status.version)}", "dim")),
        (9, Cell(f"pid {status.pid}", "dim")),
    ]
    if status.viewers > 1:
        left.append((6, Cell(f"{status.viewers} viewers", "dim")))
    return left, right


def tabs(number: int, picture: Picture, daemons: int, live: int) -> list[Part]:
    """The names of the views with their keys, where they have room; the one that is shown always has its name, and
    stands in brackets, whatever the colours. `live`: so many of the daemons are."""
    status = picture.status
    failed = status.failed.count if status else None
    fleet = f" {daemons}" if live == daemons else f" {live}/{daemons}!"
    parts: list[Part] = []
    for i, name in enumerate(VIEWS, 1):
        more = f" {count(failed)}!" if name == "Failed" and failed else fleet if name == "Fleet" else ""
        text = f"{i} {name}{more}"
        parts.append((0, Cell(f"[{text}]", "bold") if i == number else Cell(f" {text} ", short=f" {i}{more} ")))
    return parts


def _totals(status: Status) -> list[Part]:
    wanted = sum(pool.wanted for pool in status.pools)
    running = sum(pool.running for pool in status.pools)
    busy = sum(pool.busy for pool in status.pools)
    style = "" if running == wanted else "bold"
    return [(0, Cell(f"{running}/{wanted} children, {busy} busy", style, short=f"{running}/{wanted} {busy} busy"))]


def _backend(status: Status, glyphs: Glyphs) -> Cell:
    servers = status.backend.servers
    down = [server for server in servers if not server.ok]
    if status.backend.ok and not down:
        return Cell("queue ok")
    since = [server.since for server in down if server.since is not None]
    if down and not since:
        return Cell("queue not asked yet", "dim")
    for_ = f" {age(status.now - min(since))}" if since else ""
    part = f"{len(since)} of {len(servers)} " if len(servers) > 1 else ""
    return Cell(f"{glyphs.bad} queue {part}DOWN{for_}", "bold red", short=f"{glyphs.bad} queue {part}DOWN")


def _failed(status: Status) -> Cell:
    n = status.failed.count
    if n is None:
        return Cell("failed ?")
    return Cell(f"{count(n)} failed", "bold" if n else "")


def _paused(status: Status) -> list[Part]:
    """Somebody wanted it so, and may have forgotten it."""
    n = sum(each.paused for each in status.classes)
    return [(5, Cell(f"{n} class{'es' if n > 1 else ''} paused", "bold yellow", short=f"{n} paused"))] if n else []


def banners(
    picture: Picture, glyphs: Glyphs, now: float, daemon: str = "", name: Name | None = None
) -> list[list[Cell]]:
    """Lines that appear while there is something to say, the most urgent first."""
    status = picture.status
    called = "" if status is None else (name or alone(status)).short
    lines = standing.over_view(picture, now, daemon, called)
    if status is None or picture.phase(now) not in (Phase.LIVE, Phase.STALE):
        return lines
    if told := standing.restart_told(picture, now):
        lines.append([Cell(told, URGENT), Cell(f"up {age(status.now - status.started_at)}")])
    if told := standing.protocol_told(status):
        lines.append([Cell(told, URGENT)])
    lines += [_queue_down(server, status.now, glyphs) for server in status.backend.servers if _is_down(server)]
    if status.state == "stopping":
        lines.append([Cell("STOPPING", URGENT), *standing.at_work(status.pools, status)])
    else:
        lines += [standing.draining(pool, status) for pool in status.pools if pool.state == "draining"]
    return lines + [[Cell(clean(notice), "bold")] for notice in status.notices]


def _is_down(server: Server) -> bool:
    """Not: nobody has asked it yet."""
    return not server.ok and server.since is not None


def _queue_down(server: Server, now: float, glyphs: Glyphs) -> list[Cell]:
    since = ""
    if server.since is not None:
        since = f"since {clock(server.since)} ({age(now - server.since)})"
    return [
        Cell(f"{glyphs.bad} QUEUE DOWN", "bold reverse red"),
        Cell(clean(server.name), "bold"),
        *([Cell(since)] if since else []),
        Cell(reason(server) or "no reason given"),
    ]


def too_small(picture: Picture, glyphs: Glyphs, now: float, width: int, height: int) -> list[Cell]:
    left, _ = header(picture, glyphs, now)
    totals = [Cell(cell.short or cell.text, cell.style) for rank, cell in left if rank == 0]
    return [Cell(f"needs {LEAST[0]}x{LEAST[1]}, is {width}x{height}", "bold"), *totals]
