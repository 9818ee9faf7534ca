"""Jobs that one side hands to the other in one queue: declined, replaced, left behind."""

import json

import pytest

from tests.interop.site import A, B, C, Site
from tests.waiting import until

COMPLETES = {"class": "Completes"}


def test_what_perl_declines_we_take_when_it_is_due(site: Site) -> None:
    handle = site.perl.insert(A, arg=1)
    site.perl.work({A: {"do": "put_off", "with": [1]}})
    assert site.perl.look(handle)[0]["pending"]
    site.daemon({A: COMPLETES}).start("-c", "1")
    until(lambda: site.left() == 0)
    (ours,), (theirs,) = site.marks(), site.perl.marks()
    assert ours["at"] >= int(theirs["at"]) + 1
    assert ours["failures"] == 0
    assert site.perl.look(handle)[0]["failure_log"] == []


def test_what_we_decline_perl_takes_when_it_is_due(site: Site) -> None:
    handle = site.perl.insert(A, arg=1)
    daemon = site.daemon({A: {"class": "PutsOff"}}).start("-c", "1")
    until(lambda: daemon.counts(A).declined)
    daemon.stop()
    site.perl.work({A: {}})
    ours, (theirs,) = site.marks()[-1], site.perl.marks()
    assert theirs["at"] >= int(ours["at"]) + 1
    assert theirs["failures"] == 0
    assert site.perl.look(handle)[0]["failure_log"] == []


def test_what_perl_leaves_to_its_lease_we_take_after_it(site: Site) -> None:
    """Declined without a time, or by a worker that was killed."""
    site.perl.call("insert", *({"funcname": name, "arg": 1} for name in (A, B)))
    site.perl.work({A: {"do": "declined", "grab_for": 2}})
    with pytest.raises(Killed), site.perl.worker({B: {"ms": 60_000, "grab_for": 2}}):
        until(lambda: len(site.perl.marks()) == 2)
        raise Killed
    leases = dict(site.sql("SELECT funcname, grabbed_until FROM job JOIN funcmap ON funcmap.funcid = job.funcid"))
    site.daemon({A: COMPLETES, B: COMPLETES}).start("-c", "2")
    until(lambda: site.left() == 0)
    assert all(mark["at"] >= leases[mark["class"]] > 0 for mark in site.marks())
    assert [mark["failures"] for mark in site.marks()] == [0, 0], "nobody knows of it"


class Killed(Exception):
    """The worker is killed, not stopped."""


def test_a_job_is_replaced_by_perl_then_by_us_then_done_by_perl(site: Site) -> None:
    """A, in Perl, becomes a B; that, in Python, becomes two Cs; they run in Perl. All at once."""
    made = {"funcname": B, "json": {"order": 1}, "priority": 2, "coalesce": "made"}
    site.daemon({B: {"class": "Replaces"}}).start("-c", "2")
    with site.perl.worker({A: {"do": "replace", "with": [made]}, C: {}}), site.client() as client:
        client.insert(A, 1)
        until(lambda: len(site.perl.marks()) == 3)
        until(lambda: site.left() == 0)
    (ours,) = site.marks()
    assert (ours["arg"], ours["priority"], ours["coalesce"]) == ({"order": 1}, 2, "made")
    cs = [mark for mark in site.perl.marks() if mark["class"] == C]
    assert sorted((json.loads(mark["arg"])["n"], mark["priority"], mark["coalesce"]) for mark in cs) == [
        (1, 1, "made"), (2, 2, "made"),
    ]  # fmt: skip
    assert site.sql("SELECT message FROM error") == []
