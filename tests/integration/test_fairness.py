"""Classes take turns: none starves another, however old or many its jobs are, as the reference's own suite checks."""

from collections.abc import Callable

from tests.integration.daemon import Daemon
from tests.waiting import until

CLASSES = ["jobs.Quick", "jobs.Others", "jobs.Thirds"]


def run_all(daemon: Daemon, counts: dict[str, int]) -> list[str]:
    """Insert so many of each, class after class, then run them with one child; the classes in the order they ran."""
    with daemon.client() as client:
        for name, count in counts.items():
            client.insert_many(name, [{"n": f"{name}:{number}"} for number in range(count)])
    daemon.start("-c", "1", "-w", "1000")
    until(lambda: len(daemon.marks()) == sum(counts.values()), 60)
    daemon.stop()
    return [mark.partition(":")[0] for mark in daemon.marks()]


def test_jobs_of_several_classes_are_evenly_distributed(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    ran = run_all(make_daemon(dsn, workers=CLASSES).init_db(), dict.fromkeys(CLASSES, 20))
    for name in CLASSES:
        assert [ran[:count].count(name) for count in (3, 30, 60)] == [1, 10, 20], ran


def test_a_name_with_a_high_number_does_not_starve(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    """Its jobs come behind hundreds of older ones of a name that was there first."""
    ran = run_all(make_daemon(dsn, workers=CLASSES).init_db(), {CLASSES[0]: 300, CLASSES[2]: 3})
    assert [place for place, name in enumerate(ran) if name == CLASSES[2]][-1] < 10
