"""A long list in lines: all of it, or visibly not all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx
import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.home import Home
from sophia_cli.memory.model import Draft, Kind
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.records.memories import NewMemory
from tests.conftest import wait_until
from tests.daemon.rest.served import Served, served
from tests.faults.frozen import frozen

MEMORIES = 1_400
LINES = {"accept": "application/x-ndjson"}


@pytest.fixture(scope="module")
def long() -> Iterator[Served]:
    """A home with three pages of memories, each page larger than what a connection buffers."""
    patient = {"SOPHIA_RESIDENT__DRAIN_INTERVAL": "1h", "SOPHIA_RECORDS__TIMEOUT": "1s"}
    with served(patient) as opened:
        address = Postgres(Home(opened.sophia.home)).ensure()
        records = Records(lambda: address)
        batch = [
            NewMemory(Draft(f"{number} " + "x" * 20_000), Kind.CODING, None, {})
            for number in range(MEMORIES)
        ]
        for start in range(0, MEMORIES, 200):
            records.memories.add(batch[start : start + 200], datetime.now(UTC))
        records.close()
        yield opened


def test_all_of_it_comes(long: Served) -> None:
    with long.owner() as client, client.stream("GET", "/v1/memories", headers=LINES) as answer:
        numbers = [int(json.loads(line)["content"].split()[0]) for line in answer.iter_lines()]
    assert numbers == list(range(MEMORIES))[::-1]


def test_a_fault_on_the_way_is_the_last_line_and_no_end(long: Served) -> None:
    lines: list[str] = []
    with (
        long.owner() as client,
        client.stream("GET", "/v1/memories", headers=LINES) as answer,
        frozen(Postgres(Home(long.sophia.home)).pid()),
        pytest.raises(httpx.RemoteProtocolError),
    ):
        lines.extend(answer.iter_lines())
    rows = [json.loads(line) for line in lines]
    assert 0 < len(rows) < MEMORIES
    assert rows[-1]["error"]["code"] == "tier_down"
    assert all("content" in row for row in rows[:-1])
    assert '"level": "error"' not in long.log()


def test_a_client_that_goes_away_is_nobodys_trouble(long: Served) -> None:
    with long.owner() as client:
        for _ in range(20):
            with client.stream("GET", "/v1/memories", headers=LINES) as answer:
                next(answer.iter_raw())
        first = {"limit": 1}
        wait_until(lambda: client.get("/v1/memories", params=first).status_code == 200)
    assert '"level": "error"' not in long.log()
