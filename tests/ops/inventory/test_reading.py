"""The inventory is read from the file that the configuration is loaded from."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sophia_cli.config.keys import INVENTORY
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.layout import KEYS
from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.inventory.reading import (
    ReadInventory,
    has_hosts,
    read_inventory,
    read_kept_inventory,
)

Read = Callable[..., ReadInventory]

WHOLE = """\
recall: {limit: 3}
cluster:
  name: lab
  secrets_dir: ~/secrets
  hooks_dir: hooks
ssh: {user: admin, key_file: /etc/key, connect_timeout: 3s, bastion: {address: 192.0.2.1}}
hosts:
  gpu-1.example.com:
    address: 192.0.2.11
    private_address: 2001:db8::1
    roles: [qdrant, redis]
    labels: rack-1, blue
    gpu: yes
  gpu-2: {address: gpu-2.example.com, roles: "qdrant, postgres", port: 2222}
  gpu-3: {address: 192.0.2.13, roles: [qdrant, sophia, monitoring]}
services:
  redis: {max_memory: 2gb, limits: {cpus: 1.5}}
  sophia: {package: ./dist/sophia.whl}
  postgres:
"""


def test_what_the_file_says_is_what_the_inventory_holds(read: Read, tmp_path: Path) -> None:
    found = read(WHOLE)
    inventory = found.inventory
    assert list(inventory.hosts) == ["gpu-1.example.com", "gpu-2", "gpu-3"]
    first, second, _ = inventory.hosts.values()
    assert (first.address, first.reached_at) == ("192.0.2.11", "2001:db8::1")
    assert (first.roles, first.gpu) == ((Role.QDRANT, Role.REDIS), True)
    assert first.labels == ("rack-1", "blue")
    assert (second.roles, second.port) == ((Role.QDRANT, Role.POSTGRES), 2222)
    assert inventory.ssh.bastion.address == "192.0.2.1"
    assert inventory.ssh.connect_timeout.total_seconds() == 3
    assert inventory.services.redis.limits.cpus == 1.5
    assert inventory.services.postgres == Inventory().services.postgres
    assert found.path == tmp_path / "sophia.yaml"


def test_a_relative_path_is_relative_to_the_file_and_a_tilde_is_the_home(
    read: Read, tmp_path: Path
) -> None:
    inventory = read(WHOLE).inventory
    assert inventory.cluster.hooks_dir == tmp_path / "hooks"
    assert inventory.cluster.secrets_dir == Path("/home/ann/secrets")
    assert inventory.ssh.key_file == Path("/etc/key")
    assert inventory.ssh.known_hosts_file == Path("/home/ann/.ssh/known_hosts")
    assert inventory.services.sophia.package == str(tmp_path / "dist/sophia.whl")


@pytest.mark.parametrize(
    "package", ["sophia-cli==0.1.0", "https://packages.example.com/sophia_cli-0.1.0.whl"]
)
def test_a_package_that_is_no_file_stays_as_it_is(read: Read, package: str) -> None:
    text = WHOLE.replace("./dist/sophia.whl", package)
    assert read(text).inventory.services.sophia.package == package


def test_every_key_has_its_line(read: Read) -> None:
    lines = read(WHOLE).lines
    assert lines["cluster"] == 2
    assert lines["ssh.bastion.address"] == 6
    assert lines["hosts.gpu-1.example.com.labels"] == 12
    assert lines["hosts.gpu-2.port"] == 14
    assert lines["services.postgres"] == 19
    assert "recall" not in lines


def test_the_memory_does_without_the_inventory_and_never_loads_it(tmp_path: Path) -> None:
    """A mistake in it is no concern of `recall`, which does not even import what reads it."""
    path = tmp_path / "sophia.yaml"
    path.write_text(WHOLE)
    loaded = load({"HOME": "/home/ann"}, {"config": path})
    assert loaded.config == Config().model_copy(update={"recall": loaded.config.recall})
    assert loaded.config.recall.limit == 3
    path.write_text("hosts: nonsense\nssh: [1]\nservices: {x: y}\ncluster: 3\n")
    code = (
        "import sys\n"
        "from sophia_cli.invocation import Invocation\n"
        "from sophia_cli.config.loading import load\n"
        f"load({{}}, {{'config': {str(path)!r}}})\n"
        "import sophia_cli.commands.recall, sophia_cli.command_tree\n"
        "print([m for m in sys.modules if m.startswith(('sophia_cli.ops', 'paramiko'))])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (ended.stdout, ended.stderr) == ("[]\n", "")


def test_its_sections_are_those_that_the_configuration_leaves_alone() -> None:
    assert tuple(Inventory.model_fields) == INVENTORY
    assert set(INVENTORY).isdisjoint(Config.model_fields)


def test_every_key_of_it_is_described() -> None:
    assert [key.name for key in KEYS.values() if not key.description.endswith(".")] == []


def test_a_file_without_hosts_leads_to_init(read: Read, tmp_path: Path) -> None:
    for text in ("", "profile: local", "hosts:", "hosts: {}"):
        with pytest.raises(ConfigurationError, match="names no hosts") as raised:
            read(text)
        assert "sophia init" in raised.value.hint
    with pytest.raises(ConfigurationError, match=r"sophia\.yaml: no such file") as raised:
        read_inventory({"HOME": str(tmp_path / "nobody")})
    assert "sophia init" in raised.value.hint


def test_the_file_is_the_one_that_the_configuration_is_loaded_from(tmp_path: Path) -> None:
    path = tmp_path / "sophia" / "sophia.yaml"
    path.parent.mkdir()
    path.write_text(WHOLE)
    variables: dict[str, Any]
    for variables in ({"XDG_CONFIG_HOME": str(tmp_path)}, {"SOPHIA_CONFIG": "sophia/sophia.yaml"}):
        assert read_inventory(variables, {}, tmp_path).path == path
    with pytest.raises(ConfigurationError, match="no such file"):
        read_inventory({}, {"config": "missing.yaml"}, tmp_path)


def test_a_kept_copy_is_read_as_if_it_were_still_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "kept.yaml"
    path.write_text("recall: {limit: nonsense}\n" + WHOLE.partition("\n")[2])
    found = read_kept_inventory(path, Path("/etc/sophia"))
    assert found.inventory.cluster.hooks_dir == Path("/etc/sophia/hooks")
    assert found.inventory.services.sophia.package == "/etc/sophia/dist/sophia.whl"
    path.write_text("hosts: {a: {}}")
    with pytest.raises(ConfigurationError, match="needs address"):
        read_kept_inventory(path, Path("/etc/sophia"))


@pytest.mark.parametrize(
    ("text", "has"),
    [
        ("", False),
        ("profile: local", False),
        ("ssh: {user: a}", False),
        ("hosts:", False),
        ("hosts: {}", False),
        ("hosts: {a: {}}", True),
        ("hosts: nonsense", True),
    ],
)
def test_whether_a_file_is_about_hosts(tmp_path: Path, text: str, has: bool) -> None:
    path = tmp_path / "sophia.yaml"
    path.write_text(text)
    assert has_hosts(path) is has
    assert not has_hosts(None)
