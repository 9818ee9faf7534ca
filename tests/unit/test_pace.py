"""How many jobs make a batch."""

from hypothesis import given
from hypothesis import strategies as st

from wmcore.child.pace import Batching, Pace

BATCHING = Batching(size=50, bound_seconds=0.2)


def after(*seconds: float, known: float | None = None) -> int:
    pace = Pace(known)
    for each in seconds:
        pace.ran(each)
    return pace.most(BATCHING)


def test_one_where_nothing_is_known() -> None:
    assert after() == 1


def test_as_many_as_are_done_in_time() -> None:
    assert after(*[0.01] * 5) in (9, 10)
    assert after(0.00001) == 50
    assert after(0.3) == 1


def test_quick_to_believe_in_slow_and_slow_to_believe_in_quick() -> None:
    assert after(*[0.001] * 20, 1.0) == 1
    assert after(1.0, *[0.001] * 3) == 1
    assert after(1.0, *[0.001] * 200) == 50


def test_what_the_last_child_knew_holds_until_it_proves_wrong() -> None:
    assert after(known=0.001) == 50
    assert after(1.0, known=0.001) == 1


@given(st.lists(st.floats(0, 1e6)))
def test_always_a_number_that_can_be_claimed(seconds: list[float]) -> None:
    assert 1 <= after(*seconds) <= 50
