"""Two databases, one of which is stopped and started again while the daemon works."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.integration.daemon import Daemon
from tests.waiting import until

JOBS = 2000


@pytest.mark.parametrize("stopped", ["postgresql", "mariadb"])
def test_one_goes_away_in_the_middle_and_comes_back(
    make_daemon: Callable[..., Daemon], stopped: str, request: pytest.FixtureRequest
) -> None:
    servers: dict[str, Any] = {kind: request.getfixturevalue(kind) for kind in ("postgresql", "mariadb")}
    databases = [{"dsn": server.new_database()} for server in servers.values()]
    names = list(servers)
    options = {"databases": databases, "retry_seconds": 1}
    daemon = make_daemon(databases[0]["dsn"], worker_options=options).init_db()
    with daemon.client() as client:
        handles = client.insert_many("jobs.Quick", [{"n": n, "ms": 2} for n in range(JOBS // 2)])
        first = str(handles[0])[:8]
        inserted = JOBS // 2
        while inserted < JOBS:  # the rest into both, by chance
            handle = client.insert("jobs.Quick", {"n": inserted, "ms": 2})
            inserted += 1
            if not str(handle).startswith(first) and inserted < JOBS - 100:
                client.insert_many("jobs.Quick", [{"n": n, "ms": 2} for n in range(inserted, inserted + 100)])
                inserted += 100
    daemon.start("-c", "4")
    until(lambda: all(server.ok for server in daemon.status().backend.servers))
    until(lambda: len(daemon.marks()) > 300)
    down, up = names.index(stopped), 1 - names.index(stopped)
    servers[stopped].stop()
    try:
        shown = until(lambda: (found := daemon.status().backend.servers) and not found[down].ok and found)
        assert shown[up].ok
        assert shown[down].since is not None
        assert shown[down].error
        said = daemon.wmtui("status").stdout
        line = next(line for line in said.splitlines() if line.startswith("queue") and "DOWN" in line)
        assert stopped.replace("mariadb", "mysql") in line
        assert "DOWN for " in line
        assert "geheim" not in said
        # The other one's jobs go on: it is worked off meanwhile.
        left = len(daemon.marks())
        until(lambda: len(daemon.marks()) > left + 50 or daemon.counts("jobs.Quick").queue.ready == 0)
        with daemon.client() as client:
            assert client.insert("jobs.Quick", {"n": "meanwhile"}) is not None
        until(lambda: "meanwhile" in daemon.marks(), 60)
    finally:
        servers[stopped].start()
    until(lambda: daemon.status().backend.servers[down].ok)
    until(lambda: len(set(daemon.marks())) == JOBS + 1, 90)
    until(daemon.idle)
    assert Counter(daemon.marks()) == {**{str(n): 1 for n in range(JOBS)}, "meanwhile": 1}
    assert daemon.counts("jobs.Quick").completed == JOBS + 1
    daemon.stop()
