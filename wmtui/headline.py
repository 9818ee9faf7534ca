"""The lines around the tables, as cells: header, banners, and the one line of a terminal that is too small. Pure."""

from collections.abc import Sequence

from wmcore.protocol.messages import PROTOCOL, Pool, Server, Status
from wmtui.cells import Cell, Part
from wmtui.formatting import age, clock, count, stopwatch
from wmtui.glyphs import Glyphs
from wmtui.keymap import VIEWS
from wmtui.picture import RESTART_SHOWN_SECONDS, Phase, Picture
from wmtui.printing import clean, plural, reason

URGENT = "bold reverse"
SEEN_SECONDS = 2.0
"""A picture that is younger is new: its age would say nothing."""
LEAST = (60, 15)
"""Columns and lines below which the tables make no sense."""


def name_of(status: Status | None) -> str:
    return "" if status is None else f"{clean(status.host)}/{clean(status.instance)}"


def header(
    picture: Picture, glyphs: Glyphs, now: float, held_for: float | None = None
) -> tuple[list[Part], list[Part]]:
    """What stands at the left and at the right of the header line, each with its rank (0 is never dropped)."""
    right: list[Part] = [(0, Cell(clock(now)))]
    if picture.read_only:
        right.insert(0, (0, Cell("READ-ONLY", "bold cyan")))
    if picture.role == "viewer":
        right.insert(0, (0, Cell("VIEWER", "bold cyan")))
    if held_for is not None:
        right.insert(0, (0, Cell(f"HELD {stopwatch(held_for)}", URGENT)))
    status = picture.status
    if status is None:
        return [(0, Cell("wmtui", "bold")), (0, Cell(glyphs.state("connecting")))], right
    left = [
        (0, Cell(name_of(status), "bold", short=clean(status.host))),
        (0, _state(picture, glyphs, now)),
        *_totals(status),
        (0, _backend(status, glyphs)),
        (0, _failed(status)),
        (7, Cell(f"up {age(status.now - status.started_at)}", "dim")),
        (8, Cell(f"{clean(status.type)} {clean(status.version)}", "dim")),
        (9, Cell(f"pid {status.pid}", "dim")),
    ]
    if status.viewers > 1:
        left.append((6, Cell(f"{status.viewers} viewers", "dim")))
    return left, right


def tabs(number: int, picture: Picture, daemons: int) -> list[Part]:
    """The names of the views with their keys. The one that is shown stands in brackets, whatever the colours."""
    status = picture.status
    failed = status.failed.count if status else None
    parts: list[Part] = []
    for i, name in enumerate(VIEWS, 1):
        more = f" {count(failed)}!" if name == "Failed" and failed else f" {daemons}" if name == "Fleet" else ""
        text = f"{i} {name}{more}"
        parts.append((0, Cell(f"[{text}]", "bold") if i == number else Cell(f" {text} ")))
    return parts


def _state(picture: Picture, glyphs: Glyphs, now: float) -> Cell:
    """The daemon's state and the age of what is known of it."""
    status = picture.status
    old = picture.age(now)
    match picture.phase(now):
        case Phase.LOST | Phase.CONNECTING:
            return Cell(f"{glyphs.states['gone']} NO CONNECTION {stopwatch(old)}", URGENT)
        case Phase.STOPPED | Phase.DENIED | Phase.FOREIGN as phase:
            return Cell(f"{glyphs.states['gone']} {phase.upper()} {stopwatch(old)}", URGENT)
        case Phase.STALE:
            return Cell(f"{glyphs.states['stale']} STALE {stopwatch(old)}", URGENT)
    if status is None:
        return Cell("")
    word = clean(status.state)
    if word == "draining" and all(not pool.running for pool in status.pools if pool.state == "draining"):
        word = "drained"
    told = f", seen {int(old)}s ago" if old >= SEEN_SECONDS else ""
    return Cell(f"{glyphs.state(word)}{told}", "" if word == "running" else "bold yellow")


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


