"""The vectors on Qdrant servers: one collection a kind, several peers, BM25 computed there.

Importing this takes over a second (the client does): import it where it is used. Fits servers
1.18 and 1.19.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar
from uuid import UUID

import numpy as np
from qdrant_client import QdrantClient, models

from sophia_cli.memory.model import (
    BRINGING,
    SIGNALS,
    Candidates,
    IndexEntry,
    Kind,
    Memory,
    Vector,
    Where,
)
from sophia_cli.tiers.vectors.clients import Servers
from sophia_cli.tiers.vectors.collection import Layout, drop, prepare
from sophia_cli.tiers.vectors.facts import FactsTable
from sophia_cli.tiers.vectors.faults import Unfinished, believing
from sophia_cli.tiers.vectors.names import MEMORY
from sophia_cli.tiers.vectors.peers import Peers, RequestRefused
from sophia_cli.tiers.vectors.schema import check_entries, check_vector, memory_of
from sophia_cli.tiers.vectors.union import united
from sophia_cli.tiers.vectors.wire import condition, only, point, query, request

T = TypeVar("T")
_BATCH = 128
_PAGE = 1000
# How long a collection's size is believed, seconds: others write to it too.
_SIZE_LIFETIME = 10.0


class ServerVectors:
    """The `Vectors` of a cluster, or of one server.

    A write that failed or timed out is repeated with the same ids, on the next peer, until it is
    acknowledged or `write_timeout` is used up. A read is asked of each peer once.

    Args:
        urls: one a peer, `http://host:6333`; gRPC is one port higher.
        api_key: sent with every request; None where the servers want none.
        dimension: the length of a vector.
        prefix: collections are `<prefix>_coding` and `<prefix>_business`.
        grpc: whether to speak gRPC (else REST).
        write_timeout: for one write with all its repetitions, seconds; one attempt may take a
            little less than half. A frozen replica alone costs the peer that was asked 9.5 s, so
            30 is a good value.
        read_timeout: for one read from one peer; the client takes whole seconds, rounded up.
        shards: per collection, where it is created; the next two likewise.
        replication_factor: replicas of each shard.
        write_consistency_factor: replicas that must take a write before it counts.

    Raises:
        ConfigurationError: (constructor) an address that is none.
        TierDown: (any call) no peer could serve within the time-out.
        Refused: (any call) the collection has another dimension or distance; it was created and
            has fewer replicas than wanted.
        ValueError: (calls with vectors) a wrong length, or a value that is not finite.
    """

    def __init__(
        self,
        urls: Sequence[str],
        api_key: str | None,
        dimension: int,
        prefix: str,
        grpc: bool = True,
        write_timeout: float = 30.0,
        read_timeout: float = 2.0,
        shards: int = 1,
        replication_factor: int = 1,
        write_consistency_factor: int = 1,
        cool_down: float = 15.0,
    ) -> None:
        self._servers = Servers(
            urls,
            api_key,
            grpc,
            write_timeout,
            read_timeout,
            cool_down,
            lambda client: client.collection_exists(f"{prefix}_{Kind.CODING}"),
        )
        self._dimension = dimension
        factors = (shards, replication_factor, write_consistency_factor)
        self._layouts = {kind: Layout(f"{prefix}_{kind}", dimension, *factors) for kind in Kind}
        self._ready: set[Kind] = set()
        self._preparing = threading.Lock()
        self._following = threading.Lock()
        self._sizes: dict[Kind, tuple[int, float]] = {}

    def upsert(self, kind: Kind, entries: Sequence[IndexEntry]) -> None:
        """Writes entries by id; returns once as many replicas as must have applied them."""
        check_entries(entries, self._dimension)
        for start in range(0, len(entries), _BATCH):
            points = [point(entry) for entry in entries[start : start + _BATCH]]
            self._upsert_points(kind, points)

    def delete(self, kind: Kind, ids: Sequence[UUID]) -> None:
        """Removes points by id; an id that is not there is not an error."""
        if ids:
            selected = models.PointIdsList(points=[str(id_) for id_ in ids])
            self._write(kind, lambda client, name: client.delete(name, selected, wait=True))

    def candidates(
        self, kind: Kind, dense: Vector, text: str, where: Where, limit: int
    ) -> Candidates:
        """What each of `BRINGING` has among its best `limit`; see `united` for the scores."""
        check_vector(dense, self._dimension, "query vector")
        wanted = condition(where)
        requests = [
            request(signal, query(signal, dense, text), wanted, limit, True) for signal in BRINGING
        ]

        def candidates(client: QdrantClient, name: str) -> Candidates:
            def own(ids: Sequence[str]) -> Sequence[models.ScoredPoint]:
                asked = request(SIGNALS[0], dense.tolist(), only(ids), len(ids))
                [answer] = client.query_batch_points(name, [asked])
                return answer.points

            brought = [answer.points for answer in client.query_batch_points(name, requests)]
            return _candidates(brought, own, limit)

        return replace(self._read(kind, candidates), population=self._size(kind))

    def nearest(
        self, kind: Kind, dense: Vector, where: Where, limit: int
    ) -> list[tuple[UUID, float]]:
        """The best `limit` by cosine of `dense` alone, best first."""
        check_vector(dense, self._dimension, "query vector")
        asked = request("dense", dense.tolist(), condition(where), limit)

        def nearest(client: QdrantClient, name: str) -> list[tuple[UUID, float]]:
            [answer] = client.query_batch_points(name, [asked])
            return [(UUID(str(hit.id)), _finite(hit.score)) for hit in answer.points]

        return self._read(kind, nearest)

    def present(self, kind: Kind, ids: Sequence[UUID]) -> set[UUID]:
        """Which of `ids` are in the store, as one peer's replica has it.

        To ask a certain replica, ask through a `ServerVectors` of that peer's address alone.
        """
        found: set[UUID] = set()
        for start in range(0, len(ids), _PAGE):
            found.update(self._payloads(kind, ids[start : start + _PAGE], False))
        return found

    def memories(self, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """The memories as they were indexed."""
        found: dict[UUID, Memory] = {}
        for start in range(0, len(ids), _PAGE):
            for payload in self._payloads(kind, ids[start : start + _PAGE], [MEMORY]).values():
                if (memory := memory_of(payload)) is not None:
                    found[memory.id] = memory
        return found

    def ids(self, kind: Kind) -> Iterator[UUID]:
        """All ids of a collection, page by page; writers may come between the pages."""
        following: models.ExtendedPointId | None = None
        while True:
            page, following = self._page(kind, following)
            yield from page
            if following is None:
                return

    def count(self, kind: Kind) -> int:
        """How many points a collection holds."""
        return self._read(kind, lambda client, name: client.count(name, exact=True)).count

    def bytes_on_disk(self) -> None:
        """None: the servers do not tell."""

    def reset(self, kind: Kind, dimension: int) -> None:
        """Drops the collection, whatever its dimension, and creates it empty."""
        with self._preparing:
            self._dimension = dimension
            self._layouts[kind] = replace(self._layouts[kind], dimension=dimension)
            self._ready.discard(kind)
            self._sizes.pop(kind, None)
            drop(self._servers, self._layouts[kind].name)
        self._prepared(kind)

    def flush(self) -> None:
        """Nothing to do: an acknowledged write is in the servers' logs."""

    @property
    def peers(self) -> Peers[Any]:
        """The peers, each by its address in the form that `peer_url` gives it."""
        return self._servers.peers

    def follow(self, drained: Callable[[], Collection[str]]) -> None:
        """Leaves out the peers that `drained` names, and no others.

        What one caller read is never applied after what another read later.
        """
        with self._following:
            self._servers.peers.leave_out(drained())

    def close(self) -> None:
        """Releases the connections."""
        self._servers.peers.close()

    def _prepared(self, kind: Kind) -> str:
        """The collection's name, once it is there and as it is wanted."""
        layout = self._layouts[kind]
        if kind not in self._ready:
            with self._preparing:
                if kind not in self._ready:
                    prepare(self._servers, layout)
                    self._ready.add(kind)
        return layout.name

    def _read(self, kind: Kind, action: Callable[[QdrantClient, str], T]) -> T:
        name = self._prepared(kind)

        def believed(client: QdrantClient) -> T:
            with believing():
                return action(client, name)

        return self._looking_again(kind, lambda: self._servers.read(believed))

    def _write(
        self, kind: Kind, action: Callable[[QdrantClient, str], models.UpdateResult]
    ) -> None:
        name = self._prepared(kind)

        def until_completed(client: QdrantClient) -> None:
            with believing():
                result = action(client, name)
            if result.status != models.UpdateStatus.COMPLETED:
                raise Unfinished(f"the write is {result.status}, not completed")

        try:
            self._looking_again(kind, lambda: self._servers.write(until_completed))
        finally:
            self._sizes.pop(kind, None)

    def _looking_again(self, kind: Kind, call: Callable[[], T]) -> T:
        """A collection that has gone missing is prepared again at the next call."""
        try:
            return call()
        except RequestRefused as error:
            if error.status == 404:
                self._ready.discard(kind)
            raise

    def _upsert_points(self, kind: Kind, points: list[models.PointStruct]) -> None:
        self._write(kind, lambda client, name: client.upsert(name, points, wait=True))

    def _payloads(
        self, kind: Kind, ids: Sequence[UUID], fields: list[str] | bool
    ) -> dict[UUID, models.Payload | None]:
        wanted = [str(id_) for id_ in ids]

        def payloads(client: QdrantClient, name: str) -> dict[UUID, models.Payload | None]:
            records = client.retrieve(name, wanted, with_payload=fields, with_vectors=False)
            return {UUID(str(record.id)): record.payload for record in records}

        return self._read(kind, payloads)

    def _page(
        self, kind: Kind, offset: models.ExtendedPointId | None
    ) -> tuple[list[UUID], models.ExtendedPointId | None]:
        def page(
            client: QdrantClient, name: str
        ) -> tuple[list[UUID], models.ExtendedPointId | None]:
            records, following = client.scroll(
                name, limit=_PAGE, offset=offset, with_payload=False, with_vectors=False
            )
            return [UUID(str(record.id)) for record in records], following

        return self._read(kind, page)

    def _size(self, kind: Kind) -> int:
        size, until = self._sizes.get(kind, (0, 0.0))
        if time.monotonic() >= until:
            answer = self._read(kind, lambda client, name: client.count(name, exact=False))
            size = answer.count
            self._sizes[kind] = (size, time.monotonic() + _SIZE_LIFETIME)
        return size


def _candidates(
    brought: Sequence[Sequence[models.ScoredPoint]],
    own: Callable[[Sequence[str]], Sequence[models.ScoredPoint]],
    limit: int,
) -> Candidates:
    """What the searches brought, their facts with them; the population is not known here.

    Raises:
        ValueError, TypeError, LookupError: it does not hold together.
    """
    if len(brought) != len(BRINGING):
        raise ValueError("it answered to another number of searches")
    with np.errstate(over="ignore"):  # what overflows is found to be infinite below
        found, scores = united(brought, own, limit)
    if not np.isfinite(scores).all():
        raise ValueError("a score is not finite")
    ids = [UUID(id_) for id_ in found]
    stored = {hit.id: hit.payload for hits in brought for hit in hits}
    facts = FactsTable()
    for id_, name in zip(ids, found, strict=True):
        facts.put(id_, stored[name])
    return Candidates(ids, scores, facts.of(ids), facts.speakers, 0)


def _finite(score: float) -> float:
    if not math.isfinite(score):
        raise ValueError("a score is not finite")
    return score
