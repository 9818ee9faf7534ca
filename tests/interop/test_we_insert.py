"""We insert, Perl works and looks. And a uniqkey is taken by whoever was first."""

import json
import time

from tests.interop.site import A, B, Site
from tests.waiting import until

COMPLETES = {A: {}}


def test_all_that_we_say_of_a_job_arrives(site: Site) -> None:
    due = int(time.time()) + 1
    options = {"priority": 7, "uniqkey": "key-1", "coalesce": "host.example", "run_after": due}
    arg = {"order": 1, "name": "Grüße", "parts": [1.5, None, True]}
    with site.client() as client:
        handle = client.insert(A, arg, **options)
    assert handle
    assert site.perl.look(handle)[0]["pending"]
    site.perl.work(COMPLETES)
    (mark,) = site.perl.marks()
    assert json.loads(mark["arg"]) == arg
    assert {key: mark[key] for key in options} == options
    assert mark["failures"] == 0
    assert f"-{mark['jobid']}" in handle
    assert due - 2 <= mark["insert_time"] <= due <= mark["at"]
    assert not site.perl.look(handle)[0]["pending"]
    assert site.left() == 0


def test_arguments_of_every_kind_arrive(site: Site) -> None:
    with site.client() as client:
        client.insert_many(A, [None, 42, "text", b"plain bytes", [1, {"a": "b"}]])
    site.perl.work(COMPLETES, jobs=5)
    arrived = [mark["arg"] for mark in sorted(site.perl.marks(), key=lambda mark: mark["jobid"])]
    assert arrived == ["null", "42", '"text"', "plain bytes", '[1,{"a":"b"}]']


def test_structures_arrive_as_what_they_are(site: Site) -> None:
    arg = {"order": 1, "name": "Grüße 猫", "parts": [1, -70000, None, {"deep": ["x"]}], "large": 2**40, "half": 0.5}
    with site.client() as client:
        client.insert(A, arg, serializer="storable")
    site.perl.work(COMPLETES)
    (mark,) = site.perl.marks()
    assert mark["arg"] == {**arg, "large": str(2**40), "half": "0.5"}, "as Perl's own nfreeze writes them"


def test_perl_finds_our_jobs(site: Site) -> None:
    with site.client() as client:
        one, two = client.insert_many(A, [1, 2], coalesce="host.example", priority=3)
        other = client.insert(A, 3, coalesce="host.other")
        later = client.insert(A, 4, run_after=time.time() + 3600)
        client.insert(B, 5, coalesce="host.example")
    listed = site.perl.call("list_jobs", {"funcname": A})
    assert [job["handle"] for job in listed] == [one, two, other, later]
    assert (listed[0]["arg"], listed[0]["coalesce"], listed[0]["priority"]) == ("1", "host.example", 3)
    due = site.perl.call("list_jobs", {"funcname": A, "run_after": int(time.time())})
    assert [job["handle"] for job in due] == [one, two, other]
    found = [site.perl.call("find_job_with_coalescing_value", A, "host.example") for _ in range(3)]
    assert {job and job["handle"] for job in found} == {one, two, None}, "each is grabbed by who finds it"
    assert site.perl.call("find_job_with_coalescing_prefix", A, "host.")["handle"] == other


def test_a_uniqkey_that_perl_took_is_taken(site: Site) -> None:
    assert site.perl.insert(A, arg=1, uniqkey="one")
    with site.client() as client:
        assert client.insert(A, 2, uniqkey="one") is None
        assert client.insert(B, 2, uniqkey="one"), "of another class"
        assert client.insert_many(A, [3], uniqkey="other") != [None]
        assert site.perl.insert(A, arg=2, uniqkey="one") is None
        site.daemon({A: {"class": "Completes"}}).start("-c", "1")
        until(lambda: site.left() == 1)
        assert {mark["arg"] for mark in site.marks()} == {1, 3}
        assert site.perl.insert(A, arg=4, uniqkey="one"), "done, so free again"
        until(lambda: site.left() == 1)
        assert client.insert(A, 5, uniqkey="one")


def test_a_uniqkey_that_we_took_is_taken(site: Site) -> None:
    with site.client() as client:
        assert client.insert(A, 1, uniqkey="one")
        assert site.perl.insert(A, arg=2, uniqkey="one") is None
        assert site.perl.insert(B, arg=2, uniqkey="one"), "of another class"
        assert client.insert(A, 2, uniqkey="one") is None
        site.perl.work(COMPLETES)
        assert [mark["arg"] for mark in site.perl.marks()] == ["1"]
        assert client.insert(A, 3, uniqkey="one"), "done, so free again"
        site.perl.work(COMPLETES)
        assert site.perl.insert(A, arg=4, uniqkey="one")
