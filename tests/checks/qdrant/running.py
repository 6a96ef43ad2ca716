"""Running stand-ins of peers, and the scene of a doctor who knows their URLs, or their hosts."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sophia_cli.checks.qdrant import CHECKS
from sophia_cli.ops.inventory.services import Qdrant
from sophia_cli.ops.qdrant.asks import Answer, Peer
from sophia_cli.ops.qdrant.collections import ensure, wanted_layouts
from sophia_cli.ops.qdrant.over_http import Directly, HttpAsks
from tests.checks.cluster_scene import alarms, findings_of, scene_of
from tests.lab.standin.cluster import StandinCluster, until

KEY = "the key of the stand-ins"
COLLECTION = "sophia_coding"


@dataclass
class Standins:
    """Three peers that are one cluster with sophia's collections, and a look at them."""

    cluster: StandinCluster
    folder: Path
    asks: HttpAsks

    @property
    def peers(self) -> tuple[Peer, ...]:
        return tuple(Peer(f"node{p.number}", p.url, p.uri) for p in self.cluster.peers)

    def write(self, number: int, ids: Sequence[str] = ()) -> bool:
        """Writes points, 30 new ones by default, through a peer; whether it acknowledged them."""
        vectors = {"dense": [0.1] * 384, "context": [0.2] * 384}
        points = [
            {"id": id_, "vector": vectors, "payload": {"user": "ana"}} for id_ in ids or new_ids(30)
        ]
        path = f"/collections/{COLLECTION}/points?wait=true"
        said = self.asks.ask(self.peers[number], "PUT", path, {"points": points}, 30.0)
        return isinstance(said, Answer) and said.status == 200

    def look(self, numbers: Sequence[str] = ()) -> dict[str, str]:
        """By number, the checks that a doctor who knows the URLs raises."""
        chosen = [check for check in CHECKS if not numbers or check.number in numbers]
        with self.scene() as scene:
            return alarms(scene, chosen)

    def said(self, number: str) -> str:
        """What one check says."""
        (check,) = [check for check in CHECKS if check.number == number]
        with self.scene() as scene:
            return "\n".join(f"{each.subject}: {each.says}" for each in findings_of(scene, check))

    def until(self, wanted: dict[str, str]) -> None:
        """Waits until these alarms, and no others, are raised: the cluster takes its time."""
        found: dict[str, str] = {}

        def so() -> bool:
            found.clear()
            found.update(self.look())
            return found == wanted

        try:
            until(so, f"alarms are {wanted}", 40.0)
        except AssertionError as error:
            raise AssertionError(f"{error}; they are {found}") from None

    @contextlib.contextmanager
    def scene(self) -> Iterator[Any]:
        key = self.folder / "key"
        if not key.exists():
            key.touch(mode=0o600)
            key.write_text(KEY)
        text = json.dumps(
            {
                "vectors": {
                    "engine": "server",
                    "urls": self.cluster.urls,
                    "api_key_file": str(key),
                }
            }
        )
        with scene_of(self.folder, text) as made:
            yield made


def new_ids(count: int) -> list[str]:
    return [str(uuid.uuid4()) for _ in range(count)]


@contextlib.contextmanager
def standins(folder: Path, directories: Mapping[int, Path] | None = None) -> Iterator[Standins]:
    """Starts them, with sophia's collections.

    Args:
        directories: where a peer has its storage, if elsewhere.
    """
    cluster = StandinCluster(folder / "cluster", api_key=KEY)
    for number, directory in (directories or {}).items():
        directory.mkdir(parents=True)
        peer = cluster[number]
        peer.directory = directory
        peer.settings["storage"] = {
            "storage_path": str(directory / "storage"),
            "snapshots_path": str(directory / "snapshots"),
        }
    with contextlib.ExitStack() as stack, cluster:
        asks = HttpAsks(Directly(), KEY, stack)
        made = Standins(cluster, folder, asks)
        ensure(asks, made.peers, wanted_layouts(Qdrant()))
        assert made.write(0)
        yield made
