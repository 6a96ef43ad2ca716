"""What the real server answered, and whether the stand-in answers alike.

Alike: the same status and content type, the same keys and types all the way down, the same telling
values. Not compared are times, counters, ids, checksums and scores.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from .cluster import Answer, StandinCluster

Json = Any
FIXTURES = Path(__file__).parents[2] / "fixtures" / "qdrant"
_FIRST_NODE = 11
# Maps whose keys are data: each of their values is compared as one of many.
_BY_DATA = ("responses", "collection_data", "num_vectors_by_name")


def names(directory: str) -> set[str]:
    """The recordings of a directory."""
    return {path.stem for path in (FIXTURES / directory).glob("*.json")}


class Stage:
    """Asks a cluster what the real one was asked, and compares.

    Args:
        directory: of the recordings.
        ids: peer ids of the recordings and the peers here that stand for them.
    """

    def __init__(self, cluster: StandinCluster, directory: str = "cluster") -> None:
        self.cluster = cluster
        self.ids: dict[str, int] = {}
        self.compared: set[str] = set()
        self._directory = directory

    def load(self, name: str) -> Json:
        """A recording."""
        return json.loads((FIXTURES / self._directory / f"{name}.json").read_text())

    def check(
        self, name: str, at: int | None = None, body: Json = None, path: str | None = None
    ) -> Answer:
        """Sends the recorded request to the peer that stands for the recorded node, and compares.

        Args:
            at: the peer to ask, where roles fell otherwise than in the recording.
            body, path: instead of the recorded one, where it names what is only there.

        Raises:
            AssertionError: the answer is not alike.
        """
        recording = self.load(name)
        asked = recording["request"]
        number = int(asked["node"].rsplit(".", 1)[1]) - _FIRST_NODE if at is None else at
        peer = self.cluster.peers[number]
        sent = self._translated(asked.get("body")) if body is None else body
        answer = peer.request(
            asked["method"],
            path or self._translated(asked["path"]),
            sent,
            asked.get("headers", {}),
            asked.get("raw"),
        )
        found = compare(recording["response"], answer, asked["path"])
        assert not found, f"{name}: " + "; ".join(found)
        self.compared.add(name)
        return answer

    def _translated(self, value: Json) -> Json:
        text = json.dumps(value)
        for old, number in self.ids.items():
            if old in text:
                text = text.replace(old, str(self.cluster.peers[number].id))
        return json.loads(text)


def compare(recorded: Json, answer: Answer, path: str) -> list[str]:
    """How an answer differs from a recording; empty when it is alike."""
    differences = []
    if recorded["status"] != answer.status:
        return [f"status {answer.status} instead of {recorded['status']}: {answer.body}"]
    kind = recorded.get("content_type")
    if kind is not None and kind != answer.content_type:
        differences.append(f"content type {answer.content_type} instead of {kind}")
    if path.startswith("/metrics"):
        pairs = [("metrics", _metric_names(recorded["body"]), _metric_names(answer.body))]
    else:
        pairs = [
            ("keys and types", _paths(recorded["body"]), _paths(answer.body)),
            ("values", telling(recorded["body"], path), telling(answer.body, path)),
        ]
    for what, wanted, found in pairs:
        if wanted == found:
            continue
        if isinstance(wanted, set):
            lacking, extra = sorted(wanted - found), sorted(found - wanted)
            differences.append(f"{what}: lacking {lacking}, extra {extra}")
        else:
            differences.append(f"{what}: {found} instead of {wanted}")
    return differences


def telling(body: Json, path: str) -> Json:
    """What a check would look at."""
    if isinstance(body, str):
        return plain(body)
    if isinstance(body.get("status"), dict):
        return plain(body["status"]["error"])
    result = body.get("result", body)
    if not isinstance(result, dict):
        return result if isinstance(result, bool) else None
    if "raft_info" in result:
        return _of_cluster(result)
    if path.startswith("/cluster/telemetry"):
        return sorted(
            (one["responsive"], _role(one["details"]), _thread(one["details"]))
            for one in result["cluster"]["peers"].values()
        )
    if "local_shards" in result:
        return {
            "shards": result["shard_count"],
            "local": Counter(one["state"] for one in result["local_shards"]),
            "remote": Counter(one["state"] for one in result["remote_shards"]),
            "transfers": [(one["method"], one["sync"]) for one in result["shard_transfers"]],
        }
    if "optimizer_status" in result:
        chosen = ("status", "optimizer_status", "config", "segments_count")
        return {name: result[name] for name in chosen}
    if "title" in result:
        return result
    if path.startswith("/collections") and "collections" in result:
        return sorted(one["name"] for one in result["collections"])
    if "operation_id" in result:
        return result["status"]
    return None


def plain(text: str) -> str:
    """A text without the addresses, ids, numbers of shards and directories of one cluster."""
    text = re.sub(r"\b(192\.0\.2|127\.\d+\.\d+)\.\d+\b", "HOST", text)
    text = re.sub(r"\b\d{12,}\b", "PEER", text)
    text = re.sub(r"\bshard \d+\b", "shard N", text)
    text = re.sub(r"\b[0-9a-f]{64}\b", "CHECKSUM", text)
    return re.sub(r"\"?/[\w./-]+\.snapshot", '"SNAPSHOT', text)


def _of_cluster(result: Json) -> Json:
    raft = result["raft_info"]
    leader = raft["leader"]
    led_by = leader if leader in (None, 0) else "itself" if leader == result["peer_id"] else "other"
    return {
        "peers": len(result["peers"]),
        "role": raft["role"],
        "leader": led_by,
        "voter": raft["is_voter"],
        "pending": raft["pending_operations"],
        "thread": _thread(result),
        "failures": sorted(
            plain(one["latest_error"]) for one in result["message_send_failures"].values()
        ),
    }


def _role(details: Json) -> str:
    return str((details or {}).get("role"))


def _thread(holder: Json) -> str:
    status = (holder or {}).get("consensus_thread_status") or {}
    return f"{status.get('consensus_thread_status')} {status.get('err', '')}".strip()


def _paths(value: Json, at: str = "") -> set[str]:
    """Every key with the type of its value; items of lists and of maps by data fall together."""
    if isinstance(value, dict):
        inner: set[str] = {f"{at}: map"} if not value or at.endswith(_BY_DATA) else set()
        if at.endswith(_BY_DATA):
            return inner
        return inner.union(*(_paths(one, f"{at}.{_key(key)}") for key, one in value.items()))
    if isinstance(value, list):
        return {f"{at}: list"}.union(*(_paths(one, f"{at}[]") for one in value))
    kind = "number" if isinstance(value, float) else type(value).__name__
    return {f"{at}: {kind}"}


def _key(key: str) -> str:
    if re.fullmatch(r"\d{9,}", key):
        return "PEER"
    return "URI" if key.startswith("http://") else key


def _metric_names(text: str) -> set[str]:
    """The metrics with the names of their labels."""
    found = set()
    for line in text.splitlines():
        name, _, labels = line.partition("{")
        if line.startswith("#"):
            found.add(line)
        elif line:
            keys = re.findall(r'(\w+)="', labels)
            found.add(f"{name.split(' ')[0]} {','.join(keys)}")
    return found
