"""What the tiers log of themselves, and what they are told of the request: real ones, that fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import grpc
import pytest
from qdrant_client.grpc import points_service_pb2_grpc

from sophia_cli.correlation import current, request
from sophia_cli.embedding.openai import OpenAIEmbedder
from sophia_cli.environment import utc_now
from sophia_cli.errors import NotFound, TierDown
from sophia_cli.logs.events import at_level
from sophia_cli.memory.model import Kind
from sophia_cli.memory.searching import Question
from sophia_cli.memory.trace import Trace
from sophia_cli.tiers.breaker import Breaker
from sophia_cli.tiers.records import Records
from sophia_cli.tiers.vectors.server import ServerVectors
from tests.conftest import temporary_home, wait_until
from tests.embedding.test_openai import Endpoint, endpoint
from tests.faults.stage import Stage, stage
from tests.logs.conftest import Written
from tests.tiers.records.conftest import database, postgres
from tests.tiers.vectors.conftest import peers
from tests.tiers.vectors.entries import DIMENSION, entry
from tests.tiers.vectors.standin import Peer

__all__ = ["database", "endpoint", "peers", "postgres"]


@pytest.fixture(scope="module")
def staged() -> Iterator[Stage]:
    with temporary_home() as home:
        home.mkdir(parents=True)
        with stage(home) as opened:
            yield opened


def events(written: Written, *fields: str) -> list[tuple[object, ...]]:
    return [tuple(line.get(field) for field in ("event", *fields)) for line in written()]


def test_a_breaker_says_when_it_opens_and_when_it_closes(written: Written) -> None:
    breaker = Breaker(lambda cause: TierDown("hot_cache", cause), 0.0)
    for cause in ("no answer", "no answer still"):
        breaker.enter()
        breaker.failed(cause, bare="no answer")
    breaker.passed()
    breaker.passed()
    assert events(written, "tier", "level", "cause") == [
        ("breaker opened", "hot_cache", "warning", "no answer"),
        ("breaker closed", "hot_cache", "info", None),
    ]


def test_vectors_that_are_down_are_owed_and_back_again(staged: Stage, written: Written) -> None:
    with staged.faults["vectors", "down"]():
        staged.console.remember("owed to the index")
        [operation] = [line for line in written() if line["event"] == "operation"]
        assert operation["degraded"] == ["vectors"]
    wait_until(lambda: "index drained" in {line["event"] for line in written()})
    by_event = {line["event"]: line for line in written()}
    assert by_event["peer left out"]["cause"].startswith("no connection: ")
    assert by_event["index owed"]["entries"] == 1
    assert by_event["index owed"]["tier"] == "vectors"
    assert by_event["peer left out"]["request"] == operation["request"]
    assert by_event["peer back"]["peer"] == by_event["peer left out"]["peer"]


def test_a_device_that_fails_is_logged_once(staged: Stage, written: Written) -> None:
    with staged.faults["gpu", "down"]():
        for _ in range(2):
            staged.console.ok("recall", "is the device there?")
    assert events(written, "cause").count(("device failed", "the device is lost")) == 1


@pytest.mark.parametrize("tier", ["hot_cache", "embedding", "records"])
def test_a_tier_that_is_down_is_logged(staged: Stage, written: Written, tier: str) -> None:
    with staged.faults[tier, "slow"]():
        staged.console("recall", f"who is slow? {tier}")
    wait_until(lambda: staged.console("recall", f"who is back? {tier}").err == "")
    found = [line for line in written() if line["event"].startswith("breaker")]
    assert [(line["event"], line["tier"]) for line in found] == [
        ("breaker opened", tier),
        ("breaker closed", tier),
    ]


def test_a_servers_own_words_are_not_logged(
    peers: Callable[[int], list[Peer]], written: Written
) -> None:
    [peer] = peers(1)
    vectors = ServerVectors([peer.url], None, DIMENSION, "test", grpc=False)
    vectors.upsert(Kind.CODING, [entry(1)])
    said = {"status": {"error": "cannot read 'the secret plan'"}, "time": 0.0}
    peer.behave = lambda method, path: (503, said)
    with pytest.raises(TierDown, match="secret"):
        vectors.count(Kind.CODING)
    assert events(written, "cause") == [("peer left out", "503")]
    vectors.close()


def test_qdrant_is_told_the_request(peers: Callable[[int], list[Peer]]) -> None:
    [peer] = peers(1)
    told: list[str | None] = []
    answer = peer.answer

    def listening(method: str, path: str, body: Any, headers: Any) -> tuple[int, Any]:
        told.append(headers.get("X-Request-Id"))
        return answer(method, path, body, headers)

    peer.answer = listening  # type: ignore[method-assign]
    vectors = ServerVectors([peer.url], None, DIMENSION, "test", grpc=False)
    with request() as id_:
        vectors.upsert(Kind.CODING, [entry(1)])
        vectors.count(Kind.CODING)
    assert set(told) == {id_}
    told.clear()
    vectors.count(Kind.CODING)
    assert told == [None]
    vectors.close()


def test_qdrant_is_told_the_request_over_grpc(peers: Callable[[int], list[Peer]]) -> None:
    told: list[dict[str, str]] = []

    class Points(points_service_pb2_grpc.PointsServicer):
        def Count(self, asked: Any, context: Any) -> Any:  # noqa: N802
            told.append(dict(context.invocation_metadata()))
            return context.abort(grpc.StatusCode.UNIMPLEMENTED, "not told")

    server = grpc.server(ThreadPoolExecutor(1))
    points_service_pb2_grpc.add_PointsServicer_to_server(Points(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    vectors = ServerVectors([f"http://127.0.0.1:{port - 1}"], None, DIMENSION, "test")
    vectors._ready.update(Kind)
    with request() as id_, pytest.raises(TierDown):
        vectors.count(Kind.CODING)
    assert [each["x-request-id"] for each in told] == [id_]
    vectors.close()
    server.stop(None)


def test_an_embedder_is_told_the_request(endpoint: Endpoint) -> None:
    embedder = OpenAIEmbedder(endpoint.url, "m")
    with request() as id_:
        embedder.embed(["a text"])
    embedder.embed(["a text"])
    told = [headers.get("X-Request-Id") for _, headers, _ in endpoint.requests]
    assert told == [id_, None]
    embedder.close()


def test_postgres_is_told_the_request_where_all_is_logged(database: str, written: Written) -> None:
    records = Records(lambda: database, size=1)

    def named() -> str:
        row = records.database.ask(lambda c: c.execute("SHOW application_name").fetchone())
        assert row is not None
        return str(row[0])

    with request() as id_:
        assert named() == "sophia"
        with at_level("debug"):
            assert named() == f"sophia {id_}"
        assert named() == "sophia"
    records.close()


def test_an_answer_is_filled_as_a_part_of_its_request(staged: Stage) -> None:
    service = staged.opened.service
    asked: list[str | None] = []
    cache = service.answers._cache
    put = cache.put

    def noting(*arguments: Any) -> None:
        asked.append(current())
        put(*arguments)

    cache.put = noting  # type: ignore[method-assign]
    with request() as id_:
        service.recall(Question("a question of its own"), 5, utc_now(), Trace())
    wait_until(lambda: asked)
    assert set(asked) == {id_}
    del cache.put  # type: ignore[method-assign]


def test_an_operation_that_fails_is_logged_with_its_code(staged: Stage, written: Written) -> None:
    service = staged.opened.service
    with pytest.raises(NotFound):
        service.update(uuid4(), {"speaker": "ann"}, utc_now(), Trace())
    failed = events(written, "operation", "error", "count")
    assert failed == [("operation", "update", "not_found", 0)]
