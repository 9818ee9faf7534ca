"""Names, errors and arguments are other people's bytes: they must neither be markup nor reach the terminal as codes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.segment import Segment
from textual.color import Color

from tests.console.console import console
from tests.console.daemon import Daemon, record_of
from wmcore.protocol import messages as m
from wmcore.protocol.framing import Code, RpcError
from wmtui.terminal import Harmless, keep_crash

NASTY = "[/foo][red]x[/red]\x1b]52;c;UFdORUQ=\x07\x1b[2J\x9b31m\u202egnp\r\n\t[@click=app.bell]y[/]"
BAD = ("\x1b", "\x07", "\x9b", "\u202e", "\r")


def poisoned() -> m.Status:
    """The golden status with the payload in each of its texts that is not a word of the protocol."""
    from tests.console.daemon import golden

    status = golden()
    status.host = status.instance = status.version = status.type = status.conf = NASTY
    status.notices = [NASTY]
    status.pools = [
        msgspec.structs.replace(status.pools[0], name=NASTY, workers=[NASTY], error=NASTY, state=NASTY),
    ]
    for each in status.classes:
        each.name = NASTY
    for child in status.children:
        child.pool = child.class_name = child.job = child.state = NASTY
    for record in status.failed.recent:
        record.id = record.class_name = record.job = record.error = record.host = record.arg = NASTY
    status.failed.recent = status.failed.recent[:1]
    status.backend.ok = False
    status.backend.servers = [m.Server(name=NASTY, ok=False, error=NASTY)]
    return status


def harmless(text: str) -> bool:
    return not any(sign in text for sign in BAD) and all(c == "\n" or c.isprintable() or c == "\ufffd" for c in text)


@pytest.mark.parametrize("size", [(80, 24), (200, 50)])
async def test_every_text_field_is_shown_as_it_is(daemon: Daemon, size: tuple[int, int]) -> None:
    daemon.status = poisoned()
    daemon.failed = list(daemon.status.failed.recent)

    def refuse(request: m.Request) -> object:
        raise RpcError(Code.REFUSED, NASTY)

    record = record_of(daemon.failed[0])
    record.arg = record.uniqkey = record.coalesce = NASTY
    for attempt in record.attempts:
        attempt.message = attempt.traceback = attempt.host = NASTY
    daemon.answers = {
        m.Drain: refuse,
        m.Kill: refuse,
        m.Pause: refuse,
        m.DeleteFailed: refuse,
        m.GetFailed: lambda _: record,
    }
    daemon.jobs = [
        m.QueuedJob(id=NASTY, class_name=NASTY, state=NASTY, insert_time=0, run_after=0, uniqkey=NASTY, arg=NASTY)
    ]
    daemon.log = [("error", NASTY)]
    async with console(daemon, size) as c:
        assert harmless(c.text) and "[/foo]" in c.text
        for view in "2345":
            await c.press(view)
            await c.sees("[/foo]")
            assert harmless(c.text), view
            await c.press("enter")
            await c.stable()
            assert harmless(c.text), view
            await c.press("q" if view != "3" else "enter")
            await c.stable()
            assert harmless(c.text), view
            await c.press("q" if view == "3" else "f", "escape")
            await c.until(lambda: c.app.screen is c.app.main)
        await c.press("4", "f")
        await c.sees("[/foo]")
        assert harmless(c.text)
        await c.press("6")
        await c.sees("[/foo]")
        assert harmless(c.text)
        await c.press("colon")
        await c.fill("pause [/foo]")
        await c.sees("there is no class '[/foo]'")
        await c.press("1")
        for key in ("D", "down", "P", "tab", "K", "tab", "X"):
            await c.press(key)
            assert harmless(c.text)
            if key.isupper():
                await c.answer("y")
                await c.until(lambda: c.app.screen is c.app.main)
                await c.sees("[/foo]")
                assert harmless(c.text)
        await c.press("enter")
        await c.sees("argument")
        assert harmless(c.text) and "[/foo]" in c.text
        assert [len(line) for line in c.text.splitlines() if len(line) > size[0]] == []


async def test_what_became_of_a_retry_is_shown_as_it_is(daemon: Daemon) -> None:
    """In the list, the status line, the record and the groups."""
    (record,) = poisoned().failed.recent

    def retried(fate: str) -> list[m.FailedSummary]:
        return [msgspec.structs.replace(record, retried_as=NASTY, retried_at=1.0, fate=fate, failed_as=NASTY)]

    group = m.FailedGroup(
        fingerprint=NASTY, class_name=NASTY, error=NASTY, count=1, first=0.0, last=1.0, newest=NASTY, example=NASTY
    )
    whole = record_of(record)
    whole.retried_as = whole.fate = whole.failed_as = NASTY
    daemon.answers = {
        m.ListFailed: lambda _: m.FailedPage(records=retried(NASTY), total=1),
        m.LookFailed: lambda _: retried("failed"),
        m.RetryFailed: lambda request: m.FailedChanged(done=request.ids),
        m.GetFailed: lambda _: whole,
        m.GroupFailed: lambda _: m.FailedGroups(groups=[group]),
    }
    daemon.set_failed([record])
    async with console(daemon, (160, 40)) as c:
        await c.press("4", "r")
        await c.sees("retry waits")
        c.now.value += 1.5
        c.app.tick()
        await c.sees("retried: failed again as")
        assert harmless(c.text)
        await c.press("slash")
        await c.fill("retried:yes")
        await c.sees("retry [/foo]")
        assert harmless(c.text)
        await c.press("enter")
        await c.sees("as job [/foo]")
        assert harmless(c.text)
        await c.press("q", "f")
        await c.sees("1 group by class")
        assert harmless(c.text)


@given(st.text(max_size=40))
def test_the_last_gate_lets_no_control_character_through(text: str) -> None:
    shown = Harmless().apply([Segment(text)], Color(0, 0, 0))[0].text
    assert not any(ord(c) < 32 or 127 <= ord(c) < 160 or 0x202A <= ord(c) <= 0x202E for c in shown)


def test_what_the_terminal_has_no_character_for_keeps_its_place() -> None:
    """Written as `\\u65e5` it tore lists and records apart."""
    gate = Harmless("iso8859-1")
    shown = [gate.apply([Segment(text)], Color(0, 0, 0))[0].text for text in ("d\xe9j\xe0 日本|\x1b[2J|", "plain")]
    assert shown == ["d\xe9j\xe0 ????|?[2J|", "plain"]
    assert Harmless("ascii").apply([Segment("d\xe9")], Color(0, 0, 0))[0].text == "d?"
    assert Harmless("UTF-8").apply([Segment("日本")], Color(0, 0, 0))[0].text == "日本"


def test_a_crash_report_has_no_values_and_only_its_owner_reads_it(tmp_path: pytest.TempPathFactory) -> None:
    from pathlib import Path

    folder = Path(str(tmp_path)) / "state"

    def crash() -> None:
        token = "s3cret" + "-value"  # noqa: F841
        raise KeyError("what")

    try:
        crash()
    except KeyError as error:
        sentence = keep_crash(error, folder)
    (report,) = folder.iterdir()
    assert str(report) in sentence and report.stat().st_mode & 0o777 == 0o600
    text = report.read_text()
    assert "KeyError: 'what'" in text and "s3cret-value" not in text
