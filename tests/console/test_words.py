"""The pure middle: rows, headlines, the picture, the pending number, the failed list, the table of keys."""

import msgspec

from tests.console.daemon import golden, many_failed, record_of
from wmcore.protocol.messages import Failed, FailedFilter, FailedPage, FailedSummary, JobClass, Pool, Server, Status
from wmtui import childrows, headline, keymap, naming, poolrows, questions, totals
from wmtui.failedlist import FailedList
from wmtui.glyphs import ASCII, UNICODE, choose
from wmtui.pending import Pending, asks, edit
from wmtui.picture import Link, Phase, Picture
from wmtui.recordtext import record_text
from wmtui.undercursor import Target

NOW = golden().now


def live(status: Status | None = None) -> Picture:
    return Picture().with_status(status or golden(), NOW)


def said(lines: list[list[headline.Cell]]) -> list[str]:
    return ["  ".join(cell.text for cell in line) for line in lines]


# -- rows -------------------------------------------------------------------------------------------------------------


def test_classes_stand_beneath_their_pools_and_strays_at_the_end() -> None:
    status = golden()
    status.pools.append(Pool(name="slow", wanted=1, running=0, busy=0, state="running", workers=["sandbox.worker.B"]))
    status.pools[0].workers = ["new.class"]
    found = poolrows.pool_rows(status, poolrows.CLASS_LENS, UNICODE)
    keys = [found.key(i) for i in range(len(found))]
    assert keys == [
        ("default", ""), ("default", "new.class"), ("slow", ""), ("slow", "sandbox.worker.B"), ("", "sandbox.worker.A"),
    ]  # fmt: skip


def test_a_pool_shows_what_was_chosen_and_why_children_die() -> None:
    pool = golden().pools[0]
    pool.error, pool.state = "exit code 3", "backing off"
    row = poolrows.pool_row(pool, UNICODE, Pending("default", 6, NOW))
    assert [cell.text for cell in row.free] == [
        "default", "✗ backing off", "wanted 4>6", "running 4", "busy 2", "✗ exit code 3",
    ]  # fmt: skip


def test_one_scale_of_lateness_for_all_classes() -> None:
    status = golden()
    assert poolrows.pool_titles(status, poolrows.CLASS_LENS, UNICODE)["lateness"].short == "LATE≤5s"
    for each in status.classes:
        each.lateness_history = [None, 3.0]
    assert poolrows.pool_titles(status, poolrows.CLASS_LENS, ASCII)["lateness"].short == "LAT<.1s"


def test_a_paused_class_says_so_in_words() -> None:
    status = golden()
    status.classes[0].paused = True
    assert any(cell.text == "‖ paused" for cell in poolrows.pool_rows(status, poolrows.CLASS_LENS, UNICODE)[1].cells)


def test_children_by_slot_with_the_pool_only_where_there_are_several() -> None:
    status = golden()
    status.children.reverse()
    children = childrows.child_rows(status, childrows.CHILD_LENS, UNICODE).items
    assert [childrows.child_key(child) for child in children] == [(0, 4720), (1, 4721), (2, 4722), (3, 4735)]
    assert "pool" not in [column.id for column in childrows.child_columns(status)]
    status.pools.append(msgspec.structs.replace(status.pools[0], name="slow"))
    assert "pool" in [column.id for column in childrows.child_columns(status)]


def test_a_state_of_a_newer_daemon_is_shown_as_it_is() -> None:
    status = golden()
    status.children[0].state = "dreaming"
    row = childrows.child_rows(status, childrows.CHILD_LENS, UNICODE)[0]
    assert any(cell.text == "? dreaming" for cell in row.cells)


# -- headline and picture ---------------------------------------------------------------------------------------------


