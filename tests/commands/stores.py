"""Homes with an open service for tests that run commands in process."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from sophia_cli.assembly import open_service
from sophia_cli.config.loading import load
from sophia_cli.home import Home
from tests.commands.console import Console


@contextlib.contextmanager
def opened_console(variables: Mapping[str, str] | None = None) -> Iterator[Console]:
    """An empty store of its own, real engines and all; removed at the end."""
    root = Path(tempfile.mkdtemp(prefix="sophia-test-", dir="/tmp"))
    home, cwd = Home(root / "home"), root / "cwd"
    cwd.mkdir()
    try:
        opened = open_service(load(dict(variables or {}), {}).config, home)
        try:
            yield Console(opened.service, home, cwd, variables=dict(variables or {}))
        finally:
            opened.close()
    finally:
        shutil.rmtree(root)
