"""The containers of a cluster on a host, in one call of docker."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sophia_cli.ops.facts.docker import Docker, answer, asked
from sophia_cli.ops.facts.owned import CLUSTER_LABEL

# `index` makes docker read the raw answer, where a part that an object does not have is absent.
# Of the environment nothing: it may hold somebody's password.
_FORMAT = (
    '{"name":{{json (index . "Name")}},"restarts":{{json (index . "RestartCount")}},'
    '"created":{{json (index . "Created")}},"mounts":{{json (index . "Mounts")}},'
    '{{with index . "State"}}"status":{{json (index . "Status")}},'
    '"started":{{json (index . "StartedAt")}},"exit":{{json (index . "ExitCode")}},'
    '"oom":{{json (index . "OOMKilled")}},'
    '{{with index . "Health"}}"health":{{json (index . "Status")}},{{end}}{{end}}'
    '{{with index . "Config"}}"image":{{json (index . "Image")}}{{end}}}'
)


@dataclass(frozen=True, slots=True)
class RunningContainer:
    """A container as docker has it.

    Attributes:
        image: the reference that it was made from.
        status: `running`, `exited`, `created`, `restarting`, `paused`, `dead`.
        health: `healthy`, `unhealthy`, `starting`; empty where nothing checks it.
        restarts: how often docker started it anew by itself.
        created: when; `started` likewise, None where it never was.
        mounts: by the path in the container, the path of the host or the volume's name.
        out_of_memory: whether the kernel ended it for want of memory.
    """

    image: str
    status: str
    health: str = ""
    restarts: int = 0
    exit_code: int = 0
    created: datetime | None = None
    started: datetime | None = None
    mounts: Mapping[str, str] = field(default_factory=dict)
    out_of_memory: bool = False


@dataclass(frozen=True, slots=True)
class ContainersNow:
    """By name, the containers of one cluster; `docker` says whether it could be asked at all."""

    docker: Docker
    by_name: Mapping[str, RunningContainer] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers that carry the label of a cluster."""

    cluster: str

    @property
    def command(self) -> str:
        """Prints a JSON object for each."""
        label = shlex.quote(f"label={CLUSTER_LABEL}={self.cluster}")
        return asked(
            f"ids=$(docker ps --all --quiet --no-trunc --filter {label}) && "
            f'{{ [ -z "$ids" ] || docker inspect --format {shlex.quote(_FORMAT)} $ids'
            # One of them may be gone by now, or docker.
            " || docker ps --quiet >/dev/null; }"
        )

    def parse(self, output: str, exit_status: int) -> ContainersNow:
        """What there is, as far as docker answers."""
        docker, lines = answer(output, exit_status)
        found = [json.loads(line) for line in lines if line.startswith("{")]
        return ContainersNow(
            docker, {str(each["name"]).lstrip("/"): _container(each) for each in found}
        )


def _container(said: Mapping[str, Any]) -> RunningContainer:
    return RunningContainer(
        image=said.get("image") or "",
        status=said.get("status") or "",
        health=said.get("health") or "",
        restarts=int(said.get("restarts") or 0),
        exit_code=int(said.get("exit") or 0),
        created=_moment(said.get("created")),
        started=_moment(said.get("started")),
        mounts={
            str(each["Destination"]): str(
                each.get("Name", "") if each.get("Type") == "volume" else each.get("Source", "")
            )
            for each in said.get("mounts") or ()
        },
        out_of_memory=bool(said.get("oom")),
    )


def _moment(text: object) -> datetime | None:
    """A time of docker's, which writes the year 1 for never."""
    if not isinstance(text, str) or text.startswith("0001-"):
        return None
    return datetime.fromisoformat(text)
