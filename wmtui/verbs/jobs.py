"""`jobs`: what stands in the queue."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

import msgspec

from wmcore.protocol.blocking import Client
from wmcore.protocol.messages import JobPage, ListJobs, QueuedJob
from wmtui.formatting import stamp
from wmtui.printing import clean, err, shorten, table
from wmtui.verbs.base import Verb, connect, present

PAGE = 200  # rows asked for at once
ARGUMENT_WIDTH = 60  # characters; --json has it whole


def show_jobs(jobs: list[QueuedJob]) -> list[str]:
    heads = ["ID", "STATE", "INSERTED", "DUE", "PRIO", "CLASS", "UNIQKEY", "ARGUMENT"]
    rows = [
        (
            job.id,
            job.state,
            stamp(job.insert_time),
            "-" if job.run_after <= job.insert_time else stamp(job.run_after),
            job.priority,
            job.class_name,
            job.uniqkey,
            shorten(job.arg, ARGUMENT_WIDTH),
        )
        for job in jobs
    ]
    return table(heads, rows, "llllr") if rows else ["no jobs"]


def collect(client: Client, args: Namespace) -> JobPage:
    """Page by page up to --limit; `cursor` of the result tells whether there are more, `before` with --last."""
    found = JobPage(jobs=[], cursor=args.page, before=args.page)
    while len(found.jobs) < args.limit:
        request = ListJobs(
            class_name=args.class_name, state=args.state, text=args.text, order="last" if args.last else "first",
            cursor=found.before if args.last else found.cursor, limit=min(PAGE, args.limit - len(found.jobs)),
        )  # fmt: skip
        page: JobPage = client.call(request)
        jobs = page.jobs + found.jobs if args.last else found.jobs + page.jobs
        found = msgspec.structs.replace(page, jobs=jobs)
        if (page.before if args.last else page.cursor) is None or page.partial:
            break
    return found


def positive(text: str) -> int:
    """For argparse: a number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{clean(text)} is not a number from 1")
    return int(text)


def _run(args: Namespace) -> int:
    with connect(args) as client:
        page = collect(client, args)
    present(args, page, lambda reply: show_jobs(reply.jobs))
    if page.delayed_only and not args.json:
        err("gearmand lists no jobs: only those are here that wait to be tried again; wmtui status counts the others")
    more = page.before if args.last else page.cursor
    if more is not None and not args.json:
        limit = "" if page.partial else ", or --limit N"
        seen = f"there are more than these {len(page.jobs)}"
        if page.partial:
            seen = f"the search has looked at {page.scanned or 0:,} jobs only"
        err(f"{seen}; go on with --page '{more}'{limit}")
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--class", dest="class_name", metavar="CLASS", help="only jobs of this class, as they fall due")
    parser.add_argument("--state", choices=("ready", "delayed", "running"), help="only jobs in this state")
    parser.add_argument("--text", metavar="TEXT", help="only jobs with this in their uniqkey or argument")
    parser.add_argument("--limit", type=positive, default=100, metavar="N", help="at most so many (100)")
    parser.add_argument("--last", action="store_true", help="the last ones instead of the first")
    parser.add_argument("--page", metavar="CURSOR", help="go on where another list ended, as it said")


VERBS = (Verb("jobs", "jobs in the queue", _run, _arguments),)
