"""How a daemon stands, in words: for the header, over a view, in its row of the fleet. Pure."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from wmcore.protocol.messages import PROTOCOL, Pool, Status
from wmtui.cells import Cell
from wmtui.formatting import age, stopwatch
from wmtui.glyphs import Glyphs
from wmtui.picture import RESTART_SHOWN_SECONDS, Phase, Picture
from wmtui.printing import clean, plural

URGENT = "bold reverse"
SEEN_SECONDS = 2.0
"""A picture that is younger is new: its age would say nothing."""
LONG_SECONDS = 3.0
"""An attempt to connect that takes longer needs an explanation."""


@dataclass(frozen=True, slots=True)
class Words:
    sign: str  # of Glyphs.states
    short: str  # in a row
    loud: str  # over a view
    why: str = ""  # in place of the reason that the connection gave, or where it gave none


WORDS = {
    Phase.CONNECTING: Words("connecting", "connecting", "CONNECTING"),
    Phase.LIVE: Words("running", "live", "LIVE"),
    Phase.STALE: Words("stale", "STALE", "STALE", "connected, but silent: it hangs, or its host is very busy"),
    Phase.RESYNC: Words("connecting", "resync", "RESYNC", "connected again, waiting for its status"),
    Phase.LOST: Words("gone", "LOST", "NO CONNECTION"),
    Phase.STOPPED: Words("gone", "stopped", "STOPPED", "it was stopped in order: its socket is gone"),
    Phase.CRASHED: Words("gone", "CRASHED", "CRASHED", "it was killed or has crashed: nobody listens at its socket"),
    Phase.ABSENT: Words("gone", "absent", "NOT THERE"),
    Phase.SILENT: Words("stale", "SILENT", "NO ANSWER"),
    Phase.DENIED: Words("gone", "denied", "NO PERMISSION"),
    Phase.REFUSED: Words("gone", "not let in", "NOT LET IN"),
    Phase.FOREIGN: Words("gone", "foreign", "OTHER PROTOCOL"),
}  # fmt: skip


def state_word(status: Status) -> str:
    """The daemon's own; it says draining also when nobody is left."""
    drained = status.state == "draining" and all(not each.running for each in status.pools if each.state == "draining")
    return "drained" if drained else clean(status.state)


def in_header(picture: Picture, glyphs: Glyphs, now: float) -> Cell:
    """The daemon's state and the age of what is known of it."""
    phase, status, old = picture.phase(now), picture.status, picture.age(now)
    if status is None or phase is not Phase.LIVE:
        words = WORDS[phase]
        word = words.short if phase is Phase.CONNECTING else words.loud
        told = "" if status is None else f" {stopwatch(old)}"
        return Cell(f"{glyphs.states[words.sign]} {word}{told}", "" if phase is Phase.CONNECTING else URGENT)
    word = state_word(status)
    told = f", seen {int(old)}s ago" if old >= SEEN_SECONDS else ""
    return Cell(f"{glyphs.state(word)}{told}", "" if word == "running" else "bold yellow")


def state_text(picture: Picture, now: float) -> str:
    """One word, or two."""
    phase = picture.phase(now)
    live = picture.status is not None and phase is Phase.LIVE and picture.status.state != "running"
    return state_word(picture.status) if live and picture.status is not None else WORDS[phase].short


def in_row(picture: Picture, glyphs: Glyphs, now: float) -> Cell:
    phase, status = picture.phase(now), picture.status
    words = WORDS[phase]
    if status is not None and phase is Phase.LIVE:
        word = state_word(status)
        if word == "running":
            return Cell(f"{glyphs.states[words.sign]} {words.short}")
        return Cell(glyphs.state(word), "bold yellow")
    old = "" if status is None else f" {stopwatch(picture.age(now))}"
    style = "bold yellow" if phase in (Phase.STALE, Phase.CONNECTING, Phase.RESYNC, Phase.SILENT) else "bold red"
    return Cell(f"{glyphs.states[words.sign]} {words.short}{old}", style)


def retry_told(picture: Picture, now: float) -> str:
    link = picture.link
    return "trying now" if link.retry_at is None else f"retry in {max(0, round(link.retry_at - now))} s"


def restart_told(picture: Picture, now: float) -> str:
    """Empty where there is none that is news."""
    return picture.restarted if now - picture.restarted_at < RESTART_SHOWN_SECONDS else ""


def protocol_told(status: Status) -> str:
    if status.protocol == PROTOCOL:
        return ""
    return f"the daemon speaks protocol {status.protocol}, this wmtui {PROTOCOL}: use the wmtui of its version"


def over_view(picture: Picture, now: float, daemon: str, called: str) -> list[list[Cell]]:
    """The lines that say why what is shown is not live; none where it is. `daemon`: where it is looked for; `called`:
    what it is called, once that is known."""
    phase, status = picture.phase(now), picture.status
    if phase is Phase.LIVE:
        return []
    if phase is Phase.CONNECTING:
        return _connecting(picture, now, daemon)
    to = called or clean(daemon)
    first = [Cell(f"{WORDS[phase].loud}{' to ' if phase is Phase.LOST else ': '}{to}", URGENT)]
    if status is not None:
        first.append(Cell(f"data is {stopwatch(picture.age(now))} old", "bold"))
    if phase in (Phase.STALE, Phase.RESYNC):
        return [first, [Cell(WORDS[phase].why)]]
    first.append(Cell(f"{retry_told(picture, now)} ({picture.link.attempt})"))
    first.append(Cell("r now", "bold"))
    return [first, [Cell(_why_off(picture, phase, daemon))]]


def _connecting(picture: Picture, now: float, daemon: str) -> list[list[Cell]]:
    link = picture.link
    waits = now - link.since if link.since else 0.0
    lines = [[Cell(f"connecting to {clean(daemon)}, attempt {link.attempt}", "bold")]]
    if link.step:
        lines.append([Cell(f"waiting for {link.step} ... {age(waits)}")])
    if waits > LONG_SECONDS:
        lines.append([Cell(f"This takes long: is the daemon busy, or stopped? wmtui status -t {clean(daemon)}")])
    return lines


ATTACHES = "The console attaches by itself when it is started again."


def _why_off(picture: Picture, phase: Phase, daemon: str) -> str:
    status = picture.status
    if phase is Phase.STOPPED and status is not None and status.state == "stopping":
        left = len(status.children)
        ended = "all its children had left"
        if left:
            ended = f"{plural(left, 'child')} still at work when it was last seen"
        return f"it was told to stop, and has: {ended}. {ATTACHES}"
    if phase is Phase.CRASHED:
        return f"{WORDS[phase].why}. Its children finish the job in hand and leave. {ATTACHES}"
    if phase is Phase.STOPPED:
        return f"{WORDS[phase].why}. {ATTACHES}"
    return clean(shortly(picture.link.reason, daemon))


def shortly(reason: str, daemon: str) -> str:
    """Without the target's name, which stands beside it."""
    return reason.removeprefix(f"{daemon}: ").replace(f" at {daemon}", "")


def draining(pool: Pool, status: Status) -> list[Cell]:
    """The line stands over every view, and D is for the pool under the cursor, which may be another one."""
    end = f"; :resume {clean(shlex.quote(pool.name))} ends it"
    if not pool.running:
        return [Cell(f"{clean(pool.name)} DRAINED", URGENT), Cell(f"no children{end}")]
    first, *rest = at_work([pool], status)
    return [Cell(f"{clean(pool.name)} DRAINING", URGENT), Cell(first.text + end), *rest]


def at_work(pools: Sequence[Pool], status: Status) -> list[Cell]:
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
