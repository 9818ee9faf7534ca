"""Loading modules without looking for garbage among what they make."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Nothing of it is garbage, now or later; each look for some costs the more, the more was loaded before."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
