"""Storable, code by code. What Perl froze, Perl 5.36 (Storable 3.26) froze; its expression stands beside it, and
tests/interop asks the Perl that is there for the same."""

import inspect
import math
import sys
from typing import Any

import pytest

from wmcore.backends.storable import freeze, looks_frozen, thaw
from wmcore.backends.storable.format import MAX_NESTING, Code
from wmcore.errors import BadArgument

NETWORK = "050b"
LITTLE = "040b08313233343536373804080808"
BIG = "040b08383736353433323104080808"

NFREEZE: list[tuple[str, str, Any]] = [
    ('["abc", ""]', "02000000020a036162630a00", ["abc", ""]),
    (r'["\xe4\xff"]', "02000000010a02e4ff", [b"\xe4\xff"]),
    (r'["\xc3\xa4"]', "02000000010a02c3a4", ["ä"]),
    (r'["\x{20ac}"]', "02000000011703e282ac", ["€"]),
    ("[chr 0xd800]", "02000000011703eda080", [b"\xed\xa0\x80"]),  # Perl has such text, Python has not
    ('["x" x 256]', "020000000101" + "00000100" + 256 * "78", [256 * "x"]),
    (r'["\x{20ac}" x 100]', "020000000118" + "0000012c" + 100 * "e282ac", [100 * "€"]),
    ("[undef]", "020000000105", [None]),
    ("do { my @a = (1); $#a = 2; \\@a }", "020000000308810e0e", [1, None, None]),
    ("sub { \\@_ }->(undef, 1 == 1, 1 == 0)", "02000000031f0f10", [None, True, False]),
    ("[\\(1 == 1), \\(1 == 0)]", "0200000002040f0410", [True, False]),
    ("[1, -128, 127]", "0200000003" + "0881" + "0800" + "08ff", [1, -128, 127]),
    ("[128, -129]", "0200000002090000008009ffffff7f", [128, -129]),
    ("[2147483647, -2147483648]", "0200000002097fffffff0980000000", [2**31 - 1, -(2**31)]),
    ("[2147483648]", "02000000010a0a32313437343833363438", ["2147483648"]),
    ("[0.1, 1e300]", "02000000020a03302e310a0631652b333030", ["0.1", "1e+300"]),
    ("[]", "0200000000", []),
    ("{}", "0300000000", {}),
    ("{a => [1, {}]}", "030000000104020000000208810403000000000000000161", {"a": [1, {}]}),
    ('{"" => undef}', "03000000010500000000", {"": None}),
    ('{"\\xe4" => 1}', "0300000001088100000001e4", {b"\xe4": 1}),
    ('do { my $k = "\\xe4"; utf8::upgrade($k); +{$k => 1} }', "19000000000108810200000001e4", {"ä": 1}),
    ('{"\\x{20ac}" => 1, "\\xe4" => 2}', "19000000000208810100000003e282ac08820000000001e4", {"€": 1, b"\xe4": 2}),
    ("do { my %h = (a => 1); lock_keys(%h, 'a', 'b'); \\%h }", "19010000000208810000000001610e140000000162", {"a": 1}),
    ("do { my %h = (a => 1); lock_hash(%h); \\%h }", "1901000000010881040000000161", {"a": 1}),
    ('bless {a => 1}, "Some::Class"', "110b536f6d653a3a436c617373030000000108810000000161", {"a": 1}),
    ('[bless([], "A"), bless([], "A")]', "02000000020411014102000000000412000200000000", [[], []]),
    ('bless [], "N" x 128', "118000000080" + 128 * "4e" + "0200000000", []),
    ('bless \\(my $s = "text"), "S"', "1101530a0474657874", "text"),
    ('[bless({}, "Plus")]', "0200000001141104506c75730300000000", [{}]),  # Plus has overloaded operators
    ("[v1.22.333]", "02000000011d0976312e32322e33333317040116c58d", ["\1\x16\u014d"]),
    ('\\"abc"', "0a03616263", "abc"),
    ('\\\\"abc"', "040a03616263", "abc"),
    ("\\undef", "0e", None),
    # Own freezes itself, as the list that own(...) is given
    ('own("frozen")', "1302034f776e0666726f7a656e", "frozen"),
    ('own("\\x{20ac}" x 100)', "130a034f776e" + "0000012c" + 100 * "e282ac", 100 * "€"),
    ('[own("a"), own("b")]', "0200000002041302034f776e0161041322000162", ["a", "b"]),
    (
        'own("a", [1], {b => 2})',
        "1342020000000108814203000000010882000000016282034f776e0161020000000100000003",
        ["a", [1], {"b": 2}],
    ),
    (
        'own("a", own("b", ["deep"]))',
        "1342134202000000010a046465657082034f776e01620100000002a20001610100000001",
        ["a", ["b", ["deep"]]],
    ),
    ('own("", (\\1) x 300)', "134208819203" + "4f776e00" + "0000012c" + 300 * "00000001", ["", *300 * [1]]),
]
FREEZE: list[tuple[str, str, Any]] = [
    ("[128, -129]", "020200000006800000000000000006" + "7fffffffffffffff", [128, -129]),
    ("[2147483648, -2147483649]", "0202000000060000008000000000" + "06ffffff7fffffffff", [2**31, -(2**31) - 1]),
    ("[18446744073709551615]", "02010000000a143138343436373434303733373039353531363135", [str(2**64 - 1)]),
    ("[1.5, 0.1]", "020200000007000000000000f83f079a9999999999b93f", [1.5, 0.1]),
    ("[9**9**9, -9**9**9]", "020200000007000000000000f07f07000000000000f0ff", [math.inf, -math.inf]),
    ("{a => [1, {}]}", "030100000004020200000008810403000000000100000061", {"a": [1, {}]}),
    ("do { my %h = (a => 1); lock_keys(%h, 'a', 'b'); \\%h }", "19010200000008810001000000610e140100000062", {"a": 1}),
    ('["x" x 256]', "020100000001" + "00010000" + 256 * "78", [256 * "x"]),
    ('bless [], "N" x 128', "118080000000" + 128 * "4e" + "0200000000", []),
    (
        'own("a", [1], {b => 2})',
        "1342020100000008814203010000000882010000006282034f776e0161020000000100000003",
        ["a", [1], {"b": 2}],
    ),
]
BY_HAND: list[tuple[str, str, Any]] = [
    ("Storable 3.27 keeps booleans", NETWORK + "02000000022223", [True, False]),
    ("long v-string", NETWORK + "1e00000003" + "76312e" + "0a0101", "\1"),
    ("weak overloaded reference", NETWORK + "020000000104" + "1c" + "110141" + "0300000000", [{}]),
    ("the 130th class again", NETWORK + "0200000083" + 130 * "1101410880" + "1280000000810881", [*130 * [0], 1]),
    ("big endian", BIG + "020000000206fffffffffffffed4" + "073ff8000000000000", [-300, 1.5]),
    ("32 bits, little endian", "040b043132333404040408" + "0201000000" + "06d4feffff", [-300]),
    ("32 bits, big endian", "040b043433323104040408" + "0200000001" + "06fffffed4", [-300]),
    ("no size of a double before minor 2", "04010831323334353637380408080201000000" + "0881", [1]),
    ("a minor to come", "050d02000000010881", [1]),
    ("a key that is there twice", NETWORK + "0300000002" + "0881" + "0000000161" + "0882" + "0000000161", {"a": 2}),
]  # fmt: skip




