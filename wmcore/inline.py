"""Jobs run in place, without a queue: for test suites (`DISABLE_WORKER=1`, `inline=True`)."""

import time
from typing import Any

from wmcore.backends.records import Claimed
from wmcore.loading import load_class
from wmcore.worker import Failed, Job


def run_inline(funcname: str, raw: bytes) -> Any:
    """Run a job of the class that `funcname` names (a dotted path).

    Returns what `work` returned; raises what it raised, LoadError for a class that does not load, or RuntimeError for a
    job that failed explicitly.
    """
    worker = load_class(funcname)()
    now = time.time()
    job = Job(Claimed("inline", 0, funcname, raw, now, now, now))
    result = worker.work(job)
    job.returned(result, worker.explicit)
    if isinstance(job.verdict, Failed):
        raise RuntimeError(job.verdict.failure.message)
    return result
