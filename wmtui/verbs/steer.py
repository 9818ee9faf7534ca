"""`scale`, `drain`, `resume`, `pause`, `unpause`, `recycle`, `kill`, `stop`: what changes the daemon."""

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any

from wmcore.errors import NotFound, UsageError
from wmcore.protocol.messages import (
    ClassChanged,
    Drain,
    GetStatus,
    Kill,
    Killed,
    Pause,
    PoolsChanged,
    Recycle,
    Request,
    Resume,
    Scale,
    Scaled,
    SlotsChanged,
    Status,
    Stop,
    Stopping,
    Unpause,
)
from wmtui.printing import clean, plural
from wmtui.verbs.base import Verb, ask, connect, present


def parse_scale(words: list[str]) -> Scale:
    """`[POOL] N|+N|-N`; raises UsageError."""
    *pools, number = words
    if len(pools) > 1 or not re.fullmatch(r"[+-]?\d{1,6}", number, re.ASCII):
        raise UsageError("it goes: wmtui scale [POOL] N, or +N, or -N (a number of children)")
    pool = pools[0] if pools else None
    return Scale(pool=pool, by=int(number)) if number[0] in "+-" else Scale(pool=pool, to=int(number))


def parse_recycle(which: str | None) -> Recycle:
    """A slot, which is a number, or a pool; without it all."""
    if which is not None and which.isascii() and which.isdigit():
        return Recycle(slot=int(which))
    return Recycle(pool=which)


def kill_in(status: Status, slot: int) -> Kill:
    """The kill of the child that is in `slot` now, and of no other that may be there when the daemon hears of it.
    Raises NotFound where there is none."""
    for child in status.children:
        if child.slot == slot and child.pid:
            return Kill(slot=slot, pid=child.pid, job=child.job)
    taken = ", ".join(str(child.slot) for child in status.children if child.pid) or "none"
    raise NotFound(f"there is no child in slot {slot} (slots with one: {taken})")


def show_scaled(reply: Scaled) -> list[str]:
    if reply.before == reply.wanted:
        return [f"{clean(reply.pool)}: stays at {plural(reply.wanted, 'child')}"]
    return [f"{clean(reply.pool)}: {reply.before} -> {plural(reply.wanted, 'child')} wanted"]


def show_killed(reply: Killed) -> list[str]:
    given = f", job {clean(reply.job)} is given back" if reply.job else ", it had no job"
    return [f"killed pid {reply.pid} in slot {reply.slot}{given}"]


def show_recycled(reply: SlotsChanged) -> list[str]:
    if not reply.slots:
        return ["no child to recycle"]
    slots = " ".join(map(str, reply.slots))
    return [f"{plural(len(reply.slots), 'child')} replaced after the job in hand: slot {slots}"]


def show_stopping(reply: Stopping) -> list[str]:
    return [f"{clean(reply.state)}, {plural(reply.children, 'child')} left"]


def show_draining(reply: PoolsChanged) -> list[str]:
    return [f"{clean(pool)}: draining" for pool in reply.pools] or ["nothing to drain"]


def show_resumed(reply: PoolsChanged) -> list[str]:
    return [f"{clean(pool)}: running again" for pool in reply.pools] or ["nothing to resume"]


def show_class(reply: ClassChanged) -> list[str]:
    return [f"{clean(reply.class_name)}: {'paused' if reply.paused else 'runs again'}"]


REQUESTS: dict[str, Callable[[Namespace], tuple[Request, Callable[[Any], list[str]]]]] = {
    "scale": lambda args: (parse_scale(args.words), show_scaled),
    "drain": lambda args: (Drain(pool=args.pool), show_draining),
    "resume": lambda args: (Resume(pool=args.pool), show_resumed),
    "pause": lambda args: (Pause(class_name=args.class_name), show_class),
    "unpause": lambda args: (Unpause(class_name=args.class_name), show_class),
    "recycle": lambda args: (parse_recycle(args.which), show_recycled),
    "stop": lambda args: (Stop(now=args.now), show_stopping),
}
"""Verbs that ask for one thing, whatever the daemon is at: what they ask, and how the reply is said."""


def _run(args: Namespace) -> int:
    return ask(args, *REQUESTS[args.verb](args))


def _run_kill(args: Namespace) -> int:
    with connect(args) as client:
        reply = client.call(kill_in(client.call(GetStatus()), args.slot))
    present(args, reply, show_killed)
    return 0


def _scale_words(parser: ArgumentParser) -> None:
    parser.add_argument("words", nargs="+", metavar="[POOL] N|+N|-N", help="so many children, or so many more or fewer")


def _pool_word(parser: ArgumentParser) -> None:
    parser.add_argument("pool", nargs="?", metavar="POOL", help="without it: all")


def _class_word(parser: ArgumentParser) -> None:
    parser.add_argument("class_name", metavar="CLASS", help="queue name of the class, as in status")


def _recycle_word(parser: ArgumentParser) -> None:
    parser.add_argument("which", nargs="?", metavar="SLOT|POOL", help="without it: all children")


def _slot_word(parser: ArgumentParser) -> None:
    parser.add_argument("slot", type=int, metavar="SLOT", help="number of the slot, as in children")


def _stop_option(parser: ArgumentParser) -> None:
    parser.add_argument("--now", action="store_true", help="break off the jobs in hand and give them back")


VERBS = (
    Verb("scale", "set the number of children", _run, _scale_words),
    Verb("drain", "take no more jobs; children leave after the job in hand", _run, _pool_word),
    Verb("resume", "end a drain", _run, _pool_word),
    Verb("pause", "take no more jobs of a class", _run, _class_word),
    Verb("unpause", "take jobs of a class again", _run, _class_word),
    Verb("recycle", "replace children after the job in hand", _run, _recycle_word),
    Verb("kill", "kill a child at once; its job is given back", _run_kill, _slot_word),
    Verb("stop", "stop the daemon when the jobs in hand are done", _run, _stop_option),
)
