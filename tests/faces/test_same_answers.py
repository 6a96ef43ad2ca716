"""One conversation, from one table, by every way to the memory: the same answers and codes."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

import pytest

from sophia_cli import Sophia as Client
from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from sophia_cli.locations import rest_socket
from tests.conftest import Sophia, temporary_home, wait_until
from tests.faces.ways import Answer, Way, by_client, by_command_line, by_mcp, by_rest
from tests.faults.frozen import frozen
from tests.mcp.conftest import editors

NOBODY = str(uuid.UUID(int=1))
WAYS = ("command line", "REST", "MCP", "client")


@dataclass(frozen=True, slots=True)
class Step:
    """One call: what is asked, and what must come back. `ID` stands for the first memory's id.

    Attributes:
        code: of the error that is expected.
        degraded: the tiers that are expected to be missing.
        down: what is frozen meanwhile.
    """

    call: str
    given: dict[str, Any]
    rows: list[dict[str, Any]] = field(default_factory=list)
    code: str = ""
    degraded: tuple[str, ...] = ()
    down: str = ""


SEATS = "Kestrel renewed for 40 seats"
MORE = "Kestrel renewed for 60 seats"
TABLE = (
    Step("remember", {"content": SEATS, "kind": "business"}, [{"created": True}]),
    Step("remember", {"content": SEATS, "kind": "business"}, [{"created": False, "id": "ID"}]),
    Step("remember", {"content": "The deploy script retries twice"}, [{"kind": "coding"}]),
    Step("remember", {"content": " \n "}, code="invalid_input"),
    Step("remember", {"content": "x", "at": "the day after never"}, code="invalid_input"),
    Step("remember", {"content": "x", "expires": "2001-01-01"}, code="invalid_input"),
    Step("recall", {"query": "how many seats?", "limit": 1}, [{"id": "ID", "content": SEATS}]),
    Step("recall", {"query": "how many seats?", "limit": 0}, code="invalid_input"),
    Step(
        "recall",
        {"query": "seats", "since": "2026-02-01", "until": "2026-01-01"},
        code="invalid_input",
    ),
    Step("recall", {"query": "seats", "kind": "coding", "limit": 1}, [{"kind": "coding"}]),
    Step("similar", {"text": SEATS, "limit": 1}, [{"id": "ID", "score": 1.0}]),
    Step("ask", {"sentence": "Find similar cases to Kestrel", "limit": 1}, [{"id": "ID"}]),
    Step("get", {"id": "ID"}, [{"content": SEATS, "version": 1}]),
    Step("get", {"id": NOBODY}, code="not_found"),
    Step("update", {"id": "ID", "content": MORE}, [{"content": MORE, "version": 2}]),
    Step("update", {"id": NOBODY, "content": MORE}, code="not_found"),
    Step("recall", {"query": "how many seats?", "limit": 1}, [{"id": "ID", "content": MORE}]),
    Step(
        "recall",
        {"query": "what does the script do?", "limit": 1},
        [{"kind": "coding"}],
        degraded=("hot_cache",),
        down="hot_cache",
    ),
    Step(
        "recall",
        {"query": "what was renewed?", "limit": 1},
        [{"id": "ID"}],
        degraded=("records",),
        down="records",
    ),
    Step("remember", {"content": "not now"}, code="tier_down", down="records"),
    Step("forget", {"ids": [NOBODY]}, code="not_found"),
    Step("forget", {"ids": ["ID"]}, [{"id": "ID", "complete": True}]),
    Step("get", {"id": "ID"}, code="not_found"),
    Step("recall", {"query": "how many seats?"}, [{"kind": "coding"}]),
)


@pytest.fixture(scope="module")
def sophia() -> Iterator[Sophia]:
    """A home that is up, and waits a second for what is frozen."""
    variables = {"SOPHIA_RECORDS__TIMEOUT": "1s"}
    with temporary_home() as home:
        started = Sophia(home, variables)
        with patch.dict(os.environ, {"SOPHIA_HOME": str(home), **variables}):
            assert started("up").returncode == 0
            wait_until(lambda: os.path.exists(rest_socket(str(home))))  # noqa: PTH110
            yield started


@pytest.fixture
def way(sophia: Sophia, request: pytest.FixtureRequest) -> Iterator[Way]:
    """One of `WAYS`, in the shared home."""
    with ExitStack() as open_:
        made: dict[str, Callable[[], Way]] = {
            "command line": lambda: by_command_line(sophia),
            "REST": lambda: by_rest(rest_socket(str(sophia.home))),
            "MCP": lambda: by_mcp(open_.enter_context(editors(sophia))()),
            "client": lambda: by_client(open_.enter_context(Client())),
        }
        yield made[request.param]()


@pytest.mark.parametrize("way", WAYS, indirect=True)
def test_every_way_answers_alike(sophia: Sophia, way: Way, request: pytest.FixtureRequest) -> None:
    user = request.node.callspec.id.replace(" ", "-")
    elsewhere = by_command_line(sophia)
    first = ""
    for step in TABLE:
        given = _meant(step.given, first)
        if step.call in ("remember", "recall", "similar", "ask"):
            given["user"] = user
        with ExitStack() as down:
            if step.down:
                home = Home(sophia.home)
                engine = Valkey(home) if step.down == "hot_cache" else Postgres(home)
                down.enter_context(frozen(engine.pid()))
            answer = way(step.call, given) or elsewhere(step.call, given)
        if not first and answer.rows:
            first = answer.rows[0]["id"]
        _check(step, answer, first)
        if step.down:
            _until_all_is_well(elsewhere)


def _check(step: Step, answer: Answer, first: str) -> None:
    assert answer.code == step.code, step
    assert len(answer.rows) == len(step.rows), (step, answer)
    for row, wanted in zip(answer.rows, step.rows, strict=True):
        expected = _meant(wanted, first)
        assert {name: row[name] for name in expected} == pytest.approx(expected), step
    assert answer.degraded == step.degraded, step


def _meant(given: dict[str, Any], first: str) -> dict[str, Any]:
    def meant(value: Any) -> Any:
        if isinstance(value, list):
            return [meant(each) for each in value]
        return first if value == "ID" else value

    return {name: meant(value) for name, value in given.items()}


def _until_all_is_well(way: Way) -> None:
    def well() -> bool:
        answer = way("recall", {"query": f"anything {uuid.uuid4()}"})
        return answer is not None and not answer.degraded

    wait_until(well)
