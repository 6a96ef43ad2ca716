"""The replicas of one peer, read over REST: a peer answers from its own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from sophia_cli.errors import TierDown
from sophia_cli.memory.model import IndexEntry, Kind, Memory
from sophia_cli.memory.ports import Page
from sophia_cli.memory.seal import direction
from sophia_cli.ops.qdrant.asks import Answer, Asks, Peer, Silence

_TIMEOUT = 10.0
_PAGE = 256
_NOT_THERE = 404


class PeerCopy:
    """A `Copy`: what one peer's replicas hold. Nothing is written through it.

    A collection that is not there holds nothing.

    Args:
        asks: how the peer is asked.
        prefix: collections are `<prefix>_coding` and `<prefix>_business`.
        dimension: the length of a vector.
    """

    def __init__(self, asks: Asks, peer: Peer, prefix: str, dimension: int) -> None:
        self._asks = asks
        self._peer = peer
        self._prefix = prefix
        self._dimension = dimension

    def count(self, kind: Kind) -> int:
        """How many points it holds."""
        found = self._ask(kind, "count", {"exact": True})
        return 0 if found is None else int(found["count"])

    def counts(self, kind: Kind) -> dict[int, int]:
        """By shard, the points of its own replicas."""
        path = f"/collections/{self._name(kind)}/cluster"
        found = self._result(self._asks.ask(self._peer, "GET", path, None, _TIMEOUT))
        shards = [] if found is None else found["local_shards"]
        return {int(shard["shard_id"]): int(shard["points_count"]) for shard in shards}

    def page(self, kind: Kind, start: UUID | None, limit: int) -> Page:
        """See `Copy.page`."""
        from sophia_cli.tiers.vectors.names import DENSE
        from sophia_cli.tiers.vectors.seal import digest_of

        ids: list[UUID] = []
        digests: list[int] = []
        following: Any = None if start is None else str(start)
        while len(ids) < limit:
            body = {
                "limit": min(_PAGE, limit - len(ids)),
                "offset": following,
                "with_payload": True,
                "with_vector": False,
            }
            found = self._ask(kind, "scroll", body)
            if found is None:
                return Page([], [], None)
            points = [point for point in found["points"] if isinstance(point["id"], str)]
            names = [point["id"] for point in points]
            dense, context = (self._cosines(kind, names, name) for name in DENSE)
            ids += [UUID(name) for name in names]
            digests += [
                digest_of(point["payload"], dense.get(name, 2.0), context.get(name, 2.0))
                for name, point in zip(names, points, strict=True)
            ]
            following = found.get("next_page_offset")
            if following is None:
                return Page(ids, digests, None)
        return Page(ids, digests, UUID(str(following)))

    def present(self, kind: Kind, ids: Sequence[UUID]) -> set[UUID]:
        """See `Copy.present`."""
        return {UUID(str(point["id"])) for point in self._points(kind, ids, False, False)}

    def differing(self, kind: Kind, entries: Sequence[IndexEntry]) -> dict[UUID, str]:
        """See `Copy.differing`."""
        from sophia_cli.tiers.vectors.comparing import difference
        from sophia_cli.tiers.vectors.wire import payload_of

        ids = [entry.id for entry in entries]
        stored = {UUID(str(p["id"])): p for p in self._points(kind, ids, True, True)}
        found: dict[UUID, str] = {}
        for entry in entries:
            point = stored.get(entry.id)
            if point is None:
                found[entry.id] = "missing"
                continue
            vectors = _vectors(point.get("vector"))
            if part := difference(entry, payload_of(entry), point.get("payload"), vectors):
                found[entry.id] = part
        return found

    def memories(self, kind: Kind, ids: Sequence[UUID]) -> dict[UUID, Memory]:
        """See `Copy.memories`."""
        from sophia_cli.tiers.vectors.names import MEMORY
        from sophia_cli.tiers.vectors.schema import memory_of

        found = {}
        for point in self._points(kind, ids, [MEMORY], False):
            if (memory := memory_of(point.get("payload"))) is not None:
                found[memory.id] = memory
        return found

    def _cosines(self, kind: Kind, names: Sequence[str], vector: str) -> dict[str, float]:
        if not names:
            return {}
        body = {
            "query": direction(self._dimension).tolist(),
            "using": vector,
            "filter": {"must": [{"has_id": list(names)}]},
            "limit": len(names),
            "params": {"exact": True, "quantization": {"ignore": True}},
            "with_payload": False,
            "with_vector": False,
        }
        found = self._ask(kind, "query", body)
        hits = [] if found is None else found["points"]
        return {str(hit["id"]): float(hit["score"]) for hit in hits}

    def _points(
        self, kind: Kind, ids: Sequence[UUID], payload: bool | list[str], vector: bool
    ) -> list[Any]:
        points: list[Any] = []
        for start in range(0, len(ids), _PAGE):
            body = {
                "ids": [str(id_) for id_ in ids[start : start + _PAGE]],
                "with_payload": payload,
                "with_vector": vector,
            }
            points += self._ask(kind, "", body) or []
        return points

    def _ask(self, kind: Kind, what: str, body: Any) -> Any:
        path = f"/collections/{self._name(kind)}/points{'/' if what else ''}{what}"
        return self._result(self._asks.ask(self._peer, "POST", path, body, _TIMEOUT))

    def _result(self, answer: Answer | Silence) -> Any:
        if isinstance(answer, Silence):
            raise TierDown("vectors", f"{self._peer.host}: {answer.reason}", "sophia doctor")
        if answer.status == _NOT_THERE:
            return None
        if answer.status != 200 or answer.result is None:
            raise TierDown("vectors", f"{self._peer.host}: {answer.error}", "sophia doctor")
        return answer.result

    def _name(self, kind: Kind) -> str:
        return quote(f"{self._prefix}_{kind}", safe="")


def _vectors(stored: Any) -> dict[str, Any]:
    from sophia_cli.tiers.vectors.comparing import WORDS

    found = dict(stored or {})
    words = found.get(WORDS)
    if words is not None:
        found[WORDS] = dict(zip(words["indices"], words["values"], strict=True))
    return found
