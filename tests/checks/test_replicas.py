"""A replica that is not what the records say is caught by asking its own peer, and mended.

The peers are the stand-in of tests/lab/standin, which is no Qdrant.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest

from sophia_cli.checks.check import Verdict
from sophia_cli.environment import utc_now
from sophia_cli.exit_status import ExitStatus
from sophia_cli.memory.model import KINDS, Draft, Kind
from sophia_cli.memory.trace import Trace
from tests.checks.stage import Stage, staged
from tests.checks.tier_faults import live, other_vector
from tests.lab.standin.cluster import StandinCluster

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StandinCluster]:
    with StandinCluster(tmp_path_factory.mktemp("peers"), api_key="k") as started:
        yield started


@pytest.fixture(scope="module")
def open_stage(
    cluster: StandinCluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stage]:
    key = Path(tmp_path_factory.mktemp("secret")) / "key"
    key.write_text("k")
    key.chmod(0o600)
    variables = {
        "SOPHIA_VECTORS__ENGINE": "server",
        "SOPHIA_VECTORS__URLS": ",".join(cluster.urls),
        "SOPHIA_VECTORS__API_KEY_FILE": str(key),
        "SOPHIA_VECTORS__GRPC": "false",
        "SOPHIA_VECTORS__SHARDS": "2",
        "SOPHIA_VECTORS__REPLICATION_FACTOR": "3",
        "SOPHIA_VECTORS__WRITE_CONSISTENCY_FACTOR": "2",
    }
    with staged(variables) as stage:
        yield stage


def test_healthy_cluster_is_all_green(stage: Stage) -> None:
    assert stage.failing("TI", "RP") == set()
    assert stage.differs() == []


@contextlib.contextmanager
def one_replica_loses(cluster: StandinCluster) -> Iterator[None]:
    """Whichever peer is written through says that all have it, and one has not."""
    for peer in cluster.peers:
        peer.switch(lose_writes=True)
    yield
    for number in range(3):
        cluster.heal(number)


def holders(cluster: StandinCluster, kind: Kind, id_: UUID) -> set[str]:
    """The peers whose own replicas have a point."""
    body = {"ids": [str(id_)], "with_payload": False, "with_vector": False}
    path = f"/collections/sophia_{kind}/points"
    return {
        peer.url.removeprefix("http://")
        for peer in cluster.peers
        if peer.request("POST", path, body).result
    }


def names(cluster: StandinCluster) -> set[str]:
    return {url.removeprefix("http://") for url in cluster.urls}


def test_points_that_one_replica_of_three_lost_are_found_and_mended(
    stage: Stage, cluster: StandinCluster
) -> None:
    drafts = [Draft(f"lost on one: {number}", kind=Kind.CODING) for number in range(5)]
    with one_replica_loses(cluster):
        lost = [each.id for each in stage.service.remember(drafts, utc_now(), Trace())]
    [lacking] = names(cluster) - holders(cluster, Kind.CODING, lost[0])

    assert stage.failing("TI", "RP") == {"RP-01", "RP-02", "RP-05"}
    found = stage.findings("RP")["RP-02"]
    assert {each.subject for each in found if each.verdict is Verdict.FAIL} == {
        f"{lacking}: coding"
    }
    assert stage.differs() == [f"{lacking}: coding 5 memories have no point"]

    planned = stage.console.data("repair")
    assert [(step["action"], step["ids"]) for step in planned] == [
        ("write", sorted(str(id_) for id_ in lost))
    ]
    assert stage.differs() != []  # Nothing was changed yet.
    stage.console.ok("repair", "--apply")
    assert holders(cluster, Kind.CODING, lost[0]) == names(cluster)
    assert stage.failing("TI", "RP") == set()
    assert stage.differs() == []


def test_forget_that_one_replica_lost_leaves_a_ghost_that_is_found_and_mended(
    stage: Stage, cluster: StandinCluster
) -> None:
    gone = live(stage, Kind.BUSINESS)[2]
    with one_replica_loses(cluster):
        stage.service.forget([gone], utc_now(), Trace())
    stage.settle()
    [holding] = holders(cluster, Kind.BUSINESS, gone)

    assert "RP-03" in stage.failing("TI", "RP")
    assert f"{holding}: business 1 points are of memories that are over" in stage.differs()
    stage.console.ok("repair", "--apply")
    assert holders(cluster, Kind.BUSINESS, gone) == set()
    assert stage.failing("TI", "RP") == set()
    assert stage.differs() == []


def test_vector_that_is_another_in_two_replicas_is_found_and_mended(
    stage: Stage, cluster: StandinCluster
) -> None:
    one = live(stage)[4]
    vectors = {"dense": other_vector().tolist()}
    with one_replica_loses(cluster):
        cluster[0].request(
            "PUT",
            "/collections/sophia_coding/points/vectors?wait=true",
            {"points": [{"id": str(one), "vector": vectors}]},
        )
    found = stage.differs()
    assert len(found) == 2
    assert all(each.endswith("coding 1 points are not what the records say") for each in found)
    stage.console.ok("repair", "--apply")
    assert stage.differs() == []


def test_peer_that_is_down_is_unknown_and_the_others_are_looked_at(
    stage: Stage, cluster: StandinCluster
) -> None:
    cluster.kill(1)
    try:
        found = stage.findings("RP")
        name = cluster[1].url.removeprefix("http://")
        for number in ("RP-01", "RP-02", "RP-03", "RP-04"):
            verdicts = {
                each.subject.partition(": ")[0]: str(each.verdict) for each in found[number]
            }
            assert verdicts.pop(name) == "unknown"
            assert set(verdicts.values()) == {"pass"}
    finally:
        cluster.start(1)


def test_points_that_only_the_servers_have_are_exported_and_taken_in_again(
    stage: Stage, tmp_path: Path
) -> None:
    one = live(stage)[0]
    content = stage.service.get(one).content
    stage.sql("ALTER TABLE memory_event DISABLE TRIGGER ALL")
    for statement in (
        "DELETE FROM memory_event WHERE memory_id = %s",
        "DELETE FROM memory WHERE id = %s",
    ):
        stage.sql(statement, [one])
    stage.sql("ALTER TABLE memory_event ENABLE TRIGGER ALL")
    assert "RP-04" in stage.failing("RP")

    file = tmp_path / "found.jsonl"
    ended = stage.console("repair", "--apply", "--export", str(file))
    assert ended.status is ExitStatus.OK, ended
    assert "RP-04" in stage.failing("RP")  # It stays where it is.
    stage.console.ok("import", str(file))
    stage.settle()
    assert stage.service.get(one).content == content
    assert stage.failing("TI", "RP") == set()
    assert stage.differs() == []
    assert {kind for kind in KINDS if live(stage, kind)} == set(KINDS)
