"""What every host tells, in one round trip each, all hosts at once; shared by all checks."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from sophia_cli.background import begun
from sophia_cli.checks.check import Finding, skipped, unknown
from sophia_cli.checks.hosts.asked import (
    Brief,
    ClockNow,
    MemoryNow,
    NotTold,
    Reboot,
    Space,
    TimeSync,
)
from sophia_cli.checks.hosts.asked_services import DeployLock, Gpu, Modes, Units
from sophia_cli.checks.hosts.containers import Containers
from sophia_cli.checks.hosts.expected import POSTGRES_CERTIFICATE, Expected, expected_of
from sophia_cli.checks.hosts.reach import reached_site
from sophia_cli.checks.in_time import in_time
from sophia_cli.errors import SophiaError
from sophia_cli.ops.connection.protocol import Command, Connection, Finished
from sophia_cli.ops.errors import OutcomeUnknown, SudoRefused
from sophia_cli.ops.facts.content import FileText
from sophia_cli.ops.facts.fact import Fact, Known, gather
from sophia_cli.ops.facts.firewall import FirewallTable
from sophia_cli.ops.facts.port import Port
from sophia_cli.ops.inventory.model import Host, Inventory, Role
from sophia_cli.ops.lease import DIRECTORY

if TYPE_CHECKING:
    from sophia_cli.checks.scene import Scene
    from sophia_cli.ops.site import Site

T = TypeVar("T")
PATIENCE = 5.0
"""How long a host may take to tell everything, once we are logged in, seconds."""
_CERTIFICATE_SIZE = 64 << 10
_BEFORE, _AFTER = ClockNow("before"), ClockNow("after")


@dataclass(frozen=True, slots=True)
class Told:
    """What one host told.

    Attributes:
        expected: what it should have.
        refused: why we may not be root there; None where we are, and else much is not known.
        asked: our clock when it was asked, seconds since 1970; `answered` likewise.
    """

    name: str
    host: Host
    expected: Expected
    known: Known
    asked: float
    answered: float
    refused: SudoRefused | None = None

    def of(self, fact: Fact[T]) -> T | NotTold:
        """What a fact says; why not where it could not be read."""
        for each in self.known.values:
            if isinstance(each, Brief) and each.fact == fact:
                value: T | NotTold = self.known[each]
                return value
        why = self.refused.message if self.refused else "it was not asked"
        return NotTold(why)

    @property
    def skew(self) -> tuple[float, float]:
        """How far its clock is ahead of ours, seconds: at least, and at most."""
        before, after = self.of(_BEFORE), self.of(_AFTER)
        if isinstance(before, NotTold) or isinstance(after, NotTold):
            return (0.0, 0.0)
        return (after - self.answered, before - self.asked)


def facts_of(inventory: Inventory, host: Host, *, root: bool = True) -> list[Brief[Any]]:
    """All that a host is asked. What may hang comes last."""
    expected = expected_of(inventory, host)
    facts: list[Brief[Any]] = [
        Brief(_BEFORE),
        Brief(MemoryNow()),
        Brief(Reboot()),
        Brief(Space(tuple(path for _, path in expected.directories)), 3),
        *(Brief(Port(each.port)) for each in expected.ports),
        Brief(TimeSync()),
        Brief(Units(expected.units)),
    ]
    if root:
        facts += [
            Brief(Modes(expected.secrets)),
            Brief(DeployLock(DIRECTORY)),
            *(Brief(FirewallTable(table_of(name)), 1) for name in expected.firewalls),
            Brief(Containers(inventory.cluster.name), 3),
        ]
        if expected.certificate:
            facts.append(Brief(FileText(POSTGRES_CERTIFICATE, _CERTIFICATE_SIZE)))
        if Role.QDRANT in host.roles and host.gpu is not False:
            facts.append(Brief(Gpu("sophia-qdrant"), 3))
    return [*facts, Brief(_AFTER)]


def table_of(firewall: str) -> str:
    """The table that the operation `firewall` makes by a name."""
    return f"sophia_{firewall.replace('-', '_')}"


def told(site: Site, name: str, seconds: float = PATIENCE) -> Told:
    """Asks one host everything.

    Raises:
        HostUnreachable, HostKeyRefused, OutcomeUnknown, CommandFailed: it does not tell.
    """
    host = site.inventory.hosts[name]
    with site.connections.to(name) as connection:
        late = OutcomeUnknown(
            f"{name}: does not tell within {seconds:g} s", "it is overloaded: look at its console"
        )
        return in_time(
            lambda: _asked(site.inventory, name, host, connection, seconds),
            seconds,
            lambda: late,
        )


def _asked(
    inventory: Inventory, name: str, host: Host, connection: Connection, seconds: float
) -> Told:
    refused = None
    while True:
        hurried = _Hurried(connection, seconds, sudo=refused is None)
        asked = time.time()
        try:
            known = gather(hurried, facts_of(inventory, host, root=refused is None))
        except SudoRefused as error:
            refused = error
            continue
        expected = expected_of(inventory, host)
        return Told(name, host, expected, known, asked, time.time(), refused)


class _Hurried:
    """A connection whose commands have so much time and no more."""

    def __init__(self, connection: Connection, seconds: float, *, sudo: bool) -> None:
        self._connection = connection
        self._seconds = seconds
        self._sudo = sudo

    @property
    def host(self) -> str:
        return self._connection.host

    def run(self, command: Command, on_output: Callable[[str], None] | None = None) -> Finished:
        hurried = replace(command, timeout=self._seconds, sudo=self._sudo)
        return self._connection.run(hurried, on_output)

    def put(self, _: object) -> None:
        raise AssertionError("a look writes nothing")

    def open_tcp(self, address: str, port: int, timeout: float) -> Any:
        return self._connection.open_tcp(address, port, timeout)

    def close(self) -> None:
        """The connection stays open: it is others' as well."""


