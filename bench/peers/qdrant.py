"""qdrant-client's local mode: dense alone, or with BM25 beside it, fused by the client."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from uuid import uuid4

from peers.protocol import Peer
from peers.words import CANDIDATES, Bm25Encoder, meant, worded
from qdrant_client import QdrantClient, models

from sophia_cli.memory.model import Draft
from sophia_cli.memory.ports import Embedder

_COLLECTION = "turns"
_AVERAGE_WORDS = 24.0  # of a turn with speaker and date; the default of 256 is for documents


@contextlib.contextmanager
def opened(
    embedder: Embedder, directory: Path, fusion: models.Fusion | None = None
) -> Iterator[Peer]:
    """Opens it with its files in the directory.

    Args:
        fusion: of the two halves of a hybrid; None searches by the dense vectors alone.
    """
    client = QdrantClient(path=str(directory))
    client.create_collection(
        _COLLECTION,
        vectors_config={
            "dense": models.VectorParams(size=embedder.dimension, distance=models.Distance.COSINE)
        },
        sparse_vectors_config={
            "bm25": models.SparseVectorParams(modifier=models.Modifier.IDF),
        },
    )
    try:
        yield _Qdrant(client, embedder, fusion)
    finally:
        client.close()


by_rrf = partial(opened, fusion=models.Fusion.RRF)
by_dbsf = partial(opened, fusion=models.Fusion.DBSF)


class _Qdrant:
    def __init__(
        self, client: QdrantClient, embedder: Embedder, fusion: models.Fusion | None
    ) -> None:
        self._client = client
        self._embedder = embedder
        self._fusion = fusion
        self._bm25 = Bm25Encoder(avg_len=_AVERAGE_WORDS)

    def store(self, drafts: Sequence[Draft]) -> list[str]:
        ids = [str(uuid4()) for _ in drafts]
        dense = self._embedder.embed([meant(draft) for draft in drafts])
        points = []
        for id_, draft, vector in zip(ids, drafts, dense, strict=True):
            vectors: dict[str, list[float] | models.SparseVector] = {"dense": vector.tolist()}
            if self._fusion is not None:
                (words,) = self._bm25.embed([worded(draft)])
                vectors["bm25"] = models.SparseVector(
                    indices=words.indices.tolist(), values=words.values.tolist()
                )
            payload = {"user": draft.user, "text": meant(draft)}
            points.append(models.PointStruct(id=id_, vector=vectors, payload=payload))
        self._client.upsert(_COLLECTION, points)
        return ids

    def recall(self, question: str, user: str, k: int) -> list[str]:
        dense = self._embedder.embed([question])[0].tolist()
        mine = models.Filter(
            must=[models.FieldCondition(key="user", match=models.MatchValue(value=user))]
        )
        if self._fusion is None:
            answer = self._client.query_points(
                _COLLECTION, query=dense, using="dense", query_filter=mine, limit=k
            )
        else:
            words = self._bm25.query_embed(question)
            sparse = models.SparseVector(
                indices=words.indices.tolist(), values=words.values.tolist()
            )
            answer = self._client.query_points(
                _COLLECTION,
                prefetch=[
                    models.Prefetch(query=dense, using="dense", filter=mine, limit=CANDIDATES),
                    models.Prefetch(query=sparse, using="bm25", filter=mine, limit=CANDIDATES),
                ],
                query=models.FusionQuery(fusion=self._fusion),
                limit=k,
            )
        return [str(point.id) for point in answer.points]
