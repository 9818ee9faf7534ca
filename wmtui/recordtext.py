"""Long texts to scroll in: the whole record of a failed job, a job of the queue, a child. Pure."""

import re
from collections.abc import Iterable, Sequence

from rich.text import Text

from wmcore.protocol.messages import Attempt, Child, FailedRecord, FailedSummary, JobClass, QueuedJob, Status
from wmtui.formatting import age, count, duration, memory, number, rate, stamp
from wmtui.glyphs import Glyphs
from wmtui.jsonlines import laid_out
from wmtui.judging import Reason
from wmtui.printing import clean, clean_block, plural
from wmtui.retries import fate
from wmtui.totals import STYLES, mark_of

MOST = 100_000
"""Characters of one text that are shown; `wmtui failed show` prints all."""
HEADLINE = 4
"""Lines of the error above all else: facts and argument shall be on a small screen."""


def record_text(record: FailedRecord) -> Text:
    """The newest attempt first; what an earlier one has in common with the one above it is not said again."""
    text = Text()
    if record.attempts:
        text.append(f"{_beginning(record.attempts[-1].message)}\n\n", "bold")
    _add_facts(text, _facts(record))
    text.append("\nargument\n", "bold").append(f"{_block(laid_out(record.arg))}\n")
    later: Attempt | None = None
    for nth, attempt in reversed(list(enumerate(record.attempts, 1))):
        text.append(f"\nattempt {nth} of {len(record.attempts)}", "bold")
        text.append(f"  {stamp(attempt.at)}{_where(attempt)}\n")
        if later is not None and (attempt.message, attempt.traceback) == (later.message, later.traceback):
            text.append(f"the same as attempt {nth + 1}\n", "dim")
        else:
            text.append(f"{_block(attempt.message)}\n", "bold")
            text.append(f"{_block(attempt.traceback)}\n" if attempt.traceback else "")
        later = attempt
    return text


def _beginning(message: str) -> str:
    """All of it stands at its attempt."""
    lines = _block(message).split("\n")
    return "\n".join(lines if len(lines) <= HEADLINE else [*lines[: HEADLINE - 1], "..."])


def _facts(record: FailedRecord) -> list[tuple[str, str]]:
    waited = age(record.failed_at - record.insert_time)
    facts = [
        ("class", clean(record.class_name)),
        ("job", f"{clean(record.job)}, {plural(len(record.attempts), 'attempt')}"),
        ("failed", f"{stamp(record.failed_at)}, {waited} after it was inserted"),
        ("inserted", f"{stamp(record.insert_time)}, due {stamp(record.run_after)}"),
    ]
    for name, value in (("priority", record.priority), ("uniqkey", record.uniqkey), ("coalesce", record.coalesce)):
        if value is not None:
            facts.append((name, clean(value)))
    if record.retried_as is not None:
        facts.append(("retried", clean(fate(record))))
    return facts


def _where(attempt: Attempt) -> str:
    parts = [clean(attempt.host)] if attempt.host else []
    parts += [f"slot {attempt.slot}"] if attempt.slot is not None else []
    parts += [f"pid {attempt.pid}"] if attempt.pid is not None else []
    parts += [f"exit status {attempt.exit_status}"]
    return "  " + ", ".join(parts)


def _block(text: str, where: str = "wmtui failed show") -> str:
    shown = clean_block(text[:MOST]).expandtabs().rstrip("\n")
    return shown if len(text) <= MOST else f"{shown}\n[{len(text) - MOST:,} characters more: {where}]"


def _add_facts(text: Text, facts: Iterable[tuple[str, str]]) -> None:
    for name, value in facts:
        text.append(f"{name:<12}", "bold").append(f"{value}\n")


def wrongs_text(reasons: Sequence[Reason], glyphs: Glyphs) -> Text:
    text = Text()
    for reason in reasons:
        text.append(f"{mark_of(reason, glyphs)} {reason.state.lower()}\n", STYLES[reason.state])
        text.append(f"{clean(reason.text)}\n\n")
    return text if reasons else Text("Nothing is wrong now.")


