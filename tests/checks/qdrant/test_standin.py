"""Running stand-ins of peers are broken in every way they can be: what speaks, and that it ends.

They are no Qdrant: each is a process that keeps its points in the real engine, and answers as real
servers were recorded to.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from sophia_cli.checks.check import Verdict
from sophia_cli.checks.qdrant import CHECKS
from sophia_cli.checks.running import look
from sophia_cli.ops.qdrant.asks import Answer
from tests.checks.cluster_scene import findings_of, scene_of
from tests.checks.qdrant.remote import HostsHere, hosts_here, ssh_inventory
from tests.checks.qdrant.running import Standins, new_ids, standins
from tests.checks.qdrant.situations import FAIL, UNKNOWN, WARN
from tests.ops.connection.server import SshServer, serving

pytestmark = pytest.mark.timeout(280)
GONE = {"QD-01": FAIL, "QD-14": FAIL, "QD-16": WARN}
# What one peer alone cannot say with nobody to confirm it.
UNCONFIRMED = ("05", "06", "07", "08", "09", "10", "11", "12", "13", "17", "18", "19", "21")


def test_a_peer_dies_freezes_is_cut_off_and_comes_back(tmp_path: Path) -> None:
    with standins(tmp_path) as running:
        cluster = running.cluster
        running.until({})

        cluster.kill(2)
        running.until(GONE)
        assert running.write(0)
        running.until(GONE | {"QD-18": FAIL, "QD-22": FAIL})
        cluster.start(2)
        running.until({})

        cluster.freeze(1)
        running.until(GONE)
        assert "no answer within" in running.said("QD-01")
        cluster.thaw(1)
        running.until({})

        leader = cluster.leader()
        cluster.cut(leader)  # we reach it still
        running.until({"QD-08": FAIL, "QD-09": FAIL, "QD-14": FAIL, "QD-16": WARN})
        cluster.heal(leader)
        running.until({})


def test_the_quorum_is_lost_and_a_peer_founds_a_cluster_of_its_own(tmp_path: Path) -> None:
    with standins(tmp_path) as running:
        cluster = running.cluster
        for number in (1, 2):
            cluster.kill(number)
        alone = dict.fromkeys((f"QD-{number}" for number in UNCONFIRMED), UNKNOWN)
        running.until({"QD-01": FAIL, "QD-14": FAIL, "QD-16": FAIL} | alone)
        assert "no quorum: 1 of 3 listed peers vote" in running.said("QD-16")
        cluster.start(1, 2)
        running.until({})

        cluster.kill(2)
        cluster.wipe(2)
        cluster.launch(2, "--uri", cluster[2].uri)
        cluster[2].wait_until_ready()
        found = running.look(("QD-01", "QD-03", "QD-05", "QD-06", "QD-07"))
        assert found == {"QD-05": FAIL, "QD-07": FAIL}
        assert "is a cluster of its own" in running.said("QD-07")


def test_consensus_stops_replicas_differ_and_a_removed_peer_still_answers(tmp_path: Path) -> None:
    with standins(tmp_path) as running:
        cluster = running.cluster
        lost = new_ids(30)
        cluster[0].switch(lose_writes=True)
        assert running.write(0, lost)
        cluster.heal(0)
        running.until({"QD-21": FAIL})
        assert "30 fewer" in running.said("QD-21")
        assert running.write(1, lost)
        running.until({})

        cluster[1].switch(consensus_stopped=True)
        running.until({"QD-12": FAIL, "QD-16": WARN})
        cluster.heal(1)
        cluster.restart(1)
        running.until({})

        path = f"/cluster/peer/{cluster[2].id}?force=true"
        said = running.asks.ask(running.peers[0], "DELETE", path, None, 20.0)
        assert isinstance(said, Answer)
        assert said.status == 200
        running.until({"QD-05": FAIL, "QD-06": FAIL, "QD-19": FAIL})


# The test's own server complains of connections that the client ended.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_frozen_host_leaves_its_own_checks_unknown_and_the_others_complete(
    tmp_path: Path,
) -> None:
    with (
        standins(tmp_path) as running,
        serving(tmp_path / "one") as one,
        serving(tmp_path / "two") as two,
        serving(tmp_path / "three") as three,
    ):
        servers = [one, two, three]
        assert over_ssh(tmp_path, running, servers) == {}
        three.faults.before_banner = True
        assert over_ssh(tmp_path, running, servers) == {"QD-01": UNKNOWN, "QD-30": UNKNOWN}
        running.cluster.freeze(2)
        assert over_ssh(tmp_path, running, servers) == GONE | {"QD-30": UNKNOWN}
        running.cluster.thaw(2)


def over_ssh(folder: Path, running: Standins, servers: list[SshServer]) -> dict[str, str]:
    """What doctor's own runner comes to, each peer asked by a host over SSH."""
    text = ssh_inventory(folder, running, servers)
    chosen = [check for check in CHECKS if check.number not in ("QD-34", "QD-36")]
    with scene_of(folder, text) as scene:
        calm = (Verdict.PASS, Verdict.SKIPPED)
        return {
            each.check.number: each.verdict.value
            for each in look(chosen, scene)
            if each.verdict not in calm
        }


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own, of 512 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512m", "none", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("this user may mount nothing")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_a_full_disk_is_told_by_the_host_and_by_no_peer(tmp_path: Path, small_disk: Path) -> None:
    directories = {"node2": small_disk / "qdrant"}
    with standins(tmp_path, directories={2: small_disk / "qdrant"}) as running:
        here = hosts_here(tmp_path, running, directories)
        assert raised(here) == {}
        filler = small_disk / "filler"
        with filler.open("wb") as file:
            while True:
                try:
                    file.write(bytes(1 << 20))
                    file.flush()
                except OSError:
                    break
        assert not running.write(2)
        assert raised(here) == {"QD-30": FAIL}
        filler.unlink()
        assert running.write(2)
        assert raised(here) == {}


def raised(here: HostsHere) -> dict[str, str]:
    """What the checks of the peers, and of their disks, come to over connections to hosts."""
    chosen = [check for check in CHECKS if check.number not in ("QD-34", "QD-36")]
    with here.scene() as scene:
        return {
            check.number: finding.verdict.value
            for check in chosen
            for finding in findings_of(scene, check)
            if finding.verdict.value not in ("pass", "skipped")
        }
