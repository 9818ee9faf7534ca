"""TARGET: which daemon is meant. A socket, a conf.yml, ssh://HOST; without one, the daemon that runs here."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from wmcore import paths
from wmcore.errors import NoDaemon, UsageError, WmError
from wmcore.protocol.blocking import Client, Unreachable
from wmcore.protocol.messages import Hello, HelloReply
from wmtui import ssh
from wmtui.ssh import SshTarget

DEFAULT_PIDFILE = "/var/run/workermanager.pid"
PROBE_SECONDS = 2.0

Where = Path | SshTarget
"""What a TARGET stands for: a socket on this host, or a daemon on another one."""


class Found(NamedTuple):
    """An announced daemon: what it says of itself, or why it could not be asked."""

    socket: Path
    hello: HelloReply | None
    problem: NoDaemon | None = None

    @property
    def there(self) -> bool:
        """Nobody listens at a dead one; one that does not answer us may well be alive."""
        return self.problem is None or isinstance(self.problem, Unreachable)

    def __str__(self) -> str:
        if self.hello is None:
            return f"  {self.socket}  (does not answer)"
        return f"  {self.socket}  {self.hello.conf}"


def resolve(target: str | None) -> Where:
    """What `target` means. Raises UsageError for a target that is none, and where none is given and several daemons
    run; NoDaemon where none runs."""
    if target is None:
        return the_only_one(found())
    if target.startswith("ssh://"):
        return ssh.parse(target)
    path = Path(target)
    if path.suffix in (".yml", ".yaml") or path.is_file():
        return socket_of_conf(path)
    if path.is_dir():
        raise UsageError(f"target {target} is a folder; name a socket, a conf.yml or ssh://HOST")
    return path


def resolve_all(targets: Sequence[str]) -> list[Where]:
    """The daemons that are meant, each once; without a target, those of all daemons that run here."""
    if targets:
        return list(dict.fromkeys(resolve(target) for target in targets))
    daemons = found()
    there: list[Where] = [daemon.socket for daemon in daemons if daemon.there]
    return there if len(there) > 1 else [the_only_one(daemons)]


def target_word(name: str) -> str:
    """What names it in any folder's shell."""
    return name if name.startswith("ssh://") else str(Path(name).absolute())


def connect(where: Where, timeout: float = 5.0, *, asking: bool = True) -> Client:
    """`asking`: ssh may ask for a password on the terminal. Raises NoDaemon."""
    if isinstance(where, SshTarget):
        from wmtui import tunnel  # not before: running a process takes more modules than all of `status`

        return tunnel.connect(where, timeout, asking)
    return Client.connect(where, timeout)


def found() -> list[Found]:
    """All announced daemons, asked who they are."""
    return [_ask(socket) for socket in paths.announced()]


def the_only_one(daemons: list[Found]) -> Path:
    """Raises UsageError listing them where there are several, NoDaemon where there is none."""
    there = [daemon for daemon in daemons if daemon.there]
    if len(there) == 1:
        return there[0].socket
    if there:
        listing = "\n".join(map(str, there))
        raise UsageError(f"{len(there)} daemons run here, say which with -t SOCKET or -t CONF:\n{listing}")
    if len(daemons) == 1 and daemons[0].problem is not None:
        raise daemons[0].problem
    looked = ", ".join(map(str, paths.search_dirs()))
    dead = f": {len(daemons)} sockets, nobody listens to them" if daemons else ""
    raise NoDaemon(f"no daemon found here (looked for links in {looked}{dead}); name one with -t SOCKET or -t CONF")


def socket_of_conf(path: Path) -> Path:
    """The socket of the daemon with this conf.yml. Its relative paths count from where the daemon was started: that is
    supposed to be here, and where it is not, the daemons that run are asked for their conf.yml. Raises NoDaemon."""
    named = _socket_in(path)
    if named.is_absolute() or named.exists():
        return named
    for daemon in found():
        if daemon.hello is not None and daemon.hello.conf and Path(daemon.hello.conf) == path.absolute():
            return daemon.socket
    raise NoDaemon(
        f"no daemon for {path}: its socket {named} is not here (relative paths count from the folder where the daemon "
        "was started), and no daemon that runs says it has this conf.yml"
    )


def _ask(socket: Path) -> Found:
    try:
        with Client.connect(socket, PROBE_SECONDS) as client:
            return Found(socket, client.call(Hello()))
    except NoDaemon as problem:
        return Found(socket, None, problem)
    except WmError as error:
        return Found(socket, None, Unreachable(str(error)))


def _socket_in(path: Path) -> Path:
    """`socket:` of a conf.yml, else its pidfile with .sock. Only these keys are read: the daemon checks the rest."""
    import yaml

    try:
        conf = yaml.safe_load(path.read_bytes())
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not YAML: {error}") from None
    if not isinstance(conf, dict):
        raise UsageError(f"{path} is not a wmcore configuration: it must be a mapping with `workers:` and more")
    for key in ("socket", "pidfile"):
        if not isinstance(conf.get(key), str | None):
            raise UsageError(f"{path}: {key} must be a path")
    if conf.get("socket"):
        return Path(conf["socket"]).expanduser()
    pidfile = Path(conf.get("pidfile") or DEFAULT_PIDFILE).expanduser()
    if not pidfile.name:
        raise UsageError(f"{path}: pidfile must be a path")
    return pidfile.with_suffix(".sock")