def test_the_ages_of_a_picture() -> None:
    picture = live()
    assert picture.phase(NOW + 2.9) is Phase.LIVE
    assert picture.phase(NOW + 3.1) is Phase.STALE
    assert "4 s old" in picture.why_no_writing(NOW + 4)
    lost = msgspec_free_replace(picture, link=Link(False, 2, "gone", NOW + 5))
    assert lost.phase(NOW) is Phase.LOST
    assert Picture().phase(NOW) is Phase.CONNECTING
    assert Picture(read_only=True, link=Link(True)).why_no_writing(NOW).startswith("read-only")


def msgspec_free_replace(picture: Picture, link: Link) -> Picture:
    from dataclasses import replace

    return replace(picture, link=link)


def test_a_restart_is_told_for_a_while() -> None:
    after = golden()
    after.pid, after.started_at = 5000, NOW
    picture = live().with_status(after, NOW + 1)
    assert (
        said(headline.banners(picture, UNICODE, NOW + 2))[0]
        == "the daemon was restarted: pid 4711 is 5000 now  up 0.0s"
    )
    assert headline.banners(picture.with_status(after, NOW + 100), UNICODE, NOW + 100) == []
    after.pools[0].wanted = 3
    before = golden()
    before.pools[0].wanted = 12
    before.classes[0].paused = True
    again = live(before).with_status(after, NOW + 1)
    assert again.restarted == (
        "the daemon was restarted: pid 4711 is 5000 now; wanted was 12, is 3; sandbox.worker.A was paused, runs now"
    )
    after = golden()
    after.instance = "other"
    assert "another daemon" in live().with_status(after, NOW).restarted


def test_a_queue_that_is_down_is_said_in_words() -> None:
    status = golden()
    status.backend.ok = False
    status.backend.servers = [
        Server(name="db2", ok=False, since=NOW - 252, error="refused"),
        Server(name="db3", ok=True),
    ]
    picture = live(status)
    assert said(headline.banners(picture, UNICODE, NOW)) == ["✗ QUEUE DOWN  db2  since 12:07:28 (4m12s)  refused"]
    left, _ = headline.header(picture, UNICODE, NOW)
    assert "✗ queue 1 of 2 DOWN 4m12s" in [cell.text for _, cell in left]
    status.backend.servers = [Server(name="db2", ok=False, since=NOW - 252, error="database db2: refused")]
    left, _ = headline.header(picture, UNICODE, NOW)
    assert "✗ queue DOWN 4m12s" in [cell.text for _, cell in left]
    assert said(headline.banners(picture, UNICODE, NOW)) == ["✗ QUEUE DOWN  db2  since 12:07:28 (4m12s)  refused"]


def test_a_queue_that_nobody_asked_yet_is_not_down() -> None:
    """A daemon in its first second."""
    status = golden()
    status.backend.ok = False
    status.backend.servers = [Server(name="db2", ok=False)]
    picture = live(status)
    assert headline.banners(picture, UNICODE, NOW) == []
    left, _ = headline.header(picture, UNICODE, NOW)
    assert "queue not asked yet" in [cell.text for _, cell in left]


def test_one_attempt_is_not_several() -> None:
    first, *_ = many_failed(1)
    first.attempts = 1
    assert f"{first.job}, 1 attempt\n" in record_text(record_of(first)).plain


def test_draining_and_stopping_have_a_banner() -> None:
    status = golden()
    status.pools[0].state = "draining"
    assert said(headline.banners(live(status), UNICODE, NOW)) == [
        "default DRAINING  4 children still at work; :resume default ends it"
    ]
    status.pools[0].running = 0
    drained = "default DRAINED  no children; :resume default ends it"
    assert said(headline.banners(live(status), UNICODE, NOW)) == [drained]
    status.state = "stopping"
    status.pools[0].running = 1
    assert said(headline.banners(live(status), UNICODE, NOW)) == ["STOPPING  1 child still at work"]


def test_another_protocol_is_said() -> None:
    status = golden()
    status.protocol = 3
    assert "protocol 3, this wmtui 1" in said(headline.banners(live(status), UNICODE, NOW))[0]


