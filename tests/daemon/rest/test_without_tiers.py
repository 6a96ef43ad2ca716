"""Tiers that are down, over TCP: degraded answers, plain refusals, and a readiness that knows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from sophia_cli.engines.postgres import Postgres
from sophia_cli.engines.valkey import Valkey
from sophia_cli.home import Home
from tests.conftest import wait_until
from tests.daemon.rest.served import Served, served
from tests.faults.frozen import frozen

QUESTION = {"query": "which vector database did we pick?"}


@pytest.fixture(scope="module")
def own() -> Iterator[Served]:
    with served({"SOPHIA_RECORDS__TIMEOUT": "1s", "SOPHIA_HOT_CACHE__TIMEOUT": "100ms"}) as opened:
        assert opened.sophia("remember", "We chose Qdrant", "--user", "ann").returncode == 0
        yield opened


@pytest.fixture
def client(own: Served) -> Iterator[httpx.Client]:
    with own.bearer(own.token()) as opened:
        yield opened


def ready(client: httpx.Client) -> tuple[int, dict[str, Any]]:
    answer = client.get("/health/ready")
    return answer.status_code, answer.json()


def wait_until_ready(client: httpx.Client) -> None:
    wait_until(lambda: ready(client)[1]["status"] == "ok", 30)


def test_all_is_well(client: httpx.Client) -> None:
    status, said = ready(client)
    assert (status, said["status"]) == (200, "ok")
    assert {verdict["state"] for verdict in said["tiers"].values()} == {"ok"}
    assert set(said["tiers"]) == {"records", "vectors", "embedding", "hot_cache", "gpu_cache"}


def test_the_probes_leave_nothing(own: Served, client: httpx.Client) -> None:
    def counted() -> tuple[Any, Any]:
        figures = client.get("/v1/stats").json()["data"][0]
        return figures["vectors"]["points"], figures["memories"]

    before, listed = counted(), own.sophia.contents()
    for _ in range(3):
        assert ready(client)[0] == 200
    assert counted() == before
    assert own.sophia.contents() == listed
    found = client.post("/v1/recall", json=QUESTION).json()
    assert [each["content"] for each in found["data"]] == ["We chose Qdrant"]


def test_many_who_ask_at_once_share_a_look(own: Served) -> None:
    """Each probe's duration is random to the microsecond: the same ones are one look."""
    with own.owner() as client:
        looks = {str(client.get("/health/ready").json()["tiers"]) for _ in range(20)}
    assert len(looks) < 10


def test_without_the_records_recall_is_degraded_and_writes_are_refused(
    own: Served, client: httpx.Client
) -> None:
    assert client.post("/v1/recall", json=QUESTION).json()["status"] == "ok"
    with own.bearer(own.token()) as unseen, frozen(Postgres(Home(own.sophia.home)).pid()):
        wait_until(lambda: client.post("/v1/recall", json=QUESTION).json()["status"] == "degraded")
        answer = client.post("/v1/recall", json=QUESTION)
        assert answer.status_code == 200
        assert any(reason.startswith("records") for reason in answer.json()["degraded"])
        assert [each["content"] for each in answer.json()["data"]] == ["We chose Qdrant"]
        refused = [
            client.post("/v1/memories", json={"content": "lost?"}),
            client.post(
                "/v1/memories", json={"content": "lost?"}, headers={"idempotency-key": "k"}
            ),
            client.get("/v1/memories"),
            client.get("/v1/memories", headers={"accept": "application/x-ndjson"}),
            # A token that was not seen lately is neither good nor bad.
            unseen.get("/health/live"),
        ]
        for each in refused:
            assert (each.status_code, each.json()["code"]) == (503, "tier_down")
            assert int(each.headers["retry-after"]) >= 1
        status, said = ready(client)
        assert (status, said["status"]) == (503, "failed")
        assert said["tiers"]["records"]["state"] == "failed"
        with own.owner() as at_home:
            assert at_home.get("/health/live").status_code == 200
    wait_until_ready(client)
    assert client.post("/v1/memories", json={"content": "kept"}).status_code == 201


def test_without_the_hot_cache_all_goes_on(own: Served, client: httpx.Client) -> None:
    with frozen(Valkey(Home(own.sophia.home)).pid()):
        wait_until(lambda: ready(client)[1]["tiers"]["hot_cache"]["state"] == "failed")
        status, said = ready(client)
        assert (status, said["status"]) == (200, "degraded")
        assert client.post("/v1/memories", json={"content": "cold"}).status_code in (200, 201)
        assert client.post("/v1/recall", json=QUESTION).status_code == 200
    wait_until_ready(client)
