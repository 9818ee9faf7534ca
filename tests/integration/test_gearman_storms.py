"""Gearman in the storm: stops lose and repeat nothing, kills repeat only what they hit."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.integration.daemon import Daemon
from tests.servers import Gearmand
from tests.waiting import until
from wmcore.protocol.messages import ListJobs, Scale

MakeGearman = Callable[..., Daemon]
QUICK = "jobs.Quick"


def fill(daemon: Daemon, jobs: int) -> None:
    with daemon.client() as client:
        for start in range(0, jobs, 1000):
            client.insert_many(QUICK, [{"n": n} for n in range(start, min(jobs, start + 1000))])


def storm_of_stops(make_gearman: MakeGearman, gearmand: Gearmand, jobs: int, scalings: int) -> None:
    """Scaled down and up, with SIGTERM to children beside, until nothing is left."""
    daemon = make_gearman(gearmand).start("-c", "4", "-w", "100000")
    fill(daemon, jobs)
    chance = random.Random(1)
    done = 0
    for _ in range(scalings):
        daemon.call(Scale(to=1))
        for child in daemon.status().children:
            try:
                os.kill(child.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass
        time.sleep(chance.uniform(0, 0.05))
        daemon.call(Scale(to=4))
        done = len(daemon.marks())
        if done < jobs:
            until(lambda done=done: len(daemon.marks()) > done)
    until(lambda: len(daemon.marks()) >= jobs, 300)
    until(lambda: gearmand.jobs(QUICK)[0] == 0)
    assert Counter(daemon.marks()) == {str(n): 1 for n in range(jobs)}
    until(lambda: daemon.counts(QUICK).completed == jobs)
    assert daemon.counts(QUICK).late == 0
    print(f"{jobs} jobs, {daemon.log().count('exited with PID')} stops of children, each job once")


def storm_of_kills(
    make_gearman: MakeGearman, gearmand: Gearmand, jobs: int, every_seconds: float, name: str = QUICK, between: int = 0
) -> None:
    """`between`: as many jobs are done from one kill to the next, however slow the machine is."""
    daemon = make_gearman(gearmand, workers=[{"class": name, "max_retries": 1000}]).start("-c", "4", "-w", "100000")
    with daemon.client() as client:
        client.insert_many(name, [{"n": n, "ms": 2} for n in range(jobs)])
    chance = random.Random(1)
    kills = done_then = 0
    while (done := len(set(daemon.marks()))) < jobs:
        children = daemon.status().children
        if children and done >= done_then + between:
            try:
                os.kill(chance.choice(children).pid, signal.SIGKILL)
                kills, done_then = kills + 1, done
            except ProcessLookupError:
                pass
        time.sleep(every_seconds)
    until(lambda: gearmand.jobs(name)[0] == 0 and not daemon.call(ListJobs()).jobs)
    runs = Counter(daemon.marks())
    assert set(runs) == {str(n) for n in range(jobs)}, "nothing is lost"
    again = sum(runs.values()) - jobs
    assert again <= kills, "only jobs that ran when their child was killed"
    assert daemon.status().failed.count == 0
    print(f"{jobs} jobs, {kills} kills, {again} ran again")


def test_a_short_storm_of_stops(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    storm_of_stops(make_gearman, gearmand, 2_000, 6)


def test_a_short_storm_of_kills(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    storm_of_kills(make_gearman, gearmand, 200, 0.05, between=2)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_thousand_jobs_and_fifty_scalings(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    storm_of_stops(make_gearman, gearmand, 20_000, 50)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_twenty_thousand_jobs_and_a_kill_every_tenth_of_a_second(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    storm_of_kills(make_gearman, gearmand, 20_000, 0.1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_retries_in_the_storm(make_gearman: MakeGearman, gearmand: Gearmand) -> None:
    """Each of them fails once, is kept by the daemon and submitted again, while children are killed."""
    storm_of_kills(make_gearman, gearmand, 3_000, 0.1, "jobs.FailsFirst")


@pytest.mark.soak
def test_children_and_jobs_are_back_with_their_server(make_gearman: MakeGearman, tmp_path: Path) -> None:
    """Stopped and started three times, with a queue on disk: the children within a second, every job at all."""
    server, jobs = Gearmand("-q", "libsqlite3", f"--libsqlite3-db={tmp_path}/gearman.db"), 1500
    try:
        server.start()
        daemon = make_gearman(server).start("-c", "8")
        with daemon.client() as client:
            client.insert_many(QUICK, [{"n": n, "ms": 20} for n in range(jobs)])
        for _ in range(3):
            done = until(lambda: server.jobs(QUICK)[2] == 8 and len(daemon.marks()))
            server.stop()
            time.sleep(2)
            begun = time.monotonic()
            server.start()
            until(lambda: server.jobs(QUICK)[2] == 8)
            took = time.monotonic() - begun
            left = server.jobs(QUICK)[0]
            print(f"after {done} jobs: all 8 children are back after {took:.2f} s, {left} jobs are there")
            assert took < 1.0
            until(lambda done=done: len(daemon.marks()) >= min(jobs, done + 100))
        until(lambda: server.jobs(QUICK)[0] == 0)
        runs = Counter(daemon.marks())
        assert set(runs) == {str(n) for n in range(jobs)}, "nothing is lost"
        again = sum(runs.values()) - jobs
        print(f"{jobs} jobs, {again} ran again")
        assert again <= 3 * 8, "only those that ran when their server was stopped"
        daemon.stop()
    finally:
        server.close()
