"""Changed rows: what is sent, and that merging it gives the frame that it was made of."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.peer import golden
from wmcore.protocol import delta
from wmcore.protocol.messages import Child, JobClass, Status, StatusRows

slots = st.dictionaries(st.integers(0, 8), st.integers(0, 3), max_size=8)


def frame(children: dict[int, int], rates: list[float], viewers: int = 1) -> Status:
    return msgspec.structs.replace(
        golden(), viewers=viewers,
        children=[Child(slot=slot, pid=pid, pool="p", state="idle") for slot, pid in sorted(children.items())],
        classes=[JobClass(name=f"c{number}", rate=rate) for number, rate in enumerate(rates)],
    )  # fmt: skip


def sent(news: StatusRows) -> StatusRows:
    return msgspec.json.decode(msgspec.json.encode(news), type=StatusRows)


@given(slots, slots, st.lists(st.floats(0, 9), max_size=3), st.lists(st.floats(0, 9), max_size=3), st.integers(0, 9))
def test_merging_gives_the_frame(
    before: dict[int, int], now: dict[int, int], old: list[float], new: list[float], viewers: int
) -> None:
    first, second = frame(before, old), frame(now, new, viewers)
    assert delta.merged(first, sent(delta.rows(first, second))) == second


def test_only_what_changed_is_sent_and_the_rest_stays_the_same_object() -> None:
    first, second = frame({1: 1, 2: 2, 3: 3}, [1.0, 2.0]), frame({1: 1, 2: 9, 4: 4}, [1.0, 5.0])
    news = delta.rows(first, second)
    assert ([child.slot for child in news.children], news.gone, news.changed) == ([2, 4], [3], {})
    assert [each.name for each in news.classes] == ["c1"]
    merged = delta.merged(first, sent(news))
    assert merged.children[0] is first.children[0]
    assert merged.classes[0] is first.classes[0]
    assert first.children[1].pid == 2, "the frame before stays as it was"


def test_members_of_a_later_version_are_left_out() -> None:
    first = golden()
    assert delta.merged(first, StatusRows(changed={"weather": "fine", "viewers": 7})).viewers == 7