def test_daemons_are_called_by_what_tells_them_apart() -> None:
    def one(host: str, instance: str) -> Status:
        return msgspec.structs.replace(golden(), host=host, instance=instance)

    def called(*statuses: Status | None) -> list[tuple[str, str] | None]:
        return [name and (name.text, name.short) for name in naming.names(statuses)]

    shop, mail, far = one("web1", "shop-1a2b3c4d"), one("web1", "mail-00000000"), one("web2", "shop-1a2b3c4d")
    assert called(shop, None, mail) == [("web1/shop", "shop"), None, ("web1/mail", "mail")]
    assert called(shop, far) == [("web1/shop", "web1"), ("web2/shop", "web2")]
    assert called(shop, mail, far) == [("web1/shop", "web1/shop"), ("web1/mail", "mail"), ("web2/shop", "web2")]
    other = one("web1", "shop-deadbeef")
    assert called(shop, other) == [("web1/shop-1a2b3c4d", "shop-1a2b3c4d"), ("web1/shop-deadbeef", "shop-deadbeef")]


# -- the number that is not applied, the questions --------------------------------------------------------------------


def test_the_pending_number() -> None:
    pool = golden().pools[0]
    first = edit(None, pool, 1, NOW)
    assert edit(first, pool, 1, NOW + 3) == Pending("default", 6, NOW + 3)
    assert edit(Pending("default", 0, NOW), pool, -1, NOW).to == 0
    assert edit(Pending("other", 30, NOW), pool, -1, NOW).to == 3
    assert not first.expired(NOW + 9.9) and first.expired(NOW + 10)
    assert [asks(4, to) for to in (0, 1, 8, 9)] == [True, False, False, True]
    assert [asks(0, to) for to in (1, 2, 3)] == [False, False, True]


def test_many_jobs_have_to_be_typed() -> None:
    status = golden()
    """Marked, in a group, or of a filter: sooner where it can not be undone."""
    for action, most in (("retry", 100), ("delete", 10)):
        for n, typed in ((most, None), (most + 1, most + 1)):
            marked = getattr(questions, action)(status, many_failed(n))
            assert marked.number == questions.bulk(status, action, FailedFilter(), n, False, "").number == typed
    assert "0-9120" in "\n".join(questions.kill(status, status.children[:1]).lines)


# -- the failed list --------------------------------------------------------------------------------------------------


def ids(known: FailedList) -> list[str]:
    return [record.id for record in known.records]


def test_the_failed_list_grows_by_pages_and_at_its_top() -> None:
    everything = many_failed(300)
    known = FailedList()
    assert known.merge(Failed(count=299, recent=everything[1:51]))
    assert not known.merge(Failed(count=299, recent=everything[1:51]))
    assert known.wants(40) == "first" and known.wants(10) == "first"
    known.take_page("first", FailedPage(records=everything[1:101], cursor="100"))
    assert known.wants(10) is None and known.wants(80) == "next"
    known.take_page("next", FailedPage(records=everything[101:201], cursor="200", before="1"))
    known.merge(Failed(count=300, recent=everything[:50]))
    assert ids(known) == [record.id for record in everything[:201]]
    known.take_page("next", FailedPage(records=everything[201:], cursor=None))
    assert ids(known) == [record.id for record in everything] and known.wants(299) is None


def test_what_others_deleted_leaves_the_failed_list() -> None:
    everything = many_failed(120)
    known = FailedList()
    known.merge(Failed(count=120, recent=everything[:50]))
    known.take_page("first", FailedPage(records=everything[:100], cursor="100"))
    left = [record for record in everything if record.id != "0-118"]
    known.merge(Failed(count=119, recent=left[:50]))
    assert "0-118" not in ids(known) and len(known.records) == 99
    known.merge(Failed(count=2, recent=everything[:2]))
    assert len(known.records) == 2
    known.merge(Failed(count=None, recent=[]))  # the queue is down: what is known stays
    assert len(known.records) == 2
    known.merge(Failed(count=0, recent=[]))
    assert known.records == []


