"""The gate of sophia itself: it is ready, by a write and a read of its own in every tier."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from sophia_cli.ops.connection.protocol import Command
from sophia_cli.ops.errors import GateFailed
from sophia_cli.ops.gates.asking import ask, sophia_headers, sophia_url
from sophia_cli.ops.gates.patience import patiently
from sophia_cli.ops.inventory.model import Role
from sophia_cli.ops.site import Site
from sophia_cli.ops.together import on_all

UNIT = "sophia"
# It may wait for its records, its collections and its model.
_PATIENCE = 120.0


def service(site: Site, hosts: Sequence[str]) -> str:
    """Each host's service is ready, by `/health/ready` on its private address with the token.

    Raises:
        GateFailed, Unreachable: see `Gate`.
    """
    on_all(site, hosts, lambda host: patiently(partial(_look, site, host), _PATIENCE))
    return f"sophia is ready on {', '.join(hosts)}"


def _look(site: Site, host: str) -> None:
    _runs(site, host)
    url = sophia_url(site, host)
    answer = ask(site, host, url, "GET", "/health/ready", sophia_headers(site))
    if answer.status in (401, 403):
        raise GateFailed(
            f"{host}: sophia does not take the token of this cluster",
            "deploy service again: it stores the token of cluster.secrets_dir",
        )
    tiers = answer.body.get("tiers") if isinstance(answer.body, dict) else None
    if not isinstance(tiers, dict):
        raise GateFailed(
            f"{host}: {url}/health/ready: HTTP {answer.status}, and not sophia's",
            f"look what listens there on {host}: ss -ltnp",
        )
    # A GPU that fails costs speed alone, and says so in `sophia status`.
    wanted = {"records", "vectors", "embedding"}
    if site.inventory.with_role(Role.REDIS):
        wanted.add("hot_cache")
    failed = [
        f"{name}: {tier.get('reason') or tier.get('state')}"
        for name, tier in sorted(tiers.items())
        if name in wanted and tier.get("state") != "ok"
    ]
    if failed or wanted - set(tiers):
        raise GateFailed(
            f"{host}: sophia is not ready: {'; '.join(failed) or 'a tier is missing'}",
            f"on {host}: journalctl -u {UNIT} -n 50; sophia status",
        )


def _runs(site: Site, host: str) -> None:
    with site.connections.to(host) as connection:
        finished = connection.run(
            Command(
                f"systemctl is-active {UNIT} && exit 0; "
                f"journalctl -u {UNIT} -n 3 --no-pager -o cat 2>/dev/null; exit 3",
                timeout=20,
            )
        )
    if finished.exit_status != 0:
        said = " | ".join(line for line in finished.stdout.splitlines() if line.strip())
        raise GateFailed(
            f"{host}: the unit {UNIT} does not run: {said[:500]}",
            f"on {host}: journalctl -u {UNIT} -n 50",
        )
