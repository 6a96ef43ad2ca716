"""`python bench/peers DIRECTORY`: see `peers.command`."""

import sys
from pathlib import Path

# In place of this folder, whose files are named after the packages that they import.
sys.path[0] = str(Path(__file__).parents[1])

from peers.command import main  # noqa: E402

sys.exit(main())
