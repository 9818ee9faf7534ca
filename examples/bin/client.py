#!/usr/bin/env python3
"""Feed the sandbox: inserts jobs for A and B until it is interrupted, or --count of them.

    examples/bin/client.py examples/sandbox-sqlite.yml --rate 5
    examples/bin/client.py examples/sandbox-gearman.yml
"""

import argparse
import itertools
import sys
import time

from wmcore import GearmanAsyncClient, TheSchwartzClient
from wmcore.config.load import load
from wmcore.errors import QueueDown, WmError

CLASSES = ("sandbox.worker.A", "sandbox.worker.B")


def main() -> int:
    parser = argparse.ArgumentParser(description="Insert jobs for the sandbox workers A and B, in turn.")
    parser.add_argument("conf", help="the daemon's configuration: the jobs go into its queue")
    parser.add_argument("--count", type=int, help="insert so many jobs, then leave (default: go on)")
    parser.add_argument("--rate", type=float, default=10.0, help="jobs per second (default 10; 0: as fast as it goes)")
    args = parser.parse_args()
    kind = GearmanAsyncClient if load(args.conf).type == "Gearman" else TheSchwartzClient
    with kind.from_config(args.conf) as client:
        start = time.monotonic()
        for number in itertools.count() if args.count is None else range(args.count):
            insert(client, CLASSES[number % 2], number)
            if args.rate > 0:
                time.sleep(max(0.0, start + (number + 1) / args.rate - time.monotonic()))
    return 0


def insert(client: GearmanAsyncClient | TheSchwartzClient, funcname: str, number: int) -> None:
    """A queue that is down is waited for."""
    while True:
        try:
            client.insert(funcname, {"foo": number})
            return
        except QueueDown as error:
            print(f"client: {error}; trying again", file=sys.stderr)
            time.sleep(1)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except WmError as error:
        sys.exit(f"client: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
