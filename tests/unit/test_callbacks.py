"""python-gearman's functions as workers."""

from pathlib import Path
from typing import Any

import pytest

from wmcore import GearmanSyncClient
from wmcore.backends.base import News
from wmcore.backends.records import Claimed
from wmcore.errors import LoadError
from wmcore.loading import load_class
from wmcore.worker import Completed, Failed, Job

MODULE = '''
def shout(gearman_worker, gearman_job):
    gearman_worker.send_job_status(gearman_job, 1, 2)
    gearman_worker.send_job_data(gearman_job, b"part")
    gearman_worker.send_job_warning(gearman_job, "hot")
    return gearman_job.data.upper() + b"|" + gearman_job.task + b"|" + gearman_job.unique

def fails(worker, job):
    worker.send_job_exception(job, b"no luck")

def done(worker, job):
    worker.send_job_complete(job, b"told")
    return ""

def three(one, two, three):
    pass

async def later(worker, job):
    pass
'''


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "oldcode.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)


class Queue:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, job: Claimed, news: News, *words: bytes) -> None:
        self.told.append((news, *words))


def test_it_runs_as_it_is() -> None:
    queue = Queue()
    job = Job(Claimed("0-H:1", 0, "oldcode.shout", b"abc", 0, 0, 0, uniqkey="u", handle="H:1"), queue)  # type: ignore[arg-type]
    worker = load_class("oldcode.shout")()
    job.returned(worker.work(job), worker.explicit)
    assert job.verdict == Completed(b"ABC|oldcode.shout|u")
    assert queue.told == [(News.STATUS, b"1", b"2"), (News.DATA, b"part"), (News.WARNING, b"hot")]


def test_it_says_itself_that_it_is_done() -> None:
    job = Job(Claimed("0-H:1", 0, "oldcode.done", b"", 0, 0, 0))
    worker = load_class("oldcode.done")()
    job.returned(worker.work(job), worker.explicit)
    assert job.verdict == Completed(b"told")


def test_it_fails_in_its_own_words() -> None:
    job = Job(Claimed("0-H:1", 0, "oldcode.fails", b"", 0, 0, 0))
    worker = load_class("oldcode.fails")()
    job.returned(worker.work(job), worker.explicit)
    assert isinstance(job.verdict, Failed)
    assert job.verdict.failure.message == "no luck"


@pytest.mark.parametrize("name", ["three", "later"])
def test_other_functions_are_none(name: str) -> None:
    with pytest.raises(LoadError, match="is a function, not a class"):
        load_class(f"oldcode.{name}")


def test_in_place() -> None:
    with GearmanSyncClient(inline=True) as client:
        assert client.insert("oldcode.shout", b"x") == b"X|oldcode.shout|"
