"""An argument in one long line is laid out, and says the same."""

import json

from hypothesis import given
from hypothesis import strategies as st

from wmtui.jsonlines import laid_out

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=40,
)


@given(values, st.booleans())
def test_it_says_the_same_word_for_word(value: object, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    shown = laid_out(text)
    assert json.loads(shown) == value
    assert "".join(shown.split()) == "".join(text.split())


def test_what_is_short_inside_stays_in_its_line() -> None:
    text = '{"user": 4711, "lines": [{"sku": "a,b:{c}", "n": 1.50}, {"sku": "x", "n": 1e2}], "to": {"zip": "12345"}}'
    assert laid_out(text).split("\n") == [
        "{",
        '  "user": 4711,',
        '  "lines": [{"sku": "a,b:{c}", "n": 1.50}, {"sku": "x", "n": 1e2}],',
        '  "to": {"zip": "12345"}',
        "}",
    ]


def test_what_is_no_json_is_left_alone() -> None:
    for text in ("x" * 200, "{" + "x" * 200, '{"a":\n' + " " * 200 + "1}", '["short"]', "[" * 5000, "[" * 200_000):
        assert laid_out(text) == text
