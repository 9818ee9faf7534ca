"""pytest plug-in of `make test`: what was skipped for want of a program, and the Debian package that brings it.

With WMCORE_NO_SKIP=1 (CI) a skip is a failure.
"""

import os
import shutil
import subprocess
from collections.abc import Callable, Generator
from pathlib import Path

import pytest


def program(*names: str) -> Callable[[], bool]:
    """Is one of them there, in the search path or where Debian puts servers?"""
    places = [*os.environ.get("PATH", "").split(":"), "/usr/sbin", "/usr/local/sbin"]
    places += map(str, Path("/usr/lib/postgresql").glob("*/bin"))
    return lambda: any(shutil.which(name, path=":".join(places)) for name in names)


def perl(module: str) -> Callable[[], bool]:
    def there() -> bool:
        if shutil.which("perl") is None:
            return False
        return subprocess.run(["perl", f"-M{module}", "-e", "1"], capture_output=True, check=False).returncode == 0

    return there


PACKAGES: dict[str, Callable[[], bool]] = {
    "postgresql": program("pg_ctl"),
    "mariadb-server": program("mariadbd", "mysqld"),
    "gearman-job-server": program("gearmand"),
    "gearman-tools": program("gearman"),
    "libtheschwartz-perl": perl("TheSchwartz"),
    "libgearman-client-perl": perl("Gearman::Client"),
    "libdbd-sqlite3-perl": perl("DBD::SQLite"),
    "libdbd-pg-perl": perl("DBD::Pg"),
    "libdbd-mysql-perl": perl("DBD::mysql"),
    "tmux": program("tmux"),
}


def no_skip() -> bool:
    return os.environ.get("WMCORE_NO_SKIP", "") not in ("", "0")


def _fail(report: pytest.TestReport | pytest.CollectReport) -> None:
    if no_skip() and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped, and WMCORE_NO_SKIP is set: {report.longrepr}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    _fail(report)
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    report = yield
    _fail(report)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = terminalreporter.stats.get("skipped", [])
    if not skipped:
        return
    missing = [package for package, there in PACKAGES.items() if not there()]
    terminalreporter.section("what was skipped")
    terminalreporter.line(f"{len(skipped)} tests were skipped; their reasons stand below.")
    if missing:
        terminalreporter.line(f"To run them: apt-get install {' '.join(missing)}")
