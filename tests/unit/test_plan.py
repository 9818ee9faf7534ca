"""The planner: wanted against actual."""

from hypothesis import given
from hypothesis import strategies as st

from wmcore.plan import ChildFact, Finish, Fork, PoolFact, TimeOut, back_off, decide


def child(slot: int, *, busy: bool = False, leaving: bool = False, deadline: float | None = None) -> ChildFact:
    return ChildFact(slot, 1000 + slot, busy, leaving, deadline, 30_000)


def pool(wanted: int, *children: ChildFact, not_before: float = 0.0) -> PoolFact:
    return PoolFact(0, wanted, not_before, children)


def test_missing_children_are_forked_into_the_lowest_free_slots() -> None:
    assert decide([pool(3, child(1))], {1}, 10.0) == [Fork(0, 0), Fork(0, 2)]


def test_a_leaving_child_keeps_its_place() -> None:
    assert decide([pool(2, child(0), child(1, leaving=True))], {0, 1}, 10.0) == []


def test_idle_children_leave_before_busy_ones() -> None:
    children = (child(0, busy=True), child(1), child(2, busy=True))
    assert decide([pool(2, *children)], {0, 1, 2}, 10.0) == [Finish(1, 1001)]


def test_among_equals_the_highest_slot_leaves() -> None:
    assert decide([pool(1, child(0), child(1), child(2))], {0, 1, 2}, 10.0) == [Finish(2, 1002), Finish(1, 1001)]


def test_back_off_holds_forks_but_not_retirement() -> None:
    assert decide([pool(2, not_before=11.0)], set(), 10.0) == []
    assert decide([pool(0, child(0), not_before=11.0)], {0}, 10.0) == [Finish(0, 1000)]


def test_a_job_past_its_limit_is_timed_out() -> None:
    assert decide([pool(1, child(0, busy=True, deadline=9.0))], {0}, 10.0) == [TimeOut(0, 1000, 30_000)]


def test_slots_of_a_former_life_are_left_alone() -> None:
    assert decide([pool(1)], {0, 1}, 10.0) == [Fork(0, 2)]


def test_two_pools_never_share_a_slot() -> None:
    actions = decide([PoolFact(0, 2, 0, []), PoolFact(1, 2, 0, [])], set(), 1.0)
    assert sorted(action.slot for action in actions) == [0, 1, 2, 3]


def test_back_off_doubles_up_to_a_minute() -> None:
    assert [back_off(strikes) for strikes in (0, 1, 2, 3)] == [0.0, 0.25, 0.5, 1.0]
    assert back_off(30) == 60.0


@given(
    st.integers(0, 20),
    st.lists(st.tuples(st.booleans(), st.booleans()), max_size=20),
)
def test_carrying_out_the_plan_ends_at_the_wanted_number(wanted: int, states: list[tuple[bool, bool]]) -> None:
    children = [child(slot, busy=busy, leaving=leaving) for slot, (busy, leaving) in enumerate(states)]
    for _ in range(5):
        actions = decide([pool(wanted, *children)], {one.slot for one in children}, 1.0)
        leaving = {action.slot for action in actions if isinstance(action, Finish)}
        assert len(children) <= max(wanted, len(states))
        # Those that leave go before the next turn.
        children = [one for one in children if not one.leaving and one.slot not in leaving]
        children += [child(action.slot) for action in actions if isinstance(action, Fork)]
    assert len(children) == wanted
    assert decide([pool(wanted, *children)], {one.slot for one in children}, 1.0) == []