@pytest.mark.parametrize(("perl", "frozen", "value"), NFREEZE)
def test_what_nfreeze_writes(perl: str, frozen: str, value: Any) -> None:
    check(perl, NETWORK + frozen, value)


@pytest.mark.parametrize(("perl", "frozen", "value"), FREEZE)
def test_what_freeze_writes(perl: str, frozen: str, value: Any) -> None:
    check(perl, LITTLE + frozen, value)


@pytest.mark.parametrize(("what", "frozen", "value"), BY_HAND)
def test_what_this_perl_does_not_write(what: str, frozen: str, value: Any) -> None:
    check(what, frozen, value)


def check(what: str, frozen: str, value: Any) -> None:
    blob = bytes.fromhex(frozen)
    assert looks_frozen(blob), what
    assert thaw(blob) == value, what
    assert repr(thaw(blob)) == repr(value), what  # True is not 1, and 1 is not 1.0


def thawed(frozen: str) -> Any:
    return thaw(bytes.fromhex(NETWORK + frozen))


def test_nan() -> None:
    assert math.isnan(thaw(bytes.fromhex(LITTLE + "07000000000000f87f")))


def test_what_is_shared_is_one_object() -> None:
    """do { my $s = [1]; [$s, $s, \\$s] }"""
    one, two, three = thawed("0200000003040200000001088104000000000204040000000002")
    assert one is two is three
    assert one == [1]


def test_a_weak_reference_is_a_reference() -> None:
    """do { my $s = [[]]; weaken($s->[1] = $s->[0]); $s }, and the same of an object with overloaded operators"""
    one, two = thawed("02000000020402000000001b0000000002")
    assert one is two and one == []
    one, two = thawed("0200000002141104506c757303000000001c0000000002")
    assert one is two and one == {}


