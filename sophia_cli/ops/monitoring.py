"""The files of Prometheus and Grafana for a whole cluster: those of `sophia monitor render`."""

from __future__ import annotations

from sophia_cli.monitoring.rendering import Wanted, rendered
from sophia_cli.ops.inventory.model import Inventory, Role

TOKEN_FILE = "/etc/prometheus/sophia.token"  # noqa: S105  (a path in the container)
QDRANT_KEY_FILE = "/etc/prometheus/qdrant.key"


def monitoring_files(inventory: Inventory) -> dict[str, str]:
    """Each file's name and text, by what the inventory has; no secret is in them.

    `prometheus.yml`, `sophia-alerts.yml`, `sophia-dashboard.json` and `grafana-dashboard.yaml`.
    """
    services = inventory.services
    return rendered(
        Wanted(
            targets=_at(inventory, Role.SOPHIA, services.sophia.port),
            qdrant=_at(inventory, Role.QDRANT, services.qdrant.http_port),
            token_file=TOKEN_FILE,
            qdrant_key_file=QDRANT_KEY_FILE,
        )
    )


def _at(inventory: Inventory, role: Role, port: int) -> list[str]:
    hosts = (each.reached_at for each in inventory.with_role(role).values())
    return [f"{f'[{at}]' if ':' in at else at}:{port}" for at in hosts]
