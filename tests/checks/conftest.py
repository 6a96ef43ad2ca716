"""One open store for the checks that look at it from within; each test leaves it as it was."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest

from sophia_cli.assembly import OpenService, open_service
from sophia_cli.checks.check import Finding
from sophia_cli.config.loading import load
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from tests.checks.scenes import looks
from tests.checks.stage import Stage, staged
from tests.commands.console import Console


@dataclass(slots=True)
class Store:
    """A home with its engines and a service, as the resident process has them."""

    home: Home
    opened: OpenService
    postgres: Postgres
    valkey: Valkey
    console: Console

    def looks(self, number: str, **settings: Any) -> list[Finding]:
        """What a check finds."""
        return looks(self.home.root, number, service=self.opened.service, **settings)

    def settle(self) -> None:
        """Pays what the index owes, which here nobody else does."""
        while self.opened.service.indexer.drain(everything=True):
            pass

    def sql(self, *statements: str) -> list[Any]:
        """Runs statements by themselves; returns the rows of the last."""
        found: list[Any] = []
        with psycopg.connect(self.postgres.address, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                found = cursor.fetchall() if cursor.description else []
        return found


@contextlib.contextmanager
def opened_store(
    variables: Mapping[str, str] | None = None, disk: Path = Path("/tmp")
) -> Iterator[Store]:
    root = Path(tempfile.mkdtemp(prefix="sophia-test-", dir=disk))
    home, cwd = Home(root / "home"), root / "cwd"
    cwd.mkdir()
    try:
        opened = open_service(load(variables or {}, {}).config, home)
        try:
            valkey = Valkey(home)
            valkey.ensure()
            console = Console(opened.service, home, cwd)
            yield Store(home, opened, Postgres(home), valkey, console)
        finally:
            opened.close()
    finally:
        shutil.rmtree(root)


@pytest.fixture(scope="package")
def store() -> Iterator[Store]:
    with opened_store() as store:
        store.console.remember("We chose Qdrant because of filtering speed", "--kind", "coding")
        store.console.remember("Acme renewed for forty seats", "--kind", "business")
        yield store


@pytest.fixture(scope="module")
def open_stage() -> Iterator[Stage]:
    with staged() as stage:
        yield stage


@pytest.fixture
def stage(open_stage: Stage) -> Stage:
    """A store with memories and no fault in it."""
    open_stage.empty()
    open_stage.fill()
    return open_stage
