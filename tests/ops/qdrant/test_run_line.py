"""The guide's command lines are refused with a reason each; the playbook's is not."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from sophia_cli.ops.operations.container import DockerContainer
from sophia_cli.ops.qdrant.run_line import validate_run
from tests.ops.qdrant.site import NoFacts, inventory
from tests.ops.qdrant.test_configuration import operations_of

GUIDE = Path(__file__).parent / "guide"


@pytest.mark.parametrize("name", ["first-peer.run", "replica.run"])
def test_the_guides_command_line_is_refused_with_one_reason_for_each_mistake(name: str) -> None:
    text = (GUIDE / name).read_text().replace("\\\n", " ")
    arguments = shlex.split(text)[2:]

    found = {finding.key: finding.reason for finding in validate_run(arguments)}

    assert "hides the server itself" in found["-v /data/qdrant:/qdrant"]
    assert "not published" in found["qdrant/qdrant:latest-gpu"]
    assert "not needed beside --gpus" in found["--runtime=nvidia"]
    assert "past the host's firewall" in found["-p 6335:6335"]
    assert "production.yaml" in found["-v /etc/qdrant/config.yaml:/qdrant/config/config.yaml"]
    reasons = [finding.reason for finding in validate_run(arguments)]
    assert any("./qdrant --uri" in reason for reason in reasons)
    assert any("--stop-timeout 60" in reason for reason in reasons)
    assert len(reasons) == 9


@pytest.mark.parametrize("gpu", [True, False])
def test_the_playbooks_command_line_is_not_refused(gpu: bool) -> None:
    container = operations_of(inventory(gpu=gpu), "node1", NoFacts())["Qdrant"]
    assert isinstance(container, DockerContainer)
    volumes = [word for mount in container.mounts for word in ("--volume", mount)]
    stop = str(int(container.stop_timeout.total_seconds()))

    assert (
        validate_run(
            [
                *volumes,
                *("--network", "host", "--stop-timeout", stop, container.image),
                *container.command,
            ]
        )
        == []
    )


@pytest.mark.parametrize(
    ("image", "fine"),
    [
        ("qdrant/qdrant:v1.19.0", True),
        ("qdrant/qdrant:v1.19.0-gpu-nvidia", True),
        ("registry.example.com/qdrant@sha256:" + "0" * 64, True),
        ("qdrant/qdrant", False),
        ("qdrant/qdrant:latest", False),
        ("qdrant/qdrant:v1.19", False),
        ("qdrant/qdrant:gpu-nvidia-latest", False),
    ],
)
def test_an_image_is_pinned(image: str, fine: bool) -> None:
    found = validate_run(["--stop-timeout", "60", image, "./qdrant", "--uri", "http://a:6335"])

    assert ([finding.key for finding in found] == []) is fine
