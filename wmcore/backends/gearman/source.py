"""One job server as a child draws from it: what is registered there, and whether to ask it for a job."""

import random
import time
from collections.abc import Sequence

from wmcore.backends.gearman import packets
from wmcore.backends.gearman.connection import CONNECT_SECONDS, Connection, Phase
from wmcore.errors import QueueDown, Refused

TURN_SECONDS = 0.01
"""A function that has had the child for so long gives way: gearmand 1.1 would hand out all of its jobs before those of
the next (README: -R)."""
REGRAB_SECONDS = (5.0, 10.0)
"""A wake-up may be lost, and gearmand 1.1 sends none when a job falls due."""
FRUITLESS_SECONDS = 0.005
FRUITLESS_MOST = 8
QUIET_SECONDS = 0.25
"""A server that wakes a child within the first, so often in a row, and has no job for it, is not asked for so long:
gearmand 1.1 does so as long as it holds a job for later and one of low priority."""

LEAVE_SECONDS = 0.5
"""So long a child that leaves waits for a server's last word."""


class Source:
    def __init__(self, index: int, server: str, hello: bytes, functions: Sequence[bytes]) -> None:
        """`functions`: as they are called on the server, by class index."""
        self.index = index
        self.server = server
        self.connection = Connection(server, hello)
        self._functions = functions
        self._life = -1
        self._registered: tuple[int, ...] = ()
        self._registered_at = 0.0
        self._asked_at: float | None = None  # a GRAB whose answer is still to come; or when a part of it came last
        self._under_way = (0, 0)
        self._slept_at: float | None = None  # PRE_SLEEP: it wakes us when there is work
        self._ask_again_at = 0.0
        self._quiet_until = 0.0
        self._fruitless = 0
        self._woken_early = False
        self._refused = False

    # -- may it be asked? ----------------------------------------------------------------------------------------------

    def tend(self, now: float) -> None:
        """Connect where needed; take what has come."""
        connection = self.connection
        if self._asked_at is not None and self.asking and now > self._asked_at + CONNECT_SECONDS:
            self._look_whether_it_moves()
            if now > self._asked_at + CONNECT_SECONDS:
                connection.drop(f"no answer within {CONNECT_SECONDS:g} s")
        connection.tend(now)
        if connection.life != self._life:
            self._forget()
        if connection.phase is Phase.READY and not self.asking:
            while (packet := connection.next()) is not None:
                if packet[0] == packets.NOOP:
                    self._woken(now)

    def _forget(self) -> None:
        """Another connection: nothing is registered there, nothing asked."""
        self._life = self.connection.life
        self._registered = ()
        self._asked_at = self._slept_at = None
        self._ask_again_at = 0.0
        self._fruitless = 0

    def _woken(self, now: float) -> None:
        if self._slept_at is not None:
            self._woken_early = now - self._slept_at < FRUITLESS_SECONDS
            self._slept_at = None
            self._ask_again_at = 0.0

    def look_again(self) -> None:
        """The child is awake, for whatever reason: then it may as well ask."""
        self._ask_again_at = self._quiet_until

    @property
    def ready(self) -> bool:
        return self.connection.phase is Phase.READY

    def wants_asking(self, now: float) -> bool:
        return self.ready and now >= self._ask_again_at

    @property
    def asking(self) -> bool:
        """Is the answer to a GRAB still to come?"""
        return self._asked_at is not None and self.connection.life == self._life

    def due_at(self, resting: bool) -> float:
        """When it wants attention, whatever comes or does not come from it. `resting`: no job is wanted of it."""
        if self.asking:
            assert self._asked_at is not None
            return self._asked_at + CONNECT_SECONDS
        if not self.ready:
            return self.connection.tend_at
        return float("inf") if resting else self._ask_again_at

    # -- asking --------------------------------------------------------------------------------------------------------

    def ask(self, classes: Sequence[int], before: bytes, now: float) -> None:
        """Send `before` (the end of the last job) and a GRAB in one."""
        self._asked_at = now
        self._slept_at = None
        self._refused = False
        self.connection.send(before + self._registration(classes, now) + packets.GRAB)

    def _registration(self, classes: Sequence[int], now: float) -> bytes:
        """What the server has to be told: everything anew where the set of classes has changed, or where the first one
        in turn is another. The last one registered comes first.

        A function that is taken back while a job of it runs makes gearmand give that job to somebody else. So this
        stands between the end of a job and the next GRAB, and nowhere else."""
        if self._registered == tuple(classes):
            return b""
        if set(self._registered) == set(classes) and now - self._registered_at < TURN_SECONDS:
            return b""
        begin = packets.RESET if self._registered else b""
        self._registered, self._registered_at = tuple(classes), now
        return begin + b"".join(packets.pack(packets.CAN_DO, self._functions[index]) for index in reversed(classes))

    def answer(self) -> tuple[int, bytes] | None:
        """The answer to the GRAB, where it has come by now: NO_JOB, or a job. NOOPs may come before it, and an ERROR
        about the job before."""
        connection = self.connection
        while (packet := connection.await_next()) is not None:
            if packet[0] == packets.NO_JOB or packet[0] in packets.PARTS:
                self._asked_at = None
                return packet
            if packet[0] == packets.ERROR:
                self._refused = True
        if self.asking:
            self._look_whether_it_moves()
        return None

    def _look_whether_it_moves(self) -> None:
        """A large result on its way there, or a large payload on its way here: the answer may take longer."""
        under_way = self.connection.under_way
        if under_way != self._under_way:
            self._under_way, self._asked_at = under_way, time.monotonic()

    def refused(self) -> bool:
        """Did the server not know the job whose end it was told last? Asked once."""
        refused, self._refused = self._refused, False
        return refused

    def nothing_there(self, now: float) -> None:
        """It had no job: have it wake us, or leave it alone for a moment."""
        self._fruitless = self._fruitless + 1 if self._woken_early else 0
        self._woken_early = False
        if self._fruitless >= FRUITLESS_MOST:
            self._fruitless = 0
            self._ask_again_at = self._quiet_until = now + QUIET_SECONDS
        else:
            self.connection.send(packets.SLEEP)
            self._slept_at = time.monotonic()
            self._ask_again_at = now + random.uniform(*REGRAB_SECONDS)  # noqa: S311

    def settle(self, last: bytes) -> None:
        """Send `last` and wait until the server has taken it, and has answered what it was asked. A job that it still
        gives goes back, and so does everything where it does not answer."""
        connection, until, unsent = self.connection, time.monotonic() + LEAVE_SECONDS, 0
        connection.send(last + packets.ECHO)
        while connection.phase is Phase.READY and time.monotonic() < until:
            packet = connection.await_next()
            if unsent != (unsent := connection.unsent):  # a large result takes its time
                until = time.monotonic() + LEAVE_SECONDS
            if packet is not None and packet[0] in packets.PARTS:
                connection.give_back()
            elif packet is not None and packet[0] == packets.ECHO_RES:
                self._asked_at = None
                return
        if connection.phase is Phase.READY:
            connection.drop("no answer to the last word")

    def rest(self) -> None:
        """Nothing is wanted from here for a while, and no job of it is in hand: the server is to wake others."""
        if self.ready and self._registered:
            self.connection.send(packets.RESET)
            self._registered = ()
            self._slept_at = None
            self._ask_again_at = self._quiet_until

    def submit(self, packet: bytes) -> None:
        """A job in the background, while none is asked for. Raises QueueDown, Refused."""
        connection, until, unsent = self.connection, time.monotonic() + CONNECT_SECONDS, 0
        connection.send(packet)
        while connection.phase is Phase.READY and time.monotonic() < until:
            reply = connection.await_next()
            if unsent != (unsent := connection.unsent):
                until = time.monotonic() + CONNECT_SECONDS
            if reply is not None and reply[0] == packets.JOB_CREATED:
                return
            if reply is not None and reply[0] == packets.ERROR:
                raise Refused(f"job server {self.server} does not take the job: {packets.error_text(reply[1])}")
        raise QueueDown(self.trouble)

    @property
    def trouble(self) -> str:
        return f"job server {self.server}: {self.connection.error}"

    def gave(self) -> None:
        """It had one."""
        self._fruitless = 0
        self._woken_early = False
        self._ask_again_at = 0.0
