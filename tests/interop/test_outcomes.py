"""What became of a job: told by one side, read by the other."""

from tests.integration.daemon import Daemon
from tests.interop.site import A, B, C, Site, both
from tests.waiting import until
from wmcore.protocol.messages import FailedRecord, GetFailed, ListFailed

KEPT = {"keep_exit_status_for": 600}
RETRIED = {"max_retries": 3, "retry_delay": 600}


def test_perl_reads_our_exit_statuses_and_failures(site: Site) -> None:
    """By our handle as well as by its own: equal, where the configured string is Perl's DSN."""
    daemon = site.daemon(
        {A: {"class": "Completes", **KEPT}, B: {"class": "Fails", **KEPT}, C: {"class": "Raises", "max_retries": 1}}
    )
    with daemon.client() as client:
        ours = [client.insert(name, 1) for name in (A, B, C)]
    theirs = site.perl.call("insert", *({"funcname": name, "arg": 1} for name in (A, B)))
    assert len({handle.partition("-")[0] for handle in [*ours, *theirs]}) == 1
    assert site.perl.look(*ours, *theirs) == [seen(pending=1)] * 5
    daemon.start("-c", "2")
    until(lambda: site.left() == 0)
    completed, failed = seen(exit_status=0), seen("no luck in Python", exit_status=7)
    raised = seen("ValueError: grüße aus Python", "ValueError: grüße aus Python")
    assert site.perl.look(*ours, *theirs) == [completed, failed, raised, completed, failed]


@both
def test_what_failed_in_perl_is_tried_again_by_us(site: Site) -> None:
    """The failures of both stand in the record of the failed list, and in Perl's failure log."""
    failing = site.perl.insert(A, arg={"order": 1}, uniqkey="one", priority=3)
    dying = site.perl.insert(B, arg=2)
    retried = {"max_retries": 3, "retry_delay": 1}
    site.perl.work({A: {"do": "failed", "with": ["no luck in Perl"], **retried}, B: {"do": "die", **retried}}, jobs=2)
    assert site.perl.look(failing, dying) == [seen("no luck in Perl", pending=1), seen("died in Perl\n", pending=1)]
    daemon = site.daemon({A: {"class": "Fails", "max_retries": 1, **KEPT}, B: {"class": "Completes"}}).start("-c", "1")
    until(lambda: site.left() == 0)
    ours, theirs = ({mark["class"]: mark for mark in marks} for marks in (site.marks(), site.perl.marks()))
    assert (ours[A]["failures"], ours[A]["priority"], ours[A]["uniqkey"]) == (1, 3, "one")
    assert ours[B]["failures"] == 1
    assert all(ours[name]["at"] >= int(theirs[name]["at"]) + 1 for name in (A, B)), "Perl's retry_delay is waited for"
    record = the_failed(daemon)
    assert [attempt.message for attempt in record.attempts] == ["no luck in Perl", "no luck in Python"]
    assert [bool(attempt.traceback) for attempt in record.attempts] == [False, True]
    told = [seen("no luck in Perl", "no luck in Python", exit_status=7), seen("died in Perl\n")]
    assert site.perl.look(failing, dying) == told


@both
def test_what_failed_with_us_is_tried_again_by_perl(site: Site) -> None:
    """An attempt whose child died counts for Perl too."""
    daemon = site.daemon({A: {"class": "Fails", **RETRIED}, B: {"class": "Dies", **RETRIED}})
    with daemon.client() as client:
        failing, dying = client.insert(A, 1), client.insert(B, 1)
    daemon.start("-c", "2")
    until(lambda: [daemon.counts(name).retried for name in (A, B)] == [1, 1])
    daemon.stop()
    site.sql("UPDATE job SET run_after = 1")
    site.perl.work({A: {"do": "failed", "with": ["no luck in Perl", 9], "max_retries": 1, **KEPT}, B: KEPT}, jobs=2)
    assert {mark["class"]: mark["failures"] for mark in site.perl.marks()} == {A: 1, B: 1}
    failed, died = site.perl.look(failing, dying)
    assert failed == seen("no luck in Python", "no luck in Perl", exit_status=9)
    assert (died["exit_status"], died["failures"]) == (0, 1)
    assert "killed by signal 9" in died["failure_log"][0]


def seen(*failures: str, pending: int = 0, exit_status: int | None = None) -> dict[str, object]:
    """What Perl says of a handle."""
    return {
        "pending": pending, "exit_status": exit_status, "failure_log": list(failures), "failures": len(failures),
    }  # fmt: skip


def the_failed(daemon: Daemon) -> FailedRecord:
    (found,) = daemon.call(ListFailed()).records
    record = daemon.call(GetFailed(found.id))
    assert isinstance(record, FailedRecord)
    return record
