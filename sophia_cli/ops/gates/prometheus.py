"""The gate of Prometheus: it is ready, and each of its targets is really scraped."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates.asking import ask
from sophia_cli.ops.gates.patience import patiently
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.site import Site

CONTAINER = "sophia-prometheus"
# Two scrapes, and the time of a start.
_PATIENCE = 75.0


def prometheus(site: Site, hosts: Sequence[str]) -> str:
    """Every sophia and every Qdrant peer of the inventory is a target that is up.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    for host in hosts:
        patiently(partial(_look, site, host), _PATIENCE)
    count = len(_wanted(site))
    return f"Prometheus scrapes {count} target{'s'[: count != 1]}"


def _look(site: Site, host: str) -> None:
    url = f"http://127.0.0.1:{site.inventory.services.prometheus.port}"
    ready = ask(site, host, url, "GET", "/-/ready")
    if ready.status != 200:
        raise GateFailed(
            f"{host}: Prometheus is not ready: {ready.text.strip()[:200]}",
            f"on {host}: docker logs {CONTAINER}",
        )
    answer = ask(site, host, url, "GET", "/api/v1/targets?state=active")
    try:
        targets = {
            (each["labels"]["job"], each["labels"]["instance"]): each
            for each in answer.body["data"]["activeTargets"]
        }
        wrong = [
            f"{job} {instance} is {target['health']}: {target['lastError'] or 'not scraped yet'}"
            for (job, instance), target in sorted(targets.items())
            if target["health"] != "up"
        ]
    except (KeyError, TypeError):
        raise GateFailed(
            f"{host}: what answers at {url} is no Prometheus",
            f"look what listens there on {host}: ss -ltnp",
        ) from None
    wrong += [f"{job} {at} is no target" for job, at in sorted(_wanted(site) - set(targets))]
    if wrong:
        raise GateFailed(
            f"{host}: Prometheus: {'; '.join(wrong)[:600]}",
            "a wrong token or key says 401; a connection that is refused or times out, a firewall",
        )


def _wanted(site: Site) -> set[tuple[str, str]]:
    """Job and instance of each target that the inventory has."""
    services = site.inventory.services
    ports = {
        ("sophia", Role.SOPHIA): services.sophia.port,
        ("qdrant", Role.QDRANT): services.qdrant.http_port,
    }
    return {
        (job, f"{f'[{at}]' if ':' in at else at}:{port}")
        for (job, role), port in ports.items()
        for at in (each.reached_at for each in site.inventory.with_role(role).values())
    }
