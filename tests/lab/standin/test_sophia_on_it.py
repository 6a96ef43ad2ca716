"""Sophia's own engine for Qdrant servers, over REST, on three stand-in peers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sophia_cli.memory.model import Kind, Where
from sophia_cli.tiers.vectors.server import ServerVectors
from tests.tiers.vectors.entries import DIMENSION, entry, numbered, unit

from .cluster import StandinCluster
from .conftest import Start

CODING = Kind.CODING


@pytest.fixture
def cluster(start: Start) -> StandinCluster:
    return start(api_key="admin-key")


@pytest.fixture
def vectors(cluster: StandinCluster) -> Iterator[ServerVectors]:
    opened = ServerVectors(
        cluster.urls,
        "admin-key",
        DIMENSION,
        "t",
        grpc=False,
        shards=3,
        replication_factor=3,
        write_consistency_factor=2,
    )
    yield opened
    opened.close()


def test_memories_are_written_and_found(vectors: ServerVectors) -> None:
    vectors.upsert(CODING, [entry(number, f"word{number}") for number in range(1, 21)])
    assert vectors.count(CODING) == 20
    assert vectors.nearest(CODING, unit(3), Where(), 1)[0][0] == numbered(3)
    found = vectors.candidates(CODING, unit(3), "word3", Where(), 5)
    assert numbered(3) in found.ids
    assert set(vectors.ids(CODING)) == {numbered(number) for number in range(1, 21)}


def test_a_dead_peer_costs_no_write_and_no_read(
    vectors: ServerVectors, cluster: StandinCluster
) -> None:
    vectors.upsert(CODING, [entry(1)])
    cluster.kill(0)
    vectors.upsert(CODING, [entry(2)])
    assert vectors.present(CODING, [numbered(1), numbered(2)]) == {numbered(1), numbered(2)}
