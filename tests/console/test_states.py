"""How the connection can stand, beside live and lost (test_link): no permission, another protocol, stopped, viewer."""

from pathlib import Path

import pytest
import yaml
from textual.keys import _character_to_key

from tests.console.console import Console, Now, console
from tests.console.daemon import Daemon, golden
from wmcore.errors import UsageError
from wmcore.protocol import messages as m
from wmcore.protocol.framing import Code, RpcError
from wmtui import headline, keyfile, keymap
from wmtui.app import ConsoleApp
from wmtui.feed import SocketFeed
from wmtui.glyphs import UNICODE
from wmtui.keymap import SIGNS
from wmtui.picture import Picture
from wmtui.screens.confirm import Confirm


def unseen(daemon: Daemon) -> ConsoleApp:
    """A console that has seen nothing of this daemon yet."""
    return ConsoleApp(SocketFeed(daemon.path), UNICODE)


async def test_a_daemon_that_was_told_to_stop_and_is_gone_has_stopped(daemon: Daemon) -> None:
    async with console(daemon) as c:
        daemon.status.state = "stopping"
        await c.frame()
        await c.sees("STOPPING")
        await daemon.stop()
        await c.sees("✗ STOPPED")
        await c.sees("it was told to stop, and has: 4 children still at work when it was last seen")
        await c.press("4", "1", "2")
        await c.sees("4720")  # what is known can be looked through
        daemon.status.state = "running"
        await daemon.start()
        await c.press("r")
        await c.sees("connected again")


async def test_connecting_says_what_it_waits_for(daemon: Daemon) -> None:
    now = Now(1000.0)
    daemon.answers[m.Subscribe] = lambda request: m.Subscription(interval=1.0)  # and no status behind it
    async with ConsoleApp(SocketFeed(daemon.path), UNICODE, now=now).run_test(size=(80, 24)) as pilot:
        c = Console(pilot.app, pilot, daemon, now)  # type: ignore[arg-type]
        await c.sees("waiting for its first status")
        now.value += 4
        c.app.tick()
        await c.sees("This takes long")


async def test_another_protocol_is_a_state_of_its_own(daemon: Daemon) -> None:
    daemon.answers[m.Subscribe] = lambda request: {"interval": "often"}
    async with unseen(daemon).run_test(size=(80, 24)) as pilot:
        c = Console(pilot.app, pilot, daemon, Now(0))  # type: ignore[arg-type]
        await c.sees("OTHER PROTOCOL")
        await c.sees("is not understood (another version?)")


async def test_a_viewer_may_look_and_is_told_so(daemon: Daemon) -> None:
    def greet(request: m.Hello) -> m.HelloReply:
        return m.HelloReply(version="1", protocol=1, host="web3", pid=1, instance="i", role="viewer", type="t",
                            started_at=0, conf="")  # fmt: skip

    daemon.answers[m.Hello] = greet
    async with console(daemon) as c:
        await c.sees("VIEWER")
        assert "D drain" not in c.text
        await c.press("D")
        assert not isinstance(c.app.screen, Confirm)
        await c.sees("this daemon lets you look only (role viewer)")


async def test_who_holds_up_a_drain_is_named() -> None:
    status = golden()
    status.pools[0].state = "draining"
    status.pools[0].held_by = [
        m.Holder(slot=2, pid=1, class_name="shop.Mail", job="0-7", elapsed=252_000.0, timeout_at=status.now + 48)
    ]
    lines = headline.banners(Picture().with_status(status, status.now), UNICODE, status.now)
    said = "  ".join(cell.text for line in lines for cell in line)
    assert "waits for slot 2: shop.Mail 0-7 4m12s, broken off in 48s" in said


async def test_the_command_line_does_not_open_without_a_connection_to_act_on(daemon: Daemon) -> None:
    async with console(daemon) as c:
        await daemon.stop()
        await c.sees("STOPPED")
        await c.press("colon", *"drain", "enter")
        await c.sees("nothing was sent: there is no connection")


