"""The walls of the house: import-linter's contracts, and what it cannot see (the standard library)."""

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PURE = (
    "wmcore/model.py", "wmcore/stats.py", "wmcore/plan.py", "wmcore/protocol/delta.py",
    "wmcore/protocol/framing.py", "wmcore/backends/fingerprint.py",
    "wmtui/formatting.py", "wmtui/jsonlines.py", "wmtui/keymap.py", "wmtui/lens.py", "wmtui/retries.py",
    "wmtui/scales.py",
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "wmtui").glob("*rows.py"))),
    *(str(path.relative_to(ROOT)) for path in sorted((ROOT / "wmcore/protocol/messages").glob("*.py"))),
)  # fmt: skip
WORLD = {
    "asyncio", "ctypes", "datetime", "fcntl", "io", "multiprocessing", "os", "pathlib", "random", "select", "selectors",
    "shutil", "signal", "socket", "sqlite3", "subprocess", "sys", "tempfile", "threading",
}  # fmt: skip
CALENDAR = {"gmtime", "localtime", "strftime"}
"""What a pure module may use of `time`: turning an instant that it is given into a date."""
WORDS = {"errors", "model", "paths", "protocol"}
"""What the console may import of wmcore."""


def test_contracts() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports"))], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_console_contract_names_every_module() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (console,) = [contract for contract in contracts if contract.get("source_modules") == ["wmtui"]]
    modules = {path.stem for path in (ROOT / "wmcore").iterdir() if path.suffix == ".py" or list(path.glob("*.py"))}
    expected = {f"wmcore.{name}" for name in modules - WORDS - {"__init__"}}
    assert set(console["forbidden_modules"]) == expected


@pytest.mark.parametrize("file", PURE)
def test_pure_modules_touch_neither_system_nor_clock(file: str) -> None:
    path = ROOT / file
    if not path.exists():
        assert file.startswith("wmtui/"), f"{file} is gone"
        return
    tree = ast.parse(path.read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            imported.add(node.module.partition(".")[0])
    assert not imported & WORLD
    from_time = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and _is_time(node.value)}
    assert from_time <= CALENDAR, "now is an argument"


def _is_time(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "time"


def test_importing_wmcore_loads_no_driver() -> None:
    code = (
        "import sys, wmcore; wmcore.Worker; wmcore.Job; wmcore.GearmanAsyncClient('js1'); drivers = "
        "{'gearman', 'sqlalchemy', 'psycopg', 'pymysql', 'textual', 'asyncio'}; print(sorted(drivers & {*sys.modules}))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
