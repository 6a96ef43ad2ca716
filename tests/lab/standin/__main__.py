"""`python -m tests.lab.standin --config-path FILE --uri URI`: one peer."""

from __future__ import annotations

import sys

from .peer import main

sys.exit(main(sys.argv[1:]))
