"""What a host should have, by its roles: containers, units, ports, firewall tables, secret files.

The playbooks say the same in their own way; a test holds this against them.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from sophia_cli.ops.inventory.model import Host, Inventory, Role

LOOPBACK = "127.0.0.1"
FIREWALL_UNIT = "sophia-firewall-{}.service"
POSTGRES_CERTIFICATE = "/etc/sophia/postgres/server.crt"

_CONTAINERS = {
    Role.QDRANT: ("sophia-qdrant",),
    Role.REDIS: ("sophia-redis",),
    Role.POSTGRES: ("sophia-postgres",),
    Role.MONITORING: ("sophia-prometheus", "sophia-grafana"),
}
_FIREWALLS = {
    Role.QDRANT: ("qdrant-p2p", "qdrant"),
    Role.REDIS: ("redis",),
    Role.POSTGRES: ("postgres",),
}
_SECRETS = {
    Role.QDRANT: ("qdrant/local.yaml",),
    Role.REDIS: ("redis/redis.conf",),
    Role.POSTGRES: (
        "postgres/superuser.password",
        "postgres/server.key",
        "postgres/role.sql",
        "postgres/sophia.password",
    ),
    Role.SOPHIA: (
        "records.password",
        "hot_cache.password",
        "vectors.key",
        "deploy.token",
        "prometheus.token",
    ),
    Role.MONITORING: (
        "prometheus/sophia.token",
        "prometheus/qdrant.key",
        "grafana/admin.password",
    ),
}


@dataclass(frozen=True, slots=True)
class ListensAt:
    """A port that must take connections.

    Attributes:
        private: whether at the host's private address, else at its own loopback.
    """

    service: str
    port: int
    private: bool = True


@dataclass(frozen=True, slots=True)
class Expected:
    """What a host should have.

    Attributes:
        firewalls: the names of the operation `firewall`.
        secrets: absolute paths of files that hold one; each is there or not.
        directories: where services keep data, each with its service.
        certificate: whether PostgreSQL has one there.
    """

    containers: tuple[str, ...]
    units: tuple[str, ...]
    ports: tuple[ListensAt, ...]
    firewalls: tuple[str, ...]
    secrets: tuple[str, ...]
    directories: tuple[tuple[str, str], ...]
    certificate: bool


def expected_of(inventory: Inventory, host: Host) -> Expected:
    """What one of the inventory's hosts should have."""
    grafana = inventory.services.grafana.enabled
    containers = tuple(
        name
        for role in host.roles
        for name in _CONTAINERS.get(role, ())
        if grafana or name != "sophia-grafana"
    )
    firewalls = tuple(name for role in host.roles for name in _FIREWALLS.get(role, ()))
    units = (
        *(("docker.service",) if containers else ()),
        *(("sophia.service",) if Role.SOPHIA in host.roles else ()),
        *map(FIREWALL_UNIT.format, firewalls),
    )
    secrets = tuple(f"/etc/sophia/{path}" for role in host.roles for path in _SECRETS[role])
    return Expected(
        containers,
        units,
        tuple(_ports(inventory, host)),
        firewalls,
        secrets,
        tuple(_directories(inventory, host)),
        Role.POSTGRES in host.roles
        and inventory.services.postgres.tls_certificate_file is not None,
    )


def is_loopback(address: str) -> bool:
    """Whether an address, or name, is that of a machine's own loopback."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address == "localhost"


def _ports(inventory: Inventory, host: Host) -> list[ListensAt]:
    services = inventory.services
    found: list[ListensAt] = []
    if Role.QDRANT in host.roles:
        found += [
            ListensAt("Qdrant's REST", services.qdrant.http_port),
            *(
                [ListensAt("Qdrant's gRPC", services.qdrant.grpc_port)]
                if services.qdrant.grpc
                else []
            ),
            ListensAt("Qdrant's peers' port", services.qdrant.p2p_port),
        ]
    if Role.REDIS in host.roles:
        found.append(ListensAt("Redis", services.redis.port))
    if Role.POSTGRES in host.roles:
        found.append(ListensAt("PostgreSQL", services.postgres.port))
    if Role.SOPHIA in host.roles:
        found.append(ListensAt("sophia", services.sophia.port))
    if Role.MONITORING in host.roles:
        found.append(ListensAt("Prometheus", services.prometheus.port, private=False))
        if services.grafana.enabled:
            found.append(ListensAt("Grafana", services.grafana.port, private=False))
    return found


def _directories(inventory: Inventory, host: Host) -> list[tuple[str, str]]:
    services = inventory.services
    by_role = {
        Role.QDRANT: [("Qdrant", services.qdrant.data_dir)],
        Role.REDIS: [("Redis", services.redis.data_dir)],
        Role.POSTGRES: [("PostgreSQL", services.postgres.data_dir)],
        Role.SOPHIA: [("sophia", services.sophia.home)],
        Role.MONITORING: [
            ("Prometheus", services.prometheus.data_dir),
            *([("Grafana", services.grafana.data_dir)] if services.grafana.enabled else []),
        ],
    }
    return [each for role in host.roles for each in by_role[role]]
