"""Shared memory: what a child writes is what the manager reads, also after the child's death."""

from pathlib import Path

import pytest

from wmcore.model import ChildState
from wmcore.scoreboard import COUNTED, W_DROPPED, ChildSlot, Scoreboard


@pytest.fixture
def board(tmp_path: Path) -> Scoreboard:
    return Scoreboard.create(tmp_path / "scoreboard", classes=3, slots=8)


def test_a_child_is_read_as_it_wrote(board: Scoreboard) -> None:
    slot = ChildSlot(board, 5)
    slot.begin_life(4711, 99, "a" * 32, born_ns=7)
    slot.claimed(database=2, seq=70_000)
    slot.started(1)
    slot.busy(1, "2-9000000001", 123, timeout_seconds=1.5)
    view = board.view(5)
    assert (view.pid, view.start, view.owner, view.state) == (4711, 99, "a" * 32, ChildState.BUSY)
    assert (view.class_index, view.job, view.since_ns) == (1, "2-9000000001", 123)
    assert (view.deadline_ns, view.timeout_ms) == (123 + 1_500_000_000, 1500)
    assert (view.place.database, view.place.seq, view.place.started, view.place.finished) == (2, 70_000, 1, 0)


def test_finishing_moves_the_position(board: Scoreboard) -> None:
    slot = ChildSlot(board, 0)
    slot.claimed(0, 1)
    for done in range(1, 4):
        slot.started(done)
        slot.finished(done)
    assert (board.view(0).place.started, board.view(0).place.finished) == (3, 3)
    slot.claimed(0, 2)
    assert (board.view(0).place.seq, board.view(0).place.started) == (2, 0)


def test_a_completion_that_its_child_did_not_count_any_more(board: Scoreboard) -> None:
    """Killed between the two: the manager counts it."""
    slot = ChildSlot(board, 0)
    slot.claimed(0, 1)
    for done in (1, 2):
        slot.started(done)
        slot.finished(done)
        assert not board.view(0).counted
        slot.count_completed(1)
        assert board.view(0).counted
    assert board.counts(1)[len(COUNTED) + COUNTED.index("completed")] == 2
    slot.started(3)
    slot.finished(3)
    assert not board.view(0).counted
    slot.claimed(0, 2)
    assert board.view(0).counted


def test_a_note_stands_until_the_next_claim(board: Scoreboard) -> None:
    slot = ChildSlot(board, 0)
    slot.note(1, 77, 1_800_000_000, 2)
    place = board.view(0).place
    assert (place.database, place.noted_number, place.noted_lease, place.noted_class) == (1, 77, 1_800_000_000, 2)
    slot.claimed(0, 1)
    assert board.view(0).place.noted_class == -1


def test_counts_outlive_a_child_and_its_life_does_not(board: Scoreboard) -> None:
    slot = ChildSlot(board, 1)
    slot.begin_life(1, 1, "x", 1)
    slot.count(2, COUNTED.index("completed"))
    slot.count_dropped(3)
    slot.done(failed=True)
    slot.begin_life(2, 2, "y", 2)
    slot.count(2, COUNTED.index("completed"))
    assert board.counts(8)[2 * len(COUNTED) + COUNTED.index("completed")] == 2
    assert board.total(W_DROPPED, 8) == 3
    assert (board.view(1).done, board.view(1).failed) == (0, 0)


def test_a_child_leaves_its_paces_to_the_next(board: Scoreboard) -> None:
    slot = ChildSlot(board, 1)
    assert slot.take_paces() == [None, None, None]
    slot.leave_paces([0.25, None, 0.0])
    slot.begin_life(2, 2, "y", 2)
    slot.count(0, COUNTED.index("late"))
    assert slot.take_paces() == [pytest.approx(0.25), None, pytest.approx(0, abs=1e-6)]
    assert board.counts(8)[:5] == [0, 0, 0, 0, 1]


def test_one_that_is_killed_leaves_none(board: Scoreboard) -> None:
    slot = ChildSlot(board, 1)
    slot.leave_paces([0.25, 0.5, 0.75])
    slot.begin_life(2, 2, "y", 2)
    slot.take_paces()
    slot.begin_life(3, 3, "z", 3)
    assert slot.take_paces() == [None, None, None]


def test_neighbours_do_not_touch(board: Scoreboard) -> None:
    for number in range(8):
        slot = ChildSlot(board, number)
        slot.begin_life(100 + number, 1, chr(97 + number) * 32, 1)
        slot.count(number % 3, 0)
    assert [board.view(number).pid for number in range(8)] == list(range(100, 108))
    assert board.counts(8)[:: len(COUNTED)] == [3, 3, 2]


def test_orders_reach_the_child(board: Scoreboard) -> None:
    slot = ChildSlot(board, 3)
    board.order_works(3, 100)
    board.order_finish(3, 4711)
    assert slot.works_per_child == 100
    assert slot.told_to_finish(4711)
    assert not slot.told_to_finish(4712)
    board.set_paused(1, True)
    assert [board.paused(index) for index in range(3)] == [False, True, False]


def test_the_next_life_reads_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "scoreboard"
    board = Scoreboard.create(path, 1, 4)
    board.identify(1, 2, "f" * 32)
    ChildSlot(board, 2).begin_life(9, 9, "o" * 32, 1)
    former = Scoreboard.open(path)
    fresh = Scoreboard.create(path, 1, 4)
    assert former is not None
    assert former.view(2).owner == "o" * 32
    assert former.boot_id == "f" * 32
    assert fresh.view(2).owner == ""


@pytest.mark.parametrize("content", [b"", b"x" * 50, b"\0" * 4096])
def test_what_is_no_scoreboard_is_not_read(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "scoreboard"
    path.write_bytes(content)
    assert Scoreboard.open(path) is None
    assert Scoreboard.open(tmp_path / "missing") is None
