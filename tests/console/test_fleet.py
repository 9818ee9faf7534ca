"""Several real daemons in one console: one hangs, one is killed, one restarted, and the others go on; an order to many
and what becomes of it at each."""

import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.console.console import Console
from tests.console.real import as_it_was, hangs, killed, looking, running, started
from tests.console.test_terminal import Terminal
from tests.integration.daemon import Daemon, alive
from tests.waiting import until
from wmcore.protocol import messages as m
from wmtui.picture import Phase
from wmtui.screens.textpage import TextPage

NAMES = ("web1", "web2", "web3")


@pytest.fixture(scope="module")
def shared() -> Iterator[list[Daemon]]:
    with tempfile.TemporaryDirectory(prefix="wmtest-") as folder:
        yield from started(Path(folder), NAMES)


@pytest.fixture
def fleet(shared: list[Daemon]) -> list[Daemon]:
    return [as_it_was(each) for each in shared]


def row(c: Console, name: str) -> str:
    return next((line for line in c.text.splitlines()[2:] if f"/{name}" in line), "")


async def row_says(c: Console, name: str, words: str) -> None:
    await c.until(lambda: words in row(c, name), f"{words!r} in the row of {name}")


async def fresh_frames(c: Console, *names: str) -> None:
    """Each has sent another one since."""
    seen = {name: session(c, name).status for name in names}
    await c.until(lambda: all(session(c, name).status is not seen[name] for name in names), f"news of {names}")


def session(c: Console, name: str):  # type: ignore[no-untyped-def]
    return next(each for each in c.app.sessions if f"/{name}/" in each.name)


async def test_one_hangs_one_is_killed_and_comes_back_and_the_other_stays_live(fleet: list[Daemon]) -> None:
    hung, dead, _ = fleet
    async with looking(*fleet, size=(120, 24)) as c:
        await c.press("6")
        await c.sees("3 daemons: 3 live; 6/6 children")
        await hangs(c, hung)
        c.now.value += 4
        await fresh_frames(c, "web2", "web3")
        killed(dead)
        await row_says(c, "web1", "? STALE 00:04")
        await row_says(c, "web2", "✗ CRASHED")
        await row_says(c, "web3", "● live")
        await c.press("end")
        await c.sees("3 daemons: 1 live, 1 STALE, 1 CRASHED")
        await c.press("s")  # the gravest first
        await c.until(lambda: c.text.index("/web2") < c.text.index("/web1") < c.text.rindex("/web3"))
        as_it_was(dead)
        session(c, "web2").feed.retry_now()
        await row_says(c, "web2", "● live")
        await row_says(c, "web2", "restarted: pid")
        await row_says(c, "web1", "? STALE")
        await c.press("slash")
        await c.fill("state:live")
        await c.until(lambda: "web1" not in c.text and "web3" in c.text)


async def test_draining_several_needs_their_number_and_d_again_resumes_them(fleet: list[Daemon]) -> None:
    async with looking(*fleet, size=(120, 30)) as c:
        await c.press("6", "space", "space")
        await c.sees("2 marked")
        await c.press("D")
        await c.sees("Drain: 2 daemons?")
        await c.sees("type 2 and enter to drain")
        await c.answer("2", "enter")
        await c.sees("drain: 2 done")
        await c.press("q")
        await row_says(c, "web1", "drained")
        await row_says(c, "web2", "drained")
        await row_says(c, "web3", "live")
        await c.press("home", "space", "space", "D")
        await c.sees("Resume: 2 daemons?")
        await c.answer("y")
        await c.sees("resume: 2 done")
        await c.press("q")
        await row_says(c, "web2", "live")


async def test_a_refusal_is_told_by_host_and_what_makes_no_sense_for_many_is_not_sent(fleet: list[Daemon]) -> None:
    async with looking(*fleet[:2], size=(120, 30)) as c:
        await c.press("6", "asterisk", "colon")
        await c.fill("drain mail")
        await c.answer("2", "enter")
        await c.sees("drain mail: 2 refused")
        await c.sees("there is no pool")
        await c.press("q", "asterisk", "colon")
        await c.fill("failed retry --all")
        await c.sees("failed is for one daemon")


