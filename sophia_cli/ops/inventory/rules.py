"""What must hold of an inventory as a whole, beyond the shape of each value."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from sophia_cli.ops.inventory.layout import Place, dotted
from sophia_cli.ops.inventory.model import Host, Inventory, Role

_FACTOR: Place = ("services", "qdrant", "replication_factor")
_CONFIRMED: Place = ("services", "qdrant", "write_consistency_factor")
# Each service's ports, by the role of the hosts that it runs on.
_PORTS: tuple[tuple[Role, Place], ...] = (
    (Role.QDRANT, ("services", "qdrant", "http_port")),
    (Role.QDRANT, ("services", "qdrant", "grpc_port")),
    (Role.QDRANT, ("services", "qdrant", "p2p_port")),
    (Role.REDIS, ("services", "redis", "port")),
    (Role.POSTGRES, ("services", "postgres", "port")),
    (Role.SOPHIA, ("services", "sophia", "port")),
    (Role.MONITORING, ("services", "prometheus", "port")),
    (Role.MONITORING, ("services", "grafana", "port")),
)
_DIRECTORIES: tuple[Place, ...] = (
    ("services", "qdrant", "data_dir"),
    ("services", "redis", "data_dir"),
    ("services", "postgres", "data_dir"),
    ("services", "sophia", "home"),
    ("services", "prometheus", "data_dir"),
    ("services", "grafana", "data_dir"),
)
_NEEDED_BY_SOPHIA = (Role.QDRANT, Role.REDIS, Role.POSTGRES)


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold.

    Attributes:
        place: the key to change.
        text: what is wrong with it.
        rests_on: the other places that the rule looks at: while one of them is wrong, nothing
            follows.
    """

    place: Place
    text: str
    rests_on: tuple[Place, ...] = ()


def broken(inventory: Inventory) -> Iterator[Broken]:
    """Yields every rule that does not hold, and why."""
    for rule in _RULES:
        yield from rule(inventory)


def _names_are_told_apart(inventory: Inventory) -> Iterator[Broken]:
    first: dict[str, str] = {}
    for name in inventory.hosts:
        other = first.setdefault(name.lower(), name)
        if other != name:
            yield Broken(("hosts", name), f"differs from the host {other} in case alone")


def _addresses_are_told_apart(inventory: Inventory) -> Iterator[Broken]:
    reached: dict[tuple[str, int], str] = {}
    served: dict[str, str] = {}
    for name, host in inventory.hosts.items():
        port = host.port or inventory.ssh.port
        place = ("hosts", name, "address")
        other = reached.setdefault((host.address.lower(), port), name)
        if other != name:
            yield Broken(
                place,
                f"{host.address} is the address of {other} as well",
                (("hosts", name, "port"), ("hosts", other, "port"), ("ssh", "port")),
            )
            continue
        other = served.setdefault(host.reached_at.lower(), name)
        if other != name:
            own = ("hosts", name, "private_address")
            yield Broken(
                own if host.private_address else place,
                f"services of {other} listen on {host.reached_at} as well: give each host a "
                "private_address of its own",
                (own, ("hosts", other, "private_address")),
            )


def _no_role_twice(inventory: Inventory) -> Iterator[Broken]:
    for name, host in inventory.hosts.items():
        for role in sorted(set(host.roles)):
            if host.roles.count(role) > 1:
                yield Broken(("hosts", name, "roles"), f"{role} is given twice")


def _one_of_each_kind(inventory: Inventory) -> Iterator[Broken]:
    for role in (Role.POSTGRES, Role.REDIS):
        first, *others = inventory.with_role(role) or [""]
        for name in others:
            yield Broken(
                ("hosts", name, "roles"), f"{role} has its host already, {first}: there can be one"
            )


def _sophia_has_its_tiers(inventory: Inventory) -> Iterator[Broken]:
    name = next(iter(inventory.with_role(Role.SOPHIA)), None)
    lacking = [role for role in _NEEDED_BY_SOPHIA if not inventory.with_role(role)]
    if name and lacking:
        yield Broken(
            ("hosts", name, "roles"),
            f"sophia needs a host with the role {' and one with '.join(lacking)}",
            (("hosts",),),
        )


