"""A real OpenSSH server on a loopback port, with keys and a configuration of its own, and the system's ssh that knows
it by a configuration of its own too: nothing of the machine's or the developer's is read or written."""

import getpass
import os
import signal
import subprocess
from pathlib import Path

from tests.servers import Server, hold_port, need
from tests.waiting import until

ROOT = Path(__file__).parents[1]

SERVER = """
ListenAddress 127.0.0.1:{port}
ListenAddress 127.0.0.1:{bare_port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/user_key.pub
PidFile {folder}/pid
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
LogLevel VERBOSE
SetEnv PATH={path} PYTHONPATH={root}
Match LocalPort {bare_port}
    SetEnv PATH=/usr/bin:/bin
"""
CLIENT = """
IdentityFile {folder}/user_key
IdentitiesOnly yes
IdentityAgent none
UserKnownHostsFile {folder}/known_hosts
GlobalKnownHostsFile /dev/null
"""


class Sshd(Server):
    """`port`: logs in, and finds wmtui; `bare_port`: does not find it. Known by its address; its name `localhost` is
    not known at `port`, and has another key at `bare_port`."""

    def __init__(self, path: str) -> None:
        """`path`: the PATH there."""
        super().__init__()
        self._server = need("sshd", "openssh-server")
        self._bare_holder = hold_port()
        self.bare_port: int = self._bare_holder.getsockname()[1]
        self.user = getpass.getuser()
        for name in ("host_key", "user_key", "other_key"):
            keygen = [need("ssh-keygen", "openssh-client"), "-q", "-t", "ed25519", "-N", "", "-f", self.folder / name]
            subprocess.run(keygen, check=True)
        values = {"port": self.port, "bare_port": self.bare_port, "folder": self.folder, "path": path, "root": ROOT}
        (self.folder / "sshd_config").write_text(SERVER.format(**values))
        (self.folder / "ssh_config").write_text(CLIENT.format(**values))
        self._know()
        self._wrap()

    def _know(self) -> None:
        key, other = ((self.folder / f"{name}.pub").read_text() for name in ("host_key", "other_key"))
        (self.folder / "known_hosts").write_text(
            f"[127.0.0.1]:{self.port} {key}[127.0.0.1]:{self.bare_port} {key}[localhost]:{self.bare_port} {other}"
        )

    def _wrap(self) -> None:
        """`bin/ssh`: the system's, with that configuration, which it would else look for in the user's home."""
        (self.folder / "bin").mkdir()
        ssh = self.folder / "bin" / "ssh"
        real = need("ssh", "openssh-client")
        noting = f'printf "%s\\n" "$@" >>{self.folder}/words'
        ssh.write_text(f'#!/bin/sh\n{noting}\nexec {real} -F {self.folder}/ssh_config "$@"\n')
        ssh.chmod(0o755)

    def command(self) -> list[str]:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # its own demand, of root
        return [self._server, "-D", "-f", str(self.folder / "sshd_config"), "-E", str(self.folder / "sshd.log")]

    def answers(self) -> bool:
        return "Server listening" in self.log()

    def log(self) -> str:
        path = self.folder / "sshd.log"
        return path.read_text() if path.exists() else ""

    def target(self, socket: Path | str = "") -> str:
        return f"ssh://{self.user}@127.0.0.1:{self.port}{socket}"

    def words(self) -> list[str]:
        """All that ssh was given so far."""
        path = self.folder / "words"
        return path.read_text().splitlines() if path.exists() else []

    def sessions(self) -> list[int]:
        """The processes that serve a connection each."""
        assert self._process is not None
        found = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        return [int(pid) for pid in found.split()]

    def break_off(self) -> None:
        """Every connection, as a router does that forgets them; the server goes on."""
        for pid in self.sessions():
            os.kill(pid, signal.SIGKILL)

    def stop(self) -> None:
        if self._process is not None:
            self.break_off()
        super().stop()

    def close(self) -> None:
        super().close()
        self._bare_holder.close()


def no_session_is_left(sshd: Sshd) -> None:
    until(lambda: not sshd.sessions(), what="every ssh to have ended with its wmtui")
