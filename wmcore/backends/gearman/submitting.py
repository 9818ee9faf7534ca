"""A job as the packet that submits it in the background."""

import math
import random
import time
import uuid
from collections.abc import Sequence

from wmcore.backends.gearman import packets, unique
from wmcore.backends.gearman.packets import MOST_UNIQUE
from wmcore.backends.gearman.talk import Talk
from wmcore.backends.records import NewJob
from wmcore.errors import QueueDown, Refused

SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_LOW_BG = 32, 34
_MULTICAST = 1 << 40
NODE = random.getrandbits(48) | _MULTICAST


def new_unique(run_after: float | None = None, node: int = NODE) -> str:
    """An id that says when the job was inserted and, where it is put off, until when. Never empty: gearmand's queues in
    databases keep one job of each id and function."""
    if run_after is None:
        return str(uuid.uuid1(node=node))
    return unique.ours(0, time.time(), run_after, random.getrandbits(48))


def node_of(daemon: int, record: int) -> int:
    """For the id of a job that is made of a failed one: by it the daemon knows the job, also after further attempts
    under other ids and handles. `daemon`: what tells it from others, more or less."""
    return (daemon & 0xFFFF) << 32 | _MULTICAST | record & 0xFFFFFFFF


def due_second(run_after: float | None) -> int | None:
    """Of a job for later: never before its time. None: it is due."""
    return None if run_after is None or run_after <= time.time() else math.ceil(run_after)


def unique_of(job: NewJob) -> bytes:
    """Its own, or a new one. Raises Refused."""
    if job.uniqkey is not None:
        return checked(job.uniqkey)
    return new_unique(None if due_second(job.run_after) is None else job.run_after).encode()


def submission(prefix: str, job: NewJob) -> bytes:
    """Raises Refused for what gearmand does not take. Its priorities are three, and what is put off has none."""
    own, function, due = unique_of(job), function_of(prefix, job.funcname), due_second(job.run_after)
    if due is not None:
        return packets.pack(packets.SUBMIT_JOB_EPOCH, function, own, str(due).encode(), job.raw)
    priority = job.priority or 0
    kind = SUBMIT_JOB_HIGH_BG if priority > 0 else SUBMIT_JOB_LOW_BG if priority < 0 else packets.SUBMIT_JOB_BG
    return packets.pack(kind, function, own, job.raw)


def function_of(prefix: str, name: str) -> bytes:
    """Raises Refused for what would be read as two names, or as none."""
    if not name or "\0" in name:
        raise Refused(f"{name!r} is no name of a function")
    return packets.wire_name(prefix, name)


def checked(uniqkey: str) -> bytes:
    """Raises Refused."""
    raw = uniqkey.encode()
    if not raw or len(raw) > MOST_UNIQUE or b"\0" in raw:
        raise Refused(f"uniqkey {uniqkey!r}: Gearman takes 1 to {MOST_UNIQUE} bytes, this one has {len(raw)}")
    return raw


def submit_anywhere(talks: Sequence[Talk], prefix: str, job: NewJob) -> str:
    """To the first server that takes it; the new job's id. One that failed is asked after the others: it may be frozen,
    and takes two seconds to say nothing. Raises QueueDown where none does, Refused."""
    packet = submission(prefix, job)
    trouble: QueueDown | None = None
    for index, talk in sorted(enumerate(talks), key=lambda each: each[1].failed_at):
        try:
            return f"{index}-{talk.submit(packet)}"
        except QueueDown as error:
            trouble = error
    raise trouble or QueueDown("there is no job server")
