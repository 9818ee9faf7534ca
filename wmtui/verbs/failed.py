"""`failed list|show|retry|delete`: jobs that have finally failed."""

import sys
from argparse import ArgumentParser, Namespace

from wmcore.errors import UsageError
from wmcore.protocol.client import Client
from wmcore.protocol.messages import (
    Attempt,
    DeleteFailed,
    FailedChanged,
    FailedFilter,
    FailedPage,
    FailedRecord,
    FailedSummary,
    GetFailed,
    ListFailed,
    RetryFailed,
)
from wmtui.formatting import count, stamp
from wmtui.printing import clean, clean_block, err, plural, table
from wmtui.verbs.base import BULK_SECONDS, Verb, ask, connect, present
from wmtui.verbs.jobs import PAGE, positive


def show_list(page: FailedPage) -> list[str]:
    heads = ["ID", "FAILED AT", "TRIES", "CLASS", "JOB", "ERROR"]
    rows = [
        (
            record.id,
            stamp(record.failed_at),
            record.attempts,
            record.class_name,
            record.job,
            record.error + (f" (retried as {record.retried_as})" if record.retried_as else ""),
        )
        for record in page.records
    ]
    return table(heads, rows, "llr") if rows else ["no failed jobs"]


def show_record(record: FailedRecord) -> list[str]:
    """Everything that is known: the facts, the argument, each attempt with its traceback."""
    facts = [
        ("id", record.id),
        ("class", record.class_name),
        ("job", record.job),
        ("failed at", stamp(record.failed_at)),
        ("inserted", stamp(record.insert_time)),
        ("run after", stamp(record.run_after)),
        ("priority", record.priority),
        ("uniqkey", record.uniqkey),
        ("coalesce", record.coalesce),
        ("retried as", record.retried_as),
    ]
    lines = [f"{name:<10}  {clean(value)}" for name, value in facts if value is not None]
    lines += ["", "argument", *_indented(record.arg)]
    for number, attempt in enumerate(record.attempts, 1):
        lines += ["", *_attempt(number, attempt)]
    return lines


def show_changed(reply: FailedChanged, done: str) -> list[str]:
    if len(reply.done) > 20:
        return [f"{done} {plural(len(reply.done), 'job')}"]
    return [f"{done} {clean(failed_id)}" for failed_id in reply.done]


def _attempt(number: int, attempt: Attempt) -> list[str]:
    head = [
        f"attempt {number}",
        stamp(attempt.at),
        *([clean(attempt.host)] if attempt.host else []),
        *([] if attempt.slot is None else [f"slot {attempt.slot}"]),
        *([] if attempt.pid is None else [f"pid {attempt.pid}"]),
        f"exit status {attempt.exit_status}",
    ]
    return ["  ".join(head), *_indented(attempt.message), *_indented(attempt.traceback)]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in clean_block(text).rstrip("\n").split("\n")] if text else []


def collect(client: Client, args: Namespace) -> FailedPage:
    """Page by page up to --limit, newest first."""
    records: list[FailedSummary] = []
    cursor: str | None = None
    total: int | None = None
    while len(records) < args.limit:
        request = ListFailed(filter=_filter(args), cursor=cursor, limit=min(PAGE, args.limit - len(records)))
        page: FailedPage = client.call(request)
        records += page.records
        total = page.total if total is None else total
        cursor = page.cursor
        if cursor is None or not page.records:
            break
    return FailedPage(records=records, total=total, cursor=cursor)


def _filter(args: Namespace) -> FailedFilter:
    return FailedFilter(class_name=args.class_name, error=args.error)


def check_selection(args: Namespace) -> None:
    """Either ids, or --all with conditions; raises UsageError."""
    if bool(args.ids) == args.all:
        raise UsageError(f"it goes: wmtui failed {args.action} ID..., or --all [--class CLASS] [--error TEXT]")
    if args.ids and (args.class_name or args.error):
        raise UsageError("--class and --error go with --all, not with ids")


def confirm_delete(number: int | None, args: Namespace) -> bool:
    """More than one is asked about on a terminal; raises UsageError where nobody can be asked."""
    if args.yes or number == 1:
        return True
    question = f"delete {count(number)} failed jobs with their arguments, for good?"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{question} Nobody can be asked here: add --yes")
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _run_list(args: Namespace) -> int:
    with connect(args) as client:
        page = collect(client, args)
    present(args, page, show_list)
    if page.cursor is not None and not args.json:
        err(f"these are the newest {len(page.records)} of {count(page.total)}; --limit N shows more")
    return 0


def _run_show(args: Namespace) -> int:
    return ask(args, GetFailed(id=args.id), show_record)


def _run_retry(args: Namespace) -> int:
    return _change(args, RetryFailed, "retried")


def _run_delete(args: Namespace) -> int:
    return _change(args, DeleteFailed, "deleted")


def _change(args: Namespace, kind: type[RetryFailed] | type[DeleteFailed], done: str) -> int:
    """1 where the daemon refused any of them."""
    check_selection(args)
    with connect(args) as client:
        expected = _matching(client, args) if args.all else len(args.ids)
        if expected == 0:
            present(args, FailedChanged(done=[]), lambda _: ["no failed job matches"])
            return 0
        if kind is DeleteFailed and not confirm_delete(expected, args):
            err("nothing deleted")
            return 1
    # The question may have stood for minutes, and daemons close what is idle: the request has its own connection.
    request = kind(filter=_filter(args), expected=expected) if args.all else kind(ids=args.ids)
    with connect(args) as client:
        reply: FailedChanged = client.call(request, BULK_SECONDS)
    if reply.done or args.json:
        present(args, reply, lambda changed: show_changed(changed, done))
    for item in reply.refused:
        err(f"{item.id}: {item.reason}")
    return 1 if reply.refused else 0


def _matching(client: Client, args: Namespace) -> int | None:
    page: FailedPage = client.call(ListFailed(filter=_filter(args), limit=1))
    return page.total


def _arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="newest first")
    _conditions(listing)
    listing.add_argument("--limit", type=positive, default=100, metavar="N", help="at most so many (100)")
    listing.set_defaults(run=_run_list)
    showing = actions.add_parser("show", help="one job: argument, attempts, tracebacks")
    showing.add_argument("id", metavar="ID")
    showing.set_defaults(run=_run_show)
    for name, text, run in (("retry", "run jobs again", _run_retry), ("delete", "forget jobs", _run_delete)):
        changing = actions.add_parser(name, help=text)
        changing.add_argument("ids", nargs="*", metavar="ID")
        changing.add_argument("--all", action="store_true", help="all failed jobs, or those of the conditions")
        _conditions(changing)
        changing.set_defaults(run=run)
        if name == "delete":
            changing.add_argument("--yes", action="store_true", help="do not ask")


def _conditions(parser: ArgumentParser) -> None:
    parser.add_argument("--class", dest="class_name", metavar="CLASS", help="only jobs of this class")
    parser.add_argument("--error", metavar="TEXT", help="only jobs with this in their error")


VERBS = (Verb("failed", "jobs that have finally failed: list, show, retry, delete", _run_list, _arguments),)
