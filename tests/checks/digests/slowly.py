"""`python -m tests.checks.digests.slowly HOME`: compares eight points at a time, to be killed."""

from __future__ import annotations

import sys
import time
from pathlib import Path

from sophia_cli.checks.digests.comparison import compare
from sophia_cli.checks.digests.difference import Named
from tests.checks.stage import opened_stage

if __name__ == "__main__":
    with opened_stage(Path(sys.argv[1])) as stage:
        copies = [Named("", stage.service.vectors)]
        compare(stage.service, copies, stage.home.root, advance=lambda _: time.sleep(0.5), size=8)