def job_text(job: QueuedJob, status: Status | None, now: float) -> Text:
    """With the child that runs it, if any does now."""
    text = Text()
    at_it = [child for child in (status.children if status else []) if child.job == job.id]
    due = f"{stamp(job.run_after)}, " + (
        f"in {age(job.run_after - now)}" if job.run_after > now else f"{age(now - job.run_after)} ago"
    )
    facts = [
        ("class", clean(job.class_name)),
        ("state", clean(job.state)),
        ("inserted", f"{stamp(job.insert_time)}, {age(now - job.insert_time)} ago"),
        ("due", due),
    ]
    facts += [
        ("runs in", f"slot {child.slot}, pid {child.pid}, for {age(now - (child.job_since or now))}") for child in at_it
    ]
    if job.grabbed_until > now:
        facts.append(("claimed", f"until {stamp(job.grabbed_until)}"))
    for name, value in (("priority", job.priority), ("uniqkey", job.uniqkey)):
        if value is not None:
            facts.append((name, clean(value)))
    _add_facts(text, facts)
    return text + argument_text(job)


def argument_text(job: QueuedJob) -> Text:
    return Text().append("\nargument\n", "bold").append(f"{_block(laid_out(job.arg), 'wmtui jobs --json')}\n")


JOB = re.compile(r"\bjob:(\S+)|\bjob (\d+-\d+)\b")


def job_in(line: str) -> str | None:
    """The job that a line of the log is about."""
    found = JOB.search(line)
    return (found[1] or found[2]) if found else None


def line_text(line: str, job: str | None, queued: Sequence[QueuedJob], failed: Sequence[FailedSummary]) -> Text:
    """And what is known of its job now."""
    text = Text(f"{clean_block(line)}\n")
    for each in queued:
        text.append(f"\njob {clean(each.id)}", "bold").append(f" is {clean(each.state)} in the queue\n")
        text.append(f"{_block(laid_out(each.arg), 'wmtui jobs --json')}\n")
    for record in failed:
        text.append(f"\njob {clean(record.job)}", "bold").append(f" failed {stamp(record.failed_at)}, ")
        text.append(f"after {plural(record.attempts, 'attempt')}: record {clean(record.id)}\n")
        text.append(f"{clean(record.error)}\n", "bold")
        text.append(f"retried {clean(fate(record))}\n" if record.retried_as else "")
        text.append(f"{clean(record.arg)}\n")
    if job is not None and not queued and not failed:
        text.append(f"\njob {clean(job)} is neither in the queue nor among the failed jobs.\n", "dim")
    return text


def child_now(child: Child, status: Status | None) -> tuple[Child, Text]:
    """As it is now, or as it was known last."""
    if status is None:
        return child, Text()
    found = next((each for each in status.children if (each.slot, each.pid) == (child.slot, child.pid)), None)
    if found is not None:
        return found, child_text(found, status)
    return child, Text("This child has gone. What was known last:\n\n", "bold") + child_text(child, status)


def child_text(child: Child, status: Status) -> Text:
    """With the figures of the class that it is at: is this usual?"""
    text = Text()
    since = "" if child.started_at is None else f"{stamp(child.started_at)}, {age(status.now - child.started_at)} ago"
    facts = [
        ("state", clean(child.state)),
        ("pool", clean(child.pool)),
        ("slot", str(child.slot)),
        ("pid", str(child.pid)),
        ("started", since),
        ("memory", memory(child.rss)),
        ("done", f"{number(child.jobs_done)} jobs, {number(child.failed)} failed"),
    ]
    if child.job is not None or child.class_name is not None:
        facts += [("class", clean(child.class_name or "?")), ("job", clean(child.job or "?"))]
    if child.job_since is not None:
        facts.append(("at it", f"{age(status.now - child.job_since)}, since {stamp(child.job_since)}"))
    _add_facts(text, facts)
    each = next((each for each in status.classes if each.name == child.class_name), None)
    if each is not None:
        text.append("\nits class\n", "bold")
        _add_facts(text, _class_facts(each))
    return text


def _class_facts(each: JobClass) -> list[tuple[str, str]]:
    took, late = each.process, each.lateness
    return [
        ("takes", f"{duration(took.p50)} p50, {duration(took.p95)} p95, {duration(took.max)} at most (last 60 s)"),
        ("late", f"{duration(late.p50)} p50, {duration(late.p95)} p95"),
        ("does", f"{rate(each.rate)} jobs/s; {number(each.completed)} done, {count(each.open)} failed"),
        ("waiting", f"{count(each.queue.ready)} ready, {count(each.queue.delayed)} later"),
    ]
