"""pygearman's client with what ours need beside: a connect that ends, jobs for later, the text of a failure, the
server's refusals, progress as it comes. All by the points that it offers for extension."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

from gearman.client import GearmanClient
from gearman.client_handler import GearmanClientCommandHandler
from gearman.connection import GearmanConnection
from gearman.constants import JOB_COMPLETE, JOB_CREATED, JOB_FAILED, JOB_PENDING, PRIORITY_HIGH, PRIORITY_LOW
from gearman.errors import GearmanError
from gearman.job import GearmanJob, GearmanJobRequest
from gearman.protocol import GEARMAN_COMMAND_OPTION_REQ

from wmcore.backends.gearman import packets
from wmcore.backends.gearman.connection import keep_alive, unsent
from wmcore.backends.gearman.packets import Broken, Reader
from wmcore.errors import JobFailed, QueueDown, Refused, WmError

CONNECT_SECONDS = 2.0
"""For a connection, and for a sign of life of one."""
SURE_SECONDS = 0.5
"""A server that was heard so long ago is asked whether it still lives before it is given a job: one that is frozen
would take it when it thaws, and by then another has it too."""
ACCEPT_SECONDS = 5.0
"""So long a server may take to say that it has a job, or one more of many: each may be a commit on its disk."""
AVOID_SECONDS = 10.0
"""A server that said nothing is asked after the others for so long."""


class Request(GearmanJobRequest):  # type: ignore[misc]
    """A job on its way."""

    def __init__(self, function: bytes, unique: bytes, raw: bytes, priority: int, due: int | None, wait: bool) -> None:
        """`due`: Unix seconds, where it is for later."""
        level = PRIORITY_HIGH if priority > 0 else PRIORITY_LOW if priority < 0 else None
        super().__init__(GearmanJob(None, None, function, unique, raw), level, background=not wait)
        self.due = due
        self.refusal: str | None = None
        self.listeners: dict[str, Callable[..., object]] = {}

    @property
    def handle(self) -> str:
        """As Perl's client writes it: with the server, since each counts for itself."""
        host, port = self.job.connection.get_address()
        return f"{host}:{port}//{self.job.handle.decode()}"


class _Connection(GearmanConnection):  # type: ignore[misc]
    heard_at = 0.0  # monotonic
    silent_at = 0.0  # monotonic: it said nothing when it should have; 0: it always did

    def _create_client_socket(self) -> None:
        try:
            sock = socket.create_connection((self.gearman_host, self.gearman_port), CONNECT_SECONDS)
            self._greet(sock)
        except (OSError, Broken) as error:
            if isinstance(error, TimeoutError):
                self.silent()
            self.throw_exception(exception=error)
        else:
            keep_alive(sock)  # whoever waits without a limit is to learn that the server's host is gone
            self.set_socket(sock)

    def _greet(self, sock: socket.socket) -> None:
        """Raises OSError or Broken, unless somebody who speaks the protocol answers."""
        sock.settimeout(CONNECT_SECONDS)
        sock.sendall(packets.ECHO)
        reader = Reader()
        while (packet := reader.next()) is None or packet[0] != packets.ECHO_RES:
            data = sock.recv(4096)
            if not data:
                raise ConnectionResetError("the server closed the connection")
            reader.feed(data)
        self.heard_at = time.monotonic()

    def lives(self) -> bool:
        """Asked between two jobs, when nothing else is on its way."""
        if time.monotonic() - self.heard_at < SURE_SECONDS:
            return True
        try:
            self._greet(self.gearman_socket)
            self.gearman_socket.settimeout(0.0)
        except TimeoutError:
            self.silent()
            return False
        except (OSError, Broken):
            return False
        return True

    @property
    def unsent(self) -> int:
        return len(self._outgoing_buffer) + unsent(self.gearman_socket) if self.connected else 0

    def silent(self) -> None:
        self.silent_at = time.monotonic()

    @property
    def to_avoid(self) -> bool:
        return self.silent_at > 0 and time.monotonic() - self.silent_at < AVOID_SECONDS

    def read_data_from_socket(self, bytes_to_read: int = 65536) -> int:
        size: int = super().read_data_from_socket(bytes_to_read)
        self.heard_at = time.monotonic()
        return size

    def _pack_command(self, cmd_type: int, cmd_args: dict[str, Any]) -> bytes:
        if cmd_type == packets.SUBMIT_JOB_EPOCH:
            return packets.pack(cmd_type, *cmd_args.values())
        packed: bytes = super()._pack_command(cmd_type, cmd_args)
        return packed


