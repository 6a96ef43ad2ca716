"""`/collections/x/points`: writes to every replica, reads put together from the shards."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import fusion
from .cluster_state import Collection
from .configs import dense_of
from .filters import keys_of
from .queries import DEFAULT_LIMIT, document, is_document, prefetches_of
from .refusals import bad_json, bad_request, not_told, wrong_input
from .routes import READ, WRITE, Call, Route
from .updates import check_id, checked_point, checked_vectors, points_of_batch

if TYPE_CHECKING:
    from .peer import Peer

Json = Any
_FUSIONS = ("fusion", "rrf")


def point_routes(peer: Peer) -> Sequence[Route]:
    """The endpoints of this room."""
    api = _Points(peer)
    points = "/collections/{collection_name}/points"
    return [
        Route("PUT", points, WRITE, api.upsert),
        Route("POST", points, READ, api.retrieve),
        Route("POST", points + "/delete", WRITE, api.selecting("delete")),
        Route("PUT", points + "/vectors", WRITE, api.update_vectors),
        Route("POST", points + "/vectors/delete", WRITE, api.selecting("delete_vectors", "vector")),
        Route("POST", points + "/payload", WRITE, api.selecting("set_payload", "payload")),
        Route("PUT", points + "/payload", WRITE, api.selecting("overwrite_payload", "payload")),
        Route("POST", points + "/payload/delete", WRITE, api.selecting("delete_payload", "keys")),
        Route("POST", points + "/payload/clear", WRITE, api.selecting("clear_payload")),
        Route("POST", points + "/scroll", READ, api.scroll),
        Route("POST", points + "/count", READ, api.count),
        Route("POST", points + "/query", READ, api.query),
        Route("POST", points + "/query/batch", READ, api.query_batch),
        Route("GET", points + "/{id}", READ, api.one),
        Route("POST", "/collections/{collection_name}/facet", READ, api.facet),
    ]


class _Points:
    def __init__(self, peer: Peer) -> None:
        self._raft = peer.consensus
        self._replicas = peer.replicas

    def upsert(self, call: Call) -> Json:
        found, body = self._found(call), call.body
        listed = points_of_batch(body["batch"]) if "batch" in body else body.get("points")
        if not isinstance(listed, list):
            raise bad_json("data did not match any variant of untagged enum PointInsertOperations")
        points = [checked_point(one, found.config) for one in listed]
        return self._write_points(call, found, "upsert", points)

    def update_vectors(self, call: Call) -> Json:
        found = self._found(call)
        points = [
            {"id": one["id"], "vector": checked_vectors(one["vector"], found.config)}
            for one in call.body["points"]
        ]
        return self._write_points(call, found, "update_vectors", points)

    def selecting(self, kind: str, field: str = "") -> Callable[[Call], Json]:
        """A write to points that are named by id or found by a filter."""

        def write(call: Call) -> Json:
            found, body = self._found(call), call.body
            op: Json = {"kind": kind}
            if field:
                if field not in body:
                    raise bad_json(f"missing field `{field}`")
                op["names" if field == "vector" else field] = body[field]
                op |= {"key": body["key"]} if body.get("key") else {}
            if body.get("points") is None and body.get("filter") is None:
                raise bad_json("data did not match any variant of untagged enum PointsSelector")
            if body.get("points") is None:
                chosen = {shard: {"filter": body["filter"]} for shard in found.replicas}
            else:
                for one in body["points"]:
                    check_id(one)
                chosen = {
                    shard: {"points": ids}
                    for shard, ids in self._routed(found, body["points"], lambda one: one).items()
                }
            return self._write(call, found, {shard: op | of for shard, of in chosen.items()})

        return write

    def retrieve(self, call: Call) -> Json:
        found, body = self._found(call), call.body
        for one in body.get("ids") or []:
            check_id(one)
        records: list[Json] = []
        for shard, ids in self._routed(found, body["ids"], lambda one: one).items():
            records += self._read(call, found, shard, "retrieve", body | {"ids": ids})
        wanted = {str(one): at for at, one in enumerate(body["ids"])}
        return sorted(records, key=lambda record: wanted.get(str(record["id"]), 0))

    def one(self, call: Call) -> Json:
        given = call.names["id"]
        asked = int(given) if given.isdigit() else given
        check_id(asked)
        found = self._found(call)
        body = {"ids": [asked], "with_payload": True, "with_vector": True}
        records = self._read(call, found, shard_of(asked, len(found.replicas)), "retrieve", body)
        if not records:
            raise wrong_input(f"Point with id {given} does not exists!")
        return records[0]

    def scroll(self, call: Call) -> Json:
        found, body = self._found(call), call.body
        limit = body.get("limit") or DEFAULT_LIMIT
        self._strictly(found, body.get("filter"), limit)
        asked = {"with_payload": True} | {k: v for k, v in body.items() if v is not None}
        order = asked.get("order_by")
        pages = [
            self._read(call, found, shard, "scroll", asked | {"limit": limit + (order is None)})
            for shard in found.replicas
        ]
        merged = [record for page in pages for record in page["points"]]
        if order is not None:
            down = isinstance(order, dict) and order.get("direction") == "desc"
            merged.sort(key=lambda one: one["order_value"], reverse=down)
            return {"points": merged[:limit], "next_page_offset": None}
        merged.sort(key=_in_id_order)
        following = merged[limit]["id"] if len(merged) > limit else None
        return {"points": merged[:limit], "next_page_offset": following}

    def count(self, call: Call) -> Json:
        found, body = self._found(call), call.body
        self._strictly(found, body.get("filter"), 0)
        asked = {"filter": body.get("filter")}
        counts = [self._read(call, found, shard, "count", asked) for shard in found.replicas]
        return {"count": sum(counts)}

    def facet(self, call: Call) -> Json:
        found, body = self._found(call), call.body
        sums: dict[Any, int] = {}
        for shard in found.replicas:
            for hit in self._read(call, found, shard, "facet", body):
                sums[hit["value"]] = sums.get(hit["value"], 0) + hit["count"]
        ranked = sorted(sums.items(), key=lambda one: (-one[1], str(one[0])))
        limit = body.get("limit") or DEFAULT_LIMIT
        return {"hits": [{"value": value, "count": count} for value, count in ranked[:limit]]}

    def query(self, call: Call) -> Json:
        found = self._found(call)
        return {"points": self._queried(call, found, call.body)}

    def query_batch(self, call: Call) -> Json:
        found = self._found(call)
        searches = call.body.get("searches")
        if not isinstance(searches, list):
            raise bad_json("missing field `searches`")
        return [{"points": self._queried(call, found, one)} for one in searches]

    def _queried(self, call: Call, found: Collection, given: Json) -> list[Json]:
        self._strictly(found, given.get("filter"), given.get("limit") or DEFAULT_LIMIT)
        asked = self._prepared(call, found, given)
        query, shards = asked.get("query"), list(found.replicas)
        limit, offset = asked.get("limit") or DEFAULT_LIMIT, asked.get("offset") or 0
        fused = isinstance(query, dict) and any(query.get(name) for name in _FUSIONS)
        if len(shards) > 1 and fused:
            contents = {key: asked.get(key) for key in ("with_payload", "with_vector")}
            lists = [
                self._ranked(call, found, one | contents, one.get("limit") or DEFAULT_LIMIT, 0)
                for one in prefetches_of(asked)
            ]
            return fusion.fused(query, lists, offset + limit)[offset:]
        return self._ranked(call, found, asked, limit, offset)

    def _ranked(
        self, call: Call, found: Collection, asked: Json, limit: int, offset: int
    ) -> list[Json]:
        wanted = asked | {"limit": offset + limit, "offset": 0}
        body = {"searches": [wanted]}
        lists = [self._read(call, found, shard, "query", body)[0] for shard in found.replicas]
        hits = lists[0] if len(lists) == 1 else fusion.best(lists, offset + limit)
        return hits[offset:]

    def _prepared(self, call: Call, found: Collection, given: Json) -> Json:
        """The query with its texts and ids made vectors, and its prefetches likewise."""
        asked = {key: value for key, value in given.items() if value is not None}
        query = asked.get("query")
        if isinstance(query, dict) and "nearest" in query:
            inner = self._vector(call, found, asked, query["nearest"])
            asked["query"] = query | {"nearest": inner}
        elif query is not None and (not isinstance(query, dict) or is_document(query)):
            asked["query"] = self._vector(call, found, asked, query)
        if query is not None and (not isinstance(query, dict) or "nearest" in query):
            using = asked.get("using") or ""
            named = set(dense_of(found.config)) | set(
                found.config["params"].get("sparse_vectors") or {}
            )
            if using not in named:
                raise wrong_input(f"Not existing vector name error: {using}")
        prefetches = [self._prepared(call, found, one) for one in prefetches_of(asked)]
        return asked | ({"prefetch": prefetches} if prefetches else {})

    def _vector(self, call: Call, found: Collection, asked: Json, given: Json) -> Json:
        if is_document(given):
            return document(given, query=True)
        if isinstance(given, list | dict):
            return given
        check_id(given)
        using = asked.get("using") or ""
        body = {"ids": [given], "with_vector": True}
        records = self._read(call, found, shard_of(given, len(found.replicas)), "retrieve", body)
        if not records:
            raise not_told("a query by the id of a point that is not there")
        excluded = {"must_not": [{"has_id": [given]}]}
        asked["filter"] = {"must": [asked["filter"], excluded]} if asked.get("filter") else excluded
        vector = records[0]["vector"]
        return vector[using] if isinstance(vector, dict) else vector

    def _strictly(self, found: Collection, wanted: Json, limit: int) -> None:
        """What a collection in strict mode refuses."""
        strict = found.config.get("strict_mode_config") or {}
        if not strict.get("enabled"):
            return
        most = strict.get("max_query_limit")
        if most is not None and limit > most:
            raise bad_request(
                f'Limit exceeded {limit} > {most} for "limit". '
                f'Help: Reduce the "limit" parameter to or below {most}.'
            )
        if strict.get("unindexed_filtering_retrieve") is False:
            for key in keys_of(wanted):
                if key not in found.indexes:
                    raise bad_request(
                        f'Index required but not found for "{key}" of one of the following types: '
                        "[keyword]. Help: Create an index for this key or use a different filter."
                    )

    def _write_points(self, call: Call, found: Collection, kind: str, points: list[Json]) -> Json:
        by_shard = self._routed(found, points, lambda one: one["id"])
        ops = {shard: {"kind": kind, "points": some} for shard, some in by_shard.items()}
        return self._write(call, found, ops)

    def _write(self, call: Call, found: Collection, ops: dict[int, Json]) -> Json:
        numbers = [self._replicas.write(found.name, shard, op) for shard, op in ops.items()]
        waited = call.query.get("wait") == "true"
        return {
            "operation_id": max(numbers, default=0),
            "status": "completed" if waited else "acknowledged",
        }

    def _read(self, call: Call, found: Collection, shard: int, what: str, body: Json) -> Any:
        consistency = call.query.get("consistency", "1")
        return self._replicas.read(found.name, shard, what, body, consistency)

    def _routed(
        self, found: Collection, items: list[Json], id_of: Callable[[Json], Json]
    ) -> dict[int, list[Json]]:
        routed: dict[int, list[Json]] = {}
        for one in items:
            routed.setdefault(shard_of(id_of(one), len(found.replicas)), []).append(one)
        return dict(sorted(routed.items()))

    def _found(self, call: Call) -> Collection:
        with self._raft.changed:
            found = self._raft.state.collection(call.name)
        if "consistency" in call.query:
            self._replicas.check_active(found.name, call.query["consistency"])
        return found


def shard_of(point: int | str, shards: int) -> int:
    """The shard that a point belongs to; not by the hash of the real server."""
    return zlib.crc32(str(point).lower().encode()) % shards


def _in_id_order(record: Json) -> tuple[bool, int | str]:
    return isinstance(record["id"], str), record["id"]
