"""A job as the packet that submits it in the background."""

import random
import time
import uuid
from collections.abc import Sequence

from wmcore.backends.base import NewJob
from wmcore.backends.gearman import packets, unique
from wmcore.backends.gearman.packets import MOST_UNIQUE
from wmcore.backends.gearman.talk import Talk
from wmcore.errors import QueueDown, Refused

SUBMIT_JOB_HIGH_BG, SUBMIT_JOB_LOW_BG = 32, 34
_MULTICAST = 1 << 40
NODE = random.getrandbits(48) | _MULTICAST


def new_unique(run_after: float | None = None) -> str:
    """An id that says when the job was inserted and, where it is put off, until when. Never empty: gearmand's queues in
    databases keep one job of each id and function."""
    if run_after is None:
        return str(uuid.uuid1(node=NODE))
    return unique.ours(0, time.time(), run_after, random.getrandbits(48))


def put_off(run_after: float | None) -> bool:
    return run_after is not None and run_after > time.time()


def submission(prefix: str, job: NewJob) -> bytes:
    """Raises Refused for what gearmand does not take. Its priorities are three, and what is put off has none."""
    later = put_off(job.run_after)
    own = checked(job.uniqkey) if job.uniqkey is not None else new_unique(job.run_after if later else None).encode()
    function = packets.wire_name(prefix, job.funcname)
    if later:
        assert job.run_after is not None
        due = str(-int(-job.run_after // 1)).encode()  # never before its time
        return packets.pack(packets.SUBMIT_JOB_EPOCH, function, own, due, job.raw)
    priority = job.priority or 0
    kind = SUBMIT_JOB_HIGH_BG if priority > 0 else SUBMIT_JOB_LOW_BG if priority < 0 else packets.SUBMIT_JOB_BG
    return packets.pack(kind, function, own, job.raw)


def checked(uniqkey: str) -> bytes:
    """Raises Refused."""
    raw = uniqkey.encode()
    if not raw or len(raw) > MOST_UNIQUE or b"\0" in raw:
        raise Refused(f"uniqkey {uniqkey!r}: Gearman takes 1 to {MOST_UNIQUE} bytes, this one has {len(raw)}")
    return raw


def submit_anywhere(talks: Sequence[Talk], prefix: str, job: NewJob) -> str:
    """To the first server that takes it; the new job's id. Raises QueueDown where none does, Refused."""
    packet = submission(prefix, job)
    trouble: QueueDown | None = None
    for index, talk in enumerate(talks):
        try:
            return f"{index}-{talk.submit(packet)}"
        except QueueDown as error:
            trouble = error
    raise trouble or QueueDown("there is no job server")
