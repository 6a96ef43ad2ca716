"""What the lab says of itself fits the program; nothing of this needs a lab."""

from __future__ import annotations

from pathlib import Path

import yaml

from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.inventory.services import Services
from tests.lab.host import Host
from tests.lab.images import OLDER_QDRANT, recipes
from tests.lab.inventory import sophia_yaml


def test_its_inventory_is_one(tmp_path: Path) -> None:
    text = sophia_yaml([Host(number, tmp_path) for number in (1, 2, 3)])
    inventory = Inventory.model_validate(yaml.safe_load(text))
    assert [host.address for host in inventory.hosts.values()] == [
        "10.231.7.21",
        "10.231.7.22",
        "10.231.7.23",
    ]
    assert all(inventory.with_role(role) for role in Role)
    assert inventory.ssh.key_file == tmp_path / "id"


def test_keys_are_laid_over_it(tmp_path: Path) -> None:
    more = {"redis": {"image": "redis:7.2.7"}}
    text = sophia_yaml([Host(1, tmp_path)], {"h1": ["redis"]}, services=more)
    services = yaml.safe_load(text)["services"]
    assert services["redis"] == {"max_memory": "64mb", "image": "redis:7.2.7"}
    assert "index" in services["sophia"]


def test_the_mirror_serves_every_image_the_inventory_pins() -> None:
    served = {name for row in recipes() for one in row for name in one.served_as}
    pinned = Services()
    images = (pinned.redis, pinned.postgres, pinned.prometheus, pinned.grafana, pinned.qdrant)
    assert {one.image for one in images} | {pinned.qdrant.gpu_image, OLDER_QDRANT} <= served
