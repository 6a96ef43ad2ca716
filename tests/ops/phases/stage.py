"""Playbooks and templates as the engine renders them, over an inventory of three hosts."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sophia_cli.config.shapes import bytes_in
from sophia_cli.ops.inventory.model import Inventory, Role
from sophia_cli.ops.monitoring import monitoring_files

ROOT = Path(__file__).parents[3]
SECRETS = {
    "redis-password": "redis-secret-000000000000000000000000000000",
    "postgres-password": "postgres-secret-0000000000000000000000000000",
    "postgres-superuser-password": "super-secret-00000000000000000000000000",
    "qdrant-api-key": "qdrant-secret-00000000000000000000000000000",
    "qdrant-read-only-key": "reader-secret-00000000000000000000000000",
    "rest-token": "rest-secret-0000000000000000000000000000000",
    "metrics-token": "metrics-secret-0000000000000000000000000000",
    "grafana-password": "grafana-secret-000000000000000000000000000",
}
HOSTS = {
    "one": {"address": "192.0.2.11", "roles": ["qdrant", "redis", "sophia"]},
    "two": {"address": "192.0.2.12", "roles": ["qdrant", "postgres", "sophia"]},
    "three": {"address": "198.51.100.3", "private_address": "192.0.2.13"}
    | {"roles": ["qdrant", "monitoring"]},
}

_RENDERED: dict[str, dict[str, str]] = {}


def inventory(**services: Any) -> Inventory:
    """The three hosts; `services` changes sections of their services."""
    return Inventory.model_validate({"hosts": HOSTS, "services": services})


def context(of: Inventory, name: str, **facts: Any) -> dict[str, Any]:
    """What a step sees on a host."""
    hosts = [
        SimpleNamespace(
            name=each,
            reached_at=host.reached_at,
            **{key: getattr(host, key) for key in type(host).model_fields},
        )
        for each, host in of.hosts.items()
    ]
    known = {"memory_bytes": 16 << 30, "cpus": 8, "gpu": None, "architecture": "x86_64"}
    return {
        "cluster": of.cluster,
        "ssh": of.ssh,
        "services": of.services,
        "host": next(each for each in hosts if each.name == name),
        "facts": SimpleNamespace(**{**known, **facts}),
        "hosts": hosts,
        "roles": {role.value: [each for each in hosts if role in each.roles] for role in Role},
        "secrets": SECRETS,
        "version": "0.1.0",
        "monitoring": _monitoring(of),
    }


def _monitoring(of: Inventory) -> dict[str, str]:
    key = repr(of)
    if key not in _RENDERED:
        _RENDERED[key] = monitoring_files(of)
    return _RENDERED[key]


@cache
def environment() -> ImmutableSandboxedEnvironment:
    found = ImmutableSandboxedEnvironment(
        undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
    )
    found.filters |= {"quote": shlex.quote, "bytes": bytes_in, "yaml": _yaml}
    return found


def template(name: str, values: Mapping[str, Any]) -> str:
    """A file of `configs`, rendered."""
    return environment().from_string((ROOT / "configs" / name).read_text()).render(values)


def playbook(name: str) -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((ROOT / "playbooks" / f"{name}.yaml").read_text())
    # YAML 1.1 takes a bare `on` for true.
    return found | {
        "steps": [
            {"on" if key is True else key: value for key, value in step.items()}
            for step in found["steps"]
        ]
    }


def digests(written: Mapping[str, bytes]) -> Any:
    """What a playbook calls as `digest`: over files that steps before it wrote."""

    def digest(*paths: str) -> str:
        return hashlib.sha256(b"\0".join(written.get(path, b"") for path in paths)).hexdigest()

    return digest


def value(given: Any, values: Mapping[str, Any]) -> Any:
    """A value of a step: one expression alone keeps its type."""
    if isinstance(given, Mapping):
        return {key: value(each, values) for key, each in given.items()}
    if isinstance(given, list):
        return [value(each, values) for each in given]
    if not isinstance(given, str) or "{" not in given:
        return given
    inside = given.strip()
    if inside.startswith("{{") and inside.endswith("}}") and inside.count("{{") == 1:
        return environment().compile_expression(inside[2:-2].strip(), undefined_to_none=False)(
            **values
        )
    return environment().from_string(given).render(values)


def _yaml(given: object) -> str:
    return yaml.safe_dump(given, default_style='"', width=10_000).strip()
