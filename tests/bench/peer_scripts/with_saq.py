"""SAQ on PostgreSQL (psycopg, async workers): `prepare DSN JOBS`, `work DSN FILE`."""

import asyncio
from typing import Any

from counting import Counting, command
from saq import Queue, Worker

CONCURRENCY = 10
AT_ONCE = 100


async def prepare(dsn: str, jobs: int) -> None:
    queue = Queue.from_url(dsn)
    await queue.connect()
    for start in range(0, jobs, AT_ONCE):
        await asyncio.gather(*(queue.enqueue("noop", n=n) for n in range(start, min(jobs, start + AT_ONCE))))
    await queue.disconnect()


def work(dsn: str, counting: Counting) -> None:
    async def noop(context: Any, *, n: int) -> None:
        counting.one()

    async def run() -> None:
        queue = Queue.from_url(dsn)
        await queue.connect()
        await Worker(queue, functions=[("noop", noop)], concurrency=CONCURRENCY).start()

    asyncio.run(run())


if __name__ == "__main__":
    command(lambda dsn, jobs: asyncio.run(prepare(dsn, jobs)), work)
