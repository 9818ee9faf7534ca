"""`Worker` and `Job` as programmers use them."""

import runpy
import sys
from pathlib import Path

import pytest
from msgspec.structs import replace

from wmcore import Job, TheSchwartzClient, Worker
from wmcore.backends.records import Claimed, NewJob
from wmcore.errors import LoadError
from wmcore.loading import Limits, delay_ms, load_class
from wmcore.worker import Completed, Declined, Failed, Replaced


class Queue:
    """What a job asks while it runs."""

    def __init__(self, failures: int, companions: int = 0) -> None:
        self._failures = failures
        self._companions = companions

    def failures(self, job: Claimed) -> int:
        return self._failures

    def failure_log(self, job: Claimed) -> list[str]:
        return ["no"] * self._failures

    def coalesce(self, job: Claimed, value: str, limit: int, *, prefix: bool) -> list[Claimed]:
        found = min(limit, self._companions)
        self._companions -= found
        return [replace(job, id=f"0-{2 + number}", coalesce=value) for number in range(found)]


def make_job(raw: bytes = b'{"foo": 1}', failures: int = 0, companions: int = 0) -> Job:
    claimed = Claimed("0-1", 0, "a.B", raw, 100.0, 100.0, 101.0, coalesce="c")
    return Job(claimed, Queue(failures, companions))


def test_arg_is_decoded_and_raw_is_untouched() -> None:
    job = make_job()
    assert (job.arg, job.raw) == ({"foo": 1}, b'{"foo": 1}')
    assert make_job(b"\x89PNG").arg == b"\x89PNG"


def test_the_first_outcome_counts() -> None:
    job = make_job()
    job.completed()
    job.failed("too late")
    assert isinstance(job.verdict, Completed)


def test_each_outcome() -> None:
    job = make_job()
    job.failed("why", exit_status=7)
    assert isinstance(job.verdict, Failed)
    assert (job.verdict.failure.message, job.verdict.failure.exit_status, job.verdict.permanent) == ("why", 7, False)
    assert "test_each_outcome" in job.verdict.failure.traceback
    job = make_job()
    job.permanent_failure("no")
    assert isinstance(job.verdict, Failed)
    assert job.verdict.permanent
    job = make_job()
    job.declined(run_after=5.0)
    assert job.verdict == Declined(5.0)
    job = make_job()
    job.replace_with(Job.new("a.C", [1]), Job.new("a.D"))
    assert job.verdict == Replaced((NewJob("a.C", b"[1]"), NewJob("a.D", b"null")))


def test_replace_with_takes_only_jobs() -> None:
    with pytest.raises(TypeError, match=r"Job\.new"):
        make_job().replace_with({"foo": 1})  # type: ignore[arg-type]


def test_a_plain_return_completes_and_the_strict_rule_fails_it() -> None:
    job = make_job()
    job.returned(42, explicit=False)
    assert job.verdict == Completed(42)
    job = make_job()
    job.returned(None, explicit=True)
    assert isinstance(job.verdict, Failed)


def test_companions_are_completed_with_their_job() -> None:
    job = make_job(companions=3)
    first, *others = [*job.coalescing(limit=2), *job.coalescing("d"), *job.coalescing()]
    assert (first.coalesce, [each.coalesce for each in others]) == ("c", ["c", "d"])
    first.failed("by itself")
    job.returned(None, explicit=False)
    assert [each.verdict for each in others] == [None, None], "not before the first one's end is written"
    assert job.settle_companions(done=True) == [first, *others]
    assert isinstance(first.verdict, Failed)
    assert [each.verdict for each in others] == [Completed()] * 2


def test_companions_of_a_job_that_failed_go_back() -> None:
    job = make_job(companions=2)
    done, other = job.coalescing()
    done.completed()
    job.raised(ValueError())
    job.settle_companions(done=False)
    assert (done.verdict, other.verdict) == (Completed(), Declined())


def test_companions_by_the_strict_rule_need_an_outcome_of_their_own() -> None:
    job = make_job(companions=1)
    (other,) = job.coalescing()
    job.completed()
    job.returned(None, explicit=True)
    job.settle_companions(done=True)
    assert isinstance(other.verdict, Failed)


def test_a_companion_finds_more_for_the_same_job() -> None:
    job = make_job(companions=3)
    (other,) = job.coalescing(limit=1)
    assert len(other.coalescing()) == 2
    assert len(job.companions) == 3


def test_a_job_without_a_coalescing_value_is_alone() -> None:
    job = Job(Claimed("0-1", 0, "a.B", b"", 100.0, 100.0, 101.0), Queue(0, 1))
    assert job.coalescing() == []
    assert job.coalescing("") != []


def test_what_failed_before_can_be_asked() -> None:
    job = make_job(failures=2)
    assert (job.failures, job.failure_log()) == (2, ["no", "no"])


def test_limits_come_from_the_entry_then_the_attribute_then_the_method() -> None:
    class Mail(Worker):
        max_retries = 3
        grab_for = 60

        def retry_delay(self, failures: int) -> int:
            return 10 * failures

    limits = Limits(Mail(), {"max_retries": 5})
    policy = limits.policy(make_job(failures=2))
    assert (policy.max_retries, policy.retry_delay_seconds) == (5, 30)
    assert limits.grab_for() == 60
    assert limits.timeout() is None


