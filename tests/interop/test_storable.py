"""Perl's own Storable and ours, each reading what the other wrote."""

import random
import struct
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.servers import missing
from tests.skips import perl
from tests.unit.test_storable import FREEZE, NFREEZE
from wmcore.backends.arguments import decode, encode
from wmcore.backends.storable import freeze, looks_frozen, thaw
from wmcore.backends.storable.format import MAX_NESTING
from wmcore.errors import BadArgument

SEEDS = range(1, 5)  # a test of its own each, so that a failure names it
STRUCTURES = 100


@pytest.fixture(scope="module", autouse=True)
def _perl() -> None:
    if not perl("Storable")():
        missing("Perl's Storable is not installed (Debian package perl)")


def ask(what: str, lines: list[str]) -> list[str]:
    asked = subprocess.run(
        ["perl", Path(__file__).with_name("storable.pl"), what],
        input="\n".join(lines), capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert asked.returncode == 0, asked.stderr
    answers = asked.stdout.splitlines()
    assert len(answers) == len(lines)
    return answers


def frozen_by_perl(expressions: list[str]) -> list[tuple[bytes, bytes]]:
    """By nfreeze and by freeze."""
    pairs = (line.split() for line in ask("freeze", expressions))
    return [(bytes.fromhex(network), bytes.fromhex(native)) for network, native in pairs]


# From Perl: a structure is made as Perl's expression, and as what it should be here


@dataclass(frozen=True)
class Leaf:
    perl: str
    network: Any
    native: Any


@dataclass(eq=False)
class Box:
    """An array or a hash, perhaps an object; it may stand in several places."""

    members: list[tuple["Key", "Leaf | Box"]]
    array: bool
    package: str | None


@dataclass(frozen=True)
class Key:
    characters: str
    flagged: bool

    @property
    def perl(self) -> str:
        return f"text({quoted(self.characters)})" if self.flagged else quoted(self.characters)

    @property
    def here(self) -> str | bytes:
        return self.characters if self.flagged else unflagged(self.characters)


def quoted(characters: str) -> str:
    return '"' + "".join(f"\\x{{{ord(character):x}}}" for character in characters) + '"'


def unflagged(characters: str) -> str | bytes:
    raw = characters.encode("latin-1")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw


class Maker:
    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.boxes: list[Box] = []

    def root(self) -> Box:
        self.boxes = []
        return self.box(0)

    def any(self, depth: int) -> Leaf | Box:
        if depth < 5 and self.random.random() < 0.4:
            if self.boxes and self.random.random() < 0.2:
                return self.random.choice(self.boxes)
            return self.box(depth)
        leaf = self.random.choice(LEAVES)(self.random)
        if self.random.random() < 0.1:
            return Leaf(f"\\do {{ my $t = {leaf.perl} }}", leaf.network, leaf.native)
        return leaf

    def box(self, depth: int) -> Box:
        size = self.random.choice([0, 1, 2, 3, 5, 8])
        package = self.random.choice(["A", "Some::Class", "N" * 200]) if self.random.random() < 0.2 else None
        array = self.random.random() < 0.5
        keys: dict[str, Key] = {}
        for _ in range(size):
            key = self.random.choice(KEYS)(self.random)
            keys[key.characters] = key
        made = Box([(key, self.any(depth + 1)) for key in keys.values()], array, package)
        self.boxes.append(made)  # now that it is whole: cycles have tests of their own
        return made


def text(rnd: random.Random, alphabet: str) -> str:
    return "".join(rnd.choices(alphabet, k=rnd.choice([0, 1, 3, 20, 255, 256, 700])))


BYTES = "".join(map(chr, range(256)))
ASCII = BYTES[:128]
WIDE = "aäß€漢😀\u07ff\uffff\U0010ffff"


def integer(rnd: random.Random) -> Leaf:
    bits = rnd.choice([7, 8, 31, 32, 33, 63, 64])
    number = rnd.choice([rnd.getrandbits(bits), 2**bits - 1, 2 ** (bits - 1)])
    if number < 2**63 and rnd.random() < 0.5:
        number = -number
    return Leaf(
        str(number),
        number if -(2**31) <= number < 2**31 else str(number),
        number if number < 2**63 else str(number),
    )


def double(rnd: random.Random) -> Leaf:
    number = (rnd.random() + 0.001) * rnd.choice([1, -1, 1e-300, 1e-5, 1e30, -1e300])
    return Leaf(repr(number), f"{number:.15g}", number)


def octets(rnd: random.Random, alphabet: str) -> Leaf:
    characters = text(rnd, alphabet)
    return Leaf(quoted(characters), unflagged(characters), unflagged(characters))


def flagged(rnd: random.Random, alphabet: str) -> Leaf:
    characters = text(rnd, alphabet)
    return Leaf(f"text({quoted(characters)})", characters, characters)


LEAVES: list[Callable[[random.Random], Leaf]] = [
    lambda rnd: Leaf("undef", None, None),
    integer,
    double,
    lambda rnd: octets(rnd, ASCII),
    lambda rnd: octets(rnd, BYTES),
    lambda rnd: flagged(rnd, BYTES),
    lambda rnd: flagged(rnd, WIDE),
]
KEYS: list[Callable[[random.Random], Key]] = [
    lambda rnd: Key(text(rnd, "abcdefghijklmnopqrstuvwxyz"), flagged=False),
    lambda rnd: Key("\xff" + text(rnd, BYTES), flagged=False),  # no UTF-8, whatever follows
    lambda rnd: Key(text(rnd, WIDE), flagged=True),
    lambda rnd: Key("ä" + text(rnd, BYTES[160:255]), flagged=True),
]


def in_perl(it: Leaf | Box, seen: dict[int, int]) -> str:
    if isinstance(it, Leaf):
        return it.perl
    if id(it) in seen:
        return f"$s[{seen[id(it)]}]"
    number = seen[id(it)] = len(seen)
    members = (("" if it.array else f"{key.perl} => ") + in_perl(member, seen) for key, member in it.members)
    inside = ", ".join(members)
    made = f"[{inside}]" if it.array else f"+{{{inside}}}"
    return f"($s[{number}] = " + (f'bless({made}, "{it.package}"))' if it.package else f"{made})")


def here(it: Leaf | Box, native: bool, seen: dict[int, Any]) -> Any:
    if isinstance(it, Leaf):
        return it.native if native else it.network
    if id(it) not in seen:
        members = [(key.here, here(member, native, seen)) for key, member in it.members]
        seen[id(it)] = [member for _, member in members] if it.array else dict(members)
    return seen[id(it)]


def told(value: Any, seen: dict[int, int] | None = None) -> str:
    """A structure with its types, and with what it shares, on one line."""
    seen = {} if seen is None else seen
    if not isinstance(value, dict | list):
        return repr(value)
    if id(value) in seen:
        return f"&{seen[id(value)]}"
    seen[id(value)] = len(seen)
    if isinstance(value, list):
        return f"[{', '.join(told(member, seen) for member in value)}]"
    return f"{{{', '.join(f'{key!r}: {told(value[key], seen)}' for key in sorted(value, key=repr))}}}"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_perl_froze_is_read(seed: int) -> None:
    maker = Maker(seed)
    made = [maker.root() for _ in range(STRUCTURES)]
    expressions = [in_perl(root, {}) for root in made]
    for number, (root, frozen) in enumerate(zip(made, frozen_by_perl(expressions), strict=True)):
        for blob, native in zip(frozen, (False, True), strict=True):
            where = f"seed {seed}, structure {number}: {expressions[number]}"
            assert looks_frozen(blob), where
            assert told(thaw(blob)) == told(here(root, native, {})), where


@pytest.mark.parametrize(("examples", "native"), [(NFREEZE, False), (FREEZE, True)])
def test_what_the_unit_tests_say_of_perl(examples: list[tuple[str, str, Any]], native: bool) -> None:
    expressions = [f"+{perl}" if perl.startswith("{") else perl for perl, _, _ in examples]
    for (expression, _, value), frozen in zip(examples, frozen_by_perl(expressions), strict=True):
        assert told(thaw(frozen[native])) == told(value), expression


def test_cycles_objects_and_what_is_locked() -> None:
    for frozen in zip(*frozen_by_perl([
        "push @s, \\@s; \\@s",
        "$s[0] = {me => [\\@s], weak => \\@s}; weaken($s[0]{weak}); \\@s",
        "$s[0] = own('a', [1]); push @{$s[0]{given}}, $s[0], [$s[0]]; \\@s",
        "$s[0] = bless({}, 'Plus'); $s[1] = [\\$s[0], \\\\$s[0]]; \\@s",
        "$s[0] = {b => 1}; lock_keys(%{$s[0]}, 'a', 'b', text(\"\\xe4\")); $s[1] = $s[0]; \\@s",
        "[map { bless([], 'C' . $_ % 300) } 1 .. 600]",
        "[map { own('o' . $_ % 2, map { [$_] } 1 .. 300) } 1 .. 2]",
    ]), strict=True):  # fmt: skip
        cycle, table, own, plus, locked, classes, parts = map(thaw, frozen)
        assert told(cycle) == "[&0]"
        assert told(table) == "[{'me': [&0], 'weak': &0}]"
        assert told(own) == "[['a', [1], &1, [&1]]]"
        assert told(plus) == "[{}, [&1, &1]]"
        assert told(locked) == "[{'b': 1}, &1]"
        assert classes == [[]] * 600
        assert parts == [[name, *([number] for number in range(1, 301))] for name in ("o1", "o0")]


def test_booleans_arrive_as_what_they_are_in_perl() -> None:
    (network, native), = frozen_by_perl(["[!!1, !!0]"])  # fmt: skip
    assert thaw(network) == thaw(native)
    assert thaw(network) in (["1", ""], [True, False])  # since Storable 3.27


def test_what_is_no_data() -> None:
    for expression, problem in (("[qr/a/]", "a regular expression"), ("[sub { 1 }]", "a subroutine")):
        for blob in frozen_by_perl([expression])[0]:
            with pytest.raises(BadArgument, match=f"{problem} is not data"):
                decode(blob)


# To Perl: Python's structures, and what Perl should tell of them (see told in storable.pl)


def some(rnd: random.Random, depth: int, made: list[Any]) -> Any:
    if depth < 5 and (depth == 0 or rnd.random() < 0.4):
        if made and rnd.random() < 0.2:
            return rnd.choice(made)
        members = [some(rnd, depth + 1, made) for _ in range(rnd.choice([0, 1, 2, 3, 5, 8]))]
        kind = rnd.randrange(3)
        if kind == 2:
            return tuple(members)
        made.append(members if kind else dict(zip(keys(rnd), members, strict=False)))
        return made[-1]
    number = rnd.choice([rnd.getrandbits(rnd.choice([1, 7, 8, 31, 32, 33, 64, 100])), 2**31, 2**31 - 1, 128, 127])
    return rnd.choice([
        None, True, False, number, -number, rnd.uniform(-1e6, 1e6), rnd.random() * 1e-300, 1e22, -0.0,
        text(rnd, ASCII), text(rnd, WIDE), text(rnd, BYTES), text(rnd, BYTES).encode("latin-1"),
    ])  # fmt: skip


def keys(rnd: random.Random) -> Iterator[str | bytes]:
    """No two that are one in Perl, where characters count and not how they are kept."""
    taken = set()
    while True:
        key = rnd.choice([text(rnd, ASCII), text(rnd, WIDE), text(rnd, BYTES), text(rnd, BYTES).encode("latin-1")])
        characters = key if isinstance(key, str) else key.decode("latin-1")
        if characters not in taken:
            taken.add(characters)
            yield key


def in_hex(characters: str) -> str:
    return characters.encode().hex()


def expected(value: Any, seen: dict[int, int]) -> str:
    if isinstance(value, dict | list | tuple):
        if id(value) in seen:
            return f"&{seen[id(value)]}"
        seen[-len(seen) if isinstance(value, tuple) else id(value)] = len(seen)  # a tuple is another one each time
    match value:
        case None:
            return "u"
        case int() if -(2**31) <= value < 2**31:
            return f"i{int(value)}"
        case int() | float():
            return "b" + in_hex(repr(value))
        case bytes():
            return "b" + in_hex(value.decode("latin-1"))
        case str():
            return ("b" if value.isascii() else "t") + in_hex(value)
        case list() | tuple():
            return f"[{','.join(expected(member, seen) for member in value)}]"
    by = {in_hex(key if isinstance(key, str) else key.decode("latin-1")): key for key in value}
    return f"{{{','.join(f'{name}:{expected(value[by[name]], seen)}' for name in sorted(by))}}}"


@pytest.mark.parametrize("seed", SEEDS)
def test_what_we_froze_is_read_by_perl(seed: int) -> None:
    rnd = random.Random(seed)
    values = [some(rnd, 0, []) for _ in range(STRUCTURES)]
    for number, (value, answer) in enumerate(zip(values, ask("thaw", [freeze(v).hex() for v in values]), strict=True)):
        assert answer == expected(value, {}), f"seed {seed}, structure {number}: {value!r}"


def test_scalars_alone_are_read_by_perl() -> None:
    values = [None, True, 0, -300, 2**40, 0.1, "", "abc", "ä", b"\xe4", 300 * "€"]
    answers = ask("thaw", [freeze(value).hex() for value in values])
    assert answers == ["\\" + expected(value, {}) for value in values]


def test_perl_counts_with_our_numbers() -> None:
    rnd = random.Random(1)
    floats = [rnd.uniform(-1, 1) * 10.0 ** rnd.randint(-300, 300) for _ in range(300)]
    script = "print unpack('H*', pack 'd>', 0 + $_) . qq(\\n) for @{Storable::thaw(join '', <STDIN>)}"
    counted = tell_perl(script, freeze(floats)).split()
    assert [struct.unpack(">d", bytes.fromhex(line))[0] for line in counted] == floats


def test_perl_finds_our_keys() -> None:
    """In every way that it may keep them."""
    script = (
        "my $h = Storable::thaw(join '', <STDIN>); utf8::upgrade(my $e = qq(\\xe4)); utf8::downgrade(my $f = $e);"
        "print join ' ', $h->{a}, $h->{$e}, $h->{$f}, $h->{qq(\\x{20ac})}, $h->{qq(\\xff)}, scalar keys %$h"
    )
    assert tell_perl(script, freeze({"a": 1, "ä": 2, "€": 3, b"\xff": 4})) == "1 2 2 3 4 4"


def tell_perl(script: str, blob: bytes) -> str:
    run = subprocess.run(["perl", "-MStorable", "-e", script], input=blob, capture_output=True, check=True, timeout=60)
    return run.stdout.decode()


def test_perl_reads_the_deepest() -> None:
    value: list[Any] = []
    for _ in range(MAX_NESTING - 1):
        value = [value]
    assert ask("thaw", [freeze(value).hex()]) == ["[" * MAX_NESTING + "]" * MAX_NESTING]


def test_an_argument_goes_to_perl_and_back() -> None:
    value = {"id": 7, "names": ["Zoë", b"\xff", None], "deep": {"er": [{}, []]}}
    assert decode(encode(value, "storable")) == value
