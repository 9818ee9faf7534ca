"""PgQueuer (asyncpg, uvloop): `prepare DSN JOBS`, `work DSN FILE`."""

import asyncio

import asyncpg
import uvloop
from counting import Counting, command
from pgqueuer import PgQueuer
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

BATCH = 100


async def prepare(dsn: str, jobs: int) -> None:
    connection = await asyncpg.connect(dsn)
    queries = Queries(AsyncpgDriver(connection))
    await queries.install()
    for start in range(0, jobs, 5000):
        some = range(start, min(jobs, start + 5000))
        await queries.enqueue(["noop"] * len(some), [b'{"n": %d}' % n for n in some], [0] * len(some))
    await connection.execute("VACUUM ANALYZE pgqueuer")


async def work(dsn: str, counting: Counting) -> None:
    queue = PgQueuer(AsyncpgDriver(await asyncpg.connect(dsn)))

    @queue.entrypoint("noop")
    async def noop(job) -> None:
        counting.one()

    await queue.run(batch_size=BATCH)


if __name__ == "__main__":
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    command(lambda dsn, jobs: asyncio.run(prepare(dsn, jobs)), lambda dsn, counting: asyncio.run(work(dsn, counting)))
