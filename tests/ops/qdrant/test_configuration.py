"""The configuration and the command line that a host's peer is deployed with."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.operations.container import DockerContainer
from sophia_cli.ops.operations.operation import Operation
from sophia_cli.ops.playbooks.filling import operation_of, values_for, wanted
from sophia_cli.ops.playbooks.playbook import Playbook
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources
from sophia_cli.ops.qdrant.container import CONFIGURATION
from sophia_cli.ops.qdrant.keys import known_keys, names_in, notes, validate
from tests.ops.qdrant.site import KEYS, NoFacts, inventory, site

GOLDEN = Path(__file__).parent / "golden"


def operations_of(wanted_by: Inventory, host: str, facts: NoFacts) -> dict[str, Operation]:
    """The operations of the phase on a host, by the steps' names."""
    sources = Sources.of(None)
    values = values_for(site(wanted_by), host, facts, sources)
    return {
        step.name: operation_of(step, values, sources)
        for step in _phase(sources).steps
        if step.operation and wanted(step, values)
    }


def _phase(sources: Sources) -> Playbook:
    return next(
        playbook
        for playbook in read_playbooks(sources, Vocabulary.known())
        if playbook.phase == "qdrant"
    )


def _file(operations: dict[str, Operation], step: str) -> str:
    return operations[step].content.decode()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("golden", "host", "gpu", "facts"),
    [
        ("first-peer.yaml", "node1", None, NoFacts()),
        ("other-peer.yaml", "node2", None, NoFacts()),
        ("gpu-by-inventory.yaml", "node3", True, NoFacts()),
        ("gpu-by-facts.yaml", "node3", None, NoFacts(gpu={"name": "NVIDIA H100"})),
        ("gpu-not-wanted.yaml", "node3", False, NoFacts(gpu={"name": "NVIDIA H100"})),
    ],
)
def test_the_rendered_configuration_is_the_reviewed_one(
    golden: str, host: str, gpu: bool | None, facts: NoFacts
) -> None:
    text = _file(operations_of(inventory(gpu=gpu), host, facts), "Qdrant's configuration")

    assert text == (GOLDEN / golden).read_text()


@pytest.mark.parametrize("path", sorted(GOLDEN.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_key_of_a_reviewed_configuration_is_a_real_one(path: Path) -> None:
    text = path.read_text()

    assert set(names_in(text)) <= set(known_keys())
    assert validate(text) == []
    assert notes(text) == []


def test_the_keys_stand_in_a_file_of_their_own_that_nobody_else_reads() -> None:
    operations = operations_of(inventory(), "node1", NoFacts())
    keys = operations["Qdrant's keys"]

    assert keys.secret and keys.mode == "0600"  # type: ignore[attr-defined]
    text = _file(operations, "Qdrant's keys")
    assert validate(text) == []
    assert names_in(text) == ["service.api_key", "service.read_only_api_key"]
    assert all(key in text for key in KEYS.values())
    others = {name: each for name, each in operations.items() if name != "Qdrant's keys"}
    assert not [name for name, each in others.items() if any(k in str(each) for k in KEYS.values())]


def test_the_file_that_is_checked_is_the_one_that_is_written_and_mounted() -> None:
    operations = operations_of(inventory(), "node1", NoFacts())

    assert operations["Qdrant's configuration"].path == CONFIGURATION  # type: ignore[attr-defined]
    container = operations["Qdrant"]
    assert isinstance(container, DockerContainer)
    assert f"{CONFIGURATION}:/qdrant/config/production.yaml:ro" in container.mounts


@pytest.mark.parametrize(
    ("hosts", "host", "command"),
    [
        (
            3,
            "node1",
            "./qdrant --uri http://192.0.2.11:6335 --bootstrap http://192.0.2.12:6335",
        ),
        (
            3,
            "node3",
            "./qdrant --uri http://192.0.2.13:6335 --bootstrap http://192.0.2.11:6335",
        ),
        (1, "node1", "./qdrant --uri http://192.0.2.11:6335"),
    ],
)
def test_a_peer_is_told_its_own_address_and_another_peers(
    hosts: int, host: str, command: str
) -> None:
    container = operations_of(inventory(hosts), host, NoFacts())["Qdrant"]

    assert isinstance(container, DockerContainer)
    assert " ".join(container.command) == command
    assert container.network == "host"
    assert container.stop_timeout.total_seconds() == 60
    assert container.config_digest
    assert "/data/qdrant/storage:/qdrant/storage" in container.mounts
    assert not any(mount.split(":")[1] == "/qdrant" for mount in container.mounts)


@pytest.mark.parametrize(
    ("gpu", "image", "gpus"),
    [
        (True, "qdrant/qdrant:v1.19.0-gpu-nvidia", "all"),
        (False, "qdrant/qdrant:v1.19.0", None),
    ],
)
def test_a_host_with_a_gpu_gets_the_image_for_it(gpu: bool, image: str, gpus: str | None) -> None:
    container = operations_of(inventory(gpu=gpu), "node2", NoFacts())["Qdrant"]

    assert isinstance(container, DockerContainer)
    assert (container.image, container.gpus) == (image, gpus)


def test_one_peer_is_changed_at_a_time_and_guarded() -> None:
    step = next(step for step in _phase(Sources.of(None)).steps if step.name == "Qdrant")

    assert step.one_by_one
    assert step.guard == "qdrant"


def test_only_peers_reach_the_peers_port() -> None:
    wanted_by = inventory()
    wanted_by.hosts["app"] = type(wanted_by.hosts["node1"]).model_validate(
        {"address": "192.0.2.21", "roles": ["sophia"]}
    )
    operations = operations_of(wanted_by, "node1", NoFacts())

    peers = operations["Only peers reach the peers' port"]
    assert peers.ports == (6335,)  # type: ignore[attr-defined]
    assert [address.split("/")[0] for address in peers.allow] == [  # type: ignore[attr-defined]
        "192.0.2.11",
        "192.0.2.12",
        "192.0.2.13",
    ]
    rest = operations["Only the cluster reaches REST and gRPC"]
    assert rest.ports == (6333, 6334)  # type: ignore[attr-defined]
    assert any(address.startswith("192.0.2.21") for address in rest.allow)  # type: ignore[attr-defined]


def test_a_lone_peer_founds_its_cluster_by_starting() -> None:
    assert "The cluster is founded" not in operations_of(inventory(1), "node1", NoFacts())
    assert "The cluster is founded" in operations_of(inventory(3), "node1", NoFacts())
