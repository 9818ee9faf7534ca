"""A client's connections: each thread of each process has its own."""

import os
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any, Generic, Self, TypeVar
from weakref import WeakSet

T = TypeVar("T")


class _Here(threading.local):
    """A thread's."""

    made: Any = None


class PerThread(Generic[T]):
    def __init__(self, make: Callable[[], T], close: Callable[[T], None]) -> None:
        self._make = make
        self._close = close
        self._here = _Here()
        self._all: WeakSet[Any] = WeakSet()
        self._pid = os.getpid()

    def get(self) -> T:
        """This thread's, of this process: another thread and a fork make their own."""
        here = self._here
        if self._pid != os.getpid():  # what is open belongs to the process that forked us
            self._pid, self._all, here.made = os.getpid(), WeakSet(), None
        if here.made is None:
            here.made = self._make()
            self._all.add(here.made)
        made: T = here.made
        return made

    def close(self) -> None:
        """Those of all threads; what is used again makes another."""
        if self._pid == os.getpid():
            for made in list(self._all):
                self._close(made)
        self._here = _Here()
        self._all = WeakSet()


class Closable:
    """What stands in a `with` is closed behind it."""

    def close(self) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
