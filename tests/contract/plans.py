"""What a database says of how it would run the statements that were really sent."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, create_engine, event, make_url
from sqlalchemy.pool import NullPool

from tests.contract.rig import Rig

MANY = 10_000
"""So many rows are no window any more: that is the class."""
_EXPLAIN = {"postgresql": "EXPLAIN (FORMAT JSON) ", "mariadb": "EXPLAIN ", "sqlite": "EXPLAIN QUERY PLAN "}


@dataclass(frozen=True)
class Plan:
    statement: str
    lines: tuple[str, ...]
    faults: tuple[str, ...]  # those lines that go through a whole class, or sort it


@contextmanager
def sent() -> Iterator[dict[str, Any]]:
    """Every statement that goes to a server meanwhile, with its parameters."""
    found: dict[str, Any] = {}

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, context: Any, many: bool) -> None:
        found.setdefault(statement, parameters)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


def plans(rig: Rig, statements: dict[str, Any], table: str = "job") -> list[Plan]:
    """Of those that have to do with `table`."""
    engine = create_engine(make_url(rig.config.databases[0].url), poolclass=NullPool)
    read = {"postgresql": _postgresql, "mariadb": _mariadb, "sqlite": _sqlite}[rig.kind]
    found = []
    with engine.connect() as connection:
        if rig.kind == "postgresql" and table == "wm_failed":  # all of a small one is soon read: would it have to be?
            connection.exec_driver_sql("SET enable_seqscan = off")
        for statement, parameters in statements.items():
            acts = re.match(r"(SELECT|WITH|UPDATE|DELETE)\b", statement)
            if acts and re.search(rf"(FROM|UPDATE) {table}\b", statement):
                said = connection.exec_driver_sql(_EXPLAIN[rig.kind] + statement, parameters)
                lines = list(read(said.mappings().all(), table))
                faults = tuple(line for line, bad in lines if bad)
                found.append(Plan(statement, tuple(line for line, _ in lines), faults))
    engine.dispose()
    return found


def _postgresql(said: Any, table: str) -> Iterator[tuple[str, bool]]:
    (row,) = said
    explained = row["QUERY PLAN"]
    yield from _nodes((json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"], table)


def _nodes(node: dict[str, Any], table: str) -> Iterator[tuple[str, bool]]:
    kind, condition, rest = node["Node Type"], node.get("Index Cond", ""), node.get("Filter", "")
    below = node.get("Plans", [])
    bad = (
        (kind == "Seq Scan" and node["Relation Name"] == table)
        or ("Index" in kind and re.fullmatch(r"\(funcid = \S+\)", condition) is not None)
        # By age, past all jobs of other priorities: to this its statistics can mislead it. (COALESCE: it is meant.)
        or (node.get("Relation Name") == "job" and "priority" in rest and "COALESCE" not in rest)
        or (("Sort" in kind if table == "job" else kind == "Sort") and any(each["Plan Rows"] >= MANY for each in below))
    )
    what = f"{kind} {node.get('Relation Name', '')} {node.get('Index Name', '')} {condition} filter {rest}"
    yield f"{what} rows={node['Plan Rows']}", bad
    for each in below:
        yield from _nodes(each, table)


def _mariadb(said: Any, table: str) -> Iterator[tuple[str, bool]]:
    for row in said:
        line = " ".join(str(row[name]) for name in ("table", "type", "key", "key_len", "rows", "Extra"))
        whole = row["type"] in ("ALL", "index") or (table == "job" and row["key_len"] == "4")  # funcid alone
        yield line, row["table"] == table and (whole or "filesort" in (row["Extra"] or ""))


def _sqlite(said: Any, table: str) -> Iterator[tuple[str, bool]]:
    for row in said:
        line = row["detail"]
        bad = rf"SCAN {table}\b|SEARCH job\b.*\(funcid=\?\)$|TEMP B-TREE FOR ORDER BY"
        window_sorted = table == "wm_failed" and row["parent"] == 0 and "TEMP B-TREE" in line
        yield line, re.search(bad, line) is not None and not window_sorted
