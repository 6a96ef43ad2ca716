"""The replicas that this peer holds, opened and removed as the agreed state wants it."""

from __future__ import annotations

import threading
from pathlib import Path

from .cluster_state import ClusterState
from .shard import LocalShard


class LocalShards:
    """Replicas by collection and shard, below `storage/collections`."""

    def __init__(self, storage: Path, peer_id: int) -> None:
        self._root = storage / "collections"
        self._peer_id = peer_id
        self._lock = threading.RLock()
        self._shards: dict[tuple[str, int], LocalShard] = {}
        self._uuids: dict[str, str] = {}

    def reconcile(self, state: ClusterState) -> None:
        """Opens what is this peer's, closes and removes what is no more.

        Raises:
            StartFailure: what is on disk cannot be loaded.
        """
        wanted = {
            (name, shard): collection
            for name, collection in state.collections.items()
            for shard, replicas in collection.replicas.items()
            if self._peer_id in replicas
        }
        with self._lock:
            for key in set(self._shards):
                again = key in wanted and self._uuids.get(key[0]) != wanted[key].uuid
                if key not in wanted or again:
                    self._shards.pop(key).remove()
            for (name, shard), collection in sorted(wanted.items()):
                if (name, shard) not in self._shards:
                    path = self._root / name / str(shard)
                    self._shards[name, shard] = LocalShard(path, collection.config)
                self._uuids[name] = collection.uuid
                self._shards[name, shard].ensure_indexes(collection.indexes)

    def get(self, name: str, shard: int) -> LocalShard | None:
        """A replica; None where this peer has none."""
        with self._lock:
            return self._shards.get((name, shard))

    def of(self, name: str) -> dict[int, LocalShard]:
        """The replicas of a collection by shard."""
        with self._lock:
            return {shard: one for (found, shard), one in self._shards.items() if found == name}

    def close(self) -> None:
        with self._lock:
            for shard in self._shards.values():
                shard.close()
            self._shards.clear()
