"""Real processes that claim from one queue at once: each job is run exactly once."""

import multiprocessing
from collections import Counter
from pathlib import Path

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import GRAB_FOR, A, B, Rig
from wmcore.backends.theschwartz.dialects import Dialect
from wmcore.model import Failure, RetryPolicy

JOBS = 500
CHILDREN = 4


def work(rig: Rig, slot: int, out: Path) -> None:
    """Run jobs until there are none; every seventh fails once."""
    child, done = rig.child(slot), []
    classes = [0, 1]
    while True:
        jobs = child.turn(tuple(classes), GRAB_FOR).jobs
        classes.reverse()
        if not jobs and not rig.jobs():
            break
        for job in jobs:
            child.start(job)
            if int(job.raw) % 7 == 0 and child.failures(job) == 0:
                child.fail(job, Failure("no"), RetryPolicy(max_retries=1))
                continue
            done.append(job.raw.decode())
            child.complete(job)
    child.close()
    out.write_text("\n".join(done))


def run_all(rig: Rig, tmp_path: Path) -> None:
    client = rig.client()
    client.insert_many(A, range(JOBS // 2), priority=1)
    client.insert_many(B, range(JOBS // 2, JOBS))
    context = multiprocessing.get_context("fork")
    outputs = [tmp_path / f"out{slot}" for slot in range(CHILDREN)]
    children = [context.Process(target=work, args=(rig, slot, out)) for slot, out in enumerate(outputs)]
    for child in children:
        child.start()
    for child in children:
        child.join(90)
        assert child.exitcode == 0
    seen = Counter(int(line) for out in outputs for line in out.read_text().split())
    assert seen == Counter(range(JOBS))
    assert rig.jobs() == []


def test_by_age(rig: Rig, tmp_path: Path) -> None:
    run_all(rig, tmp_path)


def test_by_priority(make_rig: MakeRig, tmp_path: Path) -> None:
    run_all(make_rig(prioritize=True), tmp_path)


def test_without_our_tables(make_rig: MakeRig, tmp_path: Path) -> None:
    rig = make_rig(tables=False)
    rig.init_bare()
    run_all(rig, tmp_path)


@pytest.mark.parametrize("make_rig", ["mariadb"], indirect=True)
@pytest.mark.parametrize("prioritize", [False, True])
def test_a_server_too_old_for_skip_locked(
    make_rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prioritize: bool
) -> None:
    monkeypatch.setattr(Dialect, "can_skip_locked", lambda dialect, version: False)
    run_all(make_rig(prioritize=prioritize), tmp_path)
