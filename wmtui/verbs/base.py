"""What a verb is, and the one way in which it asks."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from typing import Any, NamedTuple

from wmcore.protocol.blocking import Client
from wmcore.protocol.messages import Request
from wmtui import printing, target

BULK_SECONDS = 600.0
"""How long an answer may take where many jobs are moved."""


def no_arguments(parser: ArgumentParser) -> None:
    """For verbs that take none of their own."""


class Verb(NamedTuple):
    name: str
    help: str
    run: Callable[[Namespace], int]  # the exit code; raises WmError
    arguments: Callable[[ArgumentParser], None] = no_arguments
    epilog: str | None = None  # below its --help


def connect(args: Namespace) -> Client:
    """To the daemon that `-t` means; raises UsageError, NoDaemon."""
    return target.connect(target.resolve(args.target))


def ask(args: Namespace, request: Request, show: Callable[[Any], list[str]]) -> int:
    """One request: its reply printed by `show`, or as it came with --json."""
    with connect(args) as client:
        reply = client.call(request)
    present(args, reply, show)
    return 0


def present(args: Namespace, reply: Any, show: Callable[[Any], list[str]]) -> None:
    printing.out(printing.as_json(reply) if args.json else show(reply))
