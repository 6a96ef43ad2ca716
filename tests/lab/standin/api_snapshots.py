"""Snapshots of collections, shards and the whole storage: simple archives of the stand-in's own.

An archive holds the collection's configuration and the points of the replicas that this peer has;
the real server cannot read it, nor this one the real server's.
"""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit
from uuid import uuid4

from .cluster_state import ACTIVE, DEAD, Collection
from .http_server import Reply
from .refusals import Refusal, bad_request, not_told, wrong_input
from .routes import MANAGE, READ, Call, Route
from .serde import dumps
from .transfers import RECORDS
from .waiting import wait_for_everyone

if TYPE_CHECKING:
    from .peer import Peer

Json = Any
_STAMP = "%Y-%m-%d-%H-%M-%S"


def snapshot_routes(peer: Peer) -> Sequence[Route]:
    """The endpoints of this room."""
    api = _Snapshots(peer)
    one = "/collections/{collection_name}"
    whole, shard = one + "/snapshots", one + "/shards/{shard_id}/snapshots"
    return [
        Route("GET", "/snapshots", READ, lambda _: api.listed(api.root)),
        Route("POST", "/snapshots", MANAGE, api.create_full),
        Route("GET", whole, READ, api.of_collection),
        Route("POST", whole, MANAGE, api.create),
        Route("PUT", whole + "/recover", MANAGE, api.recover),
        Route("GET", whole + "/{snapshot_name}", READ, api.download),
        Route("DELETE", whole + "/{snapshot_name}", MANAGE, api.delete),
        Route("GET", shard, READ, api.of_shard),
        Route("POST", shard, MANAGE, api.create_of_shard),
        Route("PUT", shard + "/recover", MANAGE, api.recover_shard),
        Route("GET", shard + "/{snapshot_name}", READ, api.download),
        Route("DELETE", shard + "/{snapshot_name}", MANAGE, api.delete),
    ]


