"""A stand-in for Qdrant servers: their REST contract over loopback, the real engine behind it.

It is not Qdrant: no consensus, no replicas. Peers of one `Cluster` share what is stored, and each
can be told to fail, to freeze or to go. It answers 501 to whatever it was not told.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import qdrant_edge as engine

Json = Any


@dataclass
class Collection:
    config: Json
    shard: engine.EdgeShard
    schema: dict[str, Json] = field(default_factory=dict)
    note: Path | None = None

    def save(self) -> None:
        if self.note is not None:
            self.note.write_text(json.dumps({"config": self.config, "schema": self.schema}))


@dataclass
class Cluster:
    """What the peers share. `largest_factor` is how many replicas there can be."""

    directory: Path
    largest_factor: int = 3
    collections: dict[str, Collection] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)
    made: int = 0

    def load(self) -> None:
        """Opens what a stand-in that was killed left in the directory."""
        for note in sorted(self.directory.glob("*.json")):
            number, _, name = note.stem.partition("-")
            self.made = max(self.made, int(number))
            kept = json.loads(note.read_text())
            shard = engine.EdgeShard.load(str(note.with_suffix("")))
            self.collections[name] = Collection(kept["config"], shard, kept["schema"], note)


class Missing(Exception):
    """A collection that is not there."""


class Peer:
    """One address. `behave` sees every request first: it may return (status, body) or block."""

    def __init__(self, cluster: Cluster, api_key: str | None = None, port: int = 0) -> None:
        self.cluster = cluster
        self.api_key = api_key
        self.requests: list[tuple[str, str, Json]] = []
        self.behave: Callable[[str, str], tuple[int, Json] | None] = lambda method, path: None
        self.released = threading.Event()
        peer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def respond(self) -> None:
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length)) if length else None
                path = urlsplit(self.path).path
                peer.requests.append((self.command, self.path, body))
                status, answer = peer.answer(self.command, path, body, self.headers)
                data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_PUT = do_POST = do_DELETE = respond  # noqa: N815

            def log_message(self, *_: object) -> None: ...

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:
                """A client that went away is what some tests are about."""

        self._server = Server(("127.0.0.1", port), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def fail(self, status: int = 500, only: str = "") -> None:
        """Answers with an error, to requests whose path ends with `only`."""
        error = {"status": {"error": "Service internal error: told to fail"}, "time": 0.0}
        self.behave = lambda method, path: (status, error) if path.endswith(only) else None

    def freeze(self) -> None:
        """Accepts and never answers."""

        def wait(method: str, path: str) -> tuple[int, Json]:
            self.released.wait(60)
            return 500, {"status": {"error": "thawed"}}

        self.behave = wait

    def recover(self) -> None:
        self.behave = lambda method, path: None

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._server.server_close()

    def answer(self, method: str, path: str, body: Json, headers: Any) -> tuple[int, Json]:
        if self.api_key and headers.get("api-key") != self.api_key:
            return 401, {"status": {"error": "Must provide an API key"}}
        told = self.behave(method, path)
        if told is not None:
            return told
        try:
            with self.cluster.lock:
                return 200, {"status": "ok", "time": 0.0, "result": self._do(method, path, body)}
        except Missing as error:
            message = f"Not found: Collection `{error}` doesn't exist!"
            return 404, {"status": {"error": message}}
        except FileExistsError as error:
            message = f"Wrong input: Collection `{error}` already exists!"
            return 409, {"status": {"error": message}}
        except NotImplementedError as error:
            return 501, {"status": {"error": f"the stand-in was not told: {error}"}}
        except Exception as error:  # the engine's own words
            return 400, {"status": {"error": f"Wrong input: {error}"}}

    def _do(self, method: str, path: str, body: Json) -> Json:
        found = re.fullmatch(r"/collections/([\w-]+)(/.*)?", path)
        if not found:
            raise NotImplementedError(path)
        name, rest = found[1], found[2] or ""
        collections = self.cluster.collections
        if (method, rest) == ("GET", "/exists"):
            return {"exists": name in collections}
        if (method, rest) == ("PUT", ""):
            return self._create(name, body)
        if (method, rest) == ("DELETE", ""):
            gone = collections.pop(name, None)
            if gone:
                gone.shard.close()
                if gone.note is not None:
                    gone.note.unlink()
            return gone is not None
        if name not in collections:
            raise Missing(name)
        collection = collections[name]
        match (method, rest):
            case ("GET", ""):
                return self._info(collection)
            case ("GET", "/cluster"):
                return self._shards(collection)
            case ("PUT", "/index"):
                return self._index(collection, body)
            case ("PUT", "/points"):
                points = [_point(one) for one in body["points"]]
                collection.shard.update(engine.UpdateOperation.upsert_points(points))
                return {"operation_id": 1, "status": "completed"}
            case ("POST", "/points/delete"):
                collection.shard.update(engine.UpdateOperation.delete_points(body["points"]))
                return {"operation_id": 1, "status": "completed"}
            case ("POST", "/points/query/batch"):
                requests = [_query(one) for one in body["searches"]]
                lists = collection.shard.query_batch(engine.QueryBatchRequest(requests))
                return [{"points": [_hit(hit) for hit in hits]} for hits in lists]
            case ("POST", "/points"):
                records = collection.shard.retrieve(body["ids"], body["with_payload"], False)
                return [{"id": str(each.id), "payload": each.payload} for each in records]
            case ("POST", "/points/scroll"):
                page, following = collection.shard.scroll(
                    engine.ScrollRequest(
                        offset=body.get("offset"),
                        limit=body["limit"],
                        with_payload=False,
                        with_vector=False,
                    )
                )
                return {
                    "points": [{"id": str(record.id)} for record in page],
                    "next_page_offset": None if following is None else str(following),
                }
            case ("POST", "/points/count"):
                return {"count": collection.shard.count(engine.CountRequest(exact=True))}
        raise NotImplementedError(f"{method} {rest}")

    def _create(self, name: str, body: Json) -> bool:
        if name in self.cluster.collections:
            raise FileExistsError(name)
        self.cluster.made += 1
        path = self.cluster.directory / f"{self.cluster.made}-{name}"
        path.mkdir()
        for params in body["sparse_vectors"].values():
            assert params == {"modifier": "idf"}
        config = engine.EdgeConfig(
            vectors={
                vector: engine.EdgeVectorParams(
                    size=params["size"], distance=getattr(engine.Distance, params["distance"])
                )
                for vector, params in body["vectors"].items()
            },
            sparse_vectors={
                vector: engine.EdgeSparseVectorParams(modifier=engine.Modifier.Idf)
                for vector in body["sparse_vectors"]
            },
        )
        shard = engine.EdgeShard.create(str(path), config)
        made = Collection(body, shard, note=path.with_suffix(".json"))
        made.save()
        self.cluster.collections[name] = made
        return True

    def _index(self, collection: Collection, body: Json) -> Json:
        schema = {key: value for key, value in body["field_schema"].items() if value is not None}
        kind = schema["type"]
        collection.shard.update(
            engine.UpdateOperation.create_field_index(
                body["field_name"], getattr(engine.PayloadSchemaType, kind.capitalize())
            )
        )
        collection.schema[body["field_name"]] = {"data_type": kind, "params": schema, "points": 0}
        collection.save()
        return {"operation_id": 1, "status": "completed"}

    def _info(self, collection: Collection) -> Json:
        params = {key: value for key, value in collection.config.items() if value is not None}
        return {
            "status": "green",
            "optimizer_status": "ok",
            "points_count": collection.shard.info().points_count,
            "segments_count": 1,
            "config": {
                "params": params,
                "hnsw_config": {"m": 16, "ef_construct": 100, "full_scan_threshold": 10000},
                "optimizer_config": {
                    "deleted_threshold": 0.2,
                    "vacuum_min_vector_number": 1000,
                    "default_segment_number": 0,
                    "flush_interval_sec": 5,
                },
                "wal_config": {"wal_capacity_mb": 32, "wal_segments_ahead": 0},
                "quantization_config": params.pop("quantization_config", None),
            },
            "payload_schema": collection.schema,
        }

    def _shards(self, collection: Collection) -> Json:
        shards = range(collection.config["shard_number"])
        others = min(collection.config["replication_factor"], self.cluster.largest_factor) - 1
        return {
            "peer_id": 1,
            "shard_count": len(shards),
            "local_shards": [
                {"shard_id": shard, "points_count": 0, "state": "Active"} for shard in shards
            ],
            "remote_shards": [
                {"shard_id": shard, "peer_id": 2 + other, "state": "Active"}
                for shard in shards
                for other in range(others)
            ],
            "shard_transfers": [],
        }


def _point(given: Json) -> engine.Point:
    vectors = {
        name: engine.SparseVector(**value) if isinstance(value, dict) else value
        for name, value in given["vector"].items()
    }
    return engine.Point(given["id"], vectors, given["payload"])


def _query(given: Json) -> engine.QueryRequest:
    if set(given["query"]) != {"nearest"}:
        raise NotImplementedError(f"query {given['query']}")
    asked = given["query"]["nearest"]
    vector = engine.SparseVector(**asked) if isinstance(asked, dict) else asked
    return engine.QueryRequest(
        limit=given["limit"],
        query=engine.Query.Nearest(vector, using=given["using"]),
        filter=_filter(given.get("filter")),
        with_payload=given["with_payload"],
        with_vector=False,
    )


def _filter(given: Json) -> engine.Filter | None:
    if given is None:
        return None
    must: list[Any] = []
    for one in given["must"]:
        if "has_id" in one:
            must.append(engine.HasIdCondition(set(one["has_id"])))
        elif one.get("match"):
            value = engine.MatchValue(value=one["match"]["value"])
            must.append(engine.FieldCondition(key=one["key"], match=value))
        elif one.get("range"):
            bounds = {key: value for key, value in one["range"].items() if value is not None}
            must.append(engine.FieldCondition(key=one["key"], range=engine.RangeFloat(**bounds)))
        else:
            raise NotImplementedError(f"filter {one}")
    return engine.Filter(must=must)


def _hit(hit: engine.ScoredPoint) -> Json:
    return {"id": str(hit.id), "version": 0, "score": hit.score, "payload": hit.payload}
