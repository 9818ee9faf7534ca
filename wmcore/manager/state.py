"""What the manager knows and wants: plain records that only its loop changes."""

import os
from dataclasses import dataclass, field

from wmcore import plan
from wmcore.config.records import PoolConfig
from wmcore.model import ChildState, DaemonState, PoolState
from wmcore.scoreboard import Scoreboard


@dataclass(slots=True)
class Pool:
    """A pool's desired state."""

    index: int
    config: PoolConfig
    wanted: int
    draining: bool = False
    draining_since: float | None = None  # Unix; of a drain or a stop
    strikes: int = 0  # children in a row that died before they did anything
    not_before: float = 0.0  # monotonic; back-off
    struck_at: float = 0.0  # monotonic
    error: str | None = None

    def state(self, stopping: bool) -> PoolState:
        if stopping:
            return PoolState.STOPPING
        if self.draining:
            return PoolState.DRAINING
        return PoolState.BACKING_OFF if self.strikes else PoolState.RUNNING

    def struck(self, reason: str, now: float, most_seconds: float = plan.BACK_OFF_MOST) -> None:
        self.strikes += 1
        self.struck_at = now
        self.not_before = now + min(most_seconds, plan.back_off(self.strikes))
        self.error = reason

    def proved(self) -> None:
        """A child of it did something."""
        self.strikes, self.not_before, self.error = 0, 0.0, None


@dataclass(slots=True)
class Child:
    """A child from the order to fork it until it is reaped."""

    slot: int
    pool: int
    wake_fd: int  # write end
    pid: int = 0  # 0: ordered, not yet forked
    start: int = 0
    started_at: float = 0.0  # Unix
    forked_at: float = 0.0  # monotonic
    leaving: bool = False
    asked_at: float = 0.0  # monotonic, when it was told to leave, or last seen busy since
    generation: int = 0  # of the loader that forked it
    killed: str | None = None  # why we killed it
    timed_out: bool = False
    gives_back: bool = False  # its death is ours to answer for: no attempt is counted

    def wake(self) -> None:
        try:
            os.write(self.wake_fd, b"w")
        except (BlockingIOError, BrokenPipeError):  # it has wake-ups enough, or it is gone
            pass

    def close(self) -> None:
        os.close(self.wake_fd)


@dataclass(slots=True)
class State:
    """Everything."""

    pools: list[Pool]
    names: list[str]  # queue names by class index
    children: dict[int, Child] = field(default_factory=dict)  # by slot
    stopping: bool = False
    ready: bool = False  # the first loader is up
    generation: int = 0

    def daemon_state(self) -> DaemonState:
        if self.stopping:
            return DaemonState.STOPPING
        if not self.ready:
            return DaemonState.STARTING
        if self.pools and all(pool.draining for pool in self.pools):
            return DaemonState.DRAINING
        return DaemonState.RUNNING

    def of_pool(self, index: int) -> list[Child]:
        return [child for child in self.children.values() if child.pool == index]

    def facts(self, board: Scoreboard) -> list[plan.PoolFact]:
        """For the planner."""
        facts = []
        for pool in self.pools:
            wanted = 0 if pool.draining or self.stopping else pool.wanted
            children = [self._fact(child, board) for child in self.of_pool(pool.index)]
            facts.append(plan.PoolFact(pool.index, wanted, pool.not_before, children))
        return facts

    @staticmethod
    def _fact(child: Child, board: Scoreboard) -> plan.ChildFact:
        view = board.view(child.slot)
        alive = view.pid == child.pid and child.pid > 0  # else its words are still those of the slot's former child
        busy = alive and view.state is ChildState.BUSY
        deadline = view.deadline_ns / 1e9 if busy and view.deadline_ns and child.killed is None else None
        return plan.ChildFact(child.slot, child.pid, busy, child.leaving, deadline, view.timeout_ms)
