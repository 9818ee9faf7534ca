"""What the console knows at one moment: the newest status, how old it is, and how the connection stands. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum

from wmcore.model import DaemonState
from wmcore.protocol.messages import PROTOCOL, Status
from wmtui.printing import clean

STALE_INTERVALS = 3
RESTART_SHOWN_SECONDS = 60.0


class Phase(StrEnum):
    CONNECTING = "connecting"  # nothing has come yet
    LIVE = "live"
    STALE = "stale"  # connected, but the daemon is silent
    RESYNC = "resync"  # connected again, and waiting for a whole status
    LOST = "lost"
    STOPPED = "stopped"  # the daemon said that it would go, or took its socket away, as one does that stops
    CRASHED = "crashed"  # its socket is there, nobody listens
    ABSENT = "absent"  # no socket, and nothing has ever come
    SILENT = "silent"  # it does not even say hello
    DENIED = "denied"  # no permission for its socket
    REFUSED = "refused"  # ssh does not get in
    FOREIGN = "foreign"  # it speaks another protocol


@dataclass(frozen=True, slots=True)
class Link:
    """How the connection stands. Times are Unix seconds by the console's clock."""

    connected: bool = False
    attempt: int = 1
    reason: str = ""  # why it was lost
    retry_at: float | None = None  # None: an attempt is under way
    why: str = ""  # feed.Why
    step: str = ""  # of an attempt under way
    greeted: bool = False  # in that attempt
    since: float = 0.0  # when the first attempt began


@dataclass(frozen=True, slots=True)
class Picture:
    link: Link = field(default_factory=Link)
    status: Status | None = None
    received_at: float = 0.0
    interval: float = 1.0
    read_only: bool = False
    role: str = ""  # what the daemon lets us do
    restarted: str = ""  # what was noticed at the last restart of the daemon
    restarted_at: float = 0.0

    def age(self, now: float) -> float:
        """Seconds since the data came."""
        return max(0.0, now - self.received_at)

    def phase(self, now: float) -> Phase:
        if not self.link.connected:
            return self._off()
        if self.status is None:
            return Phase.CONNECTING
        return Phase.STALE if self.age(now) > STALE_INTERVALS * self.interval else Phase.LIVE

    def _off(self) -> Phase:
        if self.status is None:
            return self._never_seen()
        if self.link.greeted:
            return Phase.RESYNC
        if self.link.why:
            return Phase(self.link.why)
        return Phase.STOPPED if self.status.state == DaemonState.STOPPING else Phase.LOST

    def _never_seen(self) -> Phase:
        if self.link.why:
            return Phase.ABSENT if self.link.why == Phase.STOPPED else Phase(self.link.why)
        return Phase.LOST if self.link.reason else Phase.CONNECTING

    def with_status(self, status: Status, now: float) -> "Picture":
        told = restart_told(self.status, status)
        new = replace(self, status=status, received_at=now, link=Link(connected=True))
        return replace(new, restarted=told, restarted_at=now) if told else new

    def why_no_writing(self, now: float) -> str:
        """Empty where commands may be sent; else the reason that they may not."""
        if self.read_only:
            return "read-only: nothing was sent (! switches it off)"
        if self.role == "viewer":
            return "nothing was sent: this daemon lets you look only (role viewer)"
        match self.phase(now):
            case Phase.LIVE if self.status is not None and self.status.protocol != PROTOCOL:
                return f"nothing was sent: it speaks protocol {self.status.protocol}, this wmtui {PROTOCOL}"
            case Phase.LIVE:
                return ""
            case Phase.STALE:
                return f"nothing was sent: the data is {self.age(now):.0f} s old, the daemon may be elsewhere by now"
            case _:
                return "nothing was sent: there is no connection"


def restart_told(before: Status | None, after: Status) -> str:
    """Empty where it is the same life of the same daemon."""
    if before is None:
        return ""
    if before.instance != after.instance:
        return f"another daemon answers here now: {after.instance} (was {before.instance})"
    if (before.pid, before.started_at) != (after.pid, after.started_at):
        restarted = f"the daemon was restarted: pid {before.pid} is {after.pid} now"
        return "; ".join([restarted, *_rescaled(before, after), *_unpaused(before, after)])
    return ""


def _unpaused(before: Status, after: Status) -> Iterator[str]:
    """Nor is any class paused in it."""
    runs = {each.name for each in after.classes if not each.paused}
    for each in before.classes:
        if each.paused and each.name in runs:
            yield f"{clean(each.name)} was paused, runs now"


def _rescaled(before: Status, after: Status) -> Iterator[str]:
    """A new life begins with the configured number of children, whatever was set in the former one."""
    was = {pool.name: pool.wanted for pool in before.pools}
    for pool in after.pools:
        if was.get(pool.name, pool.wanted) != pool.wanted:
            name = f"{clean(pool.name)} " if len(after.pools) > 1 else ""
            yield f"{name}wanted was {was[pool.name]}, is {pool.wanted}"
