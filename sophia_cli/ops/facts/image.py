"""An image of docker's, by its reference."""

from __future__ import annotations

from dataclasses import dataclass

from sophia_cli.ops.facts.docker import Docker, inspected, objects


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
        """Prints what docker knows of it."""
        return inspected([self._path])

    def parse(self, output: str, exit_status: int) -> ImageState:
        """The image, as far as docker answers."""
        docker, known = objects(output, exit_status, [self._path])
        return ImageState(docker, known[self._path]["Id"] if known else None)

    @property
    def _path(self) -> str:
        return f"images/{self.reference}"
