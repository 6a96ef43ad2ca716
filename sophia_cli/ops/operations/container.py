"""A container that runs for good; another image, flag or configuration makes it anew."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field

from sophia_cli.config.shapes import Shape, Size, Timeout, bytes_in
from sophia_cli.errors import Refused
from sophia_cli.ops.facts.container import Container, ContainerState
from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.owned import CLUSTER_LABEL, SERVICE_LABEL
from sophia_cli.ops.inventory.services import Cpus
from sophia_cli.ops.operations import docker_run
from sophia_cli.ops.operations.arguments import (
    AbsolutePath,
    DockerName,
    ImageReference,
    LabelName,
    MountText,
    PortNumber,
    Text,
    VariableName,
    whole_seconds,
)
from sophia_cli.ops.operations.operation import Action, Change, Nothing, Run

SPEC_LABEL = "io.sophia.spec"
"""The label with the digest of all that the container was made with."""
CONFIG_LABEL = "io.sophia.config"
"""The label with the digest of the files that it was configured with."""

_STABLE = 3
Restarts = Annotated[int, Field(ge=0, le=1000), Shape("a number from 0 to 1000")]
DockerUser = Annotated[
    Text,
    Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(:[A-Za-z0-9_][A-Za-z0-9_.-]*)?$"),
    Shape('USER or USER:GROUP, in quotes, as "999:999"'),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerContainer:
    """A container.

    Attributes:
        command: what follows the image; without it, the image's own.
        mounts: `SOURCE:TARGET[:ro]`; a source without a slash is a volume. A path must be there.
        environment: variables that everybody on the host may see; secrets belong into `env_file`.
        env_file: a file of the host, `NAME=value` a line.
        memory: at most; without it, all there is. `cpus` likewise.
        stop_timeout: how long it may take to stop before it is ended by force.
        user: in place of the image's own.
        gpus: as docker wants it: `all`.
        cluster: the name of the cluster that it belongs to; `service` what it is there for.
        config_digest: a text that is another one when the files that configure it are.
        health: a command for the container's `sh` that ends with 0 when it is well; no secret.
        health_port: a TCP port of `health_address` that must take connections.
        start_timeout: how long it may take until it is well.
        allowed_restarts: how often docker may start it anew until then.
    """

    name: DockerName
    image: ImageReference
    command: tuple[Text, ...] = ()
    mounts: tuple[MountText, ...] = ()
    environment: Mapping[VariableName, Text] = field(default_factory=dict)
    env_file: AbsolutePath | None = None
    network: DockerName = "host"
    memory: Size | None = None
    cpus: Cpus | None = None
    restart: Literal["unless-stopped", "always", "on-failure", "no"] = "unless-stopped"
    stop_timeout: Timeout = timedelta(seconds=10)
    user: DockerUser | None = None
    labels: Mapping[LabelName, Text] = field(default_factory=dict)
    ulimits: Mapping[LabelName, Text] = field(default_factory=dict)
    gpus: str | None = None
    cluster: str = ""
    service: str = ""
    config_digest: str = ""
    health: str | None = None
    health_port: PortNumber | None = None
    health_address: str = "127.0.0.1"
    start_timeout: Timeout = timedelta(seconds=60)
    allowed_restarts: Restarts = 0

    @property
    def title(self) -> str:
        """`container sophia-redis`."""
        return f"container {self.name}"

    def needs(self) -> Sequence[Fact[Any]]:
        """The container, and the image that its reference names now."""
        return (Container(self.name, self.image),)

    def compare(self, known: Known) -> Change | Nothing:
        """Runs it, makes it anew or starts it; `Refused` where it is somebody else's."""
        state = known[Container(self.name, self.image)]
        if not state.exists:
            run = f"run {self.title}: {self.image}{state.docker.proviso}"
            return Change(run, self._made(state))
        self._refuse_strangers(state)
        if (why := self._difference(state)) or state.status == "dead":
            removed = docker_run.remove(self.name, whole_seconds(self.stop_timeout), state.status)
            return Change(
                f"recreate {self.title}: {why or 'docker could not end it'}",
                self._made(state, (Run(removed),)),
            )
        if state.status == "restarting":
            again = docker_run.restart(self.name, whole_seconds(self.stop_timeout))
            return Change(
                f"restart {self.title}: it does not stay up, exit code {state.exit_code}",
                (Run(again), self._waited()),
            )
        if not state.running:
            started = docker_run.start(self.name, state.status)
            return Change(
                f"start {self.title}: it is {state.status}", (Run(started), self._waited())
            )
        if self.health and state.health == "unhealthy":
            return Change(
                f"wait for {self.title}: docker calls it unhealthy", (self._waited(again=True),)
            )
        return Nothing("runs as it should")

    def _refuse_strangers(self, state: ContainerState) -> None:
        cluster = state.labels.get(CLUSTER_LABEL, "")
        if SPEC_LABEL not in state.labels:
            whose = "was not made by sophia"
        elif cluster != self.cluster:
            whose = f"belongs to the cluster {cluster or 'without a name'}"
        else:
            return
        raise Refused(
            f"a container {self.name} is there that {whose}",
            f"if nobody needs it: docker stop {self.name} && docker rm {self.name}",
        )

    def _difference(self, state: ContainerState) -> str:
        """Why the container is not the one that is wanted; empty if it is."""
        if state.image != self.image:
            return f"image {_step(state.image, self.image)}"
        if state.tag_id is not None and state.tag_id != state.image_id:
            return f"{self.image} is another image now"
        if state.labels.get(CONFIG_LABEL, "") != self.config_digest:
            return "its configuration changed"
        return "" if state.labels[SPEC_LABEL] == self._spec else "its flags changed"

    def _made(self, state: ContainerState, removed: tuple[Action, ...] = ()) -> tuple[Action, ...]:
        """The image first: while it is fetched, the old container still runs."""
        pulled = () if state.tag_id else (Run(docker_run.pull(self.image)),)
        arguments = [*self._flags, *_labels({SPEC_LABEL: self._spec}), self.image, *self.command]
        return (*pulled, *removed, Run(docker_run.run(arguments)), self._waited())

    def _waited(self, *, again: bool = False) -> Run:
        probes = []
        if self.health:
            probes.append(docker_run.probe_inside(self.name, self.health))
        if self.health_port:
            probes.append(docker_run.probe_port(self.health_address, self.health_port))
        return Run(
            docker_run.wait(
                self.name,
                " && ".join(probes),
                seconds=whole_seconds(self.start_timeout),
                turns=1 if probes else _STABLE,
                restarts=None if again else self.allowed_restarts,
            )
        )

    @property
    def _spec(self) -> str:
        """The digest of everything that the container is made with."""
        everything = [*self._flags, self.image, *self.command]
        return hashlib.sha256(json.dumps(everything).encode()).hexdigest()

    @property
    def _flags(self) -> list[str]:
        labels = {
            **self.labels,
            CLUSTER_LABEL: self.cluster,
            SERVICE_LABEL: self.service,
            CONFIG_LABEL: self.config_digest,
        }
        flags = {
            "name": self.name,
            "restart": self.restart,
            "network": self.network,
            "stop-timeout": whole_seconds(self.stop_timeout),
            "memory": bytes_in(self.memory) if self.memory else None,
            "cpus": f"{self.cpus:g}" if self.cpus else None,
            "user": self.user,
            "gpus": self.gpus,
            "ulimit": tuple(f"{name}={limit}" for name, limit in sorted(self.ulimits.items())),
            "mount": tuple(map(_mount, self.mounts)),
            "env-file": self.env_file,
            "env": tuple(f"{name}={value}" for name, value in sorted(self.environment.items())),
        }
        checks = {}
        if self.health:
            checks = {
                "health-cmd": self.health,
                "health-interval": "10s",
                "health-timeout": "5s",
                "health-retries": 3,
                "health-start-period": f"{whole_seconds(self.start_timeout)}s",
            }
        return [*docker_run.flags({**flags, **checks}), *docker_run.LOG_FLAGS, *_labels(labels)]


def _labels(labels: Mapping[str, str]) -> list[str]:
    return docker_run.flags(
        {"label": tuple(f"{name}={value}" for name, value in sorted(labels.items()) if value)}
    )


def _mount(text: str) -> str:
    """`--mount` refuses a path that is not there, where `-v` would make an empty directory."""
    source, target, *mode = text.split(":")
    kind = "bind" if source.startswith("/") else "volume"
    readonly = ",readonly" if mode == ["ro"] else ""
    return f"type={kind},source={source},target={target}{readonly}"


def _step(old: str, new: str) -> str:
    """Two images as people tell them apart: by the tag, where that is the difference."""
    old_name, _, old_tag = old.rpartition(":")
    new_name, _, new_tag = new.rpartition(":")
    return f"{old_tag} -> {new_tag}" if old_name == new_name else f"{old} -> {new}"
