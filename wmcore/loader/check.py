"""Do the classes of a configuration import? Asked in a process of its own, so that user code can do no harm."""

import sys

from wmcore.config.load import load
from wmcore.errors import LoadError, WmError
from wmcore.loading import load_all


def check(path: str) -> int:
    """0, or 2 with a sentence on standard error."""
    try:
        load_all(load(path))
    except LoadError as error:
        print(error, file=sys.stderr)
        return 2
    except WmError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0