class _Handler(GearmanClientCommandHandler):  # type: ignore[misc]
    def initial_state(self) -> None:
        self.send_command(GEARMAN_COMMAND_OPTION_REQ, option_name=b"exceptions")

    def recv_option_res(self, option_name: bytes) -> bool:
        return True

    def send_job_request(self, current_request: Request) -> None:
        if current_request.due is None:
            super().send_job_request(current_request)
            return
        job = current_request.job
        due = str(current_request.due).encode()
        self.send_command(packets.SUBMIT_JOB_EPOCH, task=job.task, unique=job.unique, due=due, data=job.data)
        current_request.state = JOB_PENDING
        self.requests_awaiting_handles.append(current_request)

    def recv_error(self, error_code: bytes, error_text: bytes) -> bool:
        """The answer to the oldest request that has none yet."""
        if self.requests_awaiting_handles:
            request = self.requests_awaiting_handles.popleft()
            request.refusal = packets.error_text(error_code + b"\0" + error_text)
            request.state = JOB_FAILED
        return True

    def recv_work_exception(self, job_handle: bytes, data: bytes) -> bool:
        """It ends the job: gearmand sends no failure behind it."""
        super().recv_work_exception(job_handle, data)
        self.handle_to_request_map[job_handle].state = JOB_FAILED
        return True

    def recv_work_status(self, job_handle: bytes, numerator: bytes, denominator: bytes) -> bool:
        super().recv_work_status(job_handle, numerator, denominator)
        return self._tell(job_handle, "progress", int(numerator), int(denominator))

    def recv_work_data(self, job_handle: bytes, data: bytes) -> bool:
        return self._tell(job_handle, "data", data)

    def recv_work_warning(self, job_handle: bytes, data: bytes) -> bool:
        """Also the last thing that is said of a job before it fails: why."""
        request = self.handle_to_request_map.get(job_handle)
        if request is not None:
            request.exception = data
        return self._tell(job_handle, "warning", data)

    def _tell(self, job_handle: bytes, what: str, *words: object) -> bool:
        request = self.handle_to_request_map.get(job_handle)
        if request is not None and what in request.listeners:
            request.listeners[what](*words)
        return True


class _Silent(QueueDown):
    """A server took the connection and says nothing."""


class Link(GearmanClient):  # type: ignore[misc]
    """One thread's connections to the job servers."""

    command_handler_class = _Handler
    connection_class = _Connection

    def __init__(self, servers: Sequence[str]) -> None:
        super().__init__([_address(server) for server in servers])

    def submit(self, make: Callable[[], Sequence[Request]]) -> Sequence[Request]:
        """Until each has a handle. A connection that is lost meanwhile is made anew once, and the jobs are said again:
        by their unique ids none is there twice. A server that says nothing is left to the next. Raises QueueDown,
        Refused."""
        silent, lost = 0, False
        while True:
            with self._whole():
                self._look_at_connections()
            connected = any(connection.connected for connection in self.connection_list)
            try:
                with self._whole():
                    return self._submit(make())
            except _Silent:
                silent += 1
                if silent >= len(self.connection_list):
                    raise
            except QueueDown:
                if lost or not connected:
                    raise
                lost = True

    def _look_at_connections(self) -> None:
        """Those that broke or are silent since they were last used are closed."""
        for connection in self.connection_list:
            if connection.connected and not connection.lives():
                self.handle_error(connection)

    def _submit(self, requests: Sequence[Request]) -> Sequence[Request]:
        for request in requests:
            self._choose_server(request)
        try:
            self._await_handles(requests)
        except GearmanError:
            self.shutdown()
            raise QueueDown(f"no job server answers: {self._names}") from None
        for request in requests:
            if request.refusal is not None:
                raise Refused(f"the job server does not take the job: {request.refusal}")
            if request.state not in (JOB_CREATED, JOB_COMPLETE, JOB_FAILED):
                request.job.connection.silent()
                self.shutdown()
                raise _Silent(f"no answer within {ACCEPT_SECONDS:g} s from the job servers {self._names}")
        return requests

    def _await_handles(self, requests: Sequence[Request]) -> None:
        """As long as one more of them is accepted now and then, or more of a large one goes out."""
        before, left = (-1, -1), (len(requests), 0)
        while left[0] and left != before:
            self.wait_until_jobs_accepted(requests, poll_timeout=ACCEPT_SECONDS)
            rest = sum(connection.unsent for connection in self.connection_list)
            before, left = left, (sum(request.state == JOB_PENDING for request in requests), rest)

    def _choose_server(self, request: Request) -> None:
        """Jobs of one unique id always go to the same server while it is there: it is unique only within one."""
        order = deque(self.connection_list)
        order.rotate(-crc32(request.job.unique))
        wanted = sorted(order, key=lambda connection: connection.to_avoid)
        self.request_to_rotating_connection_queue[request] = deque(wanted)

    def wait(self, request: Request, seconds: float | None) -> bytes:
        """The result. Raises QueueDown, TimeoutError, or JobFailed."""
        try:
            with self._whole():
                self.wait_until_jobs_completed([request], poll_timeout=seconds)
        except GearmanError:
            request.timed_out = False
        if request.state == JOB_COMPLETE:
            result: bytes = request.result
            return result
        if request.state == JOB_FAILED:
            raise JobFailed((request.exception or b"the job failed").decode(errors="replace"))
        handle = request.handle
        self.shutdown()  # or its late answer would be taken for another's
        if request.timed_out:
            raise TimeoutError(f"job {handle} has not ended within {seconds:g} s")
        raise QueueDown(f"the connection was lost while job {handle} was waited for; it may run yet")

    @contextmanager
    def _whole(self) -> Iterator[None]:
        """What a listener raises, or the handler of a signal, comes in the middle of a dialogue: the next one has
        connections of its own."""
        try:
            yield
        except (GearmanError, WmError):
            raise
        except BaseException:
            self.shutdown()
            raise

    @property
    def _names(self) -> str:
        return ", ".join("{}:{}".format(*connection.get_address()) for connection in self.connection_list)


def _address(server: str) -> tuple[str, int]:
    host, _, port = server.rpartition(":")
    return host.strip("[]"), int(port)
