"""What is sent to the servers, and what they may have. The peers are stand-ins, not Qdrant."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.errors import ConfigurationError, Refused, TierDown
from sophia_cli.memory.model import Kind, Where
from sophia_cli.tiers.vectors.server import ServerVectors

from .entries import DIMENSION, entry, numbered, unit
from .standin import Cluster, Peer

CODING = Kind.CODING
Peers = Callable[[int], list[Peer]]


def _vectors(*peers: Peer, **changes: Any) -> ServerVectors:
    arguments: dict[str, Any] = {"api_key": None, "dimension": DIMENSION, "prefix": "t"}
    arguments |= {"grpc": False, "write_timeout": 5.0, "read_timeout": 1.0}
    return ServerVectors([peer.url for peer in peers], **(arguments | changes))


def _bodies(peer: Peer, method: str, ending: str) -> list[Any]:
    return [
        body
        for asked, path, body in peer.requests
        if asked == method and path.partition("?")[0].endswith(ending)
    ]


def test_words_go_to_the_server_as_they_weigh_with_those_around(peers: Peers) -> None:
    [peer] = peers(1)
    vectors = _vectors(peer)
    vectors.upsert(CODING, [entry(1, "Größe: zählt 🧠", around={-1: "davor"})])
    vectors.candidates(CODING, unit(1), "wie groß?", Where(), 5)
    vectors.close()
    [written] = _bodies(peer, "PUT", "/points")
    vector = written["points"][0]["vector"]
    assert set(vector) == {"dense", "context", "bm25_context"}
    words = vector["bm25_context"]
    assert len(words["indices"]) == 3
    first = _bodies(peer, "POST", "/points/query/batch")[0]["searches"]
    assert [search["using"] for search in first] == ["context", "bm25_context"]
    asked = first[1]["query"]["nearest"]
    assert len(asked["indices"]) == 2
    assert set(asked["values"]) == {1.0}


def test_writes_wait_until_they_are_applied(peers: Peers) -> None:
    [peer] = peers(1)
    vectors = _vectors(peer)
    vectors.upsert(CODING, [entry(1)])
    vectors.delete(CODING, [numbered(1)])
    vectors.close()
    writes = [path for _, path, _ in peer.requests if path.partition("?")[2]]
    assert len(writes) == 7  # five indexes, one upsert, one delete
    assert all("wait=true" in path for path in writes)


def test_a_collection_is_created_as_it_is_wanted(peers: Peers) -> None:
    [peer] = peers(1)
    vectors = _vectors(peer, shards=3, replication_factor=2, write_consistency_factor=2)
    vectors.count(CODING)
    vectors.close()
    [created] = _bodies(peer, "PUT", "/collections/t_coding")
    assert created == {
        "vectors": {
            "dense": {"size": DIMENSION, "distance": "Cosine"},
            "context": {"size": DIMENSION, "distance": "Cosine"},
        },
        "sparse_vectors": {"bm25_context": {"modifier": "idf"}},
        "shard_number": 3,
        "replication_factor": 2,
        "write_consistency_factor": 2,
    }
    indexed = {body["field_name"]: body["field_schema"] for body in _bodies(peer, "PUT", "/index")}
    keyword = {"type": "keyword"}
    assert indexed == {
        "user": {"type": "keyword", "is_tenant": True},
        "agent": keyword,
        "session": keyword,
        "tags": keyword,
        "at": {"type": "float"},
    }


def test_an_existing_collection_is_used_as_it_is(peers: Peers) -> None:
    [peer] = peers(1)
    first = _vectors(peer)
    first.upsert(CODING, [entry(1)])
    first.close()
    again = _vectors(peer, shards=5, replication_factor=3)
    assert again.count(CODING) == 1
    again.close()
    assert len(_bodies(peer, "PUT", "/collections/t_coding")) == 1
    assert len(_bodies(peer, "PUT", "/index")) == 5


def test_another_models_collection_is_refused_and_can_be_reset(peers: Peers) -> None:
    [peer] = peers(1)
    first = _vectors(peer)
    first.upsert(CODING, [entry(1)])
    first.close()
    other = _vectors(peer, dimension=DIMENSION + 1)
    with pytest.raises(Refused, match=f"{DIMENSION} dimensions"):
        other.count(CODING)
    other.reset(CODING, DIMENSION + 1)
    assert other.count(CODING) == 0
    other.close()


def test_another_distance_is_refused(peers: Peers) -> None:
    [peer] = peers(1)
    first = _vectors(peer)
    first.count(CODING)
    first.close()
    peer.cluster.collections["t_coding"].config["vectors"]["context"]["distance"] = "Dot"
    other = _vectors(peer)
    with pytest.raises(Refused, match="`context` by Dot"):
        other.count(CODING)
    other.close()


def test_a_factor_that_the_cluster_took_but_cannot_keep_is_refused(peers: Peers) -> None:
    [peer] = peers(1)
    peer.cluster.largest_factor = 2
    vectors = _vectors(peer, replication_factor=3)
    with pytest.raises(Refused, match="2 replicas of a shard, 3 wanted"):
        vectors.count(CODING)
    vectors.close()


def test_a_collection_that_another_process_creates_meanwhile_is_used(peers: Peers) -> None:
    [peer] = peers(1)
    other = _vectors(peer)

    def faster(method: str, path: str) -> None:
        if method == "PUT" and path == "/collections/t_coding":
            peer.recover()
            other.upsert(CODING, [entry(1)])

    peer.behave = faster
    vectors = _vectors(peer)
    assert vectors.count(CODING) == 1
    vectors.close()
    other.close()


def test_a_creation_that_timed_out_and_was_done_is_not_sent_again(peers: Peers) -> None:
    [peer] = peers(1)
    late = {"status": {"error": "Waiting for consensus operation commit failed"}}

    def carried_out_later(method: str, path: str) -> tuple[int, Any] | None:
        if method != "PUT" or path != "/collections/t_coding":
            return None
        peer.recover()
        peer.answer("PUT", path, peer.requests[-1][2], {})
        return 500, late

    peer.behave = carried_out_later
    vectors = _vectors(peer)
    vectors.upsert(CODING, [entry(1)])
    vectors.close()
    assert len(_bodies(peer, "PUT", "/collections/t_coding")) == 1


def test_a_collection_that_went_missing_is_named_then_made_anew(peers: Peers) -> None:
    [peer] = peers(1)
    vectors = _vectors(peer)
    vectors.upsert(CODING, [entry(1)])
    peer.cluster.collections.pop("t_coding").shard.close()
    with pytest.raises(TierDown, match="t_coding") as gone:
        vectors.count(CODING)
    assert "reindex" in gone.value.hint
    assert vectors.count(CODING) == 0
    vectors.close()


def test_the_key_is_sent_and_never_shown(tmp_path: Path) -> None:
    peer = Peer(Cluster(tmp_path), api_key="the-right-secret")
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the client would warn about keys over plain HTTP
        right = _vectors(peer, api_key="the-right-secret")
        right.upsert(CODING, [entry(1)])
        right.close()
        wrong = _vectors(peer, api_key="a-wrong-secret")
        with pytest.raises(TierDown) as refused:
            wrong.count(CODING)
        wrong.close()
    assert "401" in refused.value.message
    assert "API key" in refused.value.hint
    assert "secret" not in f"{refused.value.message} {refused.value.hint}"
    peer.stop()


@pytest.mark.parametrize(
    "url",
    ["", "host:6333", "ftp://host", "http://", "http://u:secret@host:6333", "http://host:99999"],
)
def test_an_address_that_is_none_is_a_configuration_error(url: str) -> None:
    with pytest.raises(ConfigurationError) as wrong:
        ServerVectors([url], None, DIMENSION, "t")
    assert "secret" not in wrong.value.message


def test_no_address_is_a_configuration_error() -> None:
    with pytest.raises(ConfigurationError):
        ServerVectors([], None, DIMENSION, "t")


def test_nothing_is_embedded_here() -> None:
    """No model of a client library is imported: it would be downloaded."""
    script = (
        "import sys; import sophia_cli.tiers.vectors.server; "
        "print([name for name in ('fastembed', 'onnxruntime', 'torch') if name in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "[]\n"
