"""Worker classes of the bench."""

import os
import time

from wmcore import Worker


class Noop(Worker):
    def work(self, job):
        pass


class Stamped(Worker):
    """Sleeps `ms`, then writes down: its number, the child's pid, when it was due, when the child's instance was made,
    when it started and when it ended (Unix seconds)."""

    def __init__(self):
        self._made = time.time()
        self._fd = None

    def work(self, job):
        start = time.time()
        ms = job.arg.get("ms", 0)
        if ms:
            time.sleep(ms / 1000)
        if self._fd is None:
            path = f"{os.environ['JOBS_FOLDER']}/{type(self).__name__}.stamps"
            self._fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        due = max(job.insert_time, job.run_after)
        line = f"{job.arg['n']} {os.getpid()} {due:.6f} {self._made:.6f} {start:.6f} {time.time():.6f}\n"
        os.write(self._fd, line.encode())


class Short(Stamped):
    pass


class Long(Stamped):
    pass
