"""What `wmcore` does beside running: --check-config, --init-db, insert."""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from difflib import get_close_matches
from typing import Any

import msgspec

from wmcore import backends
from wmcore.backends.arguments import SERIALIZERS
from wmcore.config import places
from wmcore.config.records import Config
from wmcore.errors import Refused, UsageError

LOAD_SECONDS = 120
"""How long importing the worker classes may take in a check."""
PER_TRANSACTION = 1000


def check_config(config: Config) -> int:
    """Say all that is wrong. The exit code: 0, 2 (configuration or classes), or QueueDown's 1, which is raised."""
    for sentence in config.ignored:
        print(sentence)
    problems = places.problems(config, pidfile=True, logs=True)
    for sentence in problems:
        print(f"wmcore: {sentence}", file=sys.stderr)
    loads = _classes_load(config)
    if problems or not loads:
        return 2
    for notice in backends.of(config.type).check(config):
        print(notice)
    print(
        f"{config.path}: in order; {_several(len(config.classes), 'worker class', 'worker classes')}, "
        f"{_queue(config)}, "
        + ", ".join(f"pool {pool.name} with {pool.concurrency} children" for pool in config.pools)
    )
    return 0


def _queue(config: Config) -> str:
    if config.type == "Gearman":
        return _several(len(config.job_servers), "job server", "job servers")
    return _several(len(config.databases), "database", "databases")


def _classes_load(config: Config) -> bool:
    """In a process of its own, as the daemon does: user code can do this one no harm. It says itself what is wrong."""
    sys.stdout.flush()
    command = [sys.executable, "-P", "-m", "wmcore.loader", "--check", str(config.path)]
    try:
        return subprocess.run(command, check=False, stdin=subprocess.DEVNULL, timeout=LOAD_SECONDS).returncode == 0
    except subprocess.TimeoutExpired:
        print(f"wmcore: a worker module waits: no end of the import within {LOAD_SECONDS} s", file=sys.stderr)
    except OSError as error:
        print(f"wmcore: no loader can be started with {sys.executable}: {error.strerror}", file=sys.stderr)
    return False


def _several(count: int, one: str, many: str) -> str:
    return f"{count} {one if count == 1 else many}"


def init_db(config: Config, dry_run: bool, notify_trigger: bool) -> int:
    """Create what is missing in each database, or print the SQL that would."""
    statements = backends.of(config.type).init_db(config, dry_run, notify_trigger)
    if config.type == "Gearman":
        print("Gearman needs no tables")
        return 0
    if dry_run:
        for statement in statements:
            print(f"{statement.strip().rstrip(';')};")
    else:
        names = ", ".join(database.name for database in config.databases)
        print(f"{names}: " + (f"{len(statements)} statements carried out" if statements else "nothing was missing"))
    return 0


# -- insert -----------------------------------------------------------------------------------------------------------


def insert_parser(whole: Callable[[str], int]) -> argparse.ArgumentParser:
    """`whole`: reads a whole number or says what is wrong with it."""
    parser = argparse.ArgumentParser(prog="wmcore insert", description="Insert a job.", allow_abbrev=False)
    add = parser.add_argument
    add("-f", "--conf", metavar="conf_file", default=os.environ.get("WMCORE_CONF") or None, help="else $WMCORE_CONF")
    add("funcname", metavar="CLASS", help="its name in the queue: name in workers, else the dotted path")
    add("json", metavar="JSON", nargs="?", default="null", help="the argument (default null); - reads standard input")
    add("--run-after", metavar="S", type=float, help="run it S seconds from now")
    add("--priority", metavar="N", type=whole, help="higher is sooner (TheSchwartz: with prioritize)")
    add("--uniqkey", metavar="K", help="insert only if no job of this class in the queue has this key")
    add("--coalesce", metavar="V", help="the coalescing value (TheSchwartz)")
    add("--serializer", choices=SERIALIZERS, help="how the argument is written (default: as the configuration says)")
    add("--count", metavar="N", type=whole, default=1, help="insert it N times (default 1)")
    return parser


def insert(config: Config, args: argparse.Namespace) -> int:
    """Print the handle of each job. Raises Refused where the uniqkey is taken."""
    if args.count < 1:
        raise UsageError(f"--count {args.count}: must be at least 1")
    if args.uniqkey is not None and args.count > 1:
        raise UsageError("--uniqkey allows one job only; leave --count out")
    options = {
        "run_after": None if args.run_after is None else time.time() + args.run_after,
        "priority": args.priority,
        "uniqkey": args.uniqkey,
        "coalesce": args.coalesce,
    }
    argument, funcname = _argument(args.json), _queue_name(config, args.funcname)
    with _client(config, args.serializer or config.serializer) as client:
        for start in range(0, args.count, PER_TRANSACTION):
            handles = client.insert_many(funcname, [argument] * min(PER_TRANSACTION, args.count - start), **options)
            if None in handles:
                raise Refused(f"nothing inserted: a job of {funcname} with the uniqkey {args.uniqkey!r} is there")
            print("\n".join(map(str, handles)))
    return 0


def _client(config: Config, serializer: str) -> Any:
    from wmcore.client import GearmanAsyncClient, TheSchwartzClient

    if config.type == "Gearman":
        return GearmanAsyncClient(config.job_servers, prefix=config.prefix, serializer=serializer)
    return TheSchwartzClient(config.databases, serializer=serializer)


def _argument(text: str) -> Any:
    try:
        return msgspec.json.decode(sys.stdin.buffer.read() if text == "-" else text)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UsageError(
            f"the argument is not JSON ({error}); quote it for the shell, like '{{\"foo\": 1}}'"
        ) from None


def _queue_name(config: Config, wanted: str) -> str:
    """The name under which workers look for it. One that nobody here runs is inserted with a warning: another host may
    have a worker of that name."""
    for entry in config.classes:
        if wanted in (entry.name, entry.path):
            return entry.name or entry.path
    known = [entry.name or entry.path for entry in config.classes]
    near = get_close_matches(wanted, known, 1)
    hint = f"did you mean {near[0]}?" if near else f"its workers are {', '.join(known)}"
    print(f"wmcore: note: {config.path} names no worker {wanted}; {hint}", file=sys.stderr)
    return wanted
