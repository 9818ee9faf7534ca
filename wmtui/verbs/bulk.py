"""A run of the daemon through thousands of failed jobs, as a command shows it: a line that counts, Ctrl-C stops it."""

import sys
import time
from collections.abc import Iterator

from wmcore.model import BulkState
from wmcore.protocol.blocking import Client
from wmcore.protocol.messages import Bulk, ListBulk, StopBulk
from wmtui.printing import clean, plural

LOOK_SECONDS = 0.2
WORDS = {"retry": "retried", "delete": "deleted"}


def follow(client: Client, run: Bulk) -> Bulk:
    """Until it has ended; the first Ctrl-C stops it, a second one leaves it to itself."""
    stopped = False
    while not BulkState(run.state).ended:
        _draw(show_progress(run, stopped))
        try:
            time.sleep(LOOK_SECONDS)
            runs: list[Bulk] = client.call(ListBulk())
            run = next((each for each in runs if each.id == run.id), run)
        except KeyboardInterrupt:
            if stopped:
                raise
            stopped = True
            run = client.call(StopBulk(id=run.id))
    _draw("")
    return run


def show_progress(run: Bulk, stopped: bool = False) -> str:
    of = f"{run.total:,}{'+' if run.at_least else ''}"
    refused = f", {run.refused:,} refused" if run.refused else ""
    return f"{WORDS[run.action]} {run.done:,} of {of}{refused}  " + ("(stops)" if stopped else "(Ctrl-C stops it)")


def _draw(line: str) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)


def show_end(run: Bulk) -> list[str]:
    return [f"{WORDS[run.action]} {plural(run.done, 'job')}" + (f" of {run.total:,}" if run.done < run.total else "")]


def complaints(run: Bulk) -> Iterator[str]:
    """Why not everything was done."""
    for item in run.reasons:
        yield f"{clean(item.id)}: {clean(item.reason)}"
    if run.refused > len(run.reasons):
        yield f"{run.refused - len(run.reasons):,} more were refused"
    if run.state == BulkState.STOPPED:
        yield "stopped before the end"
    if run.error:
        yield clean(run.error)
