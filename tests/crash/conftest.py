"""A home of its own for each crash test; whatever still runs in it at the end is ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.home import Home
from tests.crash.client import SOPHIA


@pytest.fixture
def home() -> Iterator[Home]:
    root = Path(tempfile.mkdtemp(prefix="sophia-crash-", dir="/tmp"))
    yield Home(root)
    subprocess.run(
        [SOPHIA, "down"], env={**os.environ, "SOPHIA_HOME": str(root)}, timeout=60, check=True
    )
    shutil.rmtree(root)
