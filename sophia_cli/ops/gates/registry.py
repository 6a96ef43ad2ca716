"""The gates and guards that a playbook's step may name; each is loaded when it is used."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from sophia_cli.ops.gates.gate import Gate, Guard
from sophia_cli.ops.site import Site


@dataclass(frozen=True, slots=True)
class _LazyGate:
    """A gate by the place of its function, `module:name`."""

    place: str

    def __call__(self, site: Site, hosts: Sequence[str]) -> str:
        passed: str = _at(self.place)(site, hosts)
        return passed


@dataclass(frozen=True, slots=True)
class _LazyGuard:
    """A guard by the place of its class; one object for each call, so it keeps nothing."""

    place: str

    def before(self, site: Site, host: str) -> str:
        said: str = _at(self.place)().before(site, host)
        return said

    def after(self, site: Site, host: str) -> str:
        said: str = _at(self.place)().after(site, host)
        return said


def _at(place: str) -> Any:
    module, _, name = place.partition(":")
    return getattr(import_module(f"sophia_cli.ops.{module}"), name)


GATES: dict[str, Gate] = {
    "qdrant": _LazyGate("gates.qdrant:qdrant"),
    "qdrant_key": _LazyGate("gates.qdrant:qdrant_key"),
    "qdrant_configuration": _LazyGate("gates.qdrant:qdrant_configuration"),
    "qdrant_founding": _LazyGate("gates.qdrant:qdrant_founding"),
    "qdrant_collections": _LazyGate("gates.qdrant:qdrant_collections"),
    "redis": _LazyGate("gates.redis:redis"),
    "postgres": _LazyGate("gates.postgres:postgres"),
    "service": _LazyGate("gates.service:service"),
    "prometheus": _LazyGate("gates.prometheus:prometheus"),
    "grafana": _LazyGate("gates.grafana:grafana"),
    "smoke": _LazyGate("gates.smoke:smoke"),
}
"""By the name that a step gives: `gate: redis`."""

LOOKING = frozenset(GATES) - {"qdrant_collections", "smoke"}
"""Those that need no other one's proof, and may be cut off anywhere.

What they write are probes of their own; a drained peer that the gate of Qdrant takes back is taken
back in one step, after its own audit.
"""

GUARDS: dict[str, Guard] = {"qdrant": _LazyGuard("qdrant.rolling:QdrantGuard")}
"""By the name that a step gives: `guard: qdrant`."""