async def test_the_row_under_the_cursor_is_the_daemon_that_the_keys_act_on(fleet: list[Daemon]) -> None:
    async with looking(*fleet, size=(120, 30)) as c:
        await c.press("6", "down")
        await c.until(lambda: "/web2" in c.text.splitlines()[0], "its name in the header")
        await c.press("plus", "enter")
        until(lambda: fleet[1].status().pools[0].wanted == 3)
        await c.press("right_square_bracket", "D")
        await c.sees("Drain all of")
        target = fleet[2].folder / "wm.sock"
        await c.sees(f"same:  wmtui -t {target}"[:50])
        await c.press("ctrl+y")
        await c.sees("copied")
        assert c.app.clipboard == f"wmtui -t {target} drain"
        await c.press("escape", "1")
        await c.until(lambda: "/web3" in c.text.splitlines()[0])


async def test_read_only_is_shown_for_each_and_sends_nothing(fleet: list[Daemon]) -> None:
    async with looking(*fleet[:2], size=(160, 30), read_only=True) as c:
        await c.press("6")
        await c.sees("READ-ONLY")
        await row_says(c, "web1", "read-only")
        await c.press("exclamation_mark")
        await row_says(c, "web1", "operator")
        await c.press("exclamation_mark", "asterisk", "D")
        await c.sees("none of the 2 can be asked; read-only: nothing was sent")
        assert all(each.picture.phase(c.now()) is Phase.LIVE for each in c.app.sessions)


@pytest.mark.parametrize(("how", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (None, 129)])
async def test_the_terminal_is_left_clean_though_one_hangs(fleet: list[Daemon], how: int | None, code: int) -> None:
    """None: the terminal goes away."""
    os.kill(fleet[0].pid, signal.SIGSTOP)
    t = Terminal([sys.executable, "-m", "wmtui.cli", "attach", *(str(each.folder / "wm.sock") for each in fleet)])
    try:
        await t.sees("connecting to")
        t.type("6")
        await t.until(lambda: t.text.count("live") >= 2 and "connecting" in t.text, "the fleet")
        if how is None:
            os.close(t.fd)
        else:
            os.kill(t.pid, how)
        assert await t.ends() == code
        t.pump()
        assert how is None or t.restored()
    finally:
        t.close()


async def test_an_order_to_several_says_for_each_what_became_of_it_and_nobody_waits(fleet: list[Daemon]) -> None:
    hung, busy, dead = fleet
    busy.call(m.Scale(to=1))
    async with looking(*fleet, size=(120, 30)) as c:
        killed(dead)
        await c.press("6")
        await row_says(c, "web3", "✗ CRASHED")
        os.kill(hung.pid, signal.SIGSTOP)  # it looks well for a while yet
        await c.press("asterisk")
        await c.sees("3 marked: D drain")
        await c.press("plus")
        await c.until(lambda: c.app.main.prompt.line.value == "scale +1")
        await c.press("enter")
        await c.sees("Scale +1: 3 daemons?")
        await c.sees("CRASHED")
        await c.press("ctrl+y")
        await c.sees("copied")
        assert c.app.clipboard.startswith(f"for t in {hung.folder}/wm.sock ")
        assert c.app.clipboard.endswith('; do wmtui -t "$t" scale +1; done')
        await c.answer("y")
        await c.until(lambda: isinstance(c.app.screen, TextPage), "what has become of it")
        await c.sees("scale +1: 1 not answered yet, 1 done, 1 unreachable")
        await c.sees("default: 1 -> 2 children wanted")
        await c.sees("there is no connection")
        assert busy.status().pools[0].wanted == 2
        await c.press("q", "down", "5", "6")  # the one that hangs holds no key up
        await c.sees("[6 Fleet 2/3!]")
        os.kill(hung.pid, signal.SIGCONT)
        await c.sees("scale +1: 2 done, 1 unreachable")  # it had been asked
        until(lambda: hung.status().pools[0].wanted == 3)


async def test_stopping_several(fleet: list[Daemon]) -> None:
    pids = [each.pid for each in fleet[1:]]
    async with looking(*fleet, size=(120, 30)) as c:
        await c.press("6", "end", "up", "space", "space", "colon")
        await c.fill("stop")
        await c.sees("each daemon ends when the jobs in hand are done")
        await c.answer("2", "enter")
        await c.sees("stop: 2 done")
        until(lambda: not any(map(alive, pids)), what="both to have stopped")
        await c.press("q")
        await row_says(c, "web3", "stopped")
        assert [running(each) for each in fleet] == [True, False, False]
