"""A sophia.yaml that fits the lab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from tests.lab.host import Host
from tests.lab.place import INDEX_URL

EVERYTHING = {
    "h1": ("qdrant", "redis", "monitoring"),
    "h2": ("qdrant", "postgres"),
    "h3": ("qdrant", "sophia"),
}


def sophia_yaml(
    hosts: Sequence[Host],
    roles: Mapping[str, Sequence[str]] = EVERYTHING,
    known_hosts: Path | None = None,
    **sections: Mapping[str, Any],
) -> str:
    """The text of an inventory of some hosts.

    Args:
        roles: by the host's name; a host without any is left out.
        known_hosts: the file that host keys are pinned in; without it the lab's, which has them.
        sections: more keys, laid over what is here: `services={"redis": {"image": ...}}`.
    """
    state = hosts[0].state
    inventory: dict[str, Any] = {
        "cluster": {"name": "lab"},
        "ssh": {
            "user": "ubuntu",
            "key_file": str(state / "id"),
            "known_hosts_file": str(known_hosts or state / "known_hosts"),
        },
        "hosts": {
            host.name: {"address": host.address, "roles": list(roles[host.name])}
            for host in hosts
            if host.name in roles
        },
        "services": {
            "redis": {"max_memory": "64mb"},
            "postgres": {"memory": "512mb"},
            "sophia": {"index": INDEX_URL},
        },
    }
    return yaml.safe_dump(_laid_over(inventory, sections), sort_keys=False)


def _laid_over(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), dict)
        merged[key] = _laid_over(merged[key], value) if both else value
    return merged
