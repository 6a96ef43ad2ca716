"""`/collections`: create, read, change, delete; aliases; payload indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from . import configs
from .cluster_state import Collection
from .links import Unreachable
from .refusals import Refusal, bad_json
from .routes import MANAGE, READ, WRITE, Call, Route
from .waiting import wait_for_everyone

if TYPE_CHECKING:
    from .peer import Peer

Json = Any
_KINDS = ("keyword", "integer", "float", "geo", "text", "bool", "datetime", "uuid")
_SEGMENTS = 2


def collection_routes(peer: Peer) -> Sequence[Route]:
    """The endpoints of this room."""
    api = _Collections(peer)
    one = "/collections/{collection_name}"
    return [
        Route("GET", "/collections", READ, api.listed),
        Route("POST", "/collections/aliases", MANAGE, api.change_aliases),
        Route("GET", "/aliases", READ, api.aliases),
        Route("GET", one, READ, api.info),
        Route("PUT", one, MANAGE, api.create),
        Route("PATCH", one, MANAGE, api.update),
        Route("DELETE", one, MANAGE, api.delete),
        Route("GET", one + "/exists", READ, api.exists),
        Route("GET", one + "/aliases", READ, api.aliases_of),
        Route("GET", one + "/optimizations", READ, api.optimizations),
        Route("PUT", one + "/index", WRITE, api.create_index),
        Route("DELETE", one + "/index/{field_name}", WRITE, api.delete_index),
    ]


class _Collections:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._raft = peer.consensus
        self._local = peer.local

    def listed(self, _: Call) -> Json:
        with self._raft.changed:
            return {
                "collections": [{"name": name} for name in sorted(self._raft.state.collections)]
            }

    def aliases(self, _: Call) -> Json:
        with self._raft.changed:
            return {"aliases": _alias_list(self._raft.state.aliases)}

    def aliases_of(self, call: Call) -> Json:
        found = self._found(call.name)
        with self._raft.changed:
            listed = _alias_list(self._raft.state.aliases)
        return {"aliases": [one for one in listed if one["collection_name"] == found.name]}

    def change_aliases(self, call: Call) -> Json:
        actions = call.body.get("actions")
        if not isinstance(actions, list):
            raise bad_json("missing field `actions`")
        return self._raft.carry_out({"kind": "aliases", "actions": actions}, call.timeout)

    def exists(self, call: Call) -> Json:
        with self._raft.changed:
            state = self._raft.state
            return {"exists": state.aliases.get(call.name, call.name) in state.collections}

    def info(self, call: Call) -> Json:
        found = self._found(call.name)
        points, indexed = self._sizes(found)
        schema = {
            field: _shown_schema(schema) | {"points": self._indexed_points(found, field)}
            for field, schema in found.indexes.items()
        }
        return {
            "status": "green",
            "optimizer_status": "ok",
            "indexed_vectors_count": indexed,
            "points_count": points,
            "segments_count": _SEGMENTS * len(found.replicas),
            "config": found.config,
            "payload_schema": schema,
            "update_queue": {"length": 0},
        }

    def create(self, call: Call) -> Json:
        body = call.body
        with self._raft.changed:
            state = self._raft.state
            if call.name in state.collections:
                raise Refusal(409, f"Wrong input: Collection `{call.name}` already exists!")
            peers = sorted(state.peers) if self._raft.enabled else [self._raft.id]
            burden = dict.fromkeys(peers, 0)
            for collection in state.collections.values():
                for replicas in collection.replicas.values():
                    for peer in replicas:
                        burden[peer] = burden.get(peer, 0) + 1
        config = configs.created(body, self._peer.settings, len(call.raw), len(peers))
        placed: dict[int, list[int]] = {}
        for shard in range(config["params"]["shard_number"]):
            wanted = min(config["params"]["replication_factor"], len(peers))
            placed[shard] = sorted(peers, key=lambda peer: (burden[peer], peer))[:wanted]
            for peer in placed[shard]:
                burden[peer] += 1
        op = {
            "kind": "create_collection",
            "name": call.name,
            "config": config,
            "uuid": str(uuid4()),
            "replicas": placed,
        }
        return self._everywhere(op, call.timeout)

    def update(self, call: Call) -> Json:
        found = self._found(call.name)
        op = {
            "kind": "update_collection",
            "name": found.name,
            "changes": configs.changed(call.body),
        }
        return self._raft.carry_out(op, call.timeout)

    def delete(self, call: Call) -> Json:
        return self._raft.carry_out({"kind": "delete_collection", "name": call.name}, call.timeout)

    def optimizations(self, call: Call) -> Json:
        found = self._found(call.name)
        shown: Json = {
            "summary": {
                "queued_optimizations": 0,
                "queued_segments": 0,
                "queued_points": 0,
                "idle_segments": _SEGMENTS * len(self._local.of(found.name)),
            },
            "running": [],
        }
        if "completed" in call.query.get("with", ""):
            shown["completed"] = []
        return shown

    def create_index(self, call: Call) -> Json:
        found, body = self._found(call.name), call.body
        if "field_name" not in body:
            raise bad_json("missing field `field_name`")
        schema = body.get("field_schema") or body.get("field_type")
        given = {"type": schema, "plain": True} if isinstance(schema, str) else dict(schema or {})
        if given.get("type") not in _KINDS:
            raise bad_json("data did not match any variant of untagged enum PayloadFieldSchema")
        kept = {key: value for key, value in given.items() if value is not None}
        op = {
            "kind": "create_index",
            "name": found.name,
            "field": body["field_name"],
            "schema": kept,
        }
        self._raft.carry_out(op, call.timeout)
        return self._updated(found, call)

    def delete_index(self, call: Call) -> Json:
        found = self._found(call.name)
        field = call.names["field_name"]
        op = {"kind": "delete_index", "name": found.name, "field": field}
        self._raft.carry_out(op, call.timeout)
        return self._updated(found, call)

    def _updated(self, found: Collection, call: Call) -> Json:
        numbers = [shard.op_num for shard in self._local.of(found.name).values()]
        waited = call.query.get("wait") == "true"
        return {
            "operation_id": max(numbers, default=0),
            "status": "completed" if waited else "acknowledged",
        }

    def _everywhere(self, op: Json, timeout: float) -> Json:
        """Committed, and then waited for on every peer: with one down for the whole time-out."""
        result = self._raft.carry_out(op, timeout)
        wait_for_everyone(self._raft, timeout)
        return result

    def _found(self, name: str) -> Collection:
        with self._raft.changed:
            return self._raft.state.collection(name)

    def _sizes(self, found: Collection) -> tuple[int, int]:
        """Points and indexed vectors: of the own replicas, of the others where there is none."""
        own = self._local.of(found.name)
        infos = [shard.info() for shard in own.values()]
        points = sum(info.points_count for info in infos)
        for shard in set(found.replicas) - set(own):
            try:
                points += self._peer.replicas.read(found.name, shard, "count", {})
            except (Refusal, Unreachable):
                continue
        return points, sum(info.indexed_vectors_count for info in infos)

    def _indexed_points(self, found: Collection, field: str) -> int:
        schemas = [shard.info().payload_schema for shard in self._local.of(found.name).values()]
        return sum(schema[field].points for schema in schemas if field in schema)


def _shown_schema(schema: Json) -> Json:
    shown: Json = {"data_type": schema["type"]}
    if not schema.get("plain"):
        shown["params"] = schema
    return shown


def _alias_list(aliases: dict[str, str]) -> list[Json]:
    return [
        {"alias_name": alias, "collection_name": name} for alias, name in sorted(aliases.items())
    ]
