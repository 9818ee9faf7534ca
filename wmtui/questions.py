"""The sentences of the dialogs, made when a key is pressed: what a question names is frozen from then on. Pure."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from wmcore.protocol.messages import Child, FailedFilter, FailedGroup, FailedSummary, JobClass, Pool, Status
from wmtui import forecast
from wmtui.formatting import age, count
from wmtui.naming import name_of
from wmtui.pending import is_far
from wmtui.printing import clean, plural
from wmtui.totals import bounded
from wmtui.trend import Trend

TYPED_FROM = {"retry": 101, "delete": 11}
"""From so many jobs on, y is not enough: the number has to be typed."""
NAMED = 3
"""Classes of the jobs that a question is about."""


@dataclass(frozen=True, slots=True)
class Question:
    title: str
    lines: tuple[str, ...]
    yes: str  # the verb
    number: int | None = None  # has to be typed
    command: str = ""  # that does the same
    word: str | None = None  # has to be typed, in place of a number

    def at(self, target: str) -> "Question":
        """`target`: of the daemon that the command is for; empty where it needs none."""
        if not target:
            return self
        return replace(self, command=self.command.replace("wmtui ", f"wmtui -t {clean(shlex.quote(target))} ", 1))

    @property
    def typed(self) -> str | None:
        """What y is not enough for."""
        return self.word if self.word is not None else None if self.number is None else str(self.number)


def command(*words: object) -> str:
    return "wmtui " + clean(shlex.join(str(word) for word in words))


def _on(status: Status) -> str:
    return f"on     {name_of(status)}"


def scale(status: Status, pool: Pool, to: int, trend: Trend) -> Question:
    lines = [
        _on(status),
        f"now    {plural(pool.wanted, 'child')} wanted, {pool.running} running, {pool.busy} busy",
        f"then   {forecast.scaling(status, pool, to, trend)}",
    ]
    if to == 0:
        lines.append("       jobs in hand are finished, nothing new is started")
    title = f"Scale pool {clean(pool.name)} from {pool.wanted} to {to}?"
    number = to if is_far(pool.wanted, to) else None
    return Question(title, tuple(lines), f"scale to {to}", number, command("scale", pool.name, to))


def _longest(status: Status, children: Sequence[Child]) -> list[str]:
    """Who finishes when: as far as anybody knows, not before the one that is longest at it."""
    busy = [(child, child.job_since) for child in children if child.job_since is not None]
    if not busy:
        return ["busy   none: they leave at once"]
    child, since = min(busy, key=lambda each: each[1])
    process = next((each.process for each in status.classes if each.name == child.class_name), None)
    usual = f", its class takes {age(process.p95 / 1000)} (p95)" if process and process.p95 is not None else ""
    at = f"{clean(child.class_name or '?')}, pid {child.pid}"
    return [f"busy   {len(busy)}, the longest for {age(status.now - since)} ({at}){usual}"]


def _waiting(status: Status, names: Sequence[str]) -> str:
    ready = [each.queue.ready for each in status.classes if each.name in names]
    one = sum(each or 0 for each in ready) == 1
    return f"queue  {bounded(ready)} ready job{' waits' if one else 's wait'} until then"


def drain(status: Status, pool: Pool) -> Question:
    mine = [child for child in status.children if child.pool == pool.name]
    lines = (
        _on(status),
        f"pool   {clean(pool.name)}: {pool.running} running, {pool.busy} busy",
        "then   no new jobs are taken; each child leaves after its job",
        *_longest(status, mine),
        _waiting(status, pool.workers),
        "Nothing is broken off. D again resumes the pool.",
    )
    return Question(f"Drain pool {clean(pool.name)}?", lines, "drain", command=command("drain", pool.name))


def drain_daemon(status: Status, name: str) -> Question:
    """`name`: what the daemon is called here, and has to be typed."""
    running, busy = sum(pool.running for pool in status.pools), sum(pool.busy for pool in status.pools)
    lines = (
        _on(status),
        f"pools  {clean(', '.join(pool.name for pool in status.pools))}: {running} running, {busy} busy",
        "then   it takes no new jobs; each child leaves after its job",
        *_longest(status, status.children),
    )
    return Question(f"Drain all of {name}?", lines, "drain", word=name, command="wmtui drain")


def resume(status: Status, pool: Pool) -> Question:
    lines = (
        _on(status),
        f"pool   {clean(pool.name)} "
        + (f"is draining: {plural(pool.running, 'child')} left" if pool.running else "is drained: no child is left"),
        f"then   {plural(pool.wanted, 'child')} run again and take jobs",
    )
    return Question(f"Resume pool {clean(pool.name)}?", lines, "resume", command=command("resume", pool.name))


def recycle_pool(status: Status, pool: Pool) -> Question:
    mine = [child for child in status.children if child.pool == pool.name]
    lines = (
        _on(status),
        f"pool   {clean(pool.name)}: {pool.running} running, {pool.busy} busy",
        "then   each child leaves after its job and is replaced; no job is broken off",
        *_longest(status, mine),
    )
    title = f"Replace all children of pool {clean(pool.name)}?"
    return Question(title, lines, "replace them", command=command("recycle", pool.name))


def pause(status: Status, each: JobClass) -> Question:
    lines = (
        _on(status),
        f"queue  {count(each.queue.ready)} ready, {count(each.queue.delayed)} later, "
        f"{count(each.queue.running)} running",
        "then   its jobs in hand are finished, the others wait in the queue;",
        "       the children run the other classes",
    )
    return Question(f"Pause class {clean(each.name)}?", lines, "pause", command=command("pause", each.name))


def kill(status: Status, children: Sequence[Child]) -> Question:
    if len(children) > 1:
        return _kill_several(status, children)
    child = children[0]
    lines = [_on(status), f"child  slot {child.slot}, pid {child.pid}, {clean(child.state)}"]
    if child.job is not None:
        since = "" if child.job_since is None else f" for {age(status.now - child.job_since)}"
        lines += [
            f"job    {clean(child.job)}{since}",
            f"class  {clean(child.class_name or '?')}",
            "then   the job is broken off and given back: it runs again",
        ]
    lines.append("Refused if the child is at another job by then.")
    return Question(f"Kill child {child.pid} at once?", tuple(lines), "kill", command=command("kill", child.slot))


def _kill_several(status: Status, children: Sequence[Child]) -> Question:
    n, busy = len(children), [child for child in children if child.job is not None]
    slots = " ".join(str(child.slot) for child in children)
    lines = (
        _on(status),
        f"slots  {slots if n <= 20 else f'{slots[:40]} ...'}",
        f"then   {plural(len(busy), 'job')} broken off and given back: they run again",
        *_longest(status, busy),
        "Each is refused if the child is at another job by then.",
    )
    same = f"for slot in {' '.join(str(each.slot) for each in children)}; do wmtui kill $slot; done"
    return Question(f"Kill {n} children at once?", lines, "kill", n, same)


def _jobs(n: int, at_least: bool = False) -> str:
    return "1 failed job" if n == 1 else f"{n:,}{' or more' if at_least else ''} failed jobs"


RETRIED = "then   each runs again as a new job, its attempts counted from 0"
DELETED = "then   arguments and tracebacks are gone. This can not be undone."


def retry(status: Status, records: Sequence[FailedSummary]) -> Question:
    n, ids = len(records), [record.id for record in records]
    lines = (_on(status), *_what(records), RETRIED)
    return Question(f"Retry {_jobs(n)}?", lines, "retry", _typed("retry", n), _for_ids("retry", ids))


def delete(status: Status, records: Sequence[FailedSummary]) -> Question:
    n, ids = len(records), [record.id for record in records]
    lines = (_on(status), *_what(records), DELETED)
    return Question(f"Delete {_jobs(n)}?", lines, "delete", _typed("delete", n), _for_ids("delete", ids))


def _for_ids(verb: str, ids: Sequence[str]) -> str:
    return command("failed", verb, *ids)


def bulk(status: Status, action: str, asked: FailedFilter, expected: int, at_least: bool, said: str) -> Question:
    """`said`: the filter, in the operator's words."""
    lines = (
        _on(status),
        f"filter {clean(said) or 'none: all failed jobs that nobody has retried'}",
        RETRIED if action == "retry" else DELETED,
        "       a hundred at a time, newest first; b stops it",
        "What fails from now on is not among them. Refused if others changed them by then.",
    )
    title = f"{action.capitalize()} {_jobs(expected, at_least)}?"
    return Question(title, lines, action, _typed(action, expected), bulk_command(action, asked))


