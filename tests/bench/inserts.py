"""How many jobs a client inserts a second, one by one and 10,000 in a call: `python -m tests.bench.inserts`."""

import time

from tests.bench.common import Bench, alone, median
from wmcore import TheSchwartzClient

NAME = "bench.Inserted"
MANY = 10_000


def singly(client: TheSchwartzClient, seconds: float) -> float:
    count, begun = 0, time.monotonic()
    while time.monotonic() < begun + seconds:
        client.insert(NAME, {"n": count})
        count += 1
    return count / (time.monotonic() - begun)


def many(client: TheSchwartzClient) -> float:
    begun = time.monotonic()
    client.insert_many(NAME, [{"n": number} for number in range(MANY)])
    return MANY / (time.monotonic() - begun)


def run(bench: Bench) -> None:
    rows = []
    for kind in bench.kinds:
        with bench.database(kind) as dsn, TheSchwartzClient([{"dsn": dsn}], inline=False) as client:
            client.insert(NAME)
            one = [singly(client, 1 if bench.quick else 3) for _ in range(bench.rounds)]
            rows.append((kind, median(one), median([many(client) for _ in range(bench.rounds)])))
    bench.table("Inserts by one client, jobs/s", ("database", "one by one", f"{MANY} in a call"), rows)


if __name__ == "__main__":
    alone(run)
