"""`failed list|groups|show|retry|delete`: jobs that have finally failed."""

import sys
import time
from argparse import ArgumentParser, Namespace
from datetime import datetime

from wmcore.errors import UsageError
from wmcore.model import BulkState
from wmcore.protocol.blocking import Client
from wmcore.protocol.messages import (
    Attempt,
    DeleteFailed,
    FailedChanged,
    FailedFilter,
    FailedGroups,
    FailedPage,
    FailedRecord,
    GetFailed,
    GroupFailed,
    ListFailed,
    RetryFailed,
    StartBulk,
)
from wmtui.failedlist import OPEN, frozen
from wmtui.filtering import NUMBER, UNITS
from wmtui.formatting import age, count, stamp
from wmtui.printing import clean, clean_block, err, plural, table
from wmtui.retries import fate, in_front
from wmtui.verbs import bulk
from wmtui.verbs.base import BULK_SECONDS, Verb, ask, connect, present
from wmtui.verbs.jobs import PAGE, positive

WHICH = {"open": False, "retried": True, "both": None}


def show_list(page: FailedPage, none: str = "no failed jobs") -> list[str]:
    heads = ["ID", "FAILED AT", "TRIES", "CLASS", "JOB", "ERROR"]
    rows = [
        (
            record.id,
            stamp(record.failed_at),
            record.attempts,
            record.class_name,
            record.job,
            in_front(record) + record.error,
        )
        for record in page.records
    ]
    return table(heads, rows, "llr") if rows else [none]


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
        ("retried", fate(record) if record.retried_as else None),
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


def show_groups(reply: FailedGroups, now: float, none: str = "no failed jobs") -> list[str]:
    heads = ["COUNT", "LAST", "FIRST", "FINGERPRINT", "NEWEST", "CLASS", "ERROR"]
    rows = [
        (
            amount(group.count, group.at_least),
            age(now - group.last),
            age(now - group.first),
            group.fingerprint or "-",
            group.newest,
            group.class_name or "(several)",
            group.error if group.fingerprint else "(failed before there were fingerprints)",
        )
        for group in reply.groups
    ]
    return table(heads, rows, "rrr") if rows else [none]


def amount(number: int | None, at_least: bool) -> str:
    """ "1,204", or "10,001+" where the daemon counted no further."""
    return "-" if number is None else f"{number:,}{'+' if at_least else ''}"


def collect(client: Client, args: Namespace) -> FailedPage:
    """Page by page up to --limit, from the newest or the oldest on: in that order."""
    found = FailedPage(records=[], cursor=args.page)
    order = "oldest" if args.oldest else "newest"
    while len(found.records) < args.limit:
        request = ListFailed(
            filter=filter_of(args), cursor=found.cursor, limit=min(PAGE, args.limit - len(found.records)), order=order,
            count=not found.records,
        )  # fmt: skip
        page: FailedPage = client.call(request)
        found.records += page.records[::-1] if args.oldest else page.records
        found.cursor = page.before if args.oldest else page.cursor
        found.total, found.at_least = (page.total, page.at_least) if request.count else (found.total, found.at_least)
        found.partial, found.scanned = page.partial, page.scanned
        if found.cursor is None or page.partial:
            break
    return found


def filter_of(args: Namespace) -> FailedFilter:
    """Of those that are open, if nothing else is said; of one job all there is."""
    which = args.which or ("both" if args.job else "open")
    return FailedFilter(
        class_name=args.class_name, error=args.error, since=args.since, until=args.until, fingerprint=args.fingerprint,
        retried=WHICH[which], job=args.job,
    )  # fmt: skip


def none_of(args: Namespace) -> str:
    """A class whose name was typed wrongly has no failed jobs, but that must not read as if there were none."""
    return "no failed jobs" if filter_of(args) in (OPEN, FailedFilter()) else "no failed job matches these conditions"


def when(text: str) -> float:
    """A moment as Unix seconds: "90s", "5m", "1.5h" or "7d" ago, Unix seconds themselves, or a date and time here. For
    argparse: raises ValueError."""
    if (ago := NUMBER.fullmatch(text)) and ago[2] in ("s", "m", "h", "d"):
        return time.time() - float(ago[1]) * UNITS[ago[2]]
    return float(text) if ago else datetime.fromisoformat(text).timestamp()


when.__name__ = "time (5m, 7d, 2026-11-26T03:40, Unix seconds)"  # which argparse says of one that is none


