"""What differs from job to job is left out of an error; what differs in kind stays."""

import pytest

from wmcore.backends.fingerprint import LONGEST, fingerprint, normalised


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("Timeout after 30.5 s on 10.0.0.3:5432", "Timeout after N s on ADDRESS"),
        ("KeyError: 'user_id'", "KeyError: 'user_id'"),
        ("KeyError: 'user 17'", "KeyError: '…'"),
        ("shop.errors.KeyError: 'a' in 'b c'", "shop.errors.KeyError: 'a' in '…'"),
        ("AttributeError: 'NoneType' object has no attribute 'id'",
         "AttributeError: 'NoneType' object has no attribute 'id'"),
        ("NotFound: no user 'alice'", "NotFound: no user '…'"),
        ("can't find it, don't know", "can't find it, don't know"),
        ('no "a \\" b" in `table`', "no '…' in '…'"),
        ("<Job object at 0x7f12ab34>", "<Job object at ID>"),
        ("order 123e4567-e89b-12d3-a456-426614174000 of deadbeef12", "order ID of ID"),
        ("mail to bob@mail.example.com: https://a.b/c?d=1 failed", "mail to MAIL: URL failed"),
        ("fe80::1:2 and ::1 down at 12:30:44", "ADDRESS and ADDRESS down at N"),
        ("Sandbox::Worker::A is not decade or facade", "Sandbox::Worker::A is not decade or facade"),
        ("first\nsecond 5", "first"),
        ("\n  spaced   out \n", "spaced out"),
        ("", ""),
    ],
)
def test_normalised(message: str, expected: str) -> None:
    assert normalised(message) == expected


def test_the_class_counts() -> None:
    assert fingerprint("A", "timeout after 1 s") == fingerprint("A", "timeout after 22 s")
    assert fingerprint("A", "timeout") != fingerprint("B", "timeout")
    assert len(fingerprint("A", "\udcff")) == 16


def test_a_long_one_is_cut() -> None:
    assert len(normalised("x " * 9000)) <= LONGEST
