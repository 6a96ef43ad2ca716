"""What the hosts fetch from: a mirror of Docker Hub at one address, a package index at another."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.lab.docker import docker, inspected
from tests.lab.images import local_name
from tests.lab.place import INDEX, LABEL, NAME, REGISTRY
from tests.lab.waiting import answers, wait_until

_REGISTRY = f"{NAME}-registry"
_INDEX = f"{NAME}-index"


def open_depot(state: Path) -> None:
    """Starts both, unless they run; what they serve is kept in `state`."""
    (state / "registry").mkdir(parents=True, exist_ok=True)
    (state / "index").mkdir(parents=True, exist_ok=True)
    # Images are pushed through a port of the loopback, the one address docker needs no TLS for.
    _start(
        _REGISTRY,
        REGISTRY,
        ["--volume", f"{state}/registry:/registry", "--publish", "127.0.0.1::5000"],
        ["docker-registry", "serve", "/etc/registry.yml"],
    )
    _start(
        _INDEX,
        INDEX,
        ["--volume", f"{state}/index:/index:ro"],
        ["python3", "-m", "http.server", "--directory", "/index", "8000"],
    )
    wait_until(lambda: answers(REGISTRY, 5000) and answers(INDEX, 8000), "the depot")


def fill_registry(state: Path, served: Mapping[str, str], say: Callable[[str], None]) -> None:
    """Pushes the images that the registry does not have yet.

    Args:
        served: by the name in the mirror, the image on this machine.
    """
    pushed_file = state / "registry" / "pushed.json"
    pushed = json.loads(pushed_file.read_text()) if pushed_file.exists() else {}
    registry = docker("port", _REGISTRY, "5000/tcp").splitlines()[0]
    wanted = {name: inspected("image", image, "{{.Id}}") for name, image in served.items()}
    late = sorted(name for name, identity in wanted.items() if pushed.get(name) != identity)

    def push(name: str) -> None:
        say(f"{name} into the mirror")
        # A name without a slash is in the library of Docker Hub.
        there = f"{registry}/{name if '/' in name else f'library/{name}'}"
        docker("tag", served[name], there)
        docker("push", "--quiet", there, timeout=300.0)
        docker("rmi", there)

    # The first brings the layers that all share; packing the rest keeps two processors busy.
    for names in (late[-1:], late[:-1]):
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(push, names))
        pushed |= {name: wanted[name] for name in names}
        pushed_file.write_text(json.dumps(pushed, indent=1))


def empty_registry(state: Path) -> None:
    """Forgets every image that was pushed."""
    docker("rm", "--force", "--volumes", _REGISTRY)
    shutil.rmtree(state / "registry", ignore_errors=True)


def _start(name: str, address: str, options: list[str], command: list[str]) -> None:
    image = local_name("depot")
    current = inspected("container", name, "{{.State.Running}} {{.Image}}")
    if current != f"true {inspected('image', image, '{{.Id}}')}":
        docker("rm", "--force", "--volumes", name)
        network = ["--network", NAME, "--ip", address]
        about = ["--detach", "--name", name, "--label", LABEL]
        docker("run", *about, *network, *options, image, *command)
