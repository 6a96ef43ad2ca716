"""Other processes on a directory of vectors."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from pathlib import Path

from .entries import DIMENSION

_TESTS = Path(__file__).parents[2]


def child(directory: Path, script: str, dimension: int = DIMENSION) -> subprocess.Popen[str]:
    """A process with `vectors` on the directory, which then runs `script`."""
    lines = f"""
    import os, signal, sys, time
    from pathlib import Path
    from sophia_cli.memory.model import Kind
    from sophia_cli.tiers.vectors.edge import EdgeVectors
    from tiers.vectors.entries import entry
    vectors = EdgeVectors(Path({str(directory)!r}), {dimension})
    """
    return subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(lines) + textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_TESTS)},
    )
