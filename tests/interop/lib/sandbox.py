"""Python's classes for the jobs of Perl's: each run is written down, one literal a line."""

import os
import time

from wmcore import Job, Worker


def write(facts):
    fd = os.open(f"{os.environ['JOBS_FOLDER']}/marks", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(fd, f"{facts!r}\n".encode())
    os.close(fd)


def mark(job):
    facts = {
        "id": job.id, "class": job.funcname, "arg": job.arg, "uniqkey": job.uniqkey, "insert_time": job.insert_time,
        "run_after": job.run_after, "priority": job.priority, "coalesce": job.coalesce, "failures": job.failures,
        "at": time.time(),
    }  # fmt: skip
    write(facts)


class Completes(Worker):
    def work(self, job):
        mark(job)


class Works(Worker):
    """As long as Perl's does, and as brief."""

    def work(self, job):
        write({"id": job.id})
        time.sleep(0.005)


class Fails(Worker):
    """With its own status."""

    def work(self, job):
        mark(job)
        job.failed("no luck in Python", 7)


class Raises(Worker):
    def work(self, job):
        mark(job)
        raise ValueError("grüße aus Python")


class Dies(Worker):
    def work(self, job):
        mark(job)
        os.kill(os.getpid(), 9)
        time.sleep(60)


class PutsOff(Worker):
    def work(self, job):
        mark(job)
        job.declined(time.time() + 1)


class Replaces(Worker):
    """By two jobs of the class C."""

    def work(self, job):
        mark(job)
        made = [Job.new("Sandbox::Worker::C", {"n": n}, priority=n, coalesce="made") for n in (1, 2)]
        job.replace_with(*made)
