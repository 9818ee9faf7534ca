"""Classes take turns: none starves another, however old or many its jobs are, as the reference's own suite checks."""

from collections.abc import Callable

from tests.integration.daemon import Daemon
from tests.waiting import until

CLASSES = ["jobs.Quick", "jobs.Others", "jobs.Thirds"]


def run_all(daemon: Daemon, counts: dict[str, int]) -> list[str]:
    """Insert so many of each, class after class, then run them with one child; the classes in the order they ran. A
    turn lasts a tenth of a second: five jobs at most."""
    with daemon.client() as client:
        for name, count in counts.items():
            client.insert_many(name, [{"n": f"{name}:{number}", "ms": 20} for number in range(count)])
    daemon.start("-c", "1", "-w", "1000")
    until(lambda: len(daemon.marks()) == sum(counts.values()), 60)
    daemon.stop()
    return [mark.partition(":")[0] for mark in daemon.marks()]


def test_jobs_of_several_classes_are_evenly_distributed(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    ran = run_all(make_daemon(dsn, workers=CLASSES).init_db(), dict.fromkeys(CLASSES, 20))
    for half in (ran[:30], ran[30:]):
        assert all(5 <= half.count(name) <= 15 for name in CLASSES), ran


def test_a_name_with_a_high_number_does_not_starve(make_daemon: Callable[..., Daemon], dsn: str) -> None:
    """Its jobs come behind hundreds of older ones of a name that was there first."""
    ran = run_all(make_daemon(dsn, workers=CLASSES).init_db(), {CLASSES[0]: 100, CLASSES[2]: 3})
    assert [place for place, name in enumerate(ran) if name == CLASSES[2]][-1] < 20
