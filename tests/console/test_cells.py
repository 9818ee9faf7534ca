import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from wmtui.cells import Cell, Column, Row, choose_parts, cut, draw, draw_free, layout, needs, spreads, wrap
from wmtui.childrows import CHILD_COLUMNS
from wmtui.failedrows import FAILED_COLUMNS, GROUP_COLUMNS
from wmtui.fleetrows import FLEET_COLUMNS
from wmtui.glyphs import ASCII, UNICODE
from wmtui.headline import LEAST
from wmtui.poolrows import POOL_COLUMNS
from wmtui.queuerows import JOB_COLUMNS, QUEUE_COLUMNS, WORKER_COLUMNS, job_columns
from wmtui.views.log import LOG_COLUMNS

EVERY_LIST = (
    POOL_COLUMNS, CHILD_COLUMNS, QUEUE_COLUMNS, WORKER_COLUMNS, JOB_COLUMNS, job_columns(one_class=True),
    FAILED_COLUMNS, GROUP_COLUMNS, LOG_COLUMNS, FLEET_COLUMNS,
)  # fmt: skip

words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Mn", "Me")), max_size=60) | st.text(
    "漢字ab…", max_size=40
)
cells = st.builds(Cell, words, st.just(""), st.just("") | words)


@given(words, st.integers(0, 40), st.sampled_from(["left", "right"]))
def test_cut_fits_and_keeps_what_fits(text: str, width: int, side: str) -> None:
    shown = cut(text, width, side, UNICODE)  # type: ignore[arg-type]
    assert cell_len(shown) <= width
    assert shown == text or cell_len(text) > width


def test_a_class_name_keeps_its_telling_end() -> None:
    assert cut("myapp.workers.billing.Charge", 16, "left", UNICODE) == "…" + "s.billing.Charge"[1:]
    assert cut("myapp.workers.billing.Charge", 16, "left", ASCII).endswith("billing.Charge")


@given(st.sampled_from([POOL_COLUMNS, CHILD_COLUMNS, FAILED_COLUMNS]), st.integers(1, 240), st.data())
def test_a_row_fills_its_line_exactly(columns: tuple[Column, ...], width: int, data: st.DataObject) -> None:
    row = Row("key", tuple(data.draw(cells) for _ in columns))
    places = layout(columns, width, needs(columns, [row], {}))
    assert cell_len("".join(text for text, _ in draw(row, columns, places, width, UNICODE))) == width


@given(st.lists(cells, max_size=6), st.integers(0, 120))
def test_a_free_line_fills_its_line_exactly(line: list[Cell], width: int) -> None:
    assert cell_len("".join(text for text, _ in draw_free(line, width, UNICODE))) == width


@given(st.sampled_from([POOL_COLUMNS, CHILD_COLUMNS, FAILED_COLUMNS]), st.integers(30, 240))
def test_a_column_never_appears_before_one_that_is_worth_more(columns: tuple[Column, ...], width: int) -> None:
    places = layout(columns, width, {})
    shown = {i for i, _ in places}
    hidden = {column.rank for i, column in enumerate(columns) if i not in shown}
    assert all(columns[i].rank <= min(hidden, default=99) for i in shown)
    assert all(place >= columns[i].width for i, place in places)


def test_at_80_columns_nothing_needed_is_cut_away() -> None:
    def ids(columns: tuple[Column, ...]) -> set[str]:
        return {columns[i].id for i, _ in layout(columns, 79, {"name": 40, "class": 40, "error": 200})}

    assert ids(POOL_COLUMNS) >= {
        "name", "done", "open", "rate", "rates", "p50", "p95", "lateness", "ready", "later", "running",
    }  # fmt: skip
    assert ids(CHILD_COLUMNS) >= {"slot", "pid", "state", "class", "job", "for", "done"}
    assert ids(FAILED_COLUMNS) >= {"when", "class", "attempts", "error"}


@pytest.mark.parametrize("columns", EVERY_LIST, ids=lambda columns: columns[0].id + str(len(columns)))
def test_at_60_columns_what_is_always_there_has_room(columns: tuple[Column, ...]) -> None:
    """A number that lost its last digits at the edge would be another number."""
    least = [column.width for column in columns if column.rank == 0]
    assert sum(least) + len(least) - 1 <= LEAST[0] - 1


def test_columns_do_not_dance() -> None:
    long, short = Row(1, (Cell("a" * 30),)), Row(1, (Cell("a"),))
    columns = (Column("name", Cell("NAME"), 4, most=40),)
    wanted = needs(columns, [long], {})
    assert needs(columns, [short], wanted) == wanted == {"name": 30}


def test_a_headline_drops_the_least_important() -> None:
    parts = [(0, Cell("long name", short="name")), (2, Cell("second")), (0, Cell("state")), (1, Cell("first"))]
    assert [cell.text for cell in choose_parts(parts, 40)] == ["long name", "second", "state", "first"]
    assert [cell.text for cell in choose_parts(parts, 26)] == ["long name", "state", "first"]
    assert [cell.text for cell in choose_parts(parts, 12)] == ["name", "state"]
    assert [cell.text for cell in choose_parts(parts, 3)] == ["name", "state"]


def test_a_part_that_has_room_only_in_short_is_there_in_short() -> None:
    parts = [(0, Cell("state")), (5, Cell("1 class paused", short="1 paused")), (7, Cell("up 3h"))]
    assert [cell.text for cell in choose_parts(parts, 28)] == ["state", "1 class paused", "up 3h"]
    assert [cell.text for cell in choose_parts(parts, 20)] == ["state", "1 paused"]
    assert [cell.text for cell in choose_parts(parts, 14)] == ["state"]


def test_what_has_no_room_goes_on_in_the_next_line() -> None:
    line = [Cell("slow DRAINING", "bold"), Cell("2 children still at work; D resumes it"), Cell("waits for slot 12")]
    assert [[cell.text for cell in part] for part in wrap(line, 60, 2)] == [
        ["slow DRAINING", "2 children still at work; D resumes it"], ["", "waits for slot 12"],
    ]  # fmt: skip
    assert [cell.style for cell in wrap(line, 40, 9)[0]] == ["bold", ""]
    assert wrap(line, 90, 2) == [line]
    whole = "a reason that is longer than two of these lines"
    assert [[cell.text for cell in part] for part in wrap([Cell(whole)], 20, 2)] == [
        ["a reason that is"], ["", "longer than two of these lines"],  # the widget cuts the last one
    ]  # fmt: skip
    assert [part[-1].text for part in wrap([Cell("x" * 45)], 20, 9)] == ["x" * 20, "x" * 18, "x" * 7]


def test_columns_that_have_no_room_come_beside_the_first_one() -> None:
    columns = [Column("name", Cell("NAME"), 6), Column("a", Cell("A"), 5), Column("b", Cell("B"), 5, rank=1),
               Column("c", Cell("C"), 5, rank=2), Column("d", Cell("D"), 5, rank=3)]  # fmt: skip
    assert [[i for i, _ in places] for places in spreads(columns, 18, {})] == [[0, 1, 2], [0, 3, 4]]
    assert [[i for i, _ in places] for places in spreads(columns, 12, {})] == [[0, 1], [0, 2], [0, 3], [0, 4]]
    assert len(spreads(columns, 80, {})) == len(spreads(columns, 3, {})) == 1
