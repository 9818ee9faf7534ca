"""`jobs`: what stands in the queue."""

from argparse import ArgumentParser, ArgumentTypeError, Namespace

from wmcore.protocol.client import Client
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
    """Page by page up to --limit; `cursor` of the result tells whether there are more."""
    jobs: list[QueuedJob] = []
    cursor: str | None = None
    while len(jobs) < args.limit:
        request = ListJobs(
            class_name=args.class_name, state=args.state, cursor=cursor, limit=min(PAGE, args.limit - len(jobs))
        )
        page: JobPage = client.call(request)
        jobs += page.jobs
        cursor = page.cursor
        if cursor is None or not page.jobs:
            break
    return JobPage(jobs=jobs, cursor=cursor)


def positive(text: str) -> int:
    """For argparse: a number from 1."""
    if not text.isdecimal() or int(text) < 1:
        raise ArgumentTypeError(f"{clean(text)} is not a number from 1")
    return int(text)


def _run(args: Namespace) -> int:
    with connect(args) as client:
        page = collect(client, args)
    present(args, page, lambda reply: show_jobs(reply.jobs))
    if page.cursor is not None and not args.json:
        err(f"there are more than these {len(page.jobs)}; --limit N shows more")
    return 0


def _arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--class", dest="class_name", metavar="CLASS", help="only jobs of this class")
    parser.add_argument("--state", choices=("ready", "delayed", "running"), help="only jobs in this state")
    parser.add_argument("--limit", type=positive, default=100, metavar="N", help="at most so many (100)")


VERBS = (Verb("jobs", "jobs in the queue", _run, _arguments),)
