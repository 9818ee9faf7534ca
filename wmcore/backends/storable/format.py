"""The format of Perl's Storable, major version 2, as it stands in memory (a file has "pst0" in front).

Source: Storable.xs of Storable 3.x (dist/Storable in Perl's repository), and what Perl 5.36 writes.

    frozen = header object
    header = 0x05 minor                                                  nfreeze: network order, sizes known
           | 0x04 minor n byteorder[n] int long pointer [double]         freeze: sizes in bytes, double from minor 2 on
    object = code ...                                                    see `Code`

`len` is a 32-bit number in the header's byte order, `tag` one in network order, `u8` a byte. Objects are numbered from
0 as they begin, a container before its members and a reference before what it refers to; OBJECT names one by this tag.
References, objects of classes and v-strings stand as a wrapper in front of their object.
"""

from enum import IntEnum, IntFlag

NATIVE, NETWORK = 0x04, 0x05
"""The first byte: the major version 2, and in the lowest bit whether the rest is in network order."""

MAX_MINOR = 0x1F
"""Storable writes 11 today, reads 12, and promises that a higher one only adds codes. No text begins with two control
characters such as these."""

WRITTEN_MINOR = 5
"""That of Perl 5.8.0, the first with everything that we write."""

MAX_NESTING = 1_000
"""Containers inside each other. Storable 3 freezes 512 unless it is told otherwise; and what is deeper than Python's
default recursion limit cannot be printed, compared or written as JSON. Neither reading nor writing recurses here."""

MAX_LENGTH = 2**31 - 1
"""Longer ones have another notation, LOBJECT."""

LONG_NAME = 0x80
"""In the first byte of BLESS and IX_BLESS: the length or index follows as a `len`."""


class Code(IntEnum):
    OBJECT = 0  # tag: seen before
    LSCALAR = 1  # len, bytes
    ARRAY = 2  # len, objects
    HASH = 3  # len, pairs: object, len, key
    REF = 4  # object
    UNDEF = 5
    INTEGER = 6  # of the machine's size; not in network order
    DOUBLE = 7  # the same
    BYTE = 8  # u8: the number + 128
    NETINT = 9  # signed, 32 bits, always in network order
    SCALAR = 10  # u8, bytes
    TIED_ARRAY = 11
    TIED_HASH = 12
    TIED_SCALAR = 13
    SV_UNDEF = 14  # in an array: no such element
    SV_YES = 15
    SV_NO = 16
    BLESS = 17  # u8, class name, object
    IX_BLESS = 18  # u8: index of a class that was named before, object
    HOOK = 19  # an object that freezes itself: see `Hook`
    OVERLOAD = 20  # as REF: the object's class has overloaded operators
    TIED_KEY = 21
    TIED_IDX = 22
    UTF8STR = 23  # u8, bytes
    LUTF8STR = 24  # len, bytes
    FLAG_HASH = 25  # u8 (is it locked?), len, pairs: object, u8 (see `Key`), len, key
    CODE = 26
    WEAKREF = 27  # as REF
    WEAKOVERLOAD = 28  # as OVERLOAD
    VSTRING = 29  # u8, how v1.2.3 was written, object
    LVSTRING = 30  # len, the same
    SVUNDEF_ELEM = 31  # an element that is undef for good
    REGEXP = 32
    LOBJECT = 33  # code, 64-bit length, ...
    BOOLEAN_TRUE = 34
    BOOLEAN_FALSE = 35


class Key(IntFlag):
    """Of a key in FLAG_HASH."""

    UTF8 = 0x01
    WAS_UTF8 = 0x02  # text that Perl keeps as Latin-1
    LOCKED = 0x04
    IS_OBJECT = 0x08  # Perl does not write it
    PLACEHOLDER = 0x10  # a key that a locked hash may have and has not


class Hook(IntFlag):
    """The byte behind HOOK. While MORE: an object and the next such byte. Then the class name (u8 or len, bytes) or
    its index, the frozen string (u8 or len, bytes), and with LIST a number (u8 or len) and the tags of its parts."""

    TIED = 0x03  # all bits; else 0 to 2: scalar, array, hash
    LONG_NAME = 0x04
    LONG_STRING = 0x08
    LONG_LIST = 0x10
    KNOWN_CLASS = 0x20
    MORE = 0x40
    LIST = 0x80
