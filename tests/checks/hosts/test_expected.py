"""What the checks expect of a host is what the playbooks put there."""

from __future__ import annotations

from collections.abc import Iterator

from sophia_cli.checks.hosts.expected import FIREWALL_UNIT, expected_of, is_loopback
from sophia_cli.ops.inventory.model import Host, Inventory, Role
from sophia_cli.ops.playbooks.playbook import ALL, FIRST, Step
from sophia_cli.ops.playbooks.reading import Vocabulary, read_playbooks
from sophia_cli.ops.playbooks.sources import Sources

ADDRESS = "192.0.2.11"
INVENTORY = Inventory.model_validate(
    {
        "hosts": {"one": {"address": ADDRESS, "roles": ["qdrant"]}},
        "services": {
            "postgres": {"tls_certificate_file": "db.crt", "tls_key_file": "db.key"},
        },
    }
)


def expected(role: Role):  # type: ignore[no-untyped-def]
    return expected_of(INVENTORY, Host(address=ADDRESS, roles=(role,)))


def steps(role: Role, operation: str) -> Iterator[Step]:
    for playbook in read_playbooks(Sources.of(None), Vocabulary.known()):
        for step in playbook.steps:
            if step.operation == operation and step.on.removeprefix(FIRST) in (role.value, ALL):
                yield step


def test_containers() -> None:
    for role in Role:
        deployed = {step.arguments["name"] for step in steps(role, "container")}
        assert set(expected(role).containers) == deployed, role


def test_firewalls_and_their_units() -> None:
    for role in Role:
        deployed = [step.arguments["name"] for step in steps(role, "firewall")]
        assert list(expected(role).firewalls) == deployed, role
        assert set(map(FIREWALL_UNIT.format, deployed)) <= set(expected(role).units)


def test_units() -> None:
    for role in Role:
        deployed = {
            step.arguments["name"]
            for step in steps(role, "systemd_unit")
            # Docker is for those hosts that have a container.
            if step.arguments["name"] != "docker.service" or expected(role).containers
        }
        firewalls = set(map(FIREWALL_UNIT.format, expected(role).firewalls))
        assert set(expected(role).units) - firewalls == deployed, role


def test_files_that_hold_a_secret() -> None:
    for role in Role:
        deployed = {
            step.arguments["path"]
            for operation in ("file", "template")
            for step in steps(role, operation)
            if step.arguments.get("secret")
        }
        assert set(expected(role).secrets) == deployed, role


def test_directories_of_data() -> None:
    services = INVENTORY.services
    assert expected(Role.QDRANT).directories == (("Qdrant", services.qdrant.data_dir),)
    assert [path for _, path in expected(Role.MONITORING).directories] == [
        services.prometheus.data_dir,
        services.grafana.data_dir,
    ]


def test_without_grafana_nothing_of_it_is_expected() -> None:
    without = Inventory.model_validate(
        {
            "hosts": {"one": {"address": ADDRESS, "roles": ["monitoring"]}},
            "services": {"grafana": {"enabled": False}},
        }
    )
    found = expected_of(without, without.hosts["one"])
    assert found.containers == ("sophia-prometheus",)
    assert [each.service for each in found.ports] == ["Prometheus"]
    assert len(found.directories) == 1


def test_a_host_of_several_roles_has_what_each_wants() -> None:
    host = Host(address=ADDRESS, roles=(Role.QDRANT, Role.REDIS))
    found = expected_of(INVENTORY, host)
    assert found.containers == ("sophia-qdrant", "sophia-redis")
    assert [each.port for each in found.ports] == [6333, 6334, 6335, 6379]
    assert not found.certificate


def test_what_is_a_loopback() -> None:
    assert all(map(is_loopback, ("127.0.0.1", "127.3.4.5", "::1", "[::1]", "localhost")))
    assert not any(map(is_loopback, ("192.0.2.11", "0.0.0.0", "db-1")))  # noqa: S104
