"""Worker classes of the integration tests. Each run is written down, so that a test can count it."""

import os
import signal
import time
from pathlib import Path

from wmcore import Job, Worker
from wmcore.errors import SoftTimeout


def mark(text: object) -> None:
    fd = os.open(f"{os.environ['JOBS_FOLDER']}/marks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{text}\n".encode())
    os.close(fd)


def hold():
    """Until the test lets it go on (`Daemon.let_go`)."""
    go = Path(os.environ["JOBS_FOLDER"], "go")
    while not go.exists():
        time.sleep(0.01)


class Quick(Worker):
    """Sleeps `ms`, then writes its number down."""

    def work(self, job):
        time.sleep(job.arg.get("ms", 0) / 1000)
        mark(job.arg["n"])


class Sleeps(Worker):
    """Writes down when it begins and when it ends."""

    max_retries = 1

    def work(self, job):
        mark(f"begin-{job.arg['n']}")
        time.sleep(job.arg["s"])
        mark(f"end-{job.arg['n']}")


class Holds(Worker):
    """Sleeps until the test lets it go on."""

    max_retries = 1

    def work(self, job):
        mark(f"begin-{job.arg['n']}")
        hold()
        mark(f"end-{job.arg['n']}")


class Fails(Worker):
    max_retries = 3
    retry_delay = 1

    def work(self, job):
        print("about to fail")
        raise ValueError(f"no luck with {job.arg['n']}")


class Dies(Worker):
    """Kills its child."""

    max_retries = 1

    def work(self, job):
        mark(f"begin-{job.arg['n']}")
        os.kill(os.getpid(), job.arg.get("signal", signal.SIGKILL))
        time.sleep(5)


class Slow(Worker):
    timeout = 0.5

    def work(self, job):
        mark("begin")
        time.sleep(60)


class Soft(Worker):
    soft_timeout = 0.2

    def work(self, job):
        time.sleep(60)


class Stamp(Worker):
    """Writes down when it began (Unix seconds)."""

    def work(self, job):
        mark(f"{time.time():.6f}")


class Forks(Worker):
    """Forks a process that ends as a script would."""

    def work(self, job):
        pid = os.fork()
        if pid == 0:
            raise SystemExit(3)
        os.waitpid(pid, 0)
        mark("parent")


class Hangs(Worker):
    timeout = 2

    def work(self, job):
        mark("begin")
        time.sleep(60)


class Together(Worker):
    """Does all jobs of its coalescing value at once, when the test lets it go on if one is to `hold`."""

    max_retries = 5

    def work(self, job):
        jobs = [job, *job.coalescing()]
        if job.arg.get("hold"):
            hold()
        for each in jobs:
            mark(f"{each.arg['n']}:{len(jobs)}")


class Others(Quick):
    """Quick under another name."""


class Thirds(Quick):
    """And another."""


class Refused(Worker):
    """Takes others along and is replaced by one that no database takes, the first time."""

    max_retries = 1

    def work(self, job):
        others = job.coalescing()
        mark(f"{job.arg['n']}:{len(others)}")
        if job.failures == 0 and others:
            job.replace_with(Job.new("jobs.Quick", b"x" * 10, uniqkey="\udcff", priority=10**9))


class Soft2(Worker):
    """Is told to stop while it takes others along."""

    soft_timeout = 1
    max_retries = 5

    def work(self, job):
        mark(f"begin-{job.arg['n']}")
        try:
            jobs = job.coalescing()
        except SoftTimeout:
            mark("stopped")
            raise
        mark(f"got-{len(jobs)}")


class Mixed(Worker):
    """Quick, but for those that are to `hold` until the test lets them go on."""

    def work(self, job):
        mark(job.arg["n"])
        if job.arg.get("hold"):
            hold()
        time.sleep(0.001)


class Tells(Worker):
    """Says how far it is, gives parts and warns; its result is its argument."""

    def work(self, job):
        for step in range(3):
            job.progress(step, 3)
        job.data(b"\0part")
        job.warning("hot")
        return job.arg


class Echo(Worker):
    def work(self, job):
        return job.raw


class LeavesBehind(Worker):
    """Forks a process that lives on, then kills its child; the second time it is done."""

    max_retries = 1

    def work(self, job):
        left = Path(os.environ["JOBS_FOLDER"]) / "left"
        if left.exists():
            return
        if os.fork() == 0:
            os.setsid()
            mark(f"left-{os.getpid()}")
            left.touch()
            time.sleep(30)
            os._exit(0)
        while not left.exists():
            time.sleep(0.01)
        os.kill(os.getpid(), signal.SIGKILL)


class FailsFirst(Quick):
    """Fails at its first attempt."""

    def work(self, job):
        if job.failures == 0:
            raise ValueError("the first time")
        super().work(job)


class Interrupts(Worker):
    """Raises what Ctrl-C does."""

    def work(self, job):
        raise KeyboardInterrupt
