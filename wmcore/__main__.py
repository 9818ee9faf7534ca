"""`python -m wmcore`."""

import sys

from wmcore.cli import main

sys.exit(main())
