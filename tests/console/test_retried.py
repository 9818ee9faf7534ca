"""What became of what was retried: failed again is not another failure, and nobody has to ask."""

from msgspec import structs

from tests.console.console import Console, console
from tests.console.daemon import Daemon, golden, many_failed
from wmcore.protocol import messages as m
from wmcore.protocol.framing import Code, RpcError
from wmtui import alerts
from wmtui.bulkfates import BulkFates
from wmtui.trend import Trend


def retried(daemon: Daemon, *fates: str) -> None:
    """All of them, by the bulk run that is in the status, which ends with that."""
    run = daemon.status.bulk[0]
    for each, fate in zip(daemon.failed, fates, strict=True):
        each.retried_as, each.retried_at, each.fate = f"{each.job}r", run.started_at + 1, fate
    daemon.set_failed(daemon.failed)
    daemon.status.bulk = [structs.replace(run, state="done", done=len(fates), ended_at=daemon.status.now)]


async def retry_all(c: Console) -> None:
    await c.press("4", "A")
    await c.answer("y")
    await c.sees("has begun")


async def test_a_bulk_retry_tells_by_itself_what_became_of_its_jobs(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(3))
    async with console(daemon) as c:
        await retry_all(c)
        retried(daemon, "waiting", "running", "waiting")
        await c.frame()
        await c.sees("retry done: 3 of 3")
        await c.until(lambda: c.app.session.bulk_fates.retries.kept, "the records that it retried")
        for each, fate in zip(daemon.failed, ("done", "failed", "waiting"), strict=True):
            each.fate = fate
        c.now.value += 1.5
        c.app.tick()
        await c.sees("retry of 3: 1 waits, 1 done, 1 failed again")
        daemon.failed[2].fate = "done"
        c.now.value += 1.5
        c.app.tick()
        await c.sees("retry of 3: 2 done, 1 failed again")


async def test_the_bulk_retry_of_another_console_is_for_that_one_to_tell(daemon: Daemon) -> None:
    daemon.set_failed(many_failed(3))
    async with console(daemon) as c:
        daemon.on_StartBulk(m.StartBulk(action="retry", expected=3))
        retried(daemon, "done", "done", "failed")
        await c.frame()
        await c.sees("retry done: 3 of 3")
        c.now.value += 5
        c.app.tick()
        await c.settled()
        assert not any(isinstance(each, m.LookFailed) for each in daemon.asked)
        assert not c.app.session.bulk_fates.retries.kept


def test_of_very_many_the_newest_are_looked_after_and_it_is_not_said_every_second() -> None:
    fates, records = BulkFates(), many_failed(1_000)
    run = m.Bulk(
        id="b1", action="retry", filter=m.FailedFilter(), state="done", total=5_000, done=5_000, started_at=10.0
    )
    fates.begun(run)
    asked = fates.asks(run)
    assert asked is not None and (asked.filter.retried, asked.limit) == (True, 1_000)
    for each in records:
        each.retried_as, each.retried_at, each.fate = "0-1", 11.0, "waiting"
    old = structs.replace(records[0], id="0-0", retried_at=1.0)  # by an earlier run
    said = [fates.found(m.FailedPage(records=[*records, old]), 20.0)]
    for second in range(21, 41):
        for each in records[(second - 21) * 50 :][:50]:
            each.fate = "done"
        said.append(fates.take([structs.replace(each) for each in records], fates.due(second), second))
    assert [each for each in said if each] == [
        "retry of 5,000 (the newest 1,000 of them): 950 wait, 50 done",
        "retry of 5,000 (the newest 1,000 of them): 450 wait, 550 done",
        "retry of 5,000 (the newest 1,000 of them): 1,000 done",
    ]


async def test_what_failed_again_is_told_apart_from_what_failed(daemon: Daemon) -> None:
    """A retry that fails is given up a second time: three such jobs looked like six."""
    daemon.set_failed(many_failed(3))
    for each in daemon.failed:
        each.failed_as = f"0-{int(each.id[2:]) + 3}"
    name = daemon.status.classes[0].name
    daemon.status.classes[0].lately = m.Lately(seconds=600, completed=4, failed=6, failed_at=daemon.status.now)
    async with console(daemon) as c:
        await retry_all(c)
        retried(daemon, "failed", "failed", "failed")
        await c.frame()
        await c.until(lambda: c.app.session.failed_again() == {name: 3}, "what failed again")
        daemon.set_failed(many_failed(8)[:-3])  # two of them for the first time
        await c.frame()
        await c.until(lambda: c.text.count("again: Failed 'A'") == 3 and c.text.count("Failed 'A'") == 5, "the rows")
        await c.press("a")
        await c.sees("6 given up in 10 min (3 of them again, after a retry), 60 %")


def test_all_that_was_given_up_may_have_been_retried() -> None:
    status = golden()
    status.classes[0].lately = m.Lately(seconds=600, completed=0, failed=2, failed_at=status.now)
    [told] = alerts.wrongs(status, Trend(), {status.classes[0].name: 2})
    assert "2 given up in 10 min (all of them again, after a retry), 100 % of its jobs" in told.text


async def test_the_groups_stay_dimmed_until_they_are_there_anew(daemon: Daemon) -> None:
    """After a retry "asking ..." stood in their place, and nobody saw what had been retried."""
    daemon.set_failed(many_failed(3))
    async with console(daemon) as c:
        await c.press("4", "f")
        await c.sees("Failed 'A' N")
        groups = c.app.main.failed_view.groups
        await retry_all(c)

        def down(request: m.GroupFailed) -> m.FailedGroups:
            raise RpcError(Code.QUEUE_DOWN, "no database")

        daemon.answers[m.GroupFailed] = down
        retried(daemon, "waiting", "waiting", "waiting")
        await c.frame()
        await c.sees("Failed 'A' N")
        await c.until(lambda: groups._dimmed, "that they are old")
        del daemon.answers[m.GroupFailed]
        c.now.value += 11
        c.app.tick()
        await c.until(lambda: not groups.row_count and not groups._dimmed, "the groups as they are now")


async def test_no_groups_are_not_believed_for_long(daemon: Daemon) -> None:
    """All of them were retried and failed again: "no failed jobs" stood beneath their number for ten seconds."""
    daemon.set_failed([])
    async with console(daemon) as c:
        await c.press("4", "f")
        await c.sees("no failed jobs")
        daemon.set_failed(many_failed(3))
        await c.frame()
        c.now.value += 1.5
        c.app.tick()
        await c.sees("Failed 'A' N")
