"""An image of docker's, fetched before anything that needs it is changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sophia_cli.ops.facts.fact import Fact, Known
from sophia_cli.ops.facts.image import Image
from sophia_cli.ops.operations import docker_run
from sophia_cli.ops.operations.arguments import ImageReference
from sophia_cli.ops.operations.operation import Change, Nothing, Run


@dataclass(frozen=True, slots=True, kw_only=True)
class DockerImage:
    """An image.

    Attributes:
        reference: its name with a tag or digest. One that is there is not fetched again, whatever
            its tag means elsewhere by now.
    """

    reference: ImageReference

    @property
    def title(self) -> str:
        """`image redis:7.4.2`."""
        return f"image {self.reference}"

    def needs(self) -> Sequence[Fact[Any]]:
        """The image that the reference names now."""
        return (Image(self.reference),)

    def compare(self, known: Known) -> Change | Nothing:
        """Fetches it where it is not there."""
        state = known[Image(self.reference)]
        if state.id is not None:
            return Nothing("is there")
        pull = Run(docker_run.pull(self.reference))
        return Change(f"fetch {self.title}{state.docker.proviso}", (pull,))