def _copies_have_hosts(inventory: Inventory) -> Iterator[Broken]:
    qdrant, peers = inventory.services.qdrant, len(inventory.with_role(Role.QDRANT))
    if peers and qdrant.replication_factor > peers:
        there = "there is 1" if peers == 1 else f"there are {peers}"
        yield Broken(
            _FACTOR,
            f"{qdrant.replication_factor} copies need as many hosts with the role qdrant: {there}",
            (("hosts",),),
        )
    if qdrant.write_consistency_factor > qdrant.replication_factor:
        yield Broken(
            _CONFIRMED,
            f"{qdrant.write_consistency_factor} copies cannot confirm: replication_factor is "
            f"{qdrant.replication_factor}",
            (_FACTOR,),
        )


def _grpc_is_beside_rest(inventory: Inventory) -> Iterator[Broken]:
    qdrant = inventory.services.qdrant
    if qdrant.grpc and qdrant.grpc_port != qdrant.http_port + 1:
        yield Broken(
            ("services", "qdrant", "grpc_port"),
            f"{qdrant.grpc_port} is not one above http_port, {qdrant.http_port}; with grpc: false "
            "it may be any",
            (("services", "qdrant", "http_port"), ("services", "qdrant", "grpc")),
        )


def _ports_are_told_apart(inventory: Inventory) -> Iterator[Broken]:
    said: set[Place] = set()
    for name, host in inventory.hosts.items():
        ssh: Place = ("hosts", name, "port") if host.port else ("ssh", "port")
        taken: dict[int, Place] = {host.port or inventory.ssh.port: ssh}
        for place in _ports_on(inventory, host):
            port = int(_at(inventory, place))
            other = taken.setdefault(port, place)
            if other != place and place not in said:
                said.add(place)
                what = "SSH" if other == ssh else dotted(other)
                yield Broken(
                    place,
                    f"{port} is the port of {what} on {name}",
                    (other, ssh, ("hosts", name, "roles")),
                )


def _ports_on(inventory: Inventory, host: Host) -> Iterator[Place]:
    for role, place in _PORTS:
        if role in host.roles and (place[1] != "grafana" or inventory.services.grafana.enabled):
            yield place


def _directories_are_apart(inventory: Inventory) -> Iterator[Broken]:
    for one, other in itertools.combinations(_DIRECTORIES, 2):
        first = PurePosixPath(_at(inventory, one))
        second = PurePosixPath(_at(inventory, other))
        if first == second:
            yield Broken(other, f"{second} is {dotted(one)} as well", (one,))
        elif first in second.parents:
            yield Broken(other, f"{second} is inside {dotted(one)}, {first}", (one,))
        elif second in first.parents:
            yield Broken(one, f"{first} is inside {dotted(other)}, {second}", (other,))


def _tls_is_whole(inventory: Inventory) -> Iterator[Broken]:
    postgres = inventory.services.postgres
    given = {name: getattr(postgres, name) for name in ("tls_certificate_file", "tls_key_file")}
    for name, other in itertools.permutations(given):
        if given[name] and not given[other]:
            place = ("services", "postgres", other)
            yield Broken(("services", "postgres", name), f"needs {dotted(place)}", (place,))


def _bastion_has_an_address(inventory: Inventory) -> Iterator[Broken]:
    bastion = inventory.ssh.bastion
    for name in ("user", "key_file"):
        if getattr(bastion, name) and not bastion.address:
            place = ("ssh", "bastion", "address")
            yield Broken(("ssh", "bastion", name), f"needs {dotted(place)}", (place,))


def _bastion_is_no_host(inventory: Inventory) -> Iterator[Broken]:
    if inventory.ssh.bastion.address and "bastion" in inventory.hosts:
        yield Broken(
            ("hosts", "bastion"), "that is what ssh.bastion is called: name this host otherwise"
        )


def _at(inventory: Inventory, place: Place) -> str:
    value: object = inventory
    for name in place:
        value = getattr(value, name)
    return str(value)


_RULES: tuple[Callable[[Inventory], Iterator[Broken]], ...] = (
    _names_are_told_apart,
    _addresses_are_told_apart,
    _no_role_twice,
    _one_of_each_kind,
    _sophia_has_its_tiers,
    _copies_have_hosts,
    _grpc_is_beside_rest,
    _ports_are_told_apart,
    _directories_are_apart,
    _tls_is_whole,
    _bastion_has_an_address,
    _bastion_is_no_host,
)
