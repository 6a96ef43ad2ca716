"""What is wrong with a `docker run` of a Qdrant server, and the right way."""

from __future__ import annotations

import re
from collections.abc import Sequence

from sophia_cli.ops.qdrant.keys import Finding

_HIDES = "/qdrant"
_PINNED = re.compile(r"v\d+\.\d+\.\d+(-gpu-(nvidia|amd))?(-unprivileged)?")
_VOLUMES = ("-v", "--volume")
_PUBLISHED = ("-p", "--publish")
# Options of `docker run` that take a value of their own, as far as such lines have them.
_VALUED = {
    *_VOLUMES,
    *_PUBLISHED,
    "-e",
    "--env",
    "--env-file",
    "--name",
    "--network",
    "--gpus",
    "--restart",
    "--runtime",
    "--stop-timeout",
    "--memory",
    "--cpus",
    "--user",
    "--label",
    "--mount",
}


def validate_run(arguments: Sequence[str]) -> list[Finding]:
    """One finding for each mistake of a command line, by the argument that makes it.

    Args:
        arguments: what follows `docker run`: options, the image, the server's own arguments.
    """
    options, image, command = _parsed(arguments)
    names = [name for name, _ in options]
    found: list[Finding] = []
    for name, value in options:
        target = value.split(":")[1] if name in _VOLUMES and ":" in value else ""
        if target.rstrip("/") == _HIDES:
            found.append(
                Finding(
                    f"{name} {value}",
                    0,
                    "hides the server itself: mount /qdrant/storage and /qdrant/snapshots",
                )
            )
        elif target == "/qdrant/config/config.yaml":
            found.append(
                Finding(
                    f"{name} {value}",
                    0,
                    "the image's production.yaml comes on top of it: mount over "
                    "/qdrant/config/production.yaml",
                )
            )
        elif name in _PUBLISHED:
            found.append(
                Finding(
                    f"{name} {value}",
                    0,
                    "docker publishes past the host's firewall: --network host, and a firewall",
                )
            )
        elif name == "--runtime" and "--gpus" in names:
            found.append(Finding(f"{name}={value}", 0, "is not needed beside --gpus"))
    found.extend(_wrong_image(image))
    if not any(each.startswith("--uri") for each in command):
        found.append(
            Finding("", 0, "lacks the server's own `./qdrant --uri URI`: a first peer panics")
        )
    if "--stop-timeout" not in names:
        found.append(
            Finding("", 0, "lacks --stop-timeout 60: docker kills after 10 s, flushing takes 30 s")
        )
    return found


def _wrong_image(image: str) -> list[Finding]:
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@sha256:" in image or _PINNED.fullmatch(tag):
        return []
    if "latest" in tag and "gpu" in tag and tag != "gpu-nvidia-latest":
        reason = "is not published: `vX.Y.Z-gpu-nvidia`, pinned"
    else:
        reason = "is another image every day: pin `vX.Y.Z`, or `vX.Y.Z-gpu-nvidia` with a GPU"
    return [Finding(image, 0, reason)]


def _parsed(arguments: Sequence[str]) -> tuple[list[tuple[str, str]], str, Sequence[str]]:
    """The options with their values, the image, and what follows it."""
    options: list[tuple[str, str]] = []
    place = 0
    while place < len(arguments) and arguments[place].startswith("-"):
        name, equals, value = arguments[place].partition("=")
        if name in _VALUED and not equals:
            place += 1
            value = arguments[place] if place < len(arguments) else ""
        options.append((name, value))
        place += 1
    image = arguments[place] if place < len(arguments) else ""
    return options, image, arguments[place + 1 :]
