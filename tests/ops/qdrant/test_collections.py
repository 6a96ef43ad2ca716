"""Collections are created as sophia takes them, and believed once every peer shows them.

The peers' consensus answers as recorded; the collections are kept by the stand-in of the vectors'
own tests, behind real HTTP.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from qdrant_client import models

from sophia_cli.errors import Refused
from sophia_cli.memory.model import Kind
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.qdrant.asks import Answer, Peer, Silence
from sophia_cli.ops.qdrant.collections import ensure, wanted_layouts
from sophia_cli.ops.qdrant.stored import all_stored, is_as_wanted
from sophia_cli.tiers.vectors.collection import check_vectors, missing_indexes
from sophia_cli.tiers.vectors.server import ServerVectors
from tests.ops.qdrant.recorded import DEAD, PEERS, Recorded
from tests.ops.qdrant.site import inventory
from tests.tiers.vectors.standin import Cluster
from tests.tiers.vectors.standin import Peer as Standin

SERVICE = inventory().services.qdrant


class Kept(Recorded):
    """Recorded peers whose collections of sophia's are kept by stand-ins."""

    def serve(self, standins: list[Standin]) -> Kept:
        self.standins = {peer.host: each for peer, each in zip(self.peers, standins, strict=False)}
        return self

    def ask(
        self, peer: Peer, method: str, path: str, body: Any = None, timeout: float = 5.0
    ) -> Answer | Silence:
        if not path.startswith("/collections/sophia_") or peer.host in self.silent:
            return super().ask(peer, method, path, body, timeout)
        self.asked.append((peer.host, method, path))
        said = httpx.request(method, self.standins[peer.host].url + path, json=body, timeout=30)
        return Answer(said.status_code, said.json())


@pytest.fixture
def standins(tmp_path: Path) -> Iterator[list[Standin]]:
    cluster = Cluster(tmp_path)
    running = [Standin(cluster) for _ in range(3)]
    yield running
    for each in running:
        each.stop()


@pytest.fixture
def asks(standins: list[Standin]) -> Kept:
    return Kept().serve(standins)


def test_the_collections_are_created_with_factors_and_quantization(
    asks: Kept, standins: list[Standin]
) -> None:
    said = ensure(asks, PEERS, wanted_layouts(SERVICE))

    assert said == (
        "sophia_coding created, as it should be on every peer; "
        "sophia_business created, as it should be on every peer"
    )
    for name in ("sophia_coding", "sophia_business"):
        config = standins[0].cluster.collections[name].config
        assert config["shard_number"] == 3
        assert config["replication_factor"] == 3
        assert config["write_consistency_factor"] == 2
        assert config["quantization_config"] == {"scalar": {"type": "int8", "always_ram": True}}
        schema = standins[0].cluster.collections[name].schema
        assert set(schema) == {"user", "agent", "session", "tags", "at"}


def test_what_was_created_is_what_sophia_itself_takes(asks: Kept, standins: list[Standin]) -> None:
    ensure(asks, PEERS, wanted_layouts(SERVICE))

    vectors = ServerVectors(
        [each.url for each in standins], None, 384, "sophia", grpc=False, replication_factor=3
    )
    try:
        assert vectors.count(Kind.CODING) == 0
        assert vectors.count(Kind.BUSINESS) == 0
    finally:
        vectors.close()


def test_a_second_time_nothing_is_ordered(asks: Kept) -> None:
    ensure(asks, PEERS, wanted_layouts(SERVICE))
    asks.asked.clear()

    said = ensure(asks, PEERS, wanted_layouts(SERVICE))

    assert "sophia_coding is there" in said
    assert {method for _, method, _ in asks.asked} == {"GET"}


def test_a_collection_of_another_model_is_left_as_it_is(asks: Kept) -> None:
    ensure(asks, PEERS, wanted_layouts(SERVICE, dimension=8))

    assert "is there" in ensure(asks, PEERS, wanted_layouts(SERVICE))


def test_without_a_quorum_nothing_is_ordered(standins: list[Standin]) -> None:
    asks = Kept(silent={"node2": DEAD, "node3": DEAD}).serve(standins)

    with pytest.raises(GateFailed, match="no quorum"):
        ensure(asks, PEERS, wanted_layouts(SERVICE))

    assert {method for _, method, _ in asks.asked} == {"GET"}


def test_more_replicas_than_peers_are_refused_before_the_server_takes_them(asks: Kept) -> None:
    wanted = [replace(layout, replication_factor=5) for layout in wanted_layouts(SERVICE)]

    with pytest.raises(GateFailed, match="replication_factor is 5, and 3 hosts have the role"):
        ensure(asks, PEERS, wanted)

    assert asks.asked == []


def test_fewer_replicas_than_were_ordered_are_noticed(asks: Kept, standins: list[Standin]) -> None:
    standins[0].cluster.largest_factor = 2

    with pytest.raises(GateFailed, match="sophia_coding has 2 replicas of a shard, 3 wanted"):
        ensure(asks, PEERS, wanted_layouts(SERVICE))


def test_a_field_that_the_server_ignored_is_noticed(asks: Kept) -> None:
    told = asks.ask

    def ignoring(peer: Peer, method: str, path: str, body: Any = None, timeout: float = 5.0) -> Any:
        if method == "PUT" and isinstance(body, dict):
            body = {name: value for name, value in body.items() if name != "quantization_config"}
        return told(peer, method, path, body, timeout)

    asks.ask = ignoring  # type: ignore[method-assign]

    with pytest.raises(GateFailed, match="its vectors are not quantized"):
        ensure(asks, PEERS, wanted_layouts(SERVICE))


def test_what_is_there_is_known_without_the_client_as_with_it(
    asks: Kept, standins: list[Standin]
) -> None:
    names = [layout.name for layout in wanted_layouts(SERVICE)]
    assert not all_stored(asks, PEERS, names)
    ensure(asks, PEERS, wanted_layouts(SERVICE))
    assert all_stored(asks, PEERS, names)

    answer = asks.ask(PEERS[0], "GET", f"/collections/{names[0]}")
    assert isinstance(answer, Answer)
    stored = answer.result
    assert _client_says(stored)
    for path in (
        ("payload_schema", "user"),
        ("payload_schema", "at"),
        ("config", "params", "vectors", "dense"),
        ("config", "params", "vectors", "context"),
        ("config", "params", "sparse_vectors", "bm25_context"),
    ):
        lacking = copy.deepcopy(stored)
        inner = lacking
        for part in path[:-1]:
            inner = inner[part]
        del inner[path[-1]]
        assert is_as_wanted(lacking) is _client_says(lacking) is False, path
    otherwise = copy.deepcopy(stored)
    otherwise["config"]["params"]["vectors"]["context"]["distance"] = "Dot"
    assert is_as_wanted(otherwise) is _client_says(otherwise) is False


def _client_says(stored: Any) -> bool:
    info = models.CollectionInfo.model_validate(stored)
    try:
        check_vectors(info, wanted_layouts(SERVICE)[0])
    except Refused:
        return False
    return not missing_indexes(info)
