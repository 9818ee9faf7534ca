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


def plans(rig: Rig, statements: dict[str, Any]) -> list[Plan]:
    """Of those that have to do with the table `job`."""
    engine = create_engine(make_url(rig.config.databases[0].url), poolclass=NullPool)
    read = {"postgresql": _postgresql, "mariadb": _mariadb, "sqlite": _sqlite}[rig.kind]
    found = []
    with engine.connect() as connection:
        for statement, parameters in statements.items():
            if re.match(r"(SELECT|WITH|UPDATE|DELETE)\b", statement) and re.search(r"(FROM|UPDATE) job\b", statement):
                said = connection.exec_driver_sql(_EXPLAIN[rig.kind] + statement, parameters)
                lines = list(read(said.mappings().all()))
                faults = tuple(line for line, bad in lines if bad)
                found.append(Plan(statement, tuple(line for line, _ in lines), faults))
    engine.dispose()
    return found


def _postgresql(said: Any) -> Iterator[tuple[str, bool]]:
    (row,) = said
    explained = row["QUERY PLAN"]
    yield from _nodes((json.loads(explained) if isinstance(explained, str) else explained)[0]["Plan"])


def _nodes(node: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    kind, condition, rest = node["Node Type"], node.get("Index Cond", ""), node.get("Filter", "")
    below = node.get("Plans", [])
    bad = (
        (kind == "Seq Scan" and node["Relation Name"] == "job")
        or ("Index" in kind and re.fullmatch(r"\(funcid = \S+\)", condition) is not None)
        # By age, past all jobs of other priorities: to this its statistics can mislead it. (COALESCE: it is meant.)
        or (node.get("Relation Name") == "job" and "priority" in rest and "COALESCE" not in rest)
        or ("Sort" in kind and any(each["Plan Rows"] >= MANY for each in below))
    )
    what = f"{kind} {node.get('Relation Name', '')} {node.get('Index Name', '')} {condition} filter {rest}"
    yield f"{what} rows={node['Plan Rows']}", bad
    for each in below:
        yield from _nodes(each)


def _mariadb(said: Any) -> Iterator[tuple[str, bool]]:
    for row in said:
        line = " ".join(str(row[name]) for name in ("table", "type", "key", "key_len", "rows", "Extra"))
        whole = row["type"] in ("ALL", "index") or row["key_len"] == "4"  # funcid alone
        yield line, row["table"] == "job" and (whole or "filesort" in (row["Extra"] or ""))


def _sqlite(said: Any) -> Iterator[tuple[str, bool]]:
    for row in said:
        line = row["detail"]
        yield line, re.search(r"SCAN job\b|SEARCH job\b.*\(funcid=\?\)$|TEMP B-TREE FOR ORDER BY", line) is not None