def test_what_an_object_hands_out_is_shared_too() -> None:
    """do { my $s = [7]; [$s, own("a", $s, $s)] }"""
    one, (name, two, three) = thawed("02000000020402000000010887041382034f776e0161020000000200000002")
    assert one is two is three
    assert (name, one) == ("a", [7])


def test_what_contains_itself() -> None:
    array = thawed("0200000001040000000000")  # push @$s, $s
    assert len(array) == 1 and array[0] is array
    array = thawed("040200000001040000000000")  # push @$s, \$s; freeze(\$s)
    assert len(array) == 1 and array[0] is array
    table = thawed("0300000001040000000000000000026d65")  # $s->{me} = $s
    assert list(table) == ["me"] and table["me"] is table
    name, itself = own = thawed("1382034f776e01610100000000")  # an object that hands out itself
    assert name == "a" and itself is own
    name, (itself,) = own = thawed("1342020000000104000000000082034f776e01610100000001")  # own("a", [$itself])
    assert name == "a" and itself is own


@pytest.mark.parametrize(
    ("frozen", "problem", "at"),
    [
        ("", "no header of Storable 2", 0),
        ("0503", "no header of Storable 2", 0),
        ("070b05", "no header of Storable 2", 0),  # major 3
        ("030002", "no header of Storable 2", 0),  # major 1
        ("70737430050b05", "no header of Storable 2", 0),  # a file's
        ("050b00", "no header of Storable 2", 0),
        ("04200831323334353637380408080805", "no header of Storable 2", 0),
        ("040b083132333435", "no header of Storable 2", 0),
        ("040b08313233343536373804", "4 bytes announced and 1 left", 11),
        ("040b0831323334353637380808080805", "sizes of a machine that is not supported", 15),
        ("040b0831323334353637380408081005", "sizes of a machine that is not supported", 15),  # long doubles
        ("050b0524", "1 bytes too many", 3),
        ("050b02000000010224", "4 bytes announced and 1 left", 8),
        ("050b020000000124", "there is no code 36", 7),
        ("050b02ffffffff05", "4,294,967,295 members announced and 1 bytes left", 7),
        ("050b037fffffff05", "2,147,483,647 members announced and 1 bytes left", 7),
        ("050b19007fffffff05", "2,147,483,647 members announced and 1 bytes left", 8),
        ("050b017fffffff61", "2,147,483,647 bytes announced and 1 left", 7),
        ("050b0a", "1 bytes announced and 0 left", 3),
        ("050b04", "1 bytes announced and 0 left", 3),
        ("050b02000000010000000002", "object 2 is named before it is there", 12),
        ("050b040000000000", "a reference leads to itself and nowhere else", 8),  # $x = \$x
        ("050b02000000011200", "class 0 is named before it is there", 9),
        ("050b118000000005", "5 bytes announced and 0 left", 8),
        ("050b06000000000000000100", "an integer of some machine in network order", 3),
        ("050b07000000000000000100", "a double of some machine in network order", 3),
        ("050b19000000000105080000000161", "a key that is an object", 10),
        ("050b13020141", "1 bytes announced and 0 left", 6),
        ("050b1392014100" + "7fffffff", "2,147,483,647 members announced and 0 bytes left", 11),
        ("050b138201410001" + "00000001", "object 1 is named before it is there", 12),
        ("050b13220000", "class 0 is named before it is there", 5),
        ("050b1303040141" + "00", "a tied variable is not data", 4),
        ("050b0b041101540200000000", "a tied variable is not data", 2),
        ("050b0200000001041a0a0a7b0a20202020313b0a7d", "a subroutine is not data", 8),  # [sub {1}]
        ("050b110652656765787020000361622b0169", "a regular expression is not data", 10),  # qr/ab+/i
        ("050b2102000000008000000005", "an object of more than 2 GB is not supported", 2),
        ("050b" + 1001 * "0200000001" + "05", "more than 1,000 containers inside each other", 5007),
    ],
)
def test_the_one_error(frozen: str, problem: str, at: int) -> None:
    with pytest.raises(BadArgument) as raised:
        thaw(bytes.fromhex(frozen))
    assert (raised.value.problem, raised.value.at) == (problem, at)
    assert str(raised.value) == (
        f"the job's argument begins like Perl's Storable but cannot be decoded: {problem}, at byte {at} "
        "(job.raw has the bytes)"
    )


