"""The log of this process, in a file of its own, and nobody's afterwards."""

from __future__ import annotations

import json
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.logs import events
from sophia_cli.logs.file import LogFile

Written = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Written]:
    """What this process has logged since the test began."""
    path = tmp_path / "events.log"
    hooks = sys.excepthook, threading.excepthook, logging.root.handlers[:]
    events.to_file(LogFile(path, 1 << 20, 1), "info")
    yield (
        lambda: (
            [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        )
    )
    events._out.write = None
    sys.excepthook, threading.excepthook, logging.root.handlers[:] = hooks
