"""Whatever the inventory's sections hold: an inventory, or an error in clear lines."""

from __future__ import annotations

import tempfile
from pathlib import Path

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sophia_cli.config.keys import INVENTORY
from sophia_cli.errors import ConfigurationError
from sophia_cli.ops.inventory.layout import KEYS
from sophia_cli.ops.inventory.model import Inventory
from sophia_cli.ops.inventory.reading import read_inventory

WORDS = sorted({part for key in KEYS for part in key.split(".")})
values = st.one_of(
    st.text(max_size=20),
    st.integers(-1, 70000),
    st.booleans(),
    st.none(),
    st.sampled_from(["192.0.2.11", "qdrant", "redis, sophia", "/data/qdrant", "30s", "1gb"]),
    st.lists(st.sampled_from(["qdrant", "redis", "postgres", "sophia", "monitoring", "x"])),
)
trees = st.recursive(
    values,
    lambda inner: st.dictionaries(
        st.one_of(st.sampled_from(WORDS), st.text(max_size=5)), inner, max_size=5
    ),
    max_leaves=12,
)
hosts = st.dictionaries(
    st.one_of(st.sampled_from(["a", "A", "b.c"]), st.text(max_size=4)),
    st.fixed_dictionaries(
        {}, optional=dict.fromkeys(("address", "roles", "port", "private_address"), values)
    ),
    max_size=4,
)


def _reads_or_explains(tree: object) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sophia.yaml"
        path.write_bytes(yaml.safe_dump(tree, allow_unicode=True).encode(errors="replace"))
        try:
            found = read_inventory({}, {"config": path})
        except ConfigurationError as error:
            lines = error.message.split("\n")
            assert all(line and line.isprintable() for line in lines), lines
            assert len(lines) <= 21
        else:
            assert isinstance(found.inventory, Inventory)
            assert found.inventory.hosts


@settings(max_examples=200, deadline=None)
@given(st.dictionaries(st.sampled_from(INVENTORY), trees))
def test_any_tree(tree: object) -> None:
    _reads_or_explains(tree)


@settings(max_examples=200, deadline=None)
@given(st.fixed_dictionaries({"hosts": hosts}, optional={"services": trees, "ssh": trees}))
def test_any_hosts(tree: object) -> None:
    _reads_or_explains(tree)