def test_a_gap_in_the_failed_list_begins_it_anew() -> None:
    everything = many_failed(500)
    known = FailedList()
    known.merge(Failed(count=200, recent=everything[300:350]))
    known.merge(Failed(count=500, recent=everything[:50]))
    assert ids(known) == [record.id for record in everything[:50]] and known.cursor is None
    assert known.wants(49) == "first"


def test_what_the_cursor_is_on() -> None:
    status = golden()
    records: list[FailedSummary] = status.failed.recent
    on_class = Target(status, "pools", ("default", "sandbox.worker.B"), records, frozenset())
    pool, each = on_class.pool(), on_class.job_class()
    assert pool is not None and each is not None and (pool.name, each.name) == ("default", "sandbox.worker.B")
    on_child = Target(status, "children", (1, 4721), records, frozenset())
    child = on_child.child()
    assert child is not None and child.job == "0-9121"
    assert Target(status, "children", (1, 9999), records, frozenset()).child() is None
    marked = Target(status, "failed", "0-12", records, frozenset({"0-11"}))
    assert marked.failed_ids() == ["0-11"] and "Failed 'A' 1" in marked.detail()
    status.pools.append(msgspec.structs.replace(status.pools[0], name="slow"))
    assert Target(status, "failed", None, records, frozenset()).pool() is None


# -- keys and signs ---------------------------------------------------------------------------------------------------


def test_upper_case_keys_ask_and_ids_are_unique() -> None:
    assert len({key.id for key in keymap.KEYS}) == len(keymap.KEYS)
    for key in keymap.KEYS:
        letter = key.keys.split(",")[0]
        assert key.dangerous == (len(letter) == 1 and letter.isupper() and letter not in ("N",)), key.id
        assert key.changes or not key.dangerous


def test_no_key_means_two_things_at_once() -> None:
    for scope in ("frame", "move", "view", "record"):
        names = [name for key in keymap.of_scope(scope) for name in key.keys.split(",")]  # type: ignore[arg-type]
        assert len(names) == len(set(names)), scope


def test_what_would_be_refused_is_not_offered() -> None:
    offered = {key.id for key in keymap.DEFAULT.hints(["frame", "view"], "failed", read_only=True)}
    assert "open" in offered and not offered & {"retry", "delete", "mark"}
    assert {"apply", "discard"} <= {key.id for key in keymap.DEFAULT.hints(["view"], "failed", ["pending"])}
    assert "reconnect" in {key.id for key in keymap.DEFAULT.hints(["frame"], "pools", ["lost"])}


def test_the_signs_follow_the_terminal() -> None:
    assert choose(False, "xterm-256color", "UTF-8") is UNICODE
    for ascii_only, term, encoding in (
        (True, "xterm", "utf-8"),
        (False, "linux", "utf-8"),
        (False, "xterm", "latin-1"),
        (False, "xterm", None),
    ):
        assert choose(ascii_only, term, encoding) is ASCII
    assert all(ord(sign) < 128 for sign in "".join(ASCII.states.values()))


def test_totals_of_classes_that_are_known_for_different_times() -> None:
    """One has just been added: its seconds are the last ones."""
    old, new = JobClass(name="a"), JobClass(name="b")
    old.rate_history, new.rate_history = [1] * 70, [5, 7]
    assert totals.together([old.rate_history, new.rate_history, []]) == [1] * 58 + [6, 8]
    assert totals.together([[3]]) == [None] * 59 + [3]
    old.lateness_history, new.lateness_history = [None, 0.0, 4.0, None], [9.0, None]
    assert totals.latest([old, new]) == [None] * 57 + [0.0, 9.0, None]
