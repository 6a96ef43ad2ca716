"""Homes whose engines are stopped at the end of a test, whatever became of it."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.process import Engine
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home


@pytest.fixture
def home() -> Iterator[Home]:
    """A home with a path short enough for sockets."""
    root = Path(tempfile.mkdtemp(prefix="sophia-test-", dir="/tmp"))
    home = Home(root)
    yield home
    for engine in (Postgres(home), Valkey(home)):
        engine.stop()
    shutil.rmtree(root)


@pytest.fixture
def postgres(home: Home) -> Postgres:
    return Postgres(home)


@pytest.fixture(params=[Postgres, Valkey])
def engine(request: pytest.FixtureRequest, home: Home) -> Engine:
    """Either engine: what is tested with it holds for both."""
    made: Engine = request.param(home)
    return made


@pytest.fixture
def elsewhere(home: Home) -> Callable[[str], subprocess.Popen[str]]:
    """Runs Python in another process, with `home`, `Postgres`, `Valkey`, `EngineUse` at hand."""

    def run(code: str) -> subprocess.Popen[str]:
        prelude = (
            "import os, sys, time\n"
            "from pathlib import Path\n"
            "from sophia_cli.home import Home\n"
            "from sophia_cli.engines.postgres import Postgres\n"
            "from sophia_cli.engines.valkey import Valkey\n"
            "from sophia_cli.engines.users import EngineUse\n"
            f"home = Home(Path({str(home.root)!r}))\n"
        )
        return subprocess.Popen(
            [sys.executable, "-c", prelude + code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return run
