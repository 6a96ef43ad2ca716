"""A container, and the image that its reference names now: both in one call of docker."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sophia_cli.ops.facts.docker import Docker, answer, asked, objects
from sophia_cli.ops.facts.image import IMAGE

# What is wanted and no more: an environment may hold somebody's password. `index` makes docker
# read the raw answer, where a part that an object does not have is just absent.
_CONTAINER = (
    '{"kind":"container","id":{{json (index . "Id")}},"name":{{json (index . "Name")}},'
    '"image_id":{{json (index . "Image")}},"created":{{json (index . "Created")}},'
    '"restarts":{{json (index . "RestartCount")}},"arguments":{{json (index . "Args")}},'
    '"mounts":{{json (index . "Mounts")}},'
    '{{with index . "State"}}"status":{{json (index . "Status")}},'
    '"exit_code":{{json (index . "ExitCode")}},'
    '{{with index . "Health"}}"health":{{json (index . "Status")}},{{end}}{{end}}'
    '{{with index . "Config"}}"labels":{{json (index . "Labels")}},'
    '"image":{{json (index . "Image")}}{{end}}}'
)
_FORMAT = f'{{{{if index . "State"}}}}{_CONTAINER}{{{{else}}}}{IMAGE}{{{{end}}}}'


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
        """All of them in one call of docker."""
        return Containers(tuple(facts))

    @property
    def command(self) -> str:
        """Prints what docker has of these names, a JSON object a line."""
        return _inspected(self.names)

    @property
    def names(self) -> tuple[str, ...]:
        """What docker is asked for."""
        return tuple(filter(None, (self.name, self.image)))

    def parse(self, output: str, exit_status: int) -> ContainerState:
        """The container, as far as docker answers."""
        docker, lines = answer(output, exit_status)
        found = list(objects(lines))
        images = [each["id"] for each in found if each["kind"] == "image"]
        tag_id = images[0] if images and self.image else None
        for each in found:
            if each["kind"] == "container" and each["name"] == f"/{self.name}":
                return _state(docker, each, tag_id)
        return ContainerState(docker, tag_id=tag_id)


@dataclass(frozen=True, slots=True)
class Containers:
    """Some containers."""

    facts: tuple[Container, ...]

    @property
    def command(self) -> str:
        """Prints what docker has of all their names, in their order."""
        return _inspected(self._names)

    @property
    def _names(self) -> list[str]:
        return list(dict.fromkeys(name for each in self.facts for name in each.names))

    def parse(self, output: str, exit_status: int) -> list[ContainerState]:
        """Each of them; `ValueError` where it does not say which names docker does not know."""
        docker, lines = answer(output, exit_status)
        if docker is not Docker.ANSWERS:
            return [ContainerState(docker)] * len(self.facts)
        unknown = {line.rpartition(": ")[2] for line in output.splitlines() if "{" not in line}
        known = [name for name in self._names if name not in unknown]
        found = dict(zip(known, objects(lines), strict=True))
        states = []
        for fact in self.facts:
            image = found.get(fact.image, {}) if fact.image else {}
            tag_id = image["id"] if image.get("kind") == "image" else None
            said = found.get(fact.name, {})
            if said.get("kind") == "container" and said["name"] == f"/{fact.name}":
                states.append(_state(docker, said, tag_id))
            else:
                states.append(ContainerState(docker, tag_id=tag_id))
        return states


def _inspected(names: Sequence[str]) -> str:
    return asked(f"docker inspect --format {shlex.quote(_FORMAT)} {shlex.join(names)}")


def _state(docker: Docker, said: Mapping[str, Any], tag_id: str | None) -> ContainerState:
    return ContainerState(
        docker,
        exists=True,
        image=said.get("image") or "",
        image_id=said["image_id"],
        tag_id=tag_id,
        status=said.get("status") or "",
        health=said.get("health") or "",
        restarts=int(said["restarts"] or 0),
        exit_code=int(said.get("exit_code") or 0),
        labels=dict(said.get("labels") or {}),
        created=said["created"],
        mounts=tuple(map(_mount, said["mounts"] or ())),
        arguments=tuple(said["arguments"] or ()),
    )


def _mount(said: Mapping[str, Any]) -> Mount:
    kind = said["Type"]
    source = said.get("Name", "") if kind == "volume" else said.get("Source", "")
    return Mount(kind, source, said["Destination"], bool(said["RW"]))
