"""Procrastinate (psycopg, async workers): `prepare DSN JOBS`, `work DSN FILE`."""

import asyncio

from counting import Counting, command
from procrastinate import App, PsycopgConnector

CONCURRENCY = 10


def made(dsn: str, counting: Counting | None) -> App:
    app = App(connector=PsycopgConnector(conninfo=dsn))

    @app.task(name="noop")
    async def noop(n: int) -> None:
        if counting:
            counting.one()

    return app


async def prepare(dsn: str, jobs: int) -> None:
    app = made(dsn, None)
    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        await app.tasks["noop"].batch_defer_async(*({"n": n} for n in range(jobs)))
        await app.connector.execute_query_async("ANALYZE procrastinate_jobs")


async def work(dsn: str, counting: Counting) -> None:
    app = made(dsn, counting)
    async with app.open_async():
        await app.run_worker_async(concurrency=CONCURRENCY, install_signal_handlers=False)


if __name__ == "__main__":
    command(lambda dsn, jobs: asyncio.run(prepare(dsn, jobs)), lambda dsn, counting: asyncio.run(work(dsn, counting)))
