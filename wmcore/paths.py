"""Where daemons announce themselves: NAME.sock, a link to the socket, in a folder that everybody knows.

A link says only that a daemon was started there; whether it still lives, connecting decides.
"""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

SYSTEM_DIR = Path("/run/wmcore")


def runtime_dirs() -> list[Path]:
    """The folders that may hold links, the preferred first; they need not exist."""
    named = os.environ.get("RUNTIME_DIRECTORY", "")  # systemd puts a colon between several
    dirs = [*(Path(part) for part in named.split(":") if part), SYSTEM_DIR]
    if home := os.environ.get("XDG_RUNTIME_DIR"):
        dirs.append(Path(home) / "wmcore")
    return list(dict.fromkeys(dirs))


def announce(instance: str, socket: Path) -> Path | None:
    """Link `instance`.sock to `socket` in the first folder that can be written, and return the link; None where there
    is no such folder: the daemon then works, but has to be named by its socket or conf.yml."""
    socket = socket.absolute()
    for folder in runtime_dirs():
        link = folder / f"{instance}.sock"
        if link == socket:  # the socket itself stands where it would be looked for
            return link
        with contextlib.suppress(OSError):
            _provide(folder)
            _put_link(link, socket)
            return link
    return None


def withdraw(link: Path | None, socket: Path) -> None:
    """Remove the link, unless it points to another daemon's socket by now. Never raises."""
    with contextlib.suppress(OSError):
        if link is not None and link.readlink() == socket.absolute():
            link.unlink()


def announced() -> list[Path]:
    """The sockets that links point to, each once. Dangling links are left out; sockets that nobody listens to, or that
    stand in a folder closed to us, are not: who connects gets a better sentence."""
    found: dict[str, Path] = {}
    for folder in search_dirs():
        for link in _links(folder):
            with contextlib.suppress(OSError):
                target = link.parent / link.readlink() if link.is_symlink() else link
                if not _missing(target):
                    found.setdefault(os.path.realpath(target), target)
    return list(found.values())


def search_dirs() -> list[Path]:
    """All folders to look in. RUNTIME_DIRECTORY is set for the daemon, not for whoever looks for it, so the subfolders
    of /run/wmcore, one for each unit, are searched too."""
    dirs = runtime_dirs()
    with contextlib.suppress(OSError):
        dirs += sorted(entry for entry in SYSTEM_DIR.iterdir() if entry.is_dir())
    return list(dict.fromkeys(dirs))


def _provide(folder: Path) -> None:
    """Create the last part only: what stands above it is the system's."""
    if folder.is_dir():
        return
    folder.mkdir(mode=0o700)
    if os.geteuid() == 0:
        folder.chmod(0o755)  # whatever the umask: others may look for daemons, the sockets guard themselves


def _put_link(link: Path, socket: Path) -> None:
    """In one step, so that nobody sees the folder without it."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(socket)
    try:
        temporary.replace(link)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise


def _links(folder: Path) -> Iterable[Path]:
    try:
        return sorted(entry for entry in folder.iterdir() if entry.suffix == ".sock" and not entry.name.startswith("."))
    except OSError:
        return []


def _missing(path: Path) -> bool:
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False