def _typed(action: str, n: int) -> int | None:
    return n if n >= TYPED_FROM[action] else None


def bulk_command(action: str, asked: FailedFilter) -> str:
    words = ["failed", action, "--all"]
    words += ["--class", asked.class_name] if asked.class_name else []
    words += ["--error", asked.error] if asked.error else []
    words += ["--fingerprint", asked.fingerprint] if asked.fingerprint is not None else []
    for option, moment in (("--since", asked.since), ("--until", asked.until)):
        words += [] if moment is None else [option, f"{moment:.3f}"]
    words += ["--job", asked.job] if asked.job else []
    words += {None: ["--both"], True: ["--retried"], False: []}[asked.retried]
    return command(*words)


def group(status: Status, action: str, each: FailedGroup, asked: FailedFilter, said: str) -> Question:
    """`said`: the filter that the groups were made of, in the operator's words."""
    question = bulk(status, action, asked, each.count, each.at_least, said)
    what = f"error  {each.class_name or 'several classes'}: {each.error or '(failed before there were groups)'}"
    newest = [f"newest {each.example}"] if each.example and each.example != each.error else []
    within = [f"filter {said}"] if said else []
    lines = [clean(line) for line in (what, *newest, *within)]
    return replace(question, lines=(question.lines[0], *lines, *question.lines[2:]))


def stop_daemon(status: Status, name: str, now: bool) -> Question:
    """`name`: what the daemon is called here, and has to be typed."""
    busy = [child for child in status.children if child.job_since is not None]
    lines = [_on(status), f"state  {clean(status.state)}, {plural(len(status.children), 'child')}, {len(busy)} busy"]
    if now:
        lines.append(f"then   {plural(len(busy), 'job')} broken off and given back; the daemon ends")
    else:
        lines += ["then   the daemon ends when the jobs in hand are done", *_longest(status, status.children)]
    words = command("stop", *(["--now"] if now else []))
    title = f"Stop the daemon {name}{' at once' if now else ''}?"
    return Question(title, tuple(lines), "stop", word=name, command=words)


def _what(records: Sequence[FailedSummary]) -> list[str]:
    if len(records) == 1:
        return [f"job    {clean(records[0].job)} {clean(records[0].class_name)}", f"error  {clean(records[0].error)}"]
    classes = sorted({clean(record.class_name) for record in records})
    more = f" and {len(classes) - NAMED} more" if len(classes) > NAMED else ""
    errors = Counter(clean(record.error) for record in records)
    (often, times), others = errors.most_common(1)[0], len(errors) - 1
    also = f" ({times}, and {plural(others, 'other error')})" if others else ""
    return [f"class  {', '.join(classes[:NAMED])}{more}", f"error  {often}{also}"]
