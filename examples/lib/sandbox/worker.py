"""The two workers of the sandbox: A fails often and is tried again, B takes its time."""

import random
import time

from wmcore import Job, Worker


class A(Worker):
    max_retries = 3
    retry_delay = 20  # seconds

    def work(self, job: Job) -> None:
        if random.randrange(10) > 5:
            print("Processed 'A'", job.arg["foo"])
            job.completed()
        else:
            print("Failed 'A'", job.arg["foo"])
            job.failed(f"Failed 'A' {job.arg['foo']}")


class B(Worker):
    def work(self, job: Job) -> None:
        time.sleep(0.1)
        print("Processed 'B'", job.arg["foo"])
        job.completed()