# -- the operator's own keys ------------------------------------------------------------------------------------------


def own(tmp_path: Path, text: str) -> keymap.Keymap:
    path = tmp_path / "keys.yml"
    path.write_text(text)
    return keyfile.read(path)


async def test_keys_can_be_given_anew(daemon: Daemon, tmp_path: Path) -> None:
    keys = own(tmp_path, 'drain: ctrl+d\nscale.up: ["x", "+"]\ndetach: Z\n')
    async with console(daemon, keys=keys) as c:
        assert "ctrl+d drain" in c.text and "Z detach" in c.text
        await c.press("D", "q")
        await c.settled()
        assert c.app.return_code is None and not isinstance(c.app.screen, Confirm)
        await c.press("x", "plus")
        await c.sees("PENDING default 4 > 6")
        await c.press("escape", "ctrl+d")
        await c.sees("Drain pool default?")
        await c.press("n", "question_mark", "space")
        await c.sees("ctrl+d")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drian: x", "there is no key 'drian'; is 'drain' meant?"),
        ("drain: K", "K would be both drain and kill: give one of them another key"),
        ("record.next: r", "r would be both record.next and record.retry"),
        ("drain: ctrl+c", "that always leaves the console"),
        ("drain: ''", "drain needs a key"),
        ("drain: contol+d", "drain: terminals have no key 'contol+d'"),
        ("drain: [D, ctrl+shift+x]", "drain: terminals have no key 'ctrl+shift+x'"),
        ("drain: hyper+x", "terminals have no key 'hyper+x'"),
        ("drain: pagedwn", "terminals have no key 'pagedwn'"),
        ("- drain", "it goes `id: key`"),
        ("drain: [", "is not YAML"),
    ],
)
def test_a_file_of_keys_that_makes_no_sense(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError, match=r"keys\.yml") as refused:
        own(tmp_path, text)
    assert said in str(refused.value)


def test_keys_are_understood_as_they_are_written(tmp_path: Path) -> None:
    """The page of keys says `pgdn`, `esc` and `&`; Textual calls them otherwise, and binds what it does not know."""
    written = {
        "pgdn": "pagedown", "esc": "escape", "ctrl+D": "ctrl+d", "shift+x": "X", "shift+up": "shift+up", "F5": "f5",
        "'&'": "ampersand", "'$'": "dollar_sign", "'['": "left_square_bracket", "ctrl+alt+x": "alt+ctrl+x", "é": "é",
        "plus": "plus", "'+'": "plus", "[i, '<']": "i,less_than_sign",
    }  # fmt: skip
    for text, keys in written.items():
        assert keyfile._keys(tmp_path, "drain", yaml.safe_load(text)) == keys, text
    assert all(_character_to_key(sign) == name for sign, name in SIGNS.items())
    assert own(tmp_path, "drain: '$'").shown("drain") == "$"


def test_an_empty_file_of_keys_changes_nothing(tmp_path: Path) -> None:
    assert own(tmp_path, "# mine\n") == keymap.DEFAULT


def test_the_page_of_keys_is_made_from_the_table() -> None:
    from wmtui import keypage

    page = Path(__file__).parents[2] / "docs" / "keys.md"
    assert page.read_text(encoding="utf-8") == keypage.markdown(), "python -m wmtui.keypage > docs/keys.md"


async def test_an_error_of_the_daemon_does_not_close_the_view(daemon: Daemon) -> None:
    def down(request: m.Request) -> object:
        raise RpcError(Code.QUEUE_DOWN, "no answer from db2")

    daemon.answers |= {m.ListFailed: down, m.GroupFailed: down, m.ListJobs: down, m.TailLog: down}
    async with console(daemon) as c:
        daemon.set_failed([])
        for keys, what in (("4f", "failed.groups"), ("3", ""), ("5", "log.tail")):
            await c.press(*keys)
            if what:
                await c.sees(f"{what}: no answer from db2")
        await c.press("3", "enter")
        await c.sees("jobs.list: no answer from db2")