def banners(picture: Picture, glyphs: Glyphs, now: float, daemon: str = "") -> list[list[Cell]]:
    """Lines that appear while there is something to say, the most urgent first."""
    phase = picture.phase(now)
    status = picture.status
    if phase in (Phase.LOST, Phase.STOPPED, Phase.DENIED, Phase.FOREIGN):
        return _off(picture, phase, now, daemon)
    if status is None:
        return _connecting(picture, now, daemon)
    lines: list[list[Cell]] = []
    if picture.restarted and now - picture.restarted_at < RESTART_SHOWN_SECONDS:
        lines.append([Cell(picture.restarted, URGENT), Cell(f"up {age(status.now - status.started_at)}")])
    if status.protocol != PROTOCOL:
        told = f"the daemon speaks protocol {status.protocol}, this wmtui {PROTOCOL}: use the wmtui of its version"
        lines.append([Cell(told, URGENT)])
    lines += [_queue_down(server, status.now, glyphs) for server in status.backend.servers if _is_down(server)]
    if status.state == "stopping":
        lines.append([Cell("STOPPING", URGENT), *_at_work(status.pools, status)])
    else:
        lines += [_pool_banner(pool, status) for pool in status.pools if pool.state == "draining"]
    return lines + [[Cell(clean(notice), "bold")] for notice in status.notices]


LONG_SECONDS = 3.0


def _connecting(picture: Picture, now: float, daemon: str) -> list[list[Cell]]:
    link = picture.link
    waits = now - link.since if link.since else 0.0
    lines = [[Cell(f"connecting to {clean(daemon)}, attempt {link.attempt}", "bold")]]
    if link.step:
        lines.append([Cell(f"waiting for {link.step} ... {age(waits)}")])
    if waits > LONG_SECONDS:
        lines.append([Cell(f"This takes long: is the daemon busy, or stopped? wmtui status -t {clean(daemon)}")])
    return lines


OFF_WORDS = {
    Phase.LOST: "NO CONNECTION", Phase.STOPPED: "STOPPED", Phase.DENIED: "NO PERMISSION",
    Phase.FOREIGN: "OTHER PROTOCOL",
}  # fmt: skip


def _off(picture: Picture, phase: Phase, now: float, daemon: str) -> list[list[Cell]]:
    link, status = picture.link, picture.status
    to = clean(status.host) if status is not None else clean(daemon)
    first = [Cell(f"{OFF_WORDS[phase]}{' to ' if phase is Phase.LOST else ': '}{to}", URGENT)]
    if status is not None:
        first.append(Cell(f"data is {stopwatch(picture.age(now))} old", "bold"))
    if link.retry_at is None:
        first.append(Cell(f"trying now ({link.attempt})"))
    else:
        first.append(Cell(f"retry in {max(0, round(link.retry_at - now))} s ({link.attempt})"))
    first.append(Cell("r now", "bold"))
    return [first, [Cell(_why_off(picture, phase))]]


def _why_off(picture: Picture, phase: Phase) -> str:
    status = picture.status
    if phase is not Phase.STOPPED or status is None:
        return clean(picture.link.reason)
    left = len(status.children)
    ended = "all its children had left" if not left else f"{plural(left, 'child')} still at work when it was last seen"
    return f"it was told to stop, and has: {ended}. The console attaches by itself when it is started again."


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


def _pool_banner(pool: Pool, status: Status) -> list[Cell]:
    if not pool.running:
        return [Cell(f"{clean(pool.name)} DRAINED", URGENT), Cell("no children; D resumes it")]
    first, *rest = _at_work([pool], status)
    return [Cell(f"{clean(pool.name)} DRAINING", URGENT), Cell(first.text + "; D resumes it"), *rest]


def _at_work(pools: Sequence[Pool], status: Status) -> list[Cell]:
    """How many, and who is expected to be the last."""
    n = sum(pool.running for pool in pools)
    parts = [Cell(f"{plural(n, 'child')} still at work")]
    holders = [each for pool in pools for each in pool.held_by if each.job is not None or each.class_name is not None]
    if holders:
        longest = max(holders, key=lambda each: each.elapsed or 0.0)
        limit = "" if longest.timeout_at is None else f", broken off in {age(longest.timeout_at - status.now)}"
        about = f"{clean(longest.class_name or '?')} {clean(longest.job or '')}"
        parts.append(Cell(f"waits for slot {longest.slot}: {about} {age((longest.elapsed or 0.0) / 1000)}{limit}"))
    if status.kill_at is not None:
        parts.append(Cell(f"all is broken off in {age(status.kill_at - status.now)}", "bold"))
    return parts


def too_small(picture: Picture, glyphs: Glyphs, now: float, width: int, height: int) -> list[Cell]:
    left, _ = header(picture, glyphs, now)
    totals = [Cell(cell.short or cell.text, cell.style) for rank, cell in left if rank == 0]
    return [Cell(f"needs {LEAST[0]}x{LEAST[1]}, is {width}x{height}", "bold"), *totals]
