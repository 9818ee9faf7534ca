"""One order to several daemons at once, and what has become of it at each. Pure."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from rich.text import Text

from wmcore.errors import NoDaemon, WmError
from wmcore.protocol.messages import Request
from wmtui.formatting import stopwatch
from wmtui.glyphs import Glyphs
from wmtui.printing import clean, plural
from wmtui.questions import Question
from wmtui.session import Session
from wmtui.standing import in_row, state_word

LISTED = 8
"""So many daemons are named in a question."""
TYPED = frozenset({"drain", "stop", "recycle"})
"""Orders after which no work is done for a while: the number of daemons has to be typed."""


@dataclass(frozen=True, slots=True)
class Order:
    words: tuple[str, ...]  # as on the command line
    request: Request
    show: Callable[[Any], list[str]]  # what a reply means

    @property
    def verb(self) -> str:
        return self.words[0]


class State(StrEnum):
    ASKED = "not answered yet"
    DONE = "done"
    REFUSED = "refused"
    UNREACHABLE = "unreachable"


@dataclass(slots=True)
class Outcome:
    session: Session
    state: State
    said: str
    asked_at: float  # Unix seconds


@dataclass(slots=True)
class Run:
    """An order that was given."""

    order: Order
    outcomes: list[Outcome] = field(default_factory=list)

    def note(self, session: Session, state: State, said: str, now: float) -> None:
        """What is known now of the order at this daemon."""
        self.outcomes = [each for each in self.outcomes if each.session is not session]
        self.outcomes.append(Outcome(session, state, said, now))

    @property
    def over(self) -> bool:
        return all(each.state is not State.ASKED for each in self.outcomes)

    @property
    def well(self) -> bool:
        return all(each.state is State.DONE for each in self.outcomes)

    def summary(self) -> str:
        counts = [(sum(each.state is state for each in self.outcomes), state) for state in State]
        return f"{' '.join(self.order.words)}: " + ", ".join(f"{n} {state}" for n, state in counts if n)


def failed(error: WmError) -> tuple[State, str]:
    """What an error says of an order that was sent."""
    if isinstance(error, NoDaemon):
        return State.UNREACHABLE, f"{error}; it was sent, and may still be done"
    return State.REFUSED, str(error)


def report(run: Run, sessions: Sequence[Session], now: float, glyphs: Glyphs) -> Text:
    """A line for each daemon, in the order of the fleet."""
    signs = {
        State.DONE: (glyphs.good, ""), State.REFUSED: (glyphs.bad, "bold red"),
        State.UNREACHABLE: (glyphs.bad, "bold red"), State.ASKED: ("?", "bold yellow"),
    }  # fmt: skip
    text = Text.assemble((run.summary(), "bold"), "\n")
    outcomes = sorted(run.outcomes, key=lambda each: sessions.index(each.session))
    width = max(len(each.session.called) for each in outcomes)
    for each in outcomes:
        sign, style = signs[each.state]
        said = clean(each.said)
        if each.state is State.ASKED:
            said = f"for {stopwatch(now - each.asked_at)}"
        text.append(f"\n{sign:2} {each.session.called:{width}}  ")
        text.append(each.state, style).append(f"  {said}" if said else "")
    return text


# -- the question -----------------------------------------------------------------------------------------------------

MEANS = {
    "drain": "no new jobs are taken; each child leaves after its job",
    "resume": "their children run again and take jobs",
    "scale": "each to its own number; jobs in hand are finished",
    "recycle": "each child leaves after its job and is replaced; no job is broken off",
    "pause": "no more jobs of that class are taken there",
    "unpause": "jobs of that class are taken again",
    "stop": "each daemon ends when the jobs in hand are done",
}


def question(order: Order, sessions: Sequence[Session], now: float, glyphs: Glyphs) -> Question:
    """To all of them; those that can not be asked now are named too, with the reason."""
    n = len(sessions)
    width = max(len(each.called) for each in sessions)
    lines = [f"{each.called:{width}}  {_figures(each, now, glyphs)}" for each in sessions[:LISTED]]
    if n > LISTED:
        lines.append(f"and {n - LISTED} more")
    now_too = order.verb == "stop" and "--now" in order.words
    does = "the jobs in hand are broken off and given back" if now_too else MEANS[order.verb]
    at = sessions[0].called if n == 1 else f"{n} daemons"
    title = f"{' '.join(order.words).capitalize()}: {at}?"
    number = n if n > 1 and order.verb in TYPED else None
    return Question(clean(title), (*lines, f"then   {does}"), order.verb, number, command(order, sessions))


def _figures(session: Session, now: float, glyphs: Glyphs) -> str:
    status = session.status
    if why := session.why_no_writing(now):
        return f"{in_row(session.picture, glyphs, now).text}: {why.removeprefix('nothing was sent: ')}"
    if status is None:
        return ""
    pools = status.pools
    busy, running = sum(pool.busy for pool in pools), sum(pool.running for pool in pools)
    wanted = sum(pool.wanted for pool in pools)
    word = "" if status.state == "running" else f", {state_word(status)}"
    return f"{running} of {plural(wanted, 'child')}, {busy} busy{word}"


def command(order: Order, sessions: Sequence[Session]) -> str:
    """The same for a shell, one after the other."""
    targets = shlex.join(each.target for each in sessions)
    return f'for t in {clean(targets)}; do wmtui -t "$t" {clean(shlex.join(order.words))}; done'
