"""An image of docker's, by its reference."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from sophia_cli.ops.facts.docker import Docker, answer, asked, objects

IMAGE = '{"kind":"image","id":{{json (index . "Id")}}}'
"""The format that makes docker print an image as one JSON object."""


@dataclass(frozen=True, slots=True)
class ImageState:
    """An image; `id` is None where no image is known by the reference."""

    docker: Docker
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """The image that a reference names on the host now."""

    reference: str

    @property
    def command(self) -> str:
        """Prints a JSON object where it is there."""
        return asked(
            f"docker image inspect --format {shlex.quote(IMAGE)} {shlex.quote(self.reference)}"
        )

    def parse(self, output: str, exit_status: int) -> ImageState:
        """The image, as far as docker answers."""
        docker, lines = answer(output, exit_status)
        return ImageState(docker, next((each["id"] for each in objects(lines)), None))
