"""Perl inserts, we work."""

import time

from tests.interop.site import A, Site
from tests.waiting import until

COMPLETES = {A: {"class": "Completes"}}


def test_all_that_perl_says_of_a_job_arrives(site: Site) -> None:
    due = int(time.time()) + 1
    options = {"priority": 7, "uniqkey": "key-1", "coalesce": "host.example", "run_after": due}
    handle = site.perl.insert(A, json={"order": 1, "name": "Grüße", "parts": [1.5, None, True]}, **options)
    assert handle
    site.daemon(COMPLETES).start("-c", "1")
    (mark,) = until(site.marks)
    assert mark["arg"] == {"order": 1, "name": "Grüße", "parts": [1.5, None, True]}
    assert {key: mark[key] for key in options} == options
    assert mark["failures"] == 0
    assert mark["id"] == f"0-{handle.partition('-')[2]}"
    assert due - 2 <= mark["insert_time"] <= due
    assert due <= mark["at"]
    until(lambda: site.left() == 0)


def test_arguments_of_every_kind_arrive(site: Site) -> None:
    """What is neither JSON nor frozen by Storable, as references are, is bytes."""
    nested = {"order": 1, "lines": [{"sku": "a-1", "n": -300}], "note": None}
    kinds = [
        ({"arg": nested}, nested),
        ({"arg": [1, "two", [3]]}, [1, "two", [3]]),
        ({"arg": {}}, {}),
        ({"arg": '[1,{"a":"b"}]'}, [1, {"a": "b"}]),
        ({"arg": 42}, 42),
        ({"arg": "plain text"}, b"plain text"),
        ({"hex": b"\x00\xff\x05 bytes".hex()}, b"\x00\xff\x05 bytes"),
        ({"arg": None}, b""),
    ]
    site.perl.call("insert", *({"funcname": A, "priority": n, **job} for n, (job, _) in enumerate(kinds)))
    site.daemon(COMPLETES).start("-c", "1")
    marks = until(lambda: len(site.marks()) == len(kinds) and site.marks())
    assert {mark["priority"]: mark["arg"] for mark in marks} == {n: arg for n, (_, arg) in enumerate(kinds)}


def test_priorities_that_perl_gave_are_kept(site: Site) -> None:
    """One without, Perl's default, counts as 0."""
    site.perl.call("insert", *({"funcname": A, "arg": n, "priority": n or None} for n in (1, 0, 5, 3)))
    site.daemon(COMPLETES, prioritize=1).start("-c", "1")
    marks = until(lambda: len(site.marks()) == 4 and site.marks())
    assert [mark["arg"] for mark in marks] == [5, 3, 1, 0]
    assert marks[-1]["priority"] is None
