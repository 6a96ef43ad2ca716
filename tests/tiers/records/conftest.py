"""One real PostgreSQL for the records' tests, and a fresh database in it for each test."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.home import Home
from sophia_cli.tiers.records import Records

_numbers = itertools.count()


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    engine = Postgres(Home(Path(tmp_path_factory.mktemp("pg")) / "home").prepare())
    engine.ensure()
    yield engine
    engine.stop()


@pytest.fixture
def database(postgres: Postgres) -> str:
    """The connection string of an empty database."""
    name = f"test_{next(_numbers)}"
    address = postgres.ensure()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return address.replace("dbname=postgres", f"dbname={name}")


@pytest.fixture
def records(database: str) -> Iterator[Records]:
    opened = Records(lambda: database)
    opened.models.adopt("test-model", 4)
    yield opened
    opened.close()
