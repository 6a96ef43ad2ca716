"""Who comes by TCP: the token that they bear."""

from __future__ import annotations

from urllib.parse import parse_qsl

import anyio
from starlette.types import Scope

from sophia_cli.api.token_text import occurs_in
from sophia_cli.api.tokens import access_by
from sophia_cli.daemon.rest.backend import Backend
from sophia_cli.daemon.rest.gate import Caller
from sophia_cli.daemon.rest.keyring import Keyring
from sophia_cli.daemon.rest.rates import Rates
from sophia_cli.errors import InvalidInput, Unauthorized

# Of its own: who asks with wrong tokens must not take the threads of those with right ones.
_THREADS = 4
_HINT = "send it as Authorization: Bearer TOKEN; sophia token create makes one"
_IN_AN_ADDRESS = frozenset(("access_token", "token", "api_key", "apikey"))


class Bearer:
    """Says who asks, by the token in `Authorization`, and how often they may.

    Args:
        backend: the way to the records, and to the limits.
    """

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._keyring = Keyring(backend)
        self._rates = Rates()
        self._threads = anyio.CapacityLimiter(_THREADS)

    async def __call__(self, scope: Scope) -> Caller:
        """The caller.

        Raises:
            Unauthorized: no token, or one that opens nothing.
            InvalidInput: a token in the address, where logs and histories keep it.
            RateLimited: they asked too often.
            TierDown: the records are down, and the token was not seen lately.
        """
        _check_address(scope["query_string"].decode("latin-1"))
        text = _bearer(scope)
        token = self._keyring.remembered(text)
        if token is None:
            token = await anyio.to_thread.run_sync(
                self._keyring.verified, text, limiter=self._threads
            )
        limits = self._backend.settings.rest
        self._rates.take(token.id, limits.rate, limits.burst)
        return Caller(token.id, access_by(token))


def _bearer(scope: Scope) -> str:
    given = [value for name, value in scope["headers"] if name == b"authorization"]
    if not given:
        raise Unauthorized("a token is needed", _HINT)
    header: str = given[0].decode("latin-1")
    scheme, _, text = header.partition(" ")
    if len(given) > 1 or scheme.lower() != "bearer":
        raise Unauthorized("that is not how a token is sent", _HINT)
    return text.strip(" ")


def _check_address(query: str) -> None:
    if query and (
        occurs_in(query)
        or not _IN_AN_ADDRESS.isdisjoint(name for name, _ in parse_qsl(query, True))
    ):
        raise InvalidInput("a token does not belong into an address, which is logged", _HINT)