def test_max_retries_as_a_method_gets_the_job() -> None:
    class Mail(Worker):
        def max_retries(self, job: Job) -> int:
            return int(job.arg["foo"])

    assert Limits(Mail(), {}).policy(make_job()).max_retries == 1


def test_methods_are_asked_for_each_job_unless_the_entry_answers() -> None:
    class Mail(Worker):
        def max_retries(self, job: Job) -> int:
            return int(job.arg["foo"])

    assert Limits(Mail(), {}).answers_for_all("retry_delay", "keep_exit_status_for")
    assert not Limits(Mail(), {}).answers_for_all("max_retries", "retry_delay")
    assert Limits(Mail(), {"max_retries": 5}).answers_for_all("max_retries", "retry_delay")


def test_delay_counts_from_insertion_and_lateness_from_the_due_time() -> None:
    job = Claimed("0-1", 0, "a.B", b"", insert_time=100.0, run_after=110.0, claimed_at=111.0)
    assert delay_ms(job, 0.5) == (11_500.0, 1_500.0)
    early = Claimed("0-1", 0, "a.B", b"", insert_time=100.6, run_after=100.0, claimed_at=100.5)
    assert delay_ms(early, 0.0) == (0.0, 0.0), "clocks apart give no negative figures"


MODULES = {
    "good.py": "from wmcore import Worker\nclass Job(Worker):\n    def work(self, job): return job.arg\n",
    "plain.py": "class Job:\n    def work(self, job): pass\n",
    "nowork.py": "from wmcore import Worker\nclass Job(Worker): pass\n",
    "notclass.py": "Job = 3\n",
    "later.py": "class Job:\n    async def work(self, job): pass\n",
    "broken.py": "import json\njson.nothing\n",
    "syntax.py": "def f(:\n",
    "deps.py": "import not_installed_anywhere\n",
}


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in MODULES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "perlish").mkdir()
    (tmp_path / "perlish" / "__init__.py").write_text("")
    (tmp_path / "perlish" / "Mail.py").write_text("class Mail:\n    def work(self, job): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in MODULES:
        sys.modules.pop(name.removesuffix(".py"), None)


@pytest.mark.usefixtures("modules")
def test_a_class_is_found_also_where_module_and_class_share_their_name() -> None:
    assert load_class("good.Job").__name__ == "Job"
    assert load_class("perlish.Mail").__name__ == "Mail"


@pytest.mark.usefixtures("modules")
def test_a_class_with_the_right_method_is_enough() -> None:
    kind = load_class("plain.Job")
    assert issubclass(kind, Worker)
    assert kind.max_retries == 0


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("nowhere.Job", ["no module 'nowhere'", "inc_path"]),
        ("good.Jib", ["'good'", "no class"]),
        ("nowork.Job", ["no method work"]),
        ("notclass.Job", ["not a class"]),
        ("later.Job", ["async"]),
        ("broken.Job", ["AttributeError", "broken.py:2"]),
        ("syntax.Job", ["SyntaxError", "syntax.py:1"]),
        ("deps.Job", ["not_installed_anywhere", "deps.py:1"]),
        ("alone", ["no dotted path"]),
    ],
)
def test_what_cannot_be_loaded_is_said_in_a_sentence(path: str, words: list[str]) -> None:
    with pytest.raises(LoadError) as caught:
        load_class(path)
    for word in words:
        assert word in str(caught.value)


def test_a_traceback_shows_the_authors_frames_and_not_ours(tmp_path: Path) -> None:
    from wmcore.worker import failure_of

    def work(job: Job) -> None:
        raise KeyError(job.arg["user_id"])

    job = make_job()
    try:
        work(job)
    except KeyError as error:
        failure = failure_of(error)
    assert failure.message == "KeyError: 'user_id'"
    assert "in work" in failure.traceback
    assert "wmcore/worker.py" not in failure.traceback
    job = make_job()
    job.failed("so")
    assert isinstance(job.verdict, Failed)
    assert "test_worker.py" in job.verdict.failure.traceback
    assert "wmcore/worker.py" not in job.verdict.failure.traceback
    job = make_job()
    (tmp_path / "run.py").write_text("job.failed('by python -m, as children are')\n")
    runpy.run_path(str(tmp_path / "run.py"), {"job": job})
    assert isinstance(job.verdict, Failed)
    assert "run.py" in job.verdict.failure.traceback
    assert "runpy>" not in job.verdict.failure.traceback


@pytest.mark.usefixtures("modules")
def test_disable_worker_runs_the_job_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISABLE_WORKER", "1")
    client = TheSchwartzClient(databases=[{"dsn": "sqlite:////nowhere/at/all.db"}])
    assert client.insert("good.Job", {"foo": 1}) is not None
    with pytest.raises(LoadError):
        client.insert("nowhere.Job")


@pytest.mark.usefixtures("modules")
def test_inline_raises_what_the_job_raises(tmp_path: Path) -> None:
    (tmp_path / "raises.py").write_text(
        "from wmcore import Worker\nclass Job(Worker):\n    def work(self, job): job.failed('no luck')\n"
    )
    client = TheSchwartzClient(databases=[], inline=True)
    with pytest.raises(RuntimeError, match="no luck"):
        client.insert("raises.Job")