def all_told(scene: Scene) -> Iterator[tuple[str, Told | SophiaError]]:
    """What each host told, or why it did not; in the inventory's order, as each is known."""
    for name, future in begin_to_ask(scene).items():
        yield name, future.result()


def begin_to_ask(scene: Scene) -> dict[str, Future[Told | SophiaError]]:
    """Has every host begin to tell, unless it did; by its name.

    Raises:
        ConfigurationError: the inventory is wrong.
    """
    return scene.once("what hosts tell", lambda: _begun(reached_site(scene)))


def _begun(site: Site) -> dict[str, Future[Told | SophiaError]]:
    """Asks all hosts, each by a thread that nobody waits for at the end."""

    def ask(name: str) -> Told | SophiaError:
        try:
            return told(site, name)
        except SophiaError as error:
            return error

    return {name: begun(partial(ask, name), f"host {name}") for name in site.inventory.hosts}


NO_HOSTS = "the configuration names no hosts"


def on_each(
    look: Callable[[Told], Iterator[Finding]],
    without: str,
    applies: Callable[[Expected], object] = lambda _: True,
) -> Callable[[Scene], Iterator[Finding]]:
    """A check's look that looks at each host that told; of the others it says why not.

    Args:
        look: yields nothing for a host that it does not apply to.
        without: why it does not apply, where that is so of every host.
        applies: whether it would apply to a host that tells nothing.
    """

    def looked(scene: Scene) -> Iterator[Finding]:
        if scene.inventory is None:
            yield skipped(NO_HOSTS)
            return
        found = False
        for name, said in all_told(scene):
            if isinstance(said, SophiaError):
                inventory = scene.inventory.inventory
                if applies(expected_of(inventory, inventory.hosts[name])):
                    found = True
                    yield unknown(said.message.removeprefix(f"{name}: "), name)
                continue
            for finding in look(said):
                found = True
                yield finding
        if not found:
            yield skipped(without)

    return looked


def not_told(said: Told, why: NotTold) -> Finding:
    """Why something of a host is not known."""
    return unknown(why.reason.removeprefix(f"{said.name}: "), said.name)
