"""The manager's asker, in a thread as the manager has it, on every database."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from tests.contract.conftest import MakeRig
from tests.contract.rig import A, B, Rig
from tests.waiting import until
from wmcore.manager.asker import GAP_SECONDS, Asker


class Watch:
    """One asker at work, and the classes that idle children could run."""

    def __init__(self, rig: Rig, *idle: int) -> None:
        self.idle = list(idle)
        self.looks = 0
        self.asker = Asker(rig.manager(), 0, self._idle)
        self._pool = ThreadPoolExecutor(1)
        self.found: Future[Mapping[int, int]]
        self.go_on()

    def _idle(self) -> list[int]:
        self.looks += 1
        return self.idle

    def go_on(self) -> None:
        self.found = self._pool.submit(self.asker.watch)

    def some_looks(self) -> None:
        """It has looked with what stands in `idle` now."""
        seen = self.looks
        until(lambda: self.looks > seen + 1)

    def close(self) -> None:
        self.asker.look_again()
        self._pool.shutdown()


MakeWatch = Callable[..., Watch]


@pytest.fixture
def watching() -> Iterator[MakeWatch]:
    made: list[Watch] = []

    def make(rig: Rig, *idle: int) -> Watch:
        made.append(Watch(rig, *idle))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_work_is_found(rig: Rig, watching: MakeWatch) -> None:
    watch = watching(rig, 0, 1)
    rig.client().insert_many(B, range(3))
    assert watch.found.result(10) == {1: 3}


def test_a_pool_that_became_idle_since_is_asked_for(rig: Rig, watching: MakeWatch) -> None:
    watch = watching(rig, 0)
    watch.some_looks()
    watch.idle = [0, 1]
    rig.client().insert(B, 1)
    assert watch.found.result(10) == {1: 1}


def test_a_job_that_came_while_its_pool_was_busy_is_found_when_it_is_idle(rig: Rig, watching: MakeWatch) -> None:
    """The change was seen, and the answer did not name the job: then the next question must."""
    watch = watching(rig, 0)
    watch.some_looks()
    rig.client().insert(B, 1)
    watch.some_looks()
    watch.idle = [0, 1]
    assert watch.found.result(10) == {1: 1}


def test_a_job_that_came_while_everybody_was_busy_is_found_when_somebody_is_idle(rig: Rig, watching: MakeWatch) -> None:
    watch = watching(rig)
    watch.some_looks()
    rig.client().insert(A, 1)
    watch.some_looks()
    assert not watch.found.done()
    watch.idle = [0]
    assert watch.found.result(10) == {0: 1}


def test_a_class_of_a_pool_that_is_not_idle_any_more_is_asked_for_again(rig: Rig, watching: MakeWatch) -> None:
    watch = watching(rig, 0, 1)
    watch.some_looks()
    watch.idle = [0]
    watch.some_looks()
    rig.client().insert(B, 1)
    watch.some_looks()
    watch.idle = [0, 1]
    assert watch.found.result(10) == {1: 1}


def test_a_delayed_job_is_found_when_it_falls_due(rig: Rig, watching: MakeWatch) -> None:
    due = int(time.time()) + 2
    rig.client().insert(A, 1, run_after=due)
    watch = watching(rig, 0)
    assert watch.found.result(10) == {0: 1}
    assert time.time() > due - 0.1, "not before"


def test_the_bell_ends_a_watch(rig: Rig, watching: MakeWatch) -> None:
    watch = watching(rig)
    watch.some_looks()
    watch.asker.look_again()
    assert watch.found.result(10) == {}


def test_what_the_bell_asks_for_is_asked(rig: Rig, watching: MakeWatch) -> None:
    watch = watching(rig, 0)
    rig.client().insert(A, 1)
    assert watch.found.result(10) == {0: 1}
    rig.sql("DELETE FROM job")
    watch.asker.look_again()
    watch.go_on()
    assert watch.found.result(10) == {}


def test_it_asks_no_faster_than_it_may(rig: Rig, watching: MakeWatch) -> None:
    """However much is said, and with a job that nobody takes."""
    rig.client().insert(A, 1)
    watch = watching(rig, 0)
    asked = 0
    until_then = time.monotonic() + 1
    with rig.client() as client:
        while time.monotonic() < until_then:
            watch.found.result(10)
            asked += 1
            client.insert(B, 1)
            watch.go_on()
    assert asked <= 1 / GAP_SECONDS + 10


def test_when_the_next_lease_runs_out(rig: Rig) -> None:
    rig.client().insert_many(A, range(2))
    child = rig.child()
    child.turn((0,), (50, 600, 600), (1,))
    rig.child(1).turn((0,), (500, 600, 600), (1,))
    due = rig.manager().ask(0, [0], 10)
    assert due.ready == {}
    assert due.next_in is not None
    assert 40 < due.next_in <= 50


def test_a_job_whose_lease_ran_out_is_found(rig: Rig, watching: MakeWatch) -> None:
    rig.client().insert(A, 1)
    rig.child().turn((0,), (2, 600, 600))
    assert watching(rig, 0).found.result(10) == {0: 1}


def test_one_statement_asks_for_classes_that_nobody_ever_inserted(rig: Rig) -> None:
    manager = rig.manager()
    assert manager.ask(0, [0, 1, 2], 10).ready == {}
    rig.client().insert(B, 1)
    assert manager.ask(0, [0, 1, 2], 10).ready == {1: 1}
    assert manager.ask(0, [0, 1, 2], 10).ready == {1: 1}


def test_several_threads_may_ring(make_rig: MakeRig, watching: MakeWatch) -> None:
    watch = watching(make_rig(), 0)
    ringers = [threading.Thread(target=watch.asker.look_again) for _ in range(20)]
    for ringer in ringers:
        ringer.start()
    for ringer in ringers:
        ringer.join()
    assert watch.found.result(10) == {}
