"""Both implementations, open and empty; real servers where SOPHIA_TEST_QDRANT_URL names them."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sophia_cli.memory.model import Kind
from sophia_cli.memory.ports import Vectors
from sophia_cli.tiers.vectors.edge import EdgeVectors
from sophia_cli.tiers.vectors.server import ServerVectors

from .entries import DIMENSION
from .standin import Cluster, Peer

NoServer = "SOPHIA_TEST_QDRANT_URL names no Qdrant servers (comma separated URLs)"


@pytest.fixture
def peers(tmp_path: Path) -> Iterator[Callable[[int], list[Peer]]]:
    """Starts stand-in peers that share what is stored."""
    started: list[Peer] = []
    cluster = Cluster(tmp_path / "stand-in")
    cluster.directory.mkdir()

    def start(count: int) -> list[Peer]:
        started.extend(Peer(cluster) for _ in range(count))
        return started[-count:]

    yield start
    for peer in started:
        peer.stop()
    for collection in cluster.collections.values():
        collection.shard.close()


def _real_servers(grpc: bool) -> Iterator[ServerVectors]:
    from qdrant_client import QdrantClient

    urls = [url for url in os.environ.get("SOPHIA_TEST_QDRANT_URL", "").split(",") if url]
    if not urls:
        pytest.skip(NoServer)
    key = os.environ.get("SOPHIA_TEST_QDRANT_API_KEY")
    prefix = f"sophia_test_{secrets.token_hex(4)}"
    vectors = ServerVectors(
        urls, key, DIMENSION, prefix, grpc=grpc, replication_factor=len(urls), read_timeout=5.0
    )
    yield vectors
    vectors.close()
    client = QdrantClient(url=urls[0], headers={"api-key": key} if key else None, timeout=30)
    for kind in Kind:
        client.delete_collection(f"{prefix}_{kind}")
    client.close()


@pytest.fixture(
    params=[
        "edge",
        "stand-in",
        pytest.param("server-grpc", marks=pytest.mark.qdrant),
        pytest.param("server-rest", marks=pytest.mark.qdrant),
    ]
)
def vectors(
    request: pytest.FixtureRequest, tmp_path: Path, peers: Callable[[int], list[Peer]]
) -> Iterator[Vectors]:
    """Each implementation in turn; `stand-in` is no Qdrant server."""
    if request.param == "edge":
        edge = EdgeVectors(tmp_path / "vectors", DIMENSION)
        yield edge
        edge.close()
    elif request.param == "stand-in":
        [peer] = peers(1)
        server = ServerVectors([peer.url], None, DIMENSION, "test", grpc=False)
        yield server
        server.close()
    else:
        yield from _real_servers(grpc=request.param == "server-grpc")
