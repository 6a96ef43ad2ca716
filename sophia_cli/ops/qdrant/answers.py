"""What a peer says of itself and of the others, read from its answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

WORKING = "working"
ACTIVE = "Active"


class Unreadable(Exception):
    """An answer that is none of Qdrant's."""


@dataclass(frozen=True, slots=True)
class SendFailure:
    """A message of the consensus that did not arrive.

    Attributes:
        uri: of the peer that it was for.
        age: seconds between the failure and this peer's last look at its consensus, both by its
            own clock; None where one of them is not told.
    """

    uri: str
    error: str
    age: float | None


@dataclass(frozen=True, slots=True)
class ClusterView:
    """The answer of `GET /cluster`: the cluster as one peer sees it.

    Attributes:
        enabled: whether it runs as a peer at all; nothing else holds where it does not.
        id: its own.
        peers: by id, the URI of every peer that it knows, without a slash at the end.
        leader: an id; None where it knows of none (it also says 0).
        thread: `working`, `stopped` or `stopped_with_err`, then what the error was.
    """

    enabled: bool
    id: str = ""
    peers: Mapping[str, str] = field(default_factory=dict)
    term: int = 0
    commit: int = 0
    pending: int = 0
    leader: str | None = None
    role: str | None = None
    voter: bool = True
    thread: str = WORKING
    thread_error: str = ""
    failures: tuple[SendFailure, ...] = ()

    def id_at(self, uri: str) -> str | None:
        """The id of the peer at a URI; None where it knows of none there."""
        return next((id_ for id_, at in self.peers.items() if at == plain(uri)), None)


@dataclass(frozen=True, slots=True)
class PeerSeen:
    """A peer as another one reached it just now, of `GET /cluster/telemetry`."""

    uri: str
    responsive: bool
    term: int | None = None
    commit: int | None = None
    thread: str = WORKING


@dataclass(frozen=True, slots=True)
class ReplicasView:
    """The answer of `GET /collections/x/cluster`.

    Attributes:
        states: by shard and peer id, the state of that replica.
        counts: by shard, the points of this peer's own replicas.
        transfers: what is being moved, in words.
    """

    id: str
    states: Mapping[tuple[int, str], str]
    counts: Mapping[int, int]
    transfers: tuple[str, ...] = ()


def cluster_view(result: Any) -> ClusterView:
    """Reads the `result` of `GET /cluster`.

    Raises:
        Unreadable: it is none.
    """
    with _reading():
        if result["status"] != "enabled":
            return ClusterView(enabled=False)
        raft, thread = result["raft_info"], result["consensus_thread_status"]
        looked = _moment(thread.get("last_update"))
        return ClusterView(
            enabled=True,
            id=str(result["peer_id"]),
            peers={str(id_): plain(at["uri"]) for id_, at in result["peers"].items()},
            term=int(raft["term"]),
            commit=int(raft["commit"]),
            pending=int(raft["pending_operations"]),
            leader=str(raft["leader"]) if raft["leader"] else None,
            role=raft["role"],
            voter=bool(raft["is_voter"]),
            thread=thread["consensus_thread_status"],
            thread_error=thread.get("err", ""),
            failures=tuple(
                _failure(uri, failed, looked)
                for uri, failed in result["message_send_failures"].items()
            ),
        )


def peers_seen(result: Any) -> tuple[PeerSeen, ...]:
    """Reads the `result` of `GET /cluster/telemetry`.

    Raises:
        Unreadable: it is none.
    """
    with _reading():
        return tuple(_seen(peer) for peer in (result["cluster"] or {}).get("peers", {}).values())


def replicas_view(result: Any) -> ReplicasView:
    """Reads the `result` of `GET /collections/x/cluster`.

    Raises:
        Unreadable: it is none.
    """
    with _reading():
        own = str(result["peer_id"])
        states = {
            (int(shard["shard_id"]), str(shard.get("peer_id", own))): str(shard["state"])
            for shard in (*result["local_shards"], *result["remote_shards"])
        }
        return ReplicasView(
            own,
            states,
            {
                int(shard["shard_id"]): int(shard["points_count"])
                for shard in result["local_shards"]
            },
            tuple(
                f"shard {moved.get('shard_id')} from {moved.get('from')} to {moved.get('to')}"
                for moved in result["shard_transfers"]
            )
            + tuple("resharding" for _ in result.get("resharding_operations") or ()),
        )


def plain(uri: str) -> str:
    """A URI as two of them are compared."""
    return uri.rstrip("/").lower()


class _reading:  # noqa: N801
    """Turns what a wrong shape raises into `Unreadable`."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: object, error: BaseException | None, _: object) -> None:
        if isinstance(error, (LookupError, TypeError, ValueError, AttributeError)):
            raise Unreadable(f"an answer that cannot be read ({error})") from error


def _seen(peer: Mapping[str, Any]) -> PeerSeen:
    details = peer.get("details")
    if not details:
        return PeerSeen(plain(peer["uri"]), bool(peer["responsive"]))
    return PeerSeen(
        plain(peer["uri"]),
        bool(peer["responsive"]),
        int(details["term"]),
        int(details["commit"]),
        details["consensus_thread_status"]["consensus_thread_status"],
    )


def _failure(uri: str, failed: Mapping[str, Any], looked: datetime | None) -> SendFailure:
    at = _moment(failed.get("latest_error_timestamp"))
    age = (looked - at).total_seconds() if looked and at else None
    return SendFailure(plain(uri), _told(failed.get("latest_error") or ""), age)


def _told(error: str) -> str:
    """The words of an error of tonic's: `message: "..."`."""
    _, found, rest = error.partition('message: "')
    return rest.partition('"')[0] if found else error[:120]


def _moment(text: object) -> datetime | None:
    """A timestamp; Qdrant writes nanoseconds, which `datetime` cuts off."""
    if not isinstance(text, str):
        return None
    return datetime.fromisoformat(text)
