"""The log's lines are a contract: scripts have parsed them for years."""

import json
import os
import re
from pathlib import Path

import pytest

from wmcore.logs import Formatter, JobEnd, LogFile
from wmcore.model import Outcome

END = JobEnd("Sandbox::Worker::A", Outcome.COMPLETED, "0-7", 2346.9, 155.2, 3.0)


@pytest.fixture
def text() -> Formatter:
    return Formatter("TheSchwartz")


def test_a_completed_job_to_the_letter(text: Formatter) -> None:
    line = text.job(END, 1256131300.0)
    assert re.match(
        r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d "
        r"TheSchwartz job completed Sandbox::Worker::A process:2346 delay:155( \S+)*\n$",
        line,
    )


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.RETRIED])
def test_a_failed_attempt_to_the_letter(text: Formatter, outcome: Outcome) -> None:
    line = text.job(JobEnd("a.B", outcome, "0-7", 1.0, 2.0, 2.0), 0.0)
    assert " TheSchwartz job failed a.B process:1 delay:2" in line


def test_children(text: Formatter) -> None:
    assert text.started(3, 4711, 0.0).endswith(" WorkerManager 3 started with PID 4711\n")
    assert text.exited(3, 4711, 0, 0, 0.0).endswith(" WorkerManager 3 exited with PID 4711 and exit code: 0\n")
    assert text.exited(3, 4711, 137, 9, 0.0).endswith(" and exit code: 137 signal:9\n")


def test_json_has_the_same_facts() -> None:
    facts = json.loads(Formatter("TheSchwartz", "json").job(END, 0.0))
    assert (facts["event"], facts["class"], facts["process"], facts["delay"]) == (
        "job completed", "Sandbox::Worker::A", 2346, 155,
    )  # fmt: skip


def test_reopening_follows_a_rotation(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = LogFile([path])
    log.write("one\n")
    path.rename(tmp_path / "log.1")
    log.write("two\n")
    log.reopen()
    log.write("three\n")
    assert (tmp_path / "log.1").read_text() == "one\ntwo\n"
    assert path.read_text() == "three\n"


def test_a_closed_terminal_does_not_stop_the_daemon(tmp_path: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = LogFile([tmp_path / "log"], [writer])
    log.write("still here\n")
    assert (tmp_path / "log").read_text() == "still here\n"
    os.close(writer)
