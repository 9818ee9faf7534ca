"""Functions of python-gearman, `f(gearman_worker, gearman_job)`, as worker classes: code of that library runs as it is,
under its name in `workers`."""

import inspect
from collections.abc import Callable
from typing import Any

from wmcore.worker import Job, Worker

Callback = Callable[[Any, Any], Any]


class GearmanJob:
    """What such a function gets of a job: python-gearman's attributes."""

    connection = None

    def __init__(self, job: Job) -> None:
        self.job = job
        self.handle = job.handle.encode()
        self.task = job.funcname.encode()
        self.unique = (job.uniqkey or "").encode()
        self.data = job.raw
        self.result: str | bytes | None = None  # that was said before the end

    def to_dict(self) -> dict[str, bytes]:
        return {"task": self.task, "job_handle": self.handle, "unique": self.unique, "data": self.data}


class GearmanWorker:
    """And of its worker: what it may say of the job in hand. `poll_timeout` means nothing here."""

    def send_job_status(
        self, current_job: GearmanJob, numerator: int, denominator: int, poll_timeout: Any = None
    ) -> None:
        current_job.job.progress(numerator, denominator)

    def send_job_data(self, current_job: GearmanJob, data: str | bytes, poll_timeout: Any = None) -> None:
        current_job.job.data(data)

    def send_job_warning(self, current_job: GearmanJob, data: str | bytes, poll_timeout: Any = None) -> None:
        current_job.job.warning(data)

    def send_job_complete(self, current_job: GearmanJob, data: str | bytes, poll_timeout: Any = None) -> None:
        current_job.job.completed()
        if current_job.result is None:
            current_job.result = data

    def send_job_failure(self, current_job: GearmanJob, poll_timeout: Any = None) -> None:
        current_job.job.failed("send_job_failure() was called")

    def send_job_exception(self, current_job: GearmanJob, data: str | bytes, poll_timeout: Any = None) -> None:
        current_job.job.failed(data.decode(errors="replace") if isinstance(data, bytes) else data)


def is_callback(found: Any) -> bool:
    """A plain function that can be called with these two."""
    if not inspect.isfunction(found) or inspect.iscoroutinefunction(found):
        return False
    try:
        inspect.signature(found).bind(None, None)
    except TypeError:
        return False
    return True


def worker_of(callback: Callback) -> type[Worker]:
    """The class that calls it."""

    def work(self: Worker, job: Job) -> Any:
        told = GearmanJob(job)
        returned = callback(GearmanWorker(), told)
        return returned if told.result is None else told.result

    return type(callback.__name__, (Worker,), {"work": work, "__module__": callback.__module__})