class _Snapshots:
    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._raft = peer.consensus
        self.root = peer.settings.snapshots

    def listed(self, directory: Path) -> list[Json]:
        return [_described(path) for path in sorted(directory.glob("*.snapshot"))]

    def of_collection(self, call: Call) -> Json:
        return self.listed(self.root / self._found(call).name)

    def of_shard(self, call: Call) -> Json:
        return self.listed(self._directory(call))

    def create(self, call: Call) -> Json:
        found = self._found(call)
        name = f"{found.name}-{self._raft.id}-{datetime.now(UTC):{_STAMP}}.snapshot"
        made = self._peer.snapshots_made
        made[found.name] = made.get(found.name, 0) + 1
        return self._archive(self.root / found.name / name, found, None)

    def create_of_shard(self, call: Call) -> Json:
        found = self._found(call)
        name = f"{found.name}-shard-{call.shard}-{datetime.now(UTC):{_STAMP}}.snapshot"
        return self._archive(self._directory(call) / name, found, call.shard)

    def create_full(self, _: Call) -> Json:
        """Of all collections: their own of the same second are overwritten, and then removed."""
        with self._raft.changed:
            collections = list(self._raft.state.collections.values())
        stamp = f"{datetime.now(UTC):{_STAMP}}"
        path = self.root / f"full-snapshot-{stamp}.snapshot"
        with tarfile.open(path, "w") as archive:
            for found in collections:
                name = f"{found.name}-{self._raft.id}-{stamp}.snapshot"
                part = self.root / found.name / name
                self._archive(part, found, None)
                archive.add(part, name)
                part.unlink()
        return _described(path)

    def download(self, call: Call) -> Reply:
        return Reply(200, self._path(call).read_bytes(), "application/octet-stream")

    def delete(self, call: Call) -> Json:
        path = self._path(call)
        path.unlink()
        path.with_suffix(".checksum").unlink(missing_ok=True)
        return True

    def recover(self, call: Call) -> Json:
        """Into a collection that may be new. With `priority: replica` it ends the consensus."""
        body = call.body
        config, points = self._read(body)
        with self._raft.changed:
            found = self._raft.state.collections.get(call.name)
        if found is None:
            found = self._create(call, config)
        elif body.get("priority") == "replica" and self._ends_consensus(found):
            return True
        for shard, some in points.items():
            self._replace(call, found, shard, some)
        return True

    def recover_shard(self, call: Call) -> Json:
        found, (_, points) = self._found(call), self._read(call.body)
        if self._peer.local.get(found.name, call.shard) is None:
            raise bad_request(f"Shard {call.shard} is not on peer {self._raft.id}")
        for some in points.values():
            self._replace(call, found, call.shard, some)
        return True

    def _ends_consensus(self, found: Collection) -> bool:
        """Asks for a transfer that has no method: no peer can apply the entry, now or ever."""
        me = self._raft.id
        for shard, replicas in found.replicas.items():
            for source, state in replicas.items():
                if source != me and state == ACTIVE and me in replicas:
                    op = {"kind": "transfer_start", "name": found.name, "shard": shard}
                    try:
                        self._raft.carry_out(op | {"source": source, "target": me}, 1)
                    except Refusal:
                        return True
        return False

    def _create(self, call: Call, config: Json) -> Collection:
        params = config["params"]
        with self._raft.changed:
            peers = sorted(self._raft.state.peers)
        me = self._raft.id
        ordered = [me, *(peer for peer in peers if peer != me)]
        holders = ordered[: params["replication_factor"]]
        placed = {shard: list(holders) for shard in range(params["shard_number"])}
        op = {
            "kind": "create_collection",
            "name": call.name,
            "config": config,
            "uuid": str(uuid4()),
            "replicas": placed,
        }
        self._raft.carry_out(op, call.timeout)
        wait_for_everyone(self._raft, call.timeout)
        return self._found(call)

    def _replace(self, call: Call, found: Collection, shard: int, points: list[Json]) -> None:
        """The own replica becomes what the archive holds; the others are brought it in full."""
        local = self._peer.local.get(found.name, shard)
        if local is None:
            return
        local.restart_empty()
        tick = time.time_ns() // 1000
        op = {"kind": "upsert", "points": points}
        if points:
            local.apply({"op": op, "clock": self._raft.id, "tick": tick})
        local.complete({str(self._raft.id): tick})
        about = {"name": found.name, "shard": shard}
        others = [peer for peer in found.replicas[shard] if peer != self._raft.id]
        for peer in others:
            dead = {"kind": "set_replica", "peer": peer, "state": DEAD}
            self._raft.carry_out(dead | about, call.timeout)
            start = {"kind": "transfer_start", "source": self._raft.id, "target": peer}
            self._raft.carry_out(start | about | {"method": RECORDS}, call.timeout)

    def _archive(self, path: Path, found: Collection, only: int | None) -> Json:
        path.parent.mkdir(parents=True, exist_ok=True)
        local = self._peer.local.of(found.name)
        parts = {"config.json": dumps({"config": found.config, "indexes": found.indexes})}
        for shard, one in local.items():
            if only in (None, shard):
                with one.lock:
                    points = [point for page in one.pages() for point in page]
                parts[f"shards/{shard}.json"] = dumps(points)
        with tarfile.open(path, "w") as archive:
            for name, data in parts.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        path.with_suffix(".checksum").write_text(digest)
        return _described(path)

    def _read(self, body: Json) -> tuple[Json, dict[int, list[Json]]]:
        parts = urlsplit(str(body.get("location", "")))
        if parts.scheme != "file":
            raise not_told("a snapshot that is not at file://")
        path = Path(unquote(parts.path))
        if not path.is_file():
            raise bad_request(f'Snapshot file "{path}" does not exist')
        wanted, found = body.get("checksum"), hashlib.sha256(path.read_bytes()).hexdigest()
        if wanted is not None and wanted != found:
            raise wrong_input(f"Snapshot checksum mismatch: expected {wanted}, got {found}")
        config: Json = None
        points: dict[int, list[Json]] = {}
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member)
                data: Json = json.loads(file.read()) if file else None
                if member.name == "config.json":
                    config = data["config"]
                else:
                    points[int(Path(member.name).stem)] = [_named(point) for point in data]
        return config, points

    def _found(self, call: Call) -> Collection:
        with self._raft.changed:
            return self._raft.state.collection(call.name)

    def _directory(self, call: Call) -> Path:
        directory = self.root / self._found(call).name
        return directory / "shards" / str(call.shard) if "shard_id" in call.names else directory

    def _path(self, call: Call) -> Path:
        path = self._directory(call) / call.names["snapshot_name"]
        if not path.is_file():
            raise Refusal(404, f"Not found: Snapshot {path.name} not found")
        return path


def _described(path: Path) -> Json:
    status = path.stat()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    made = datetime.fromtimestamp(status.st_mtime, UTC)
    return {
        "name": path.name,
        "creation_time": f"{made:%Y-%m-%dT%H:%M:%S}",
        "size": status.st_size,
        "checksum": digest,
    }


def _named(point: Json) -> Json:
    vector = point["vector"]
    return point | {"vector": vector if isinstance(vector, dict) else {"": vector}}
