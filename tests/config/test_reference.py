from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import yaml

from sophia_cli.config.keys import KEYS
from sophia_cli.config.loading import load
from sophia_cli.config.model import Config
from sophia_cli.config.reference import documented, example
from sophia_cli.ops.inventory import layout
from sophia_cli.ops.inventory.reading import read_inventory

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "configs" / "sophia.example.yaml"
PAGE = ROOT / "docs" / "configuration.md"


def _dotted(node: object, prefix: str = "") -> list[str]:
    if not isinstance(node, dict):
        return [prefix[:-1]]
    return [key for name, value in node.items() for key in _dotted(value, f"{prefix}{name}.")]


def _uncommented() -> str:
    return re.sub(r"(?m)^( *)#([\w-]+:)", r"\1\2", EXAMPLE.read_text())


def test_every_key_is_described() -> None:
    assert [key.name for key in KEYS.values() if not key.description.endswith(".")] == []


def test_the_page_and_the_example_are_what_the_model_says() -> None:
    hint = "run: python -m sophia_cli.config.reference"
    page = PAGE.read_text()
    assert documented(page) == page, hint
    assert example() == EXAMPLE.read_text(), hint


def test_the_example_loads_and_changes_nothing() -> None:
    assert load({}, {"config": EXAMPLE}).config == Config()


def test_every_key_is_in_the_example_and_loads_when_it_is_uncommented(tmp_path: Path) -> None:
    text = _uncommented()
    tree = yaml.safe_load(text)
    tree["hosts"] = {layout.HOST: tree["hosts"]["gpu-1"]}
    assert sorted(_dotted(tree)) == sorted([*KEYS, *layout.KEYS])
    (tmp_path / "sophia.yaml").write_text(text)
    loaded = load({}, {"config": tmp_path / "sophia.yaml"})
    assert {origin.layer.name for origin in loaded.origins.values()} == {"FILE"}


def test_the_example_with_its_hosts_is_an_inventory(tmp_path: Path) -> None:
    (tmp_path / "all.yaml").write_text(_uncommented())
    found = read_inventory({}, {"config": tmp_path / "all.yaml"}).inventory
    assert list(found.hosts) == ["gpu-1", "gpu-2", "gpu-3"]
    # With the hosts alone, and of the first what it needs, all else is as without the file.
    before, mark, rest = EXAMPLE.read_text().partition("#hosts:")
    block, end, after = rest.partition("\n# What runs on the hosts.")
    hosts = re.sub(r"(?m)^( *)#(gpu-\d|address|roles):", r"\1\2:", block)
    (tmp_path / "hosts.yaml").write_text(f"{before}hosts:{hosts}{end}{after}")
    found = read_inventory({"HOME": "/root"}, {"config": tmp_path / "hosts.yaml"}).inventory
    usual = read_inventory({"HOME": "/root"}, {"config": _three(tmp_path)}).inventory
    assert mark and end and found == usual


def _three(folder: Path) -> Path:
    path = folder / "three.yaml"
    path.write_text(
        "hosts:\n"
        "  gpu-1: {address: 192.0.2.11, roles: [qdrant, redis]}\n"
        "  gpu-2: {address: 192.0.2.12, roles: [qdrant, postgres]}\n"
        "  gpu-3: {address: 192.0.2.13, roles: [qdrant, sophia, monitoring]}\n"
    )
    return path


def test_addresses_in_the_documentation_are_documentation_addresses() -> None:
    documentation = ipaddress.ip_network("192.0.2.0/24")
    text = PAGE.read_text() + EXAMPLE.read_text()
    addresses = map(ipaddress.ip_address, re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text))
    others = {address for address in addresses if not address.is_loopback}
    assert others
    assert all(address in documentation for address in others)
