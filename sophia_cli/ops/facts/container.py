"""A container, and the image that its reference names now: both are asked for at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sophia_cli.ops.facts.docker import Docker, inspected, objects


@dataclass(frozen=True, slots=True)
class Mount:
    """A directory, file or volume of the host in a container.

    Attributes:
        source: a path of the host, or a volume's name.
    """

    kind: str
    source: str
    target: str
    writable: bool


@dataclass(frozen=True, slots=True)
class ContainerState:
    """A container; `exists` is false, and all else empty, where none is known.

    Attributes:
        docker: whether docker could be asked at all.
        image: the reference that it was made from; `image_id` what that meant then.
        tag_id: the id of the image that the asked reference names now; None without such an image.
        status: `running`, `exited`, `created`, `restarting`, `paused`, `dead`.
        health: `healthy`, `unhealthy`, `starting`; empty where its image and flags check none.
        restarts: how often docker started it anew by itself.
    """

    docker: Docker
    exists: bool = False
    image: str = ""
    image_id: str = ""
    tag_id: str | None = None
    status: str = ""
    health: str = ""
    restarts: int = 0
    exit_code: int = 0
    labels: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    mounts: tuple[Mount, ...] = ()
    arguments: tuple[str, ...] = ()

    @property
    def running(self) -> bool:
        """Whether its process is there; one between two starts does not count."""
        return self.status == "running"


@dataclass(frozen=True, slots=True)
class Container:
    """A container by its name.

    Attributes:
        image: a reference whose image is looked up in the same call; empty for none.
    """

    name: str
    image: str = ""

    @classmethod
    def together(cls, facts: Sequence[Container]) -> Containers:
        """All of them at once."""
        return Containers(tuple(facts))

    @property
    def command(self) -> str:
        """Prints what docker knows of both."""
        return inspected(self.paths)

    @property
    def paths(self) -> tuple[str, ...]:
        """What docker is asked for."""
        images = (f"images/{self.image}",) if self.image else ()
        return (f"containers/{self.name}", *images)

    def parse(self, output: str, exit_status: int) -> ContainerState:
        """The container, as far as docker answers."""
        [state] = Containers((self,)).parse(output, exit_status)
        return state


@dataclass(frozen=True, slots=True)
class Containers:
    """Some containers."""

    facts: tuple[Container, ...]

    @property
    def command(self) -> str:
        """Prints what docker knows of them all."""
        return inspected(self._paths)

    def parse(self, output: str, exit_status: int) -> list[ContainerState]:
        """Each of them, as far as docker answers."""
        docker, known = objects(output, exit_status, self._paths)
        states = []
        for fact in self.facts:
            container, *image = (known.get(path) for path in fact.paths)
            tag_id = image[0]["Id"] if image and image[0] else None
            # Docker takes the beginning of an id for a name as well.
            if container and container["Name"] == f"/{fact.name}":
                states.append(_state(docker, container, tag_id))
            else:
                states.append(ContainerState(docker, tag_id=tag_id))
        return states

    @property
    def _paths(self) -> list[str]:
        return list(dict.fromkeys(path for each in self.facts for path in each.paths))


def _state(docker: Docker, said: Mapping[str, Any], tag_id: str | None) -> ContainerState:
    """Of docker's own words; a part that a container does not have may be missing or null."""
    state, config = said["State"], said["Config"]
    return ContainerState(
        docker,
        exists=True,
        image=config.get("Image") or "",
        image_id=said["Image"],
        tag_id=tag_id,
        status=state["Status"],
        health=(state.get("Health") or {}).get("Status", ""),
        restarts=said.get("RestartCount") or 0,
        exit_code=state.get("ExitCode") or 0,
        labels=dict(config.get("Labels") or {}),
        created=said["Created"],
        mounts=tuple(map(_mount, said.get("Mounts") or ())),
        arguments=tuple(said.get("Args") or ()),
    )


def _mount(said: Mapping[str, Any]) -> Mount:
    kind = said["Type"]
    source = said.get("Name", "") if kind == "volume" else said.get("Source", "")
    return Mount(kind, source, said["Destination"], bool(said["RW"]))
