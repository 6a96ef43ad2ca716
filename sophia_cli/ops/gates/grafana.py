"""The gate of Grafana: its database works, and it has the dashboard and where its figures are."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from functools import partial

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates.asking import ask
from sophia_cli.ops.gates.patience import patiently
from sophia_cli.ops.site import Site

CONTAINER = "sophia-grafana"
SECRET = "grafana-password"  # noqa: S105  (a name)
# A first start fills its database.
_PATIENCE = 120.0


def grafana(site: Site, hosts: Sequence[str]) -> str:
    """Each one is healthy, and has the data source and a dashboard that were provisioned.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    for host in hosts:
        patiently(partial(_look, site, host), _PATIENCE)
    return f"Grafana has its data source and dashboard on {', '.join(hosts)}"


def _look(site: Site, host: str) -> None:
    url = f"http://127.0.0.1:{site.inventory.services.grafana.port}"
    password = site.secrets.value(SECRET).get_secret_value()
    login = base64.b64encode(f"admin:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"}
    hint = f"on {host}: docker logs {CONTAINER}"
    health = ask(site, host, url, "GET", "/api/health")
    if not isinstance(health.body, dict) or health.body.get("database") != "ok":
        raise GateFailed(
            f"{host}: Grafana is not healthy: HTTP {health.status} {health.text[:200]}", hint
        )
    source = ask(site, host, url, "GET", "/api/datasources/uid/sophia-prometheus", headers)
    if source.status == 401:
        raise GateFailed(
            f"{host}: Grafana does not take the admin's password of this cluster",
            f"docker exec {CONTAINER} grafana cli admin reset-admin-password sets it",
        )
    if source.status != 200:
        raise GateFailed(f"{host}: Grafana has no data source: HTTP {source.status}", hint)
    found = ask(site, host, url, "GET", "/api/search?type=dash-db&tag=sophia", headers)
    if found.status != 200 or not found.body:
        raise GateFailed(f"{host}: Grafana has no dashboard of sophia", hint)