def check_selection(args: Namespace) -> None:
    """Either ids, or --all with conditions; raises UsageError."""
    if bool(args.ids) == args.all:
        raise UsageError(f"it goes: wmtui failed {args.action} ID..., or --all [--class CLASS] [--error TEXT] ...")
    if args.ids and filter_of(args) != OPEN:
        raise UsageError("--class, --error and the like go with --all, not with ids")


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
    present(args, page, lambda found: show_list(found, none_of(args)))
    if page.cursor is not None and not args.json:
        err(behind(page, "oldest" if args.oldest else "newest"))
    return 0


def behind(page: FailedPage, end: str) -> str:
    """What was not shown, and how to see it."""
    seen = f"these are the {end} {len(page.records)} of {amount(page.total, page.at_least)}"
    if page.partial:
        seen = f"the search has looked at {page.scanned or 0:,} records only"
    return f"{seen}; go on with --page '{page.cursor}'" + ("" if page.partial else ", or --limit N")


def _run_groups(args: Namespace) -> int:
    with connect(args) as client:
        reply: FailedGroups = client.call(GroupFailed(filter=filter_of(args), limit=args.limit))
    present(args, reply, lambda groups: show_groups(groups, time.time(), none_of(args)))
    if reply.partial and not args.json:
        looked = f"the newest {reply.scanned:,} records were looked at" if reply.scanned else "there are more groups"
        err(f"this is not everything: {looked}")
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
    if args.all:
        return _change_all(args)
    if kind is DeleteFailed and not confirm_delete(len(args.ids), args):
        err("nothing deleted")
        return 1
    # The question may have stood for minutes, and daemons close what is idle: the request has its own connection.
    with connect(args) as client:
        reply: FailedChanged = client.call(kind(ids=args.ids), BULK_SECONDS)
    if reply.done or args.json:
        present(args, reply, lambda changed: show_changed(changed, done))
    for item in reply.refused:
        err(item.reason if item.reason.startswith(item.id) else f"{item.id}: {item.reason}")
    return 1 if reply.refused else 0


def _change_all(args: Namespace) -> int:
    """Through a run of the daemon's own, which is watched, and stopped by Ctrl-C."""
    with connect(args) as client:
        page: FailedPage = client.call(ListFailed(filter=filter_of(args), limit=1))
    if not page.total and not page.at_least:
        present(args, FailedChanged(done=[]), lambda _: ["no failed job matches"])
        return 0
    if args.action == "delete" and not confirm_delete(page.total, args):
        err("nothing deleted")
        return 1
    these = frozen(filter_of(args), page.records[0].failed_at) if page.records else filter_of(args)
    request = StartBulk(action=args.action, filter=these, expected=page.total or 0, at_least=page.at_least)
    with connect(args) as client:
        run = bulk.follow(client, client.call(request, BULK_SECONDS))
    present(args, run, bulk.show_end)
    for sentence in bulk.complaints(run):
        err(sentence)
    return 0 if run.state == BulkState.DONE and not run.refused else 1


def _arguments(parser: ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="newest first")
    _conditions(listing)
    listing.add_argument("--limit", type=positive, default=100, metavar="N", help="at most so many (100)")
    listing.add_argument("--oldest", action="store_true", help="from the oldest on")
    listing.add_argument("--page", metavar="CURSOR", help="go on where another list ended, as it said")
    listing.set_defaults(run=_run_list)
    grouping = actions.add_parser("groups", help="by class and error, without what differs in each")
    _conditions(grouping)
    grouping.add_argument("--limit", type=positive, default=100, metavar="N", help="at most so many (100)")
    grouping.set_defaults(run=_run_groups)
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
    parser.add_argument("--fingerprint", metavar="F", help="only jobs of this group, as failed groups shows it")
    parser.add_argument("--job", metavar="ID", help="only of this job, as the log names it")
    parser.add_argument("--since", type=when, metavar="TIME", help="only what failed since then: 5m, 7d (ago), "
                        "2026-11-26T03:40, Unix seconds")  # fmt: skip
    parser.add_argument("--until", type=when, metavar="TIME", help="only what failed until then")
    which = parser.add_mutually_exclusive_group()
    for option, word, text in (
        ("--no-retried", "open", "only what nobody has retried (default)"),
        ("--retried", "retried", "only what was retried, with what became of it"),
        ("--both", "both", "all of them"),
    ):
        which.add_argument(option, dest="which", action="store_const", const=word, help=text)


VERBS = (Verb("failed", "jobs that have finally failed: list, groups, show, retry, delete", _run_list, _arguments),)
