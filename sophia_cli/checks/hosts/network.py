"""Who listens on the hosts, at which address, and what the firewall keeps shut."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence

from sophia_cli.checks.check import Check, Finding, Severity, failed, passed, warned
from sophia_cli.checks.hosts.asked import NotTold
from sophia_cli.checks.hosts.expected import ListensAt, is_loopback
from sophia_cli.checks.hosts.told import Told, not_told, on_each, table_of
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.facts.port import Listener, Port

_ALL = ("0.0.0.0", "::")  # noqa: S104  (looked for)


def _listens(said: Told) -> Iterator[Finding]:
    for each in said.expected.ports:
        listeners = said.of(Port(each.port))
        if isinstance(listeners, NotTold):
            yield not_told(said, listeners)
            continue
        where = said.host.reached_at if each.private else "its own loopback"
        named = f"{each.service}, port {each.port}"
        evidence = _heard(listeners)
        if _is_served(said, each, listeners):
            yield passed(f"{named} at {where}", said.name, *evidence)
        elif listeners:
            at = ", ".join(sorted({one.address for one in listeners}))
            yield failed(f"{named}: at {at}, not at {where}", said.name, *evidence)
        else:
            yield failed(f"{named}: nobody listens", said.name)


def _is_served(said: Told, wanted: ListensAt, listeners: Sequence[Listener]) -> bool:
    addresses = {listener.address for listener in listeners}
    if addresses & set(_ALL):
        return True
    if not wanted.private:
        return any(map(is_loopback, addresses))
    private = said.host.reached_at
    try:
        return str(ipaddress.ip_address(private)) in addresses
    except ValueError:  # a name: whatever is not the loopback may be it
        return any(not is_loopback(address) for address in addresses)


def _open(said: Told) -> Iterator[Finding]:
    if not said.expected.ports:
        return
    shut = _shut_ports(said)
    wide = False
    for each in said.expected.ports:
        listeners = said.of(Port(each.port))
        if isinstance(listeners, NotTold):
            yield not_told(said, listeners)
            wide = True
            continue
        if not any(listener.address in _ALL for listener in listeners):
            continue
        wide = True
        named = f"{each.service} takes connections on port {each.port} of every address"
        if shut is None:
            yield warned(f"{named}; the firewall is not known", said.name, *_heard(listeners))
        elif each.port in shut:
            yield warned(f"{named}; the firewall keeps it shut", said.name, *_heard(listeners))
        else:
            yield failed(named, said.name, *_heard(listeners))
    if not wide:
        yield passed("every port is at its own address alone", said.name)


def _shut_ports(said: Told) -> set[int] | None:
    """The ports that tables of ours drop; None where they are not known."""
    shut: set[int] = set()
    for name in said.expected.firewalls:
        table = said.of(FirewallTable(table_of(name)))
        if isinstance(table, NotTold):
            return None
        shut |= _dropped(table or "")
    return shut


def _dropped(table: str) -> set[int]:
    """The ports that a table drops, as nft lists them: one, `{ 1, 2 }`, or `{ 1-2 }`."""
    found: set[int] = set()
    for ports in re.findall(r"^\s*tcp dport (\{[\d, -]+\}|\d+) drop", table, re.MULTILINE):
        for first, last in re.findall(r"(\d+)(?:-(\d+))?", ports):
            found.update(range(int(first), int(last or first) + 1))
    return found


def _firewall(said: Told) -> Iterator[Finding]:
    for name in said.expected.firewalls:
        table = said.of(FirewallTable(table_of(name)))
        if isinstance(table, NotTold):
            yield not_told(said, table)
        elif not table:
            yield failed(f"the table {table_of(name)} is not loaded", said.name)
        elif not _dropped(table):
            yield failed(f"the table {table_of(name)} drops nothing", said.name)
        else:
            ports = ", ".join(map(str, sorted(_dropped(table))))
            yield passed(f"{table_of(name)} keeps ports {ports} shut", said.name)


def _heard(listeners: Sequence[Listener]) -> tuple[str, ...]:
    return tuple(
        f"listens at {one.address}{f' ({one.process})' if one.process else ''}" for one in listeners
    )


CHECKS: tuple[Check, ...] = (
    Check(
        "HO-13",
        "Every service listens where the others reach it",
        Severity.CRITICAL,
        "Reads from the host's kernel who waits for connections on the ports of its roles, and at "
        "which address: the private one, and for Prometheus and Grafana the host's own loopback.",
        "start the service; `sophia deploy` sets its address",
        on_each(_listens, "no host has a service with a port", lambda host: host.ports),
        timeout=11.0,
    ),
    Check(
        "HO-14",
        "No service is open to the world",
        Severity.SERIOUS,
        "Looks for services that take connections at every address of the host (0.0.0.0, ::). "
        "Where a table of ours keeps the port shut it is a warning: ports that docker publishes "
        "pass by that firewall.",
        "sophia deploy",
        on_each(_open, "no host has a service with a port", lambda host: host.ports),
        timeout=11.0,
    ),
    Check(
        "HO-15",
        "The firewall's tables are loaded",
        Severity.SERIOUS,
        "Reads the tables of nftables that a deployment makes. Without that of the peers' port, "
        "whoever reaches it may join the cluster.",
        "sophia deploy",
        on_each(_firewall, "no host has a port that is kept shut", lambda host: host.firewalls),
        timeout=11.0,
    ),
)
