"""What is on a host: what sophia knows as its own, and all the rest of docker's."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_cli.ops.facts.docker import Docker, answer, asked

CLUSTER_LABEL = "io.sophia.cluster"
"""The label with the cluster's name that every container of sophia's has."""
SERVICE_LABEL = "io.sophia.service"
"""The label with the service's name."""

_CONTAINERS = (
    r"container\t{{.Names}}\t{{.Image}}\t{{.State}}"
    rf'\t{{{{.Label "{CLUSTER_LABEL}"}}}}\t{{{{.Label "{SERVICE_LABEL}"}}}}'
)
_VOLUMES = rf'volume\t{{{{.Name}}}}\t{{{{.Mountpoint}}}}\t{{{{.Label "{CLUSTER_LABEL}"}}}}'


@dataclass(frozen=True, slots=True)
class FoundContainer:
    """A container; `cluster` and `service` are empty for one that is not sophia's."""

    name: str
    image: str
    status: str
    cluster: str
    service: str


@dataclass(frozen=True, slots=True)
class FoundVolume:
    """A volume; `path` is where its data is on the host."""

    name: str
    path: str
    cluster: str


@dataclass(frozen=True, slots=True)
class OwnedState:
    """What is there.

    Attributes:
        units: the names of sophia's units.
        containers: all of docker's, whosever they are; `volumes` likewise.
    """

    docker: Docker
    units: tuple[str, ...] = ()
    containers: tuple[FoundContainer, ...] = ()
    volumes: tuple[FoundVolume, ...] = ()

    def of(self, cluster: str) -> tuple[FoundContainer, ...]:
        """The containers of one cluster of sophia's."""
        return tuple(each for each in self.containers if each.cluster == cluster)


@dataclass(frozen=True, slots=True)
class Owned:
    """Sophia's units, and docker's containers and volumes."""

    @property
    def command(self) -> str:
        """Prints a line for each."""
        units = "systemctl list-unit-files --no-legend --no-pager --plain --full 'sophia*.service'"
        containers = f"docker ps --all --no-trunc --format '{_CONTAINERS}'"
        volumes = f"docker volume ls --format '{_VOLUMES}'"
        docker = asked(f"{{ {containers} && {volumes}; }}")
        return f"{units} | sed -E 's/ .*//; s/^/unit\\t/'\n{docker}"

    def parse(self, output: str, exit_status: int) -> OwnedState:
        """What is there, as far as systemd and docker answer."""
        docker, lines = answer(output, exit_status)
        rows = [line.split("\t") for line in lines or output.splitlines()]
        return OwnedState(
            docker,
            tuple(row[1] for row in rows if row[0] == "unit" and len(row) == 2),
            tuple(
                FoundContainer(*row[1:]) for row in rows if row[0] == "container" and len(row) == 6
            ),
            tuple(FoundVolume(*row[1:]) for row in rows if row[0] == "volume" and len(row) == 4),
        )
