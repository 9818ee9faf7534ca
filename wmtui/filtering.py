"""The language of the filter line: words, `class:mail`, `error~key`, `state:busy`, `age>1h`, `!not`. Pure."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wmcore.errors import UsageError
from wmcore.protocol.messages import FailedFilter

Fields = Mapping[str, Callable[[Any], Any]]
"""What can be asked of an item, by name. Numbers are seconds, bytes or counts, the rest is compared as text."""

TERM = re.compile(r"(!?)(?:([a-z]+)([:=~<>]))?(.+)", re.DOTALL)
NUMBER = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d|k|K|M|G)?")
UNITS = {"": 1, "ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "k": 1e3, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}


@dataclass(frozen=True, slots=True)
class Term:
    name: str  # "": any text field
    sign: str  # ":", "=", "~", "<", ">"
    value: str
    number: float | None = None
    negated: bool = False
    typed: str = ""  # the value with its capitals

    def matches(self, item: Any, fields: Fields) -> bool:
        return self._holds(item, fields) != self.negated

    def _holds(self, item: Any, fields: Fields) -> bool:
        if not self.name:
            return any(self.value in str(get(item)).lower() for get in fields.values())
        found = fields[self.name](item)
        if self.number is not None:
            return found is not None and (found > self.number if self.sign == ">" else found < self.number)
        text = "" if found is None else str(found).lower()
        return text == self.value if self.sign == "=" else self.value in text


def parse(text: str, names: Sequence[str]) -> tuple[Term, ...]:
    """The terms, all of which have to hold. Raises UsageError for a name that is none of `names`."""
    return tuple(_term(word, names) for word in text.split())


def _term(word: str, names: Sequence[str]) -> Term:
    match = TERM.fullmatch(word)
    assert match is not None  # a word has at least one character
    negated, name, sign, value = match.groups()
    if name is not None and name not in names:
        if sign in "=<>~":
            raise UsageError(f"filter: there is no {name!r} here; there is {', '.join(names)}")
        name, sign, value = None, None, f"{name}{sign}{value}"  # a colon may stand in any text
    if sign in ("<", ">"):
        number = NUMBER.fullmatch(value)
        if number is None:
            raise UsageError(f"filter: {word} needs a number, as in {name}>90, {name}>5m, {name}>1.5h, {name}>200M")
        return Term(name, sign, value, float(number[1]) * UNITS[number[2] or ""], bool(negated))
    return Term(name or "", sign or "", value.lower(), None, bool(negated), value)


def matching(items: Sequence[Any], terms: Sequence[Term], fields: Fields) -> Sequence[Any]:
    if not terms:
        return items
    return [item for item in items if all(term.matches(item, fields) for term in terms)]


FAILED_NAMES = ("class", "error", "age", "retried", "job")
RETRIED = {"no": False, "yes": True, "any": None}
"""What is open, what was retried, both."""


def failed_filter(text: str, now: float) -> FailedFilter:
    """The same line for failed jobs, whose list the daemon filters: for those that are open, if it does not say
    otherwise or names a job. Raises UsageError for what it cannot ask."""
    terms = parse(text, FAILED_NAMES)
    asked = FailedFilter(retried=None if any(term.name == "job" for term in terms) else False)
    words: list[str] = []
    for term in terms:
        if term.negated:
            raise UsageError("filter: the daemon cannot leave out by a word; it knows class:NAME, error~TEXT, age<1h")
        if term.name == "retried":
            if term.value not in RETRIED:
                raise UsageError("filter: retried goes retried:yes, retried:no, retried:any")
            asked.retried = RETRIED[term.value]
        elif term.name == "job":
            asked.job = term.typed
        elif term.name == "class":
            asked.class_name = term.typed
        elif term.name == "age" and term.number is not None:
            if term.sign == "<":
                asked.since = now - term.number
            else:
                asked.until = now - term.number
        elif term.name == "age":
            raise UsageError("filter: age goes age<1h or age>7d")
        else:
            words.append(term.typed)
    asked.error = " ".join(words) or None
    return asked


def said_of(asked: FailedFilter) -> str:
    """A filter that came by other ways than this line, in words."""
    words = [f"class={asked.class_name}"] if asked.class_name else []
    words += [asked.error] if asked.error else []
    words += [f"job:{asked.job}"] if asked.job else []
    words += [f"group {asked.fingerprint}"] if asked.fingerprint is not None else []
    words += {None: ["retried:any"], True: ["retried:yes"], False: []}[asked.retried]
    return " ".join(words)


JOB_STATES = ("ready", "delayed", "running")


@dataclass(frozen=True, slots=True)
class JobsAsked:
    """What ListJobs is asked beside the class."""

    state: str | None = None
    text: str | None = None
    id: str | None = None
    uniqkey: str | None = None

    @property
    def points(self) -> bool:
        """At one job, of whichever class."""
        return self.id is not None or self.uniqkey is not None


def jobs_filter(text: str) -> JobsAsked:
    """The same for jobs of the queue: a state, an id, a whole uniqkey, words of argument or uniqkey. Raises
    UsageError."""
    state, words, found_by = None, [], dict[str, str]()
    for term in parse(text, ("state", "id", "uniqkey")):
        if term.negated:
            raise UsageError(
                "filter: the daemon cannot leave out by a word; it knows state:ready, id:0-12, uniqkey:KEY, words"
            )
        if term.name in ("id", "uniqkey"):
            found_by[term.name] = term.typed
        elif term.name == "state":
            found = [name for name in JOB_STATES if name.startswith(term.value)]
            if not found:
                raise UsageError(f"filter: a job's state is {', '.join(JOB_STATES)}")
            state = found[0]
        else:
            words.append(term.typed)
    return JobsAsked(state, " ".join(words) or None, found_by.get("id"), found_by.get("uniqkey"))
