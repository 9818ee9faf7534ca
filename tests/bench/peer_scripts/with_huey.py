"""Huey on SQLite (its default: no fsync), one worker process a call: `prepare FILE JOBS`, `work FILE COUNTS`."""

from counting import Counting, command
from huey import SqliteHuey


def made(path: str, counting: Counting | None):
    huey = SqliteHuey(filename=path, results=False)

    @huey.task()
    def noop(n: int) -> None:
        if counting:
            counting.one()

    return huey, noop


def prepare(path: str, jobs: int) -> None:
    huey, noop = made(path, None)
    connection = huey.storage.conn
    connection.execute("BEGIN IMMEDIATE")
    rows = ((huey.storage.name, huey.serialize_task(noop.s(n))) for n in range(jobs))
    connection.executemany("INSERT INTO task (queue, data) VALUES (?, ?)", rows)
    connection.execute("COMMIT")


def work(path: str, counting: Counting) -> None:
    huey, _ = made(path, counting)
    while True:
        task = huey.dequeue()
        if task is not None:
            huey.execute(task)


if __name__ == "__main__":
    command(prepare, work)
