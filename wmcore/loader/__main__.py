"""`python -P -m wmcore.loader FD` (started by the manager), or `--check CONF` (started by `wmcore --check-config`)."""

import os
import socket
import sys


def main() -> None:
    if sys.argv[1:2] == ["--check"]:
        from wmcore.loader.check import check

        sys.exit(check(sys.argv[2]))
    from wmcore.link import Link
    from wmcore.loader.main import Loader

    code = Loader(Link(socket.socket(fileno=int(sys.argv[1])))).run()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # threads that a worker's module started must not keep us


main()
