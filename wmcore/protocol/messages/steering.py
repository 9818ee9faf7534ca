"""Who is there, and what an operator wants of it."""

from wmcore.protocol.messages.base import Message, Request


class HelloReply(Message):
    version: str
    protocol: int
    host: str
    pid: int
    instance: str
    role: str  # "operator" | "viewer"
    type: str
    started_at: float
    conf: str


class Hello(Request):
    method = "hello"
    result = HelloReply


class Scaled(Message):
    pool: str
    before: int
    wanted: int


class Scale(Request):
    """Exactly one of `to` and `by`. Without `pool`: the only one, refused where there are several."""

    method = "scale"
    result = Scaled
    pool: str | None = None
    to: int | None = None
    by: int | None = None


class PoolsChanged(Message):
    pools: list[str]


class Drain(Request):
    """No more claims, children leave after their job. Without `pool`: all."""

    method = "drain"
    result = PoolsChanged
    pool: str | None = None


class Resume(Request):
    method = "resume"
    result = PoolsChanged
    pool: str | None = None


class ClassChanged(Message, rename={"class_name": "class"}):
    class_name: str
    paused: bool


class Pause(Request, rename={"class_name": "class"}):
    method = "pause"
    result = ClassChanged
    class_name: str


class Unpause(Request, rename={"class_name": "class"}):
    method = "unpause"
    result = ClassChanged
    class_name: str


class SlotsChanged(Message):
    slots: list[int]


class Recycle(Request):
    """The child in `slot`, or all of `pool`, or all, leave after their job and are replaced."""

    method = "recycle"
    result = SlotsChanged
    slot: int | None = None
    pool: str | None = None


class Killed(Message):
    slot: int
    pid: int
    job: str | None


class Kill(Request):
    """Kill the child at once and give its job back. Refused when slot, pid and job no longer belong together."""

    method = "kill"
    result = Killed
    slot: int
    pid: int
    job: str | None = None


class Reload(Request):
    method = "reload"
    result = PoolsChanged


class Stopping(Message):
    state: str
    children: int


class Stop(Request):
    method = "stop"
    result = Stopping
    now: bool = False
