"""What is said of a bulk run: how far it is, and how it ended. Pure."""

from wmcore.protocol.messages import Bulk, Status
from wmtui.cells import Cell
from wmtui.printing import clean

BAR = 16


def running(status: Status | None) -> Bulk | None:
    return next((run for run in (status.bulk if status else []) if run.ended_at is None), None)


def progress(run: Bulk) -> Cell:
    part = (run.done + run.refused) / run.total if run.total else 1.0
    bar = ("#" * round(part * BAR)).ljust(BAR, ".")[:BAR]
    more = "+" if run.at_least else ""
    said = f"{clean(run.action)} {clean(run.state)} [{bar}] {run.done:,} of {run.total:,}{more}{_refused(run)}"
    return Cell(f"{said}  b stops it", "bold")


def end(run: Bulk) -> str:
    why = f" ({run.reasons[0].reason})" if run.reasons else ""
    error = f": {run.error}" if run.error else ""
    look = "; /retried:yes tells what becomes of them" if run.action == "retry" and run.done else ""
    return f"{run.action} {run.state}: {run.done:,} of {run.total:,}{_refused(run)}{why}{error}{look}"


def _refused(run: Bulk) -> str:
    return f", {run.refused:,} refused" if run.refused else ""
