"""The lab's hosts with a memory deployed on them, for tests of deployment; and what it is like."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.lab.controller import Controller, Said
from tests.lab.docker import inspected
from tests.lab.filesystem import files_of
from tests.lab.host import Host
from tests.lab.lab import Lab
from tests.lab.witness import Witness, watching

# What services and the deployment itself write when nothing is changed: data, leases.
_KEPT_BY_SERVICES = ("/var/lib/sophia", "/var/lib/sophia-deploy")
_UNIT = "systemctl show sophia.service --property InvocationID,ActiveEnterTimestampMonotonic"


@dataclass(frozen=True, slots=True)
class State:
    """What a deployment that changes nothing leaves as it is, by host."""

    files: dict[str, dict[str, str]]
    containers: dict[str, dict[str, str]]
    units: dict[str, str]


def state_of(hosts: tuple[Host, ...], left_out: tuple[str, ...] = ("/usr",)) -> State:
    """The hosts as they are now: files, containers with their starts, the unit with its start."""
    with ThreadPoolExecutor(len(hosts)) as pool:
        found = pool.map(lambda host: files_of(host, (*_KEPT_BY_SERVICES, *left_out)), hosts)
    return State(
        dict(zip([host.name for host in hosts], found, strict=True)),
        {host.name: host.containers() for host in hosts},
        {host.name: host.ask(_UNIT)[1] for host in hosts},
    )


def files_alike(hosts: tuple[Host, ...]) -> dict[str, dict[str, str]]:
    """By host the files that a deployment brings, without their times: how, not when it came."""
    below = ("/etc/sophia", "/etc/systemd/system", "/opt/sophia/bin")
    return {
        host.name: {
            path: _without_time(words) for path, words in files_of(host, below=below).items()
        }
        for host in hosts
    }


def services_of(hosts: tuple[Host, ...]) -> dict[str, dict[str, str]]:
    """By host and container what it is and whether it runs; not since when."""
    template = "{{.Config.Image}} {{json .Config.Labels}} {{json .HostConfig}} {{.State.Status}}"
    return {
        host.name: {name: inspect(host, name, template) for name in host.containers()}
        for host in hosts
    }


def inspect(host: Host, container: str, template: str) -> str:
    """What docker on a host says of a container."""
    return host.run("docker", "inspect", "--format", template, container).strip()


class Memory:
    """A memory on the lab's hosts, deployed when it is first asked for.

    Attributes:
        controller: the machine that deployed it.
        first: what the first deployment said, with --verbose and --debug.
        witness: every process that ran on a host, or here, meanwhile.
    """

    def __init__(self, lab: Lab, root: Path) -> None:
        self._lab = lab
        self._root = root
        self._begun_on: list[str] = []
        self._on: list[str] = []
        self._times = 0
        self.controller: Controller
        self.first: Said
        self.witness: Witness

    @property
    def hosts(self) -> tuple[Host, ...]:
        """Its hosts."""
        return tuple(self._lab.hosts.values())

    def ready(self) -> Memory:
        """Deploys it, if the hosts are not those that it was deployed on."""
        on = [inspected("container", host.container, "{{.Id}}") for host in self.hosts]
        if on != self._begun_on:
            self._times += 1
            self.controller = Controller(self._root / f"controller{self._times}", self.hosts)
            self.controller.trust()
            self._begun_on = on
        if on != self._on:
            with watching(*self.hosts, here=True) as self.witness:
                self.first = self.controller.does("--verbose", "--debug", "deploy", "--yes")
            self._on = on
        return self


def _without_time(words: str) -> str:
    """A file's words of `files_of` without its time, which comes before its digest."""
    parts = words.split()
    return " ".join([*parts[:3], *parts[4:]]) if len(parts) == 5 else words
