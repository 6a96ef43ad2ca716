"""Who comes by TCP: the token that they bear."""

from __future__ import annotations

from starlette.types import Scope

from sophia_cli.api.access import Access
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.errors import Unauthorized


class Bearer:
    """Says who asks by the token in `Authorization: Bearer`."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend

    async def __call__(self, scope: Scope) -> Access:  # noqa: ARG002
        """Raises `Unauthorized` unless the token is good."""
        raise Unauthorized("a token is needed", "sophia token create")
