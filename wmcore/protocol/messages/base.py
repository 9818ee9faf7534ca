"""What every message is."""

from typing import Any, ClassVar

import msgspec


class Message(msgspec.Struct, kw_only=True):
    """Base of everything on the wire."""


class Request(Message):
    """A method's parameters; `result` is the type of its reply."""

    method: ClassVar[str]
    result: ClassVar[Any]
