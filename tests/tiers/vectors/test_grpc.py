"""The same over gRPC: what arrives on the wire, and what gRPC's errors mean.

The server is a stand-in that knows five calls and answers UNIMPLEMENTED to the rest.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import pytest
from qdrant_client import grpc as wire
from qdrant_client.grpc import collections_service_pb2_grpc, points_service_pb2_grpc

from sophia_cli.errors import TierDown
from sophia_cli.memory.model import Kind, Where
from sophia_cli.tiers.vectors.names import KEYWORDS
from sophia_cli.tiers.vectors.server import ServerVectors

from .entries import DIMENSION, entry, numbered, unit

CODING = Kind.CODING


class Collections(collections_service_pb2_grpc.CollectionsServicer):
    def CollectionExists(self, request: Any, context: Any) -> Any:  # noqa: N802
        return wire.CollectionExistsResponse(result=wire.CollectionExists(exists=True))

    def Get(self, request: Any, context: Any) -> Any:  # noqa: N802
        params = wire.VectorParams(size=DIMENSION, distance=wire.Distance.Cosine)
        sparse = wire.SparseVectorParams(modifier=wire.Modifier.Idf)
        keyword = wire.PayloadSchemaInfo(data_type=wire.PayloadSchemaType.Keyword)
        seconds = wire.PayloadSchemaInfo(data_type=wire.PayloadSchemaType.Float)
        config = wire.CollectionParams(
            shard_number=1,
            replication_factor=1,
            write_consistency_factor=1,
            vectors_config=wire.VectorsConfig(
                params_map=wire.VectorParamsMap(map={"dense": params, "context": params})
            ),
            sparse_vectors_config=wire.SparseVectorConfig(map={"bm25_context": sparse}),
        )
        return wire.GetCollectionInfoResponse(
            result=wire.CollectionInfo(
                status=wire.CollectionStatus.Green,
                optimizer_status=wire.OptimizerStatus(ok=True),
                config=wire.CollectionConfig(
                    params=config,
                    hnsw_config=wire.HnswConfigDiff(
                        m=16, ef_construct=100, full_scan_threshold=10000
                    ),
                    optimizer_config=wire.OptimizersConfigDiff(
                        deleted_threshold=0.2,
                        vacuum_min_vector_number=1000,
                        default_segment_number=0,
                        flush_interval_sec=5,
                    ),
                    wal_config=wire.WalConfigDiff(wal_capacity_mb=32, wal_segments_ahead=0),
                ),
                payload_schema={**dict.fromkeys(KEYWORDS, keyword), "at": seconds},
            )
        )


class Points(points_service_pb2_grpc.PointsServicer):
    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.keys: list[Any] = []
        self.refuse: grpc.StatusCode | None = None
        self.frozen = False
        self.thaw = threading.Event()

    def _seen(self, request: Any, context: Any) -> None:
        self.requests.append(request)
        self.keys.append(dict(context.invocation_metadata()).get("api-key"))
        if self.frozen:
            self.thaw.wait(30)
        if self.refuse is not None:
            context.abort(self.refuse, "told to refuse")

    def Upsert(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._seen(request, context)
        result = wire.UpdateResult(operation_id=1, status=wire.UpdateStatus.Completed)
        return wire.PointsOperationResponse(result=result)

    def Count(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._seen(request, context)
        return wire.CountResponse(result=wire.CountResult(count=1))

    def QueryBatch(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._seen(request, context)
        hit = wire.ScoredPoint(
            id=wire.PointId(uuid=str(numbered(1))),
            score=0.5,
            payload={
                "thread": wire.Value(string_value="ana\x1f\x1fs1"),
                "turn": wire.Value(integer_value=4),
                "speaker": wire.Value(string_value="Ana"),
            },
        )
        results = [wire.BatchResult(result=[hit]) for _ in request.query_points]
        return wire.QueryBatchResponse(result=results)


class Server:
    """A stand-in at two neighbouring ports: gRPC at the second, nothing at the first."""

    def __init__(self) -> None:
        self.points = Points()
        self._server = grpc.server(ThreadPoolExecutor(8))
        points_service_pb2_grpc.add_PointsServicer_to_server(self.points, self._server)
        collections_service_pb2_grpc.add_CollectionsServicer_to_server(Collections(), self._server)
        port = self._server.add_insecure_port("127.0.0.1:0")
        self.url = f"http://127.0.0.1:{port - 1}"
        self._server.start()

    def stop(self) -> None:
        self.points.thaw.set()
        self._server.stop(None).wait(5)


@pytest.fixture
def pair() -> Iterator[tuple[Server, Server]]:
    servers = Server(), Server()
    yield servers
    for server in servers:
        server.stop()


def _vectors(*urls: str, **changes: Any) -> ServerVectors:
    timeouts = {"write_timeout": 3.0, "read_timeout": 1.0}
    return ServerVectors(urls, "the-key", DIMENSION, "t", grpc=True, **(timeouts | changes))


def test_texts_options_and_facts_travel_unchanged(pair: tuple[Server, Server]) -> None:
    server = pair[0]
    vectors = _vectors(server.url)
    vectors.upsert(CODING, [entry(1, "Größe 🧠", user="ana", turn=4, tags=("a=b",))])
    found = vectors.candidates(CODING, unit(1), "wie groß?", Where(user="ana"), 5)
    vectors.close()
    upsert, first = server.points.requests[:2]
    [point] = upsert.points
    assert upsert.wait
    assert point.id.uuid == str(numbered(1))
    assert point.payload["at"].double_value == 1_700_000_001.0
    assert point.payload["turn"].integer_value == 4
    assert point.payload["tags"].list_value.values[0].string_value == "a=b"
    assert "agent" not in point.payload
    words = point.vectors.vectors.vectors["bm25_context"].sparse
    assert (len(words.indices), len(words.values)) == (1, 1)
    asked = first.query_points[1]
    assert asked.using == "bm25_context"
    assert len(asked.query.nearest.sparse.indices) == 2
    assert asked.filter.must[0].field.match.keyword == "ana"
    assert found.ids == [numbered(1)]
    [facts] = found.facts
    assert (facts["turn"], found.speakers[facts["speaker"]]) == (4, "Ana")
    assert found.scores.tolist() == [[0.5, 0.5, 0.5]]
    assert set(server.points.keys) == {"the-key"}


def test_a_dead_peer_sends_the_call_on(pair: tuple[Server, Server]) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{closed.getsockname()[1] - 1}"
    vectors = _vectors(dead, pair[0].url)
    assert vectors.count(CODING) == 1
    vectors.close()
    alone = _vectors(dead)
    with pytest.raises(TierDown, match="unavailable"):
        alone.count(CODING)
    alone.close()


def test_a_frozen_peer_sends_reads_and_writes_on(pair: tuple[Server, Server]) -> None:
    frozen, good = pair
    frozen.points.frozen = True
    vectors = _vectors(frozen.url, good.url)
    assert vectors.count(CODING) == 1
    vectors.close()
    vectors = _vectors(frozen.url, good.url)
    vectors.upsert(CODING, [entry(1), entry(2)])
    vectors.close()
    ids = [[point.id.uuid for point in one.points] for one in good.points.requests[1:]]
    assert ids == [[str(numbered(1)), str(numbered(2))]]
    assert len(frozen.points.requests) == 2


@pytest.mark.parametrize("code", [grpc.StatusCode.INTERNAL, grpc.StatusCode.RESOURCE_EXHAUSTED])
def test_a_peer_in_trouble_sends_the_call_on(
    pair: tuple[Server, Server], code: grpc.StatusCode
) -> None:
    pair[0].points.refuse = code
    vectors = _vectors(pair[0].url, pair[1].url)
    assert vectors.count(CODING) == 1
    vectors.close()


@pytest.mark.parametrize(
    ("code", "hint"),
    [
        (grpc.StatusCode.UNAUTHENTICATED, "API key"),
        (grpc.StatusCode.NOT_FOUND, "reindex"),
        (grpc.StatusCode.INVALID_ARGUMENT, "doctor"),
    ],
)
def test_a_refused_request_is_asked_of_no_other_peer(
    pair: tuple[Server, Server], code: grpc.StatusCode, hint: str
) -> None:
    pair[0].points.refuse = code
    vectors = _vectors(pair[0].url, pair[1].url)
    with pytest.raises(TierDown, match="told to refuse") as refused:
        vectors.count(CODING)
    vectors.close()
    assert hint in refused.value.hint
    assert pair[1].points.requests == []
