"""Celery on a database (kombu's transport over SQLAlchemy), one worker process a call: `prepare DSN JOBS`,
`work DSN FILE`."""

from celery import Celery
from counting import Counting, command


def made(dsn: str, counting: Counting | None):
    app = Celery("bench", broker=f"sqla+{dsn}")
    app.conf.update(task_ignore_result=True, worker_hijack_root_logger=False)

    @app.task(name="noop")
    def noop(n: int) -> None:
        if counting:
            counting.one()

    return app, noop


def prepare(dsn: str, jobs: int) -> None:
    app, noop = made(dsn, None)
    with app.producer_pool.acquire(block=True) as producer:
        for n in range(jobs):
            noop.apply_async((n,), producer=producer)


def work(dsn: str, counting: Counting) -> None:
    app, _ = made(dsn, counting)
    app.start(["--quiet", "worker", "--pool=solo", "--loglevel=ERROR", "--without-gossip", "--without-mingle"])


if __name__ == "__main__":
    command(prepare, work)
