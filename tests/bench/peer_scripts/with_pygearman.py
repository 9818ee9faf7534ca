"""pygearman's worker, one process: `SERVER FUNCTION COUNTS`."""

import sys

from counting import Counting
from gearman import GearmanWorker

server, function, counts = sys.argv[1:]
counting = Counting(counts)


def noop(worker, job):
    counting.one()
    return b""


worker = GearmanWorker([server])
worker.register_task(function.encode(), noop)
worker.work()