@pytest.mark.parametrize("blob", [
    b"", b"\5", b"\5\13", b"hello", b"\5\13\0", b"\5\13\x12", b"\5\13\x24", b"\5\x20\3", b"\4\13\x08",
    b"\4\13\x0812345687", b"\4\13\x03123", b"\3\13\3", b"pst0\5\13\3",
])  # fmt: skip
def test_what_does_not_look_frozen(blob: bytes) -> None:
    assert not looks_frozen(blob)


@pytest.mark.parametrize("code", sorted(set(Code) - {Code.OBJECT, Code.IX_BLESS}))
def test_what_looks_frozen(code: Code) -> None:
    assert looks_frozen(bytes([5, 11, code]))


@pytest.mark.parametrize(("value", "frozen"), [
    (None, "05"),
    (True, "0881"),
    (False, "0880"),
    (0, "0880"),
    (-128, "0800"),
    (127, "08ff"),
    (128, "0900000080"),
    (-129, "09ffffff7f"),
    (2**31 - 1, "097fffffff"),
    (-(2**31), "0980000000"),
    (2**31, "0a0a" + b"2147483648".hex()),
    (-(2**31) - 1, "0a0b" + b"-2147483649".hex()),
    (10**30, "0a1f" + b"1000000000000000000000000000000".hex()),
    (0.1, "0a03" + b"0.1".hex()),
    (1 / 3, "0a12" + b"0.3333333333333333".hex()),
    (1e300, "0a06" + b"1e+300".hex()),
    ("", "0a00"),
    ("abc", "0a03616263"),
    ("ä", "1702c3a4"),
    (256 * "x", "0100000100" + 256 * "78"),
    (100 * "€", "180000012c" + 100 * "e282ac"),
    (b"\xe4\0", "0a02e400"),
    (bytearray(b"\xe4"), "0a01e4"),
    (256 * b"\xff", "0100000100" + 256 * "ff"),
    ([], "0200000000"),
    ((), "0200000000"),
    ({}, "0300000000"),
    ([None, ["abc"]], "0200000002" + "05" + "040200000001" + "0a03616263"),
    ({"a": [1, {}]}, "030000000104020000000208810403000000000000000161"),
    ({b"\xe4": 1}, "0300000001088100000001e4"),
    ({"ä": 1}, "19000000000108810200000001e4"),
    ({"€": 1, b"\xe4": 2}, "19000000000208810100000003e282ac08820000000001e4"),
])  # fmt: skip
def test_freezing_as_nfreeze_does(value: Any, frozen: str) -> None:
    assert freeze(value).hex() == "0505" + frozen


def test_a_list_that_stands_in_two_places_is_frozen_once() -> None:
    shared = [1]
    frozen = freeze([shared, shared, (2,), (2,)])
    assert frozen.hex()[4:] == "0200000004" + "0402000000010881" + "0400" + "00000002" + 2 * "0402000000010882"
    one, two, three, four = thaw(frozen)
    assert one is two and three is not four


def test_what_cannot_be_frozen() -> None:
    itself: list[Any] = [1]
    itself.append({"again": itself})
    with pytest.raises(ValueError, match="a list that contains itself"):
        freeze(itself)
    for number in math.nan, math.inf, -math.inf:
        with pytest.raises(ValueError, match="no word in Perl for"):
            freeze([number])
    with pytest.raises(ValueError, match="two keys of a dict"):
        freeze({"a": 1, b"a": 2})
    with pytest.raises(ValueError, match="two keys of a dict"):
        freeze({"ä": 1, b"\xe4": 2})
    with pytest.raises(TypeError, match="no word in Perl for a value of type set"):
        freeze({"a": {1}})
    with pytest.raises(TypeError, match="keys are str or bytes in Perl, not int"):
        freeze({1: 2})
    with pytest.raises(UnicodeEncodeError):
        freeze("\udcff")


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth - 1):
        value = [value]
    return value


def test_as_deep_as_it_goes() -> None:
    with pytest.raises(ValueError, match="more than 1,000 containers"):
        freeze(nested(MAX_NESTING + 1))
    value, depth = thaw(freeze(nested(MAX_NESTING))), 1
    while value:
        (value,), depth = value, depth + 1
    assert depth == MAX_NESTING


def test_depth_costs_no_stack() -> None:
    blob = freeze(nested(MAX_NESTING))

    def deep(frames: int) -> Any:
        return deep(frames - 1) if frames else freeze(thaw(blob))

    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + 320)
    try:
        assert deep(300) == blob
    finally:
        sys.setrecursionlimit(limit)
