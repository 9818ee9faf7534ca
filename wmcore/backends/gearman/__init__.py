"""Gearman: a network job server, gearmand 1.1 or later.

What of its behaviour this rests on stands where it matters: `source` (asking for jobs), `child` (ending them),
`parked` (what it cannot remember).
"""

from collections.abc import Sequence

from wmcore.backends.base import Ahead, ChildQueue, ManagerQueue, Position
from wmcore.config.records import Config
from wmcore.errors import QueueDown, state_dir_trouble


def preload(config: Config) -> None:
    """Import what children will need, in the loader."""
    from wmcore.backends.gearman import child, manager  # noqa: F401


def connect_ahead(config: Config) -> Ahead:
    """Nothing: a connection to a job server takes no time, and a job is given to whoever has one."""
    return ()


def open_child_queue(
    config: Config, names: Sequence[str], slot: int, owner: str, position: Position, ahead: Ahead = ()
) -> ChildQueue:
    """A child's side; connects when it is first used."""
    import os
    import socket

    from wmcore.backends.gearman import packets
    from wmcore.backends.gearman.child import GearmanChild
    from wmcore.backends.gearman.clock import Estimates
    from wmcore.backends.gearman.parked import Parking
    from wmcore.backends.gearman.running import Running
    from wmcore.backends.gearman.source import Source
    from wmcore.backends.theschwartz.outcomes import Who

    hello = packets.pack(packets.SET_CLIENT_ID, f"wmcore:{socket.gethostname()}:{os.getpid()}".encode())
    functions = [packets.wire_name(config.prefix, name) for name in names]
    queue = GearmanChild(
        sources=[Source(index, server, hello, functions) for index, server in enumerate(config.job_servers)],
        names=names,
        prefix=config.prefix,
        who=Who(slot, os.getpid()),
        position=position,
        parking=Parking(config.state_dir),
        running=Running(config.state_dir),
        estimate=Estimates(config.state_dir, config.job_servers) if config.probe else lambda server, handle: None,
    )
    os.register_at_fork(after_in_child=queue.abandon)
    return queue


def open_manager_queue(config: Config, names: Sequence[str]) -> ManagerQueue:
    """The manager's side; connects when it is first used. Raises ConfigError where `state_dir` does not do."""
    from wmcore.backends.gearman.chore import Chore
    from wmcore.backends.gearman.clock import Clock
    from wmcore.backends.gearman.manager import GearmanManager
    from wmcore.backends.gearman.retrying import Retrying

    chores: list[Chore] = [Retrying(config.job_servers, config.prefix, config.state_dir)]
    try:
        if config.probe:
            chores += [Clock(config.state_dir, server) for server in config.job_servers]
        return GearmanManager(config, names, chores)
    except OSError as error:
        raise state_dir_trouble(config.state_dir, error) from None


def init_db(config: Config, dry_run: bool, notify_trigger: bool = False) -> list[str]:
    """Gearman has no tables."""
    return []


def check(config: Config) -> list[str]:
    """Does each server answer? Returns recommendations. Raises QueueDown, which names all that do not."""
    from wmcore.backends.gearman.talk import Talk

    troubles = []
    for server in config.job_servers:
        talk = Talk(server)
        try:
            talk.version()
        except QueueDown as error:
            troubles.append(str(error))
        talk.close()
    if troubles:
        raise QueueDown("; ".join(troubles))
    return []
