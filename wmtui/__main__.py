"""`python -m wmtui`."""

import sys

from wmtui.cli import main

sys.exit(main())
